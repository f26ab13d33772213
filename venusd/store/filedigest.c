/*
 * What a path holds now, without reading it again while its inode says that it did not change.
 *
 * A digest is remembered with (device, inode, size, mtime, ctime), as seen before the bytes were
 * read, if these are the same afterwards and both times lie more than two seconds back. A younger
 * file could be changed once more within the same tick of the file system's clock, so that it is
 * read again until it is old enough. Files of proc, sysfs and the like change without their times
 * and are never remembered. The table in memory answers a warm run; the index answers the next
 * process.
 *
 * A path comes from what a cell was seen to read and is not trusted: it is opened as a mere name
 * first (O_PATH), and only what then proves to be a file or a folder is opened for reading, so that
 * no device or fifo ever is.
 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <uthash.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "venusd/store/store_internal.h"

#define RACY_NS	       INT64_C(2000000000)
#define ENTRIES_MAX    16384u
#define CHUNK_BYTES    ((size_t)128 * 1024)
#define LISTING_MAX    (64u * 1024 * 1024)
#define NS_PER_S       INT64_C(1000000000)
#define DESCRIPTOR_MAX 32

enum remembered_kind { REMEMBERED_BYTES, REMEMBERED_LISTING };

/* Exactly what of a row is compared. */
struct file_key {
	uint64_t device, inode, kind;
};
struct file_entry {
	struct file_row row;
	UT_hash_handle hh;
};

static inline void unlock_p(pthread_mutex_t **lock)
{
	(void)pthread_mutex_unlock(*lock); /* fails only when not held */
}

static pthread_mutex_t *lock(struct files *files)
{
	int failed = pthread_mutex_lock(&files->lock);

	assert(failed == 0);
	return &files->lock;
}

void files_init(struct files *files)
{
	*files = (struct files){.lock = PTHREAD_MUTEX_INITIALIZER};
}

static void drop(struct files *files, struct file_entry *entry)
{
	HASH_DEL(files->entries, entry);
	free(entry);
}

void files_fini(struct files *files)
{
	while (files->entries)
		drop(files, files->entries);
	(void)pthread_mutex_destroy(&files->lock); /* fails only when held */
}

static void row_init(struct file_row *row, enum remembered_kind kind, const struct stat *status)
{
	*row = (struct file_row){
	    .device = status->st_dev,
	    .inode = status->st_ino,
	    .kind = kind,
	    .size = (uint64_t)status->st_size,
	    .mtime_ns = status->st_mtim.tv_sec * NS_PER_S + status->st_mtim.tv_nsec,
	    .ctime_ns = status->st_ctim.tv_sec * NS_PER_S + status->st_ctim.tv_nsec,
	};
}

static bool same_state(const struct file_row *a, const struct file_row *b)
{
	return memcmp(a, b, offsetof(struct file_row, digest)) == 0;
}

static struct file_entry *find(struct files *files, const struct file_row *row)
{
	struct file_key key = {row->device, row->inode, row->kind};
	struct file_entry *entry;

	static_assert(offsetof(struct file_row, size) == sizeof key, "a row begins with its key");
	HASH_FIND(hh, files->entries, &key, sizeof key, entry);
	return entry;
}

static bool recall_memory(struct files *files, struct file_row *row)
{
	AUTO(unlock_p) pthread_mutex_t *held = lock(files);
	struct file_entry *entry = find(files, row);

	(void)held;
	if (!entry || !same_state(&entry->row, row))
		return false;
	row->digest = entry->row.digest;
	return true;
}

static void remember_memory(struct files *files, const struct file_row *row)
{
	AUTO(unlock_p) pthread_mutex_t *held = lock(files);
	struct file_entry *entry = find(files, row);

	(void)held;
	if (!entry) {
		while (HASH_COUNT(files->entries) >= ENTRIES_MAX)
			drop(files, files->entries);
		entry = mem_alloc(sizeof *entry);
		entry->row = *row;
		HASH_ADD(hh, files->entries, row, sizeof(struct file_key), entry);
	}
	entry->row = *row;
}

static int recall_index(struct store *store, struct file_row *row, struct err *err)
{
	AUTO_INDEX struct index *index = index_lock(store);
	AUTO_RESET sqlite3_stmt *statement = index_use(index, INDEX_FILE_FIND);
	const int64_t numbers[] = {(int64_t)row->device, (int64_t)row->inode, (int64_t)row->kind,
	    (int64_t)row->size, row->mtime_ns, row->ctime_ns};
	int got;

	for (int i = 0; i < (int)ARRAY_LENGTH(numbers); i++)
		(void)sqlite3_bind_int64(statement, i + 1, numbers[i]); /* an integer always fits */
	got = index_step(store, statement, err);
	if (got <= 0 || sqlite3_column_bytes(statement, 0) != DIGEST_BYTES)
		return got < 0 ? -1 : 0;
	memcpy(row->digest.bytes, sqlite3_column_blob(statement, 0), DIGEST_BYTES);
	return 1;
}

/* Whether the row's digest is known; gives it. An index that does not answer only means to read the
 * file again. */
static bool recall(struct store *store, struct file_row *row)
{
	struct err ignored;

	if (recall_memory(&store->files, row))
		return true;
	if (recall_index(store, row, &ignored) <= 0)
		return false;
	remember_memory(&store->files, row);
	return true;
}

static bool changes_unseen(int fd)
{
	static const unsigned long magics[] = {PROC_SUPER_MAGIC, SYSFS_MAGIC, DEBUGFS_MAGIC,
	    TRACEFS_MAGIC, CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, SECURITYFS_MAGIC, BPF_FS_MAGIC};
	struct statfs system;

	if (fstatfs(fd, &system) < 0)
		return true;
	for (size_t i = 0; i < ARRAY_LENGTH(magics); i++)
		if ((unsigned long)system.f_type == magics[i])
			return true;
	return false;
}

/* Remembers the row's digest, read from `fd` since `began_ns`, if nothing can have changed unseen.
 */
static void remember(struct store *store, int fd, const struct file_row *row, int64_t began_ns)
{
	struct file_row after;
	struct stat status;
	struct err ignored; /* what could not be written is read again in the next process */

	if (row->mtime_ns > began_ns - RACY_NS || row->ctime_ns > began_ns - RACY_NS ||
	    changes_unseen(fd) || fstat(fd, &status) < 0)
		return;
	row_init(&after, (enum remembered_kind)row->kind, &status);
	if (!same_state(row, &after))
		return;
	remember_memory(&store->files, row);
	if (pending_file(store, row))
		(void)store_maintain(store, &ignored);
}

static struct digest not_bytes(struct digest digest)
{
	digest.bytes[0] = (uint8_t)~digest.bytes[0];
	return digest;
}

/* The digest of something that cannot be seen, or an error when that is not because of the thing.
 */
static int unseen(int number, const char *path, struct digest *ret_digest, struct err *err)
{
	const char *name = strerrorname_np(number);

	if (number == EMFILE || number == ENFILE || number == ENOMEM)
		return err_set_errno(err, number, "cannot look at %s", path);
	if (!name)
		name = "EUNKNOWN";
	*ret_digest = not_bytes(digest_of(name, strlen(name)));
	return 0;
}

static int too_large(const char *path, struct err *err)
{
	return err_set(err, ERR_INVALID,
	    "%s is larger than %llu bytes, the most that can be an input", path,
	    (unsigned long long)STORE_OBJECT_MAX_BYTES);
}

/* 0, or -1 with an error, or the errno of a read that failed. */
static int digest_bytes(int fd, const char *path, struct digest *ret_digest, struct err *err)
{
	AUTO_FREE char *chunk = mem_alloc(CHUNK_BYTES);
	struct digest_stream *stream = digest_stream_new();
	uint64_t total = 0;
	struct digest digest;
	int failed = 0;
	ssize_t got;

	do {
		got = read(fd, chunk, CHUNK_BYTES);
		if (got < 0 && errno != EINTR)
			failed = errno;
		if (got > 0) {
			digest_stream_add(stream, chunk, (size_t)got);
			total += (uint64_t)got;
		}
	} while (failed == 0 && got != 0 && total <= STORE_OBJECT_MAX_BYTES);
	digest = digest_stream_finish(stream);
	if (total > STORE_OBJECT_MAX_BYTES)
		return too_large(path, err);
	if (failed == 0)
		*ret_digest = digest;
	return failed;
}

/* "R" a file, "D" a folder …; what is listed, never what a link leads to. */
static char type_letter(int folder, const struct dirent *entry)
{
	static const char letters[] = {[DT_REG] = 'R',
	    [DT_DIR] = 'D',
	    [DT_LNK] = 'L',
	    [DT_FIFO] = 'F',
	    [DT_SOCK] = 'S',
	    [DT_CHR] = 'C',
	    [DT_BLK] = 'B'};
	unsigned type = entry->d_type;
	struct stat status;

	if (type == DT_UNKNOWN && fstatat(folder, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0)
		type = IFTODT(status.st_mode);
	return type < sizeof letters && letters[type] ? letters[type] : '?';
}

struct listing {
	struct buf text; /* names, each behind its type's letter and followed by NUL */
	size_t *starts, count;
};

static void listing_fini(struct listing *listing)
{
	buf_fini(&listing->text);
	free(listing->starts);
}

static int by_name(const void *a, const void *b, void *text)
{
	return strcmp((const char *)text + *(const size_t *)a + 1,
	    (const char *)text + *(const size_t *)b + 1);
}

/* 0, or -1 with an error, or an errno. Takes the descriptor. */
static int list(int taken_fd, const char *path, struct listing *listing, struct err *err)
{
	DIR *folder = fdopendir(taken_fd);
	struct dirent *entry;
	int failed = errno;

	if (!folder) {
		(void)close(taken_fd); /* only listed */
		return failed;
	}
	for (errno = 0; listing->text.length <= LISTING_MAX && (entry = readdir(folder));
	     errno = 0) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		*MEM_PUSH(listing->starts, listing->count) = listing->text.length;
		buf_add_char(&listing->text, type_letter(dirfd(folder), entry));
		buf_add(&listing->text, entry->d_name, strlen(entry->d_name) + 1);
	}
	failed = errno;
	(void)closedir(folder); /* only listed */
	if (listing->text.length > LISTING_MAX)
		return err_set(err, ERR_INVALID,
		    "the folder %s is too large to be an input: its names take "
		    "more than %u bytes",
		    path, LISTING_MAX);
	return failed;
}

static int digest_listing(int fd, const char *path, struct digest *ret_digest, struct err *err)
{
	AUTO(listing_fini) struct listing listing = {0};
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), failed;
	struct digest_stream *stream;

	if (again < 0)
		return errno;
	failed = list(again, path, &listing, err);
	if (failed)
		return failed;
	if (listing.count)
		qsort_r(listing.starts, listing.count, sizeof *listing.starts, by_name,
		    listing.text.data);
	stream = digest_stream_new();
	for (size_t i = 0; i < listing.count; i++)
		digest_stream_add_text(stream, listing.text.data + listing.starts[i]);
	*ret_digest = not_bytes(digest_stream_finish(stream));
	return 0;
}

/* Reads what `row` describes; the name is resolved once and only then, if it is what stat saw,
 * opened for reading. */
static int read_now(struct store *store, const char *path, struct file_row *row,
    struct digest *ret_digest, struct err *err)
{
	AUTO_CLOSE int named = open(path, O_PATH | O_CLOEXEC);
	AUTO_CLOSE int fd = -1;
	int64_t began_ns = store->ops->now_ns();
	char self[DESCRIPTOR_MAX];
	struct stat status;
	int failed;

	if (named < 0 || fstat(named, &status) < 0)
		return unseen(errno, path, ret_digest, err);
	if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
		return err_set(err, ERR_INVALID,
		    "%s is a fifo, a socket or a device: what is read from it cannot be an input",
		    path);
	if (row->kind == REMEMBERED_LISTING && !S_ISDIR(status.st_mode))
		return unseen(ENOTDIR, path, ret_digest, err);
	row_init(row, S_ISDIR(status.st_mode) ? REMEMBERED_LISTING : REMEMBERED_BYTES, &status);
	if (row->kind == REMEMBERED_BYTES && row->size > STORE_OBJECT_MAX_BYTES)
		return too_large(path, err);
	(void)snprintf(self, sizeof self, "/proc/self/fd/%d", named);
	fd = open(self, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return unseen(errno, path, ret_digest, err);
	failed = row->kind == REMEMBERED_LISTING ? digest_listing(fd, path, &row->digest, err)
						 : digest_bytes(fd, path, &row->digest, err);
	if (failed < 0)
		return -1;
	if (failed > 0)
		return unseen(failed, path, ret_digest, err);
	remember(store, fd, row, began_ns);
	*ret_digest = row->digest;
	return 0;
}

static struct digest stat_digest(const struct stat *status)
{
	char text[128];
	int length = snprintf(text, sizeof text, "stat %o %jd %jd.%09ld", (unsigned)status->st_mode,
	    (intmax_t)status->st_size, (intmax_t)status->st_mtim.tv_sec, status->st_mtim.tv_nsec);

	assert(length > 0 && (size_t)length < sizeof text);
	return not_bytes(digest_of(text, (size_t)length));
}

static int link_digest(const char *path, struct digest *ret_digest, struct err *err)
{
	char target[PATH_MAX];
	ssize_t length = readlink(path, target, sizeof target);

	if (length < 0)
		return unseen(errno, path, ret_digest, err);
	*ret_digest = not_bytes(digest_of(target, (size_t)length));
	return 0;
}

int store_file_digest(struct store *store, enum store_file_kind kind, const char *path,
    struct digest *ret_digest, struct err *err)
{
	struct stat status;
	struct file_row row;

	if (kind == STORE_FILE_LINK)
		return link_digest(path, ret_digest, err);
	if (stat(path, &status) < 0)
		return unseen(errno, path, ret_digest, err);
	if (kind == STORE_FILE_STAT) {
		*ret_digest = stat_digest(&status);
		return 0;
	}
	row_init(&row,
	    kind == STORE_FILE_LIST || S_ISDIR(status.st_mode) ? REMEMBERED_LISTING
							       : REMEMBERED_BYTES,
	    &status);
	if (kind == STORE_FILE_LIST && !S_ISDIR(status.st_mode))
		return unseen(ENOTDIR, path, ret_digest, err);
	if (!recall(store, &row))
		return read_now(store, path, &row, ret_digest, err);
	*ret_digest = row.digest;
	return 0;
}
