#ifndef VENUSD_STORE_H
#define VENUSD_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/digest.h"
#include "common/err.h"

/*
 * The artifact store: bytes named by the SHA-256 of what they are (`cas/ab/cdef…`, an lz4 frame
 * with content checksum, its blocks raw where lz4 does not shrink), and an SQLite index (WAL) of
 * what is known: build results by key, executions by key, widgets, small notes.
 *
 * Blocking; every function may be called from any thread at any time (one connection, serialised
 * inside; object files need no lock), and several processes may use one folder at the same time.
 * Nothing here logs. A put of an object returns when the bytes are durable; results and notes
 * outlive the process at once, a power cut from the next store_maintain on. A get verifies: bytes
 * that are not what their name says are moved aside to `bad/`, and the call fails with ERR_CORRUPT,
 * so that the caller makes them anew. A damaged index is ERR_CORRUPT from then on, and begun anew
 * by the next store_open.
 */

#define STORE_OBJECT_MAX_BYTES ((uint64_t)8 << 30)

struct store;

/* Opens or creates the store in a folder (created, mode 0700). An index that is no database is
 * moved aside and begun anew, with
 * `*ret_note` (owned by the caller, NULL if there is nothing to tell) saying so. An index with a
 * newer schema is ERR_INVALID. A folder that cannot be written is ERR_DENIED, naming it. */
int store_open(const char *folder, struct store **ret_store, char **ret_note, struct err *err);
void store_close(struct store *store);
/* Makes all durable that was put before, and writes what waits in memory (last uses, file digests).
 * To be called off the path of a request, after a run and before a long idle time: it syncs. */
int store_maintain(struct store *store, struct err *err);
/* Gives back what memory the store can do without; nothing is lost but warmth. */
void store_shrink(struct store *store);

/* Objects. */
int store_object_put(struct store *store, const void *bytes, size_t length,
    struct digest *ret_digest, struct err *err);
/* As above, several at once, in little more time than one takes; `ret_digests` has room for
 * `count`. On failure any of them may be there. */
struct store_bytes {
	const void *bytes; /* borrowed */
	size_t length;
};
int store_object_put_many(struct store *store, const struct store_bytes *objects, size_t count,
    struct digest *ret_digests, struct err *err);
/* As store_object_put, but durable only from the next store_maintain on: for what can be made anew,
 * on a path where somebody waits. A power cut before may leave it out or damaged, which a get
 * tells. */
int store_object_put_soon(struct store *store, const void *bytes, size_t length,
    struct digest *ret_digest, struct err *err);
/* As store_object_put, from a descriptor's bytes [0, size); the descriptor's offset is not used.
 * Bytes that change meanwhile, or end early, are ERR_INVALID. */
int store_object_put_fd(
    struct store *store, int fd, uint64_t size, struct digest *ret_digest, struct err *err);
/* Appends the object's bytes. ERR_NOT_FOUND, ERR_CORRUPT, ERR_FULL when larger than `limit_bytes`.
 */
int store_object_get(struct store *store, const struct digest *digest, size_t limit_bytes,
    struct buf *buf, struct err *err);
/* A sealed memfd of the object's bytes. */
int store_object_get_memfd(struct store *store, const struct digest *digest, int *ret_fd,
    uint64_t *ret_size, struct err *err);
bool store_object_has(struct store *store, const struct digest *digest);

/*
 * Results: what is recorded under a key in a namespace. A value is bytes (a packed message of the
 * caller's), with the objects that it names, so that collection can keep what is referred to.
 * Namespaces are short ASCII words: "object" (compiled code), "toolchain", "execution" …. Several
 * results may stand under one key; newest first. At most STORE_RESULTS_PER_KEY are kept. A result
 * with the same bytes as one under its key takes that one's place and is the newest.
 */
#define STORE_SPACE_MAX_BYTES	 32u /* a-z, 0-9, '-', '_', '.' */
#define STORE_RESULTS_PER_KEY	 8
#define STORE_RESULT_MAX_BYTES	 (4u * 1024 * 1024)
#define STORE_RESULT_MAX_OBJECTS (16u * 1024)

/* ERR_NOT_FOUND when an object that it names is not in the store. */
int store_result_put(struct store *store, const char *space, const struct digest *key,
    const void *bytes, size_t length, const struct digest *objects, size_t object_count,
    struct err *err);
/* Calls `each` for every result, newest first, until it returns nonzero; that value is returned (0
 * when there was none). The callback must not call the store. Negative: failed. */
int store_result_each(struct store *store, const char *space, const struct digest *key,
    int (*each)(const void *bytes, size_t length, void *payload), void *payload, struct err *err);
/* Forgets all results under a key. */
int store_result_forget(
    struct store *store, const char *space, const struct digest *key, struct err *err);

/* Notes: small values by name, for what must outlive the daemon (widget values, notebook ids, run
 * ids). `value` may hold any bytes. Each goes through them in the order of their names, with the
 * rules of store_result_each. */
#define STORE_NOTE_NAME_MAX_BYTES 4096u
#define STORE_NOTE_MAX_BYTES	  (1024u * 1024)
int store_note_put(struct store *store, const char *space, const char *name, const void *value,
    size_t length, struct err *err);
/* 1 found (appended to `buf`), 0 not there, -1 failed. */
int store_note_get(
    struct store *store, const char *space, const char *name, struct buf *buf, struct err *err);
int store_note_each(struct store *store, const char *space,
    int (*each)(const char *name, const void *value, size_t length, void *payload), void *payload,
    struct err *err);
int store_note_forget(struct store *store, const char *space, const char *name, struct err *err);

/*
 * File digests: what a path holds, remembered by (device, inode, size, mtime, ctime), racy entries
 * (changed in the two seconds before they were hashed) hashed again, as git does.
 */
enum store_file_kind { STORE_FILE_READ, STORE_FILE_STAT, STORE_FILE_LIST, STORE_FILE_LINK };
/* Digest of what an observer of that kind would see now: READ the bytes (of a directory: its
 * listing), STAT type, size, mode and mtime (of what a symbolic link leads to), LIST the sorted
 * names with types, LINK the target. Something that is not there, or may not be read, has the
 * digest of its errno's name: two absences are equal. Only a READ file's digest is plain SHA-256 of
 * bytes (the object's name, if it were one); all others have the first byte inverted, so that no
 * file can look like an absence. Never fails for what is on disk; fails for a file over
 * STORE_OBJECT_MAX_BYTES or, under READ, a fifo, socket or device, which is not opened
 * (ERR_INVALID), or a lack of descriptors or memory (ERR_FULL). */
int store_file_digest(struct store *store, enum store_file_kind kind, const char *path,
    struct digest *ret_digest, struct err *err);

struct store_stats {
	uint64_t objects, object_bytes /* on disk */, results, notes;
};
/* As the index knows it; goes through the whole index. */
int store_stats_get(struct store *store, struct store_stats *ret_stats, struct err *err);

#endif
