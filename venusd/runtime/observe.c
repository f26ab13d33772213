/*
 * The trace of a run. A wrapper calls the real function first and then observe_path with the
 * outcome. One lock guards the table, the path under construction and the remembered current
 * folder, so that a path seen before costs one copy and one look-up, no system call; only paths
 * relative to a descriptor need a readlink each time, since a descriptor's number says nothing
 * about where it leads.
 *
 * A wrapper may be entered while its own thread is inside here: from a signal handler of the cell.
 * It finds `inside` set, keeps its hands off the lock and marks the trace incomplete.
 */
#include "venusd/runtime/observe.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "venusd/runtime/real.h"
#include "venusd/runtime/text.h"
#include "worker.pb-c.h"

#define TRACE_ENTRIES_MAX 65536
#define TRACE_BYTES_MAX	  (16u << 20)

static_assert(
    OBSERVE_READ == (int)VENUS__WORKER__ACCESS__KIND__READ, "kinds are those of the wire");
static_assert(
    OBSERVE_STAT == (int)VENUS__WORKER__ACCESS__KIND__STAT, "kinds are those of the wire");
static_assert(
    OBSERVE_LIST == (int)VENUS__WORKER__ACCESS__KIND__LIST, "kinds are those of the wire");
static_assert(
    OBSERVE_WRITE == (int)VENUS__WORKER__ACCESS__KIND__WRITE, "kinds are those of the wire");
static_assert(
    OBSERVE_REMOVE == (int)VENUS__WORKER__ACCESS__KIND__REMOVE, "kinds are those of the wire");
static_assert(
    OBSERVE_LINK == (int)VENUS__WORKER__ACCESS__KIND__LINK, "kinds are those of the wire");

struct access {
	UT_hash_handle hh; /* keeps the order in which entries were added */
	int error;
	struct stat status; /* st_ino 0: not known */
	char key[];	    /* kind, then the path with its NUL */
};

/* The wrapped functions have no argument to carry a state, so it lives here. */
atomic_bool observe_on;
static atomic_bool incomplete;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct access *table;
static size_t table_bytes;
/* The current folder before the call that is being told, since that is what the call's paths began
 * at; "" is not known. */
static char folder[PATH_MAX];
static char key[1 + 2 * PATH_MAX];
static _Thread_local volatile bool inside;

static void ask_folder(void)
{
	if (!getcwd(folder, sizeof folder) || folder[0] != '/')
		folder[0] = 0;
}

void observe_begin(void)
{
	(void)pthread_mutex_lock(&lock);
	ask_folder();
	table_bytes = 0;
	atomic_store(&incomplete, false);
	atomic_store(&observe_on, true);
	(void)pthread_mutex_unlock(&lock);
}

void observe_stop_in_child(void)
{
	atomic_store(&observe_on, false);
}

void observe_incomplete(void)
{
	atomic_store(&incomplete, true);
}

void observe_folder_changed(void)
{
	int kept = errno;

	if (!observe_active())
		return;
	if (inside) {
		observe_incomplete();
		return;
	}
	inside = true;
	(void)pthread_mutex_lock(&lock);
	ask_folder();
	(void)pthread_mutex_unlock(&lock);
	inside = false;
	errno = kept;
}

/* Where a relative path begins, or NULL. */
static const char *base_of(int folder_fd, char room[PATH_MAX])
{
	char link[64];
	ssize_t length;

	if (folder_fd == AT_FDCWD)
		return folder[0] ? folder : NULL;
	(void)snprintf(link, sizeof link, "/proc/self/fd/%d", folder_fd);
	length = real()->readlinkat(AT_FDCWD, link, room, PATH_MAX - 1);
	if (length <= 0 || room[0] != '/')
		return NULL;
	room[length] = 0;
	return room;
}

/* Adds a path to `key`, without "." and empty components; ".." stays, since what it means depends
 * on symbolic links. */
static size_t add_path(size_t at, const char *path)
{
	while (*path) {
		const char *end = strchrnul(path, '/');
		size_t length = (size_t)(end - path);

		if (length && !(length == 1 && path[0] == '.')) {
			key[at++] = '/';
			memcpy(key + at, path, length);
			at += length;
		}
		path = *end ? end + 1 : end;
	}
	return at;
}

/* Fills `key` and returns its length, or 0 if the path is not to be kept. */
static size_t make_key(enum observe_kind kind, int folder_fd, const char *path)
{
	char room[PATH_MAX];
	size_t length = strnlen(path, PATH_MAX), at = 1;
	const char *base;

	if (length == PATH_MAX)
		return 0; /* the kernel refuses it, whatever the files are */
	key[0] = (char)kind;
	if (path[0] != '/') {
		base = base_of(folder_fd, room);
		if (!base) {
			observe_incomplete();
			return 0;
		}
		at = add_path(at, base);
	}
	at = add_path(at, path);
	if (at == 1 || path[length - 1] == '/') /* "x/" demands that x is a folder */
		key[at++] = '/';
	key[at] = 0;
	return at;
}

static bool is_private(const char *path)
{
	static const char *const prefixes[] = {"/proc", "/sys", "/dev"};

	for (size_t i = 0; i < ARRAY_LENGTH(prefixes); i++) {
		size_t length = strlen(prefixes[i]);

		if (strncmp(path, prefixes[i], length) == 0 &&
		    (path[length] == '/' || path[length] == 0))
			return true;
	}
	return false;
}

static struct access *find(size_t length)
{
	struct access *access;

	HASH_FIND(hh, table, key, length, access);
	return access;
}

static void add(size_t length, int error, const struct stat *status)
{
	struct access *access;

	if (HASH_COUNT(table) >= TRACE_ENTRIES_MAX || table_bytes + length > TRACE_BYTES_MAX ||
	    !text_is_utf8(key + 1, length - 1)) {
		observe_incomplete();
		return;
	}
	access = calloc(1, sizeof *access + length + 1);
	if (!access) {
		observe_incomplete();
		return;
	}
	memcpy(access->key, key, length);
	access->error = error;
	if (status)
		access->status = *status;
	HASH_ADD_KEYPTR(hh, table, access->key, length, access);
	if (!access->hh.tbl) {
		free(access);
		observe_incomplete();
		return;
	}
	table_bytes += length;
}

static void observe_locked(
    enum observe_kind kind, int folder_fd, const char *path, struct observe_result result)
{
	size_t length = make_key(kind, folder_fd, path);
	struct stat status;

	if (length == 0 || is_private(key + 1) || find(length))
		return;
	if (!result.status && result.fd >= 0) {
		/* A folder may be opened without O_DIRECTORY too; what can be read from it is its
		 * list. */
		key[0] = OBSERVE_LIST;
		if (kind == OBSERVE_READ && find(length))
			return;
		key[0] = (char)kind;
		if (fstat(result.fd, &status) == 0) {
			result.status = &status;
			if (kind == OBSERVE_READ && S_ISDIR(status.st_mode))
				key[0] = OBSERVE_LIST;
		}
	}
	add(length, result.error, result.error ? NULL : result.status);
}

void observe_path(
    enum observe_kind kind, int folder_fd, const char *path, struct observe_result result)
{
	int kept = errno;

	if (result.error == EFAULT || !path || !path[0])
		return;
	if (inside) {
		observe_incomplete();
		return;
	}
	inside = true;
	(void)pthread_mutex_lock(&lock);
	if (observe_active())
		observe_locked(kind, folder_fd, path, result);
	(void)pthread_mutex_unlock(&lock);
	inside = false;
	errno = kept;
}

static void describe(const struct access *access, Venus__Worker__Access *row)
{
	venus__worker__access__init(row);
	row->kind = (Venus__Worker__Access__Kind)access->key[0];
	row->path = (char *)(uintptr_t)(access->key + 1); /* packing only reads */
	row->error = (uint32_t)access->error;
	if (!access->status.st_ino)
		return;
	row->device = access->status.st_dev;
	row->inode = access->status.st_ino;
	row->size = (uint64_t)access->status.st_size;
	row->mtime_ns =
	    (int64_t)access->status.st_mtim.tv_sec * 1000000000 + access->status.st_mtim.tv_nsec;
}

static void pack(const struct access *taken, struct buf *packed)
{
	Venus__Worker__Trace trace = VENUS__WORKER__TRACE__INIT;
	size_t count = HASH_COUNT(taken), length;
	AUTO_FREE Venus__Worker__Access *rows = mem_alloc(count * sizeof *rows);
	AUTO_FREE Venus__Worker__Access **pointers = mem_alloc(count * sizeof *pointers);

	for (const struct access *access = taken; access; access = access->hh.next) {
		describe(access, &rows[trace.n_accesses]);
		pointers[trace.n_accesses] = &rows[trace.n_accesses];
		trace.n_accesses++;
	}
	trace.accesses = pointers;
	trace.incomplete = atomic_load(&incomplete);
	length = venus__worker__trace__get_packed_size(&trace);
	buf_reserve(packed, length);
	packed->length +=
	    venus__worker__trace__pack(&trace, (uint8_t *)packed->data + packed->length);
}

void observe_end(struct buf *trace)
{
	struct access *taken, *access, *next;

	(void)pthread_mutex_lock(&lock);
	atomic_store(&observe_on, false);
	taken = table;
	table = NULL;
	(void)pthread_mutex_unlock(&lock);
	pack(taken, trace);
	HASH_ITER (hh, taken, access, next) {
		HASH_DEL(taken, access);
		free(access);
	}
}
