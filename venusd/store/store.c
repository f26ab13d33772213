/*
 * How the store works.
 *
 *   cas/ab/cdef…     objects, named by the SHA-256 of their content (object.c; the file's format:
 * codec.c) bad/             objects and indexes that were found damaged, kept for who wants to know
 * why tmp/<random>/    one folder an open store, where its objects are written before they get
 * their name index.db         SQLite: objects, results, notes, file digests (index.c, schema.c)
 *   index.damaged    a mark: the index was found damaged while in use, the next store_open begins
 * anew
 *
 * An object gets its name by rename after its bytes are synced, so that a name stands for whole
 * bytes whenever power fails; what the name's folder lists is synced before the index records the
 * object, so that what is recorded is durable. An object without a record (a crash between the two,
 * or an index begun anew) is synced again and recorded by its next put. Nothing depends on an
 * object staying there: a get says that it is gone or damaged, and whoever wanted it makes it anew.
 *
 * Every store holds an flock on its folder in tmp/ while it is open. The kernel drops that lock
 * when the process dies, so that store_open knows which folders are left over. Opening itself
 * (sweep, moving a bad index aside, migrations) is done by one process at a time, under an flock on
 * tmp/.
 *
 * Locks, none of which is held while another is asked for, but for the index's, under which the
 * pending list is taken: the index's (one SQLite connection), and those of the three tables in
 * memory (small objects, pending records, file digests).
 */
#include "venusd/store/store.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/mem.h"
#include "venusd/store/store_internal.h"

#define OPEN_WAIT_MS  10000
#define OPEN_RETRY_MS 10
#define FOLDER_FLAGS  (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static int host_open(int folder, const char *name, int flags, mode_t mode)
{
	return openat(folder, name, flags, mode);
}

static int64_t host_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now); /* a clock that is always there */
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

const struct store_ops store_ops_host = {
    .open = host_open,
    .make_folder = mkdirat,
    .write = write,
    .sync = sync_together,
    .rename = renameat,
    .now_ns = host_now_ns,
};

int64_t store_now_s(const struct store *store)
{
	return store->ops->now_ns() / 1000000000;
}

int store_check_space(const char *space, struct err *err)
{
	size_t length = strspn(space, "abcdefghijklmnopqrstuvwxyz0123456789-_.");

	if (length == 0 || length > STORE_SPACE_MAX_BYTES || space[length])
		return err_set(err, ERR_INVALID,
		    "'%.40s' is no name of a space in the store: 1 to %u of a-z, 0-9, '-', '_' and "
		    "'.'",
		    space, STORE_SPACE_MAX_BYTES);
	return 0;
}

static int cannot_open(const char *folder, int number, struct err *err)
{
	(void)err_set_errno(err, number, "cannot use the store %s", folder);
	if (err->code == ERR_DENIED)
		return err_set(err, ERR_DENIED,
		    "cannot write to the store %s: %s; make it writable for you, or set VENUS_HOME "
		    "to a "
		    "folder that is",
		    folder, strerror(number));
	return -1;
}

/* Opens the store's folder and refuses one that others may change. */
static int open_folder(struct store *store, const char *folder, struct err *err)
{
	struct stat status;

	if (file_make_folders(folder, 0700, err) < 0) {
		if (err->code == ERR_DENIED)
			(void)err_prefix(err, "cannot create the store; set VENUS_HOME to a folder "
					      "that you can write");
		return -1;
	}
	if (file_resolve(folder, &store->folder, err) < 0)
		return -1;
	store->fd = open(store->folder, FOLDER_FLAGS);
	if (store->fd < 0 || fstat(store->fd, &status) < 0)
		return cannot_open(store->folder, errno, err);
	if (status.st_uid != geteuid())
		return err_set(err, ERR_DENIED,
		    "the store %s belongs to another user (uid %u); set VENUS_HOME to a folder of "
		    "yours",
		    store->folder, (unsigned)status.st_uid);
	if (status.st_mode & (S_IWGRP | S_IWOTH))
		return err_set(err, ERR_DENIED,
		    "the store %s can be changed by other users; run: chmod go-w %s", store->folder,
		    store->folder);
	if (faccessat(AT_FDCWD, store->folder, R_OK | W_OK | X_OK, AT_EACCESS) < 0)
		return cannot_open(store->folder, errno, err);
	return 0;
}

static int open_part(
    struct store *store, const char *name, int *ret_fd, bool *ret_made, struct err *err)
{
	int made = store->ops->make_folder(store->fd, name, 0700), fd;

	if (made < 0 && errno != EEXIST)
		return cannot_open(store->folder, errno, err);
	fd = openat(store->fd, name, FOLDER_FLAGS);
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		return err_set(
		    err, ERR_INVALID, "%s/%s is no folder; move it away", store->folder, name);
	if (fd < 0)
		return cannot_open(store->folder, errno, err);
	*ret_fd = fd;
	*ret_made = made == 0;
	return 0;
}

/* Opening must not hang behind a process that was stopped in the middle of it. */
static int lock_opening(struct store *store, struct err *err)
{
	const struct timespec pause = {.tv_nsec = OPEN_RETRY_MS * 1000000L};

	for (int waited_ms = 0; flock(store->tmp_fd, LOCK_EX | LOCK_NB) < 0;
	     waited_ms += OPEN_RETRY_MS) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return 0; /* no locks on this file system: then nothing is swept either */
		if (waited_ms >= OPEN_WAIT_MS)
			return err_set(err, ERR_TIMEOUT,
			    "another process has been opening the store %s for %d seconds; end it "
			    "and try "
			    "again",
			    store->folder, OPEN_WAIT_MS / 1000);
		(void)nanosleep(&pause, NULL); /* a shorter pause does no harm */
	}
	return 0;
}

static void unlock_opening(struct store *store)
{
	(void)flock(store->tmp_fd, LOCK_UN); /* fails only where locking failed */
}

/* Removes an entry of tmp/ unless a living process holds it. */
static void sweep_one(struct store *store, const char *name)
{
	AUTO_CLOSE int fd = openat(store->tmp_fd, name, FOLDER_FLAGS);
	AUTO_FREE char *path = mem_printf("%s/tmp/%s", store->folder, name);
	struct err ignored; /* what cannot be removed stays until the next time */

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0)
		(void)file_remove_tree(path, &ignored);
}

static void sweep(struct store *store)
{
	int fd = openat(store->tmp_fd, ".", FOLDER_FLAGS);
	DIR *listing = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!listing) {
		if (fd >= 0)
			(void)close(fd); /* only listed */
		return;
	}
	while ((entry = readdir(listing)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			sweep_one(store, entry->d_name);
	(void)closedir(listing); /* only listed */
}

static int make_own(struct store *store, struct err *err)
{
	char name[sizeof store->own];
	uint64_t random = 0;

	do {
		if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
			return err_set_errno(err, errno, "cannot get random bytes");
		(void)snprintf(name, sizeof name, "%016llx", (unsigned long long)random);
		if (store->ops->make_folder(store->tmp_fd, name, 0700) == 0)
			break;
		if (errno != EEXIST)
			return cannot_open(store->folder, errno, err);
	} while (true);
	memcpy(store->own, name, sizeof store->own);
	store->own_fd = openat(store->tmp_fd, store->own, FOLDER_FLAGS);
	if (store->own_fd < 0)
		return cannot_open(store->folder, errno, err);
	(void)flock(store->own_fd, LOCK_EX | LOCK_NB); /* without locks nobody sweeps */
	return 0;
}

/* What cas/ lists now is durable after one sync, and need not be synced by the first put into each.
 */
static int sync_fans(struct store *store, struct err *err)
{
	bool there[256] = {false};

	for (unsigned i = 0; i < 256; i++) {
		char name[3];
		struct stat status;

		(void)snprintf(name, sizeof name, "%02x", i);
		there[i] = fstatat(store->cas_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
	}
	if (store->ops->sync(&store->cas_fd, 1) < 0)
		return err_set_errno(err, errno, "cannot sync %s/cas", store->folder);
	for (unsigned i = 0; i < 256; i++)
		atomic_store(&store->fan_synced[i], there[i]);
	return 0;
}

static int sync_made(struct store *store, struct err *err)
{
	AUTO_FREE char *parent = file_folder(store->folder);
	AUTO_CLOSE int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (store->ops->sync(&store->fd, 1) < 0 || (fd >= 0 && store->ops->sync(&fd, 1) < 0))
		return err_set_errno(err, errno, "cannot sync the store %s", store->folder);
	return 0;
}

int store_move_aside(
    struct store *store, int folder, const char *name, const char *as, struct err *err)
{
	AUTO_FREE char *other = NULL;

	if (store->ops->rename(folder, name, store->bad_fd, as) == 0)
		return 0;
	if (errno == EISDIR || errno == ENOTDIR || errno == ENOTEMPTY || errno == EEXIST) {
		other = mem_printf("%s.%s.%llu", as, store->own,
		    (unsigned long long)atomic_fetch_add(&store->serial, 1));
		if (store->ops->rename(folder, name, store->bad_fd, other) == 0)
			return 0;
	}
	return err_set_errno(err, errno, "cannot move %s to %s/bad", name, store->folder);
}

static int index_aside(struct store *store, struct err *err)
{
	static const char *const endings[] = {"", "-wal", "-shm"};

	for (size_t i = 0; i < ARRAY_LENGTH(endings); i++) {
		AUTO_FREE char *name = mem_printf(INDEX_FILE "%s", endings[i]);
		AUTO_FREE char *as = mem_printf("index.%s.db%s", store->own, endings[i]);
		struct stat status;

		if (fstatat(store->fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
		    store_move_aside(store, store->fd, name, as, err) < 0)
			return -1;
	}
	return 0;
}

static int open_index(struct store *store, bool cas_made, char **ret_note, struct err *err)
{
	struct stat status;
	bool there = fstatat(store->fd, INDEX_FILE, &status, AT_SYMLINK_NOFOLLOW) == 0;
	bool marked = fstatat(store->fd, INDEX_DAMAGED_MARK, &status, AT_SYMLINK_NOFOLLOW) == 0;

	if (marked)
		(void)err_set(
		    err, ERR_CORRUPT, "%s/" INDEX_FILE " was found damaged", store->folder);
	else if (index_open(store, err) == 0) {
		if (!there && !cas_made)
			*ret_note = mem_printf("the store's index %s/" INDEX_FILE
					       " was gone; a new one was begun, and results "
					       "are computed again",
			    store->folder);
		return 0;
	}
	index_close(&store->index);
	if (err->code != ERR_CORRUPT)
		return -1;
	*ret_note =
	    mem_printf("%s; it was moved to %s/bad, a new one was begun, and results are computed "
		       "again",
		err->message, store->folder);
	if (index_aside(store, err) < 0 || index_open(store, err) < 0)
		return -1;
	if (unlinkat(store->fd, INDEX_DAMAGED_MARK, 0) < 0 && errno != ENOENT)
		return cannot_open(store->folder, errno, err);
	return 0;
}

static inline void close_p(struct store **store)
{
	store_close(*store);
}

static struct store *new_store(const struct store_ops *ops)
{
	struct store *store = mem_alloc(sizeof *store);

	store->ops = ops;
	store->fd = store->cas_fd = store->bad_fd = store->tmp_fd = store->own_fd = -1;
	memory_init(&store->memory);
	pending_init(&store->pending);
	files_init(&store->files);
	unsynced_init(&store->unsynced);
	return store;
}

int store_open_with(const char *folder, const struct store_ops *ops, struct store **ret_store,
    char **ret_note, struct err *err)
{
	AUTO(close_p) struct store *store = new_store(ops);
	AUTO_FREE char *note = NULL;
	bool cas_made = false, made = false;

	if (open_folder(store, folder, err) < 0 ||
	    open_part(store, "tmp", &store->tmp_fd, &made, err) < 0 ||
	    lock_opening(store, err) < 0 ||
	    open_part(store, "bad", &store->bad_fd, &made, err) < 0 ||
	    open_part(store, "cas", &store->cas_fd, &cas_made, err) < 0)
		return -1;
	sweep(store);
	if (make_own(store, err) < 0 || (cas_made && sync_made(store, err) < 0) ||
	    sync_fans(store, err) < 0 || open_index(store, cas_made, &note, err) < 0)
		return -1;
	unlock_opening(store);
	*ret_note = TAKE_PTR(note);
	*ret_store = TAKE_PTR(store);
	return 0;
}

int store_open(const char *folder, struct store **ret_store, char **ret_note, struct err *err)
{
	return store_open_with(folder, &store_ops_host, ret_store, ret_note, err);
}

static void remove_own(struct store *store)
{
	AUTO_FREE char *path = mem_printf("%s/tmp/%s", store->folder, store->own);
	struct err ignored; /* the next store_open sweeps */

	(void)file_remove_tree(path, &ignored);
}

void store_close(struct store *store)
{
	struct err ignored; /* what waits in memory is only remembered work */

	if (!store)
		return;
	if (store->index.db && !store->index.damaged)
		(void)store_maintain(store, &ignored);
	index_close(&store->index);
	if (store->own[0])
		remove_own(store);
	cleanup_close_p(&store->own_fd);
	cleanup_close_p(&store->tmp_fd);
	cleanup_close_p(&store->bad_fd);
	cleanup_close_p(&store->cas_fd);
	cleanup_close_p(&store->fd);
	memory_fini(&store->memory);
	pending_fini(&store->pending);
	files_fini(&store->files);
	unsynced_fini(&store->unsynced);
	free(store->folder);
	free(store);
}

int store_maintain(struct store *store, struct err *err)
{
	if (object_sync_all(store, err) < 0)
		return -1;
	AUTO_INDEX struct index *index = index_lock(store);
	AUTO_TRANSACTION struct store *transaction = store;

	(void)transaction;
	if (pending_any(&store->pending) &&
	    (index_begin(store, err) < 0 || pending_write(store, err) < 0 ||
		index_commit(store, err) < 0))
		return -1;
	return index->wal_pages > 0 ? index_checkpoint(store, err) : 0;
}

void store_shrink(struct store *store)
{
	AUTO_INDEX struct index *index = index_lock(store);

	memory_clear(&store->memory);
	(void)sqlite3_db_release_memory(index->db); /* always succeeds */
}

int store_stats_get(struct store *store, struct store_stats *ret_stats, struct err *err)
{
	AUTO_INDEX struct index *index = index_lock(store);
	AUTO_RESET sqlite3_stmt *statement = index_use(index, INDEX_STATS);

	if (index_step(store, statement, err) < 0)
		return -1;
	*ret_stats = (struct store_stats){
	    .objects = (uint64_t)sqlite3_column_int64(statement, 0),
	    .object_bytes = (uint64_t)sqlite3_column_int64(statement, 1),
	    .results = (uint64_t)sqlite3_column_int64(statement, 2),
	    .notes = (uint64_t)sqlite3_column_int64(statement, 3),
	};
	return 0;
}
