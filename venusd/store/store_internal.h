#ifndef VENUSD_STORE_INTERNAL_H
#define VENUSD_STORE_INTERNAL_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "venusd/store/store.h"

/* What is shared inside the folder, and what its tests need; theory of operation: store.c. */

#define SYNC_TOGETHER_MAX 33u

/* The disk and the clock, so that a test can make the third write fail. Each is as the call of its
 * name: -1 and errno. */
struct store_ops {
	int (*open)(int folder, const char *name, int flags, mode_t mode);
	int (*make_folder)(int folder, const char *name, mode_t mode);
	ssize_t (*write)(int fd, const void *bytes, size_t length);
	int (*sync)(const int *fds, size_t count); /* all; at most SYNC_TOGETHER_MAX */
	int (*rename)(int from, const char *name, int to, const char *new_name);
	int64_t (*now_ns)(void); /* since 1970 */
	const char *vfs;	 /* SQLite's, NULL for its default */
};
extern const struct store_ops store_ops_host;

/* As store_open; `ops` is borrowed and outlives the store. */
int store_open_with(const char *folder, const struct store_ops *ops, struct store **ret_store,
    char **ret_note, struct err *err);

/*
 * codec.c: an object's file, one LZ4 frame (independent blocks, content size, content checksum, no
 * dictionary). Blocks that do not shrink are stored as they are, which the format has a flag for,
 * so `lz4 -d` reads every object.
 */
struct codec_source {
	const void *bytes; /* NULL: from `fd` */
	int fd;
	uint64_t size;
};
/* Digest of what the source holds. ERR_INVALID when it ends before its size. */
int codec_digest(const struct codec_source *source, struct digest *ret_digest, struct err *err);
/* Writes the source's frame to `fd`. ERR_INVALID when its digest is not (or no longer) `digest`. */
int codec_encode(const struct codec_source *source, const struct digest *digest,
    const struct store_ops *ops, int fd, uint64_t *ret_stored, struct err *err);

struct codec_reader;
/* Reads a frame's header from `fd`, borrowed until codec_close. The size is what the frame claims,
 * and no more than a frame of that length on disk can hold. ERR_CORRUPT. */
int codec_open(int fd, struct codec_reader **ret_reader, uint64_t *ret_size, struct err *err);
/* Writes exactly the claimed size to `target`. ERR_CORRUPT unless the frame is whole, alone in its
 * file and has this digest. */
int codec_decode(
    struct codec_reader *reader, const struct digest *digest, void *target, struct err *err);
void codec_close(struct codec_reader *reader);

/* memory.c: verified small objects, least recently used go first. Any thread. */
#define MEMORY_OBJECT_MAX_BYTES ((size_t)64 * 1024)
#define MEMORY_MAX_BYTES	((size_t)8 * 1024 * 1024)
struct memory_entry;
struct memory {
	pthread_mutex_t lock;
	struct memory_entry *entries; /* least recently used first */
	size_t bytes;
};
void memory_init(struct memory *memory);
void memory_fini(struct memory *memory);
void memory_put(
    struct memory *memory, const struct digest *digest, const void *bytes, size_t length);
/* 1 appended, 0 not there, -1 there and longer than the limit. */
int memory_get(
    struct memory *memory, const struct digest *digest, size_t limit_bytes, struct buf *buf);
void memory_clear(struct memory *memory);

/* index.c: the SQLite side. Every statement is prepared once; who uses one holds the index's lock.
 */
enum index_statement {
	INDEX_BEGIN,
	INDEX_COMMIT,
	INDEX_ROLLBACK,
	INDEX_OBJECT_PUT,
	INDEX_OBJECT_FIND,
	INDEX_OBJECT_FORGET,
	INDEX_OBJECT_USED,
	INDEX_RESULT_FORGET_EQUAL,
	INDEX_RESULT_PUT,
	INDEX_RESULT_OBJECT_PUT,
	INDEX_RESULT_PRUNE,
	INDEX_RESULT_EACH,
	INDEX_RESULT_FORGET,
	INDEX_RESULT_OBJECT_SWEEP,
	INDEX_RESULT_USED,
	INDEX_NOTE_PUT,
	INDEX_NOTE_GET,
	INDEX_NOTE_EACH,
	INDEX_NOTE_FORGET,
	INDEX_FILE_PUT,
	INDEX_FILE_FIND,
	INDEX_STATS,
	INDEX_STATEMENT_COUNT
};
struct index {
	pthread_mutex_t lock; /* finds a caller that comes in twice */
	char *path;
	sqlite3 *db;
	sqlite3_stmt *statements[INDEX_STATEMENT_COUNT];
	int wal_pages; /* not yet checkpointed, as of the last commit */
	bool in_transaction, damaged;
};
#define INDEX_FILE	   "index.db"
#define INDEX_DAMAGED_MARK "index.damaged"
/* migrations[v] brings a schema of version v to v + 1. */
extern const char *const index_migrations[];
extern const size_t index_migration_count;

/* Opens, migrates, prepares. ERR_CORRUPT: the file is no index of venus, or damaged. */
int index_open(struct store *store, struct err *err);
void index_close(struct index *index);
struct index *index_lock(struct store *store);
void index_unlock(struct index *index);
static inline void index_unlock_p(struct index **index)
{
	index_unlock(*index);
}
#define AUTO_INDEX __attribute__((cleanup(index_unlock_p)))
/* A prepared statement without bindings, to be reset when it is done with. */
sqlite3_stmt *index_use(struct index *index, enum index_statement which);
static inline void index_reset_p(sqlite3_stmt **statement)
{
	(void)sqlite3_reset(*statement); /* repeats the error that the step reported */
}
#define AUTO_RESET __attribute__((cleanup(index_reset_p)))
/* 1 a row, 0 done, -1 failed. */
int index_step(struct store *store, sqlite3_stmt *statement, struct err *err);
/* Steps a statement that gives no rows, and resets it. */
int index_run(struct store *store, sqlite3_stmt *statement, struct err *err);
/* One transaction at a time, under the lock; index_end rolls back what was not committed. */
int index_begin(struct store *store, struct err *err);
int index_commit(struct store *store, struct err *err);
void index_end(struct store *store);
static inline void index_end_p(struct store **store)
{
	index_end(*store);
}
#define AUTO_TRANSACTION __attribute__((cleanup(index_end_p)))
void index_bind_digest(sqlite3_stmt *statement, int column, const struct digest *digest);
/* Borrows the bytes until the statement is reset. */
void index_bind_bytes(sqlite3_stmt *statement, int column, const void *bytes, size_t length);
void index_bind_text(sqlite3_stmt *statement, int column, const char *text);
/* Moves committed pages from the WAL into the database, as far as no reader is in the way. */
int index_checkpoint(struct store *store, struct err *err);

/* pending.c: what the index learns late, in one transaction with something else: last uses and file
 * digests. Any thread. */
struct pending_use;
struct file_row {
	/* what is looked up; no padding, so that it can be compared as bytes */
	uint64_t device, inode, kind;
	uint64_t size;
	int64_t mtime_ns, ctime_ns;
	struct digest digest;
};
struct pending {
	pthread_mutex_t lock;
	struct pending_use *uses;
	struct file_row *files;
	size_t file_count;
};
void pending_init(struct pending *pending);
void pending_fini(struct pending *pending);
void pending_object_used(struct store *store, const struct digest *digest);
void pending_result_used(struct store *store, int64_t result);
/* True when so many wait that the caller should call store_maintain. */
bool pending_file(struct store *store, const struct file_row *row);
bool pending_any(struct pending *pending);
/* Writes what waits, inside the caller's transaction. What waited is dropped even on failure: it is
 * only remembered work. */
int pending_write(struct store *store, struct err *err);

/* object.c: names */
struct object_name {
	char hex[DIGEST_HEX + 1], fan[3];
	const char *file; /* in hex */
};
void object_name_init(struct object_name *name, const struct digest *digest);
/* Descriptor of cas/ab. -1 and errno. */
int object_open_fan(struct store *store, const struct object_name *name);

/* put.c: objects that are not durable yet. Any thread. */
struct unsynced_entry;
struct unsynced {
	pthread_mutex_t lock;
	struct unsynced_entry *entries;
};
void unsynced_init(struct unsynced *unsynced);
void unsynced_fini(struct unsynced *unsynced);
/* Makes all of them durable and records them. What could not be is only forgotten: a put writes it
 * again. */
int object_sync_all(struct store *store, struct err *err);
/* sync.c: store_ops.sync of the host: fsync, of several at the same time. */
int sync_together(const int *fds, size_t count);

/* filedigest.c */
struct file_entry;
struct files {
	pthread_mutex_t lock;
	struct file_entry *entries; /* oldest first */
};
void files_init(struct files *files);
void files_fini(struct files *files);

struct store {
	const struct store_ops *ops;
	char *folder; /* absolute, without symbolic links */
	int fd, cas_fd, bad_fd, tmp_fd, own_fd;
	char own[24];		     /* this store's folder in tmp/ */
	atomic_uint_fast64_t serial; /* of names in it */
	atomic_bool fan_synced[256]; /* cas/ab is known to be in cas/ durably */
	struct index index;
	struct memory memory;
	struct pending pending;
	struct files files;
	struct unsynced unsynced;
};
int64_t store_now_s(const struct store *store);
/* Refuses what is not a short ASCII word. */
int store_check_space(const char *space, struct err *err);
/* Moves `folder`/`name` to bad/`as`, and on top of what is there. */
int store_move_aside(
    struct store *store, int folder, const char *name, const char *as, struct err *err);

#endif
