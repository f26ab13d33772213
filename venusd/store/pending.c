#include <assert.h>
#include <pthread.h>
#include <string.h>
#include <uthash.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "venusd/store/store_internal.h"

/* Last uses are an estimate for collection: what does not fit waits for its next use. */
#define USES_MAX       4096u
#define FILES_MAX      8192u
#define FILES_FLUSH_AT 256u

struct use_key {
	struct digest object; /* zero for a result */
	int64_t result;	      /* 0 for an object */
};
struct pending_use {
	struct use_key key;
	int64_t when_s;
	UT_hash_handle hh;
};

static inline void unlock_p(pthread_mutex_t **lock)
{
	(void)pthread_mutex_unlock(*lock); /* fails only when not held */
}

static pthread_mutex_t *lock(struct pending *pending)
{
	int failed = pthread_mutex_lock(&pending->lock);

	assert(failed == 0);
	return &pending->lock;
}

static void uses_free(struct pending_use *uses)
{
	struct pending_use *use, *next;

	HASH_ITER (hh, uses, use, next) {
		HASH_DEL(uses, use);
		free(use);
	}
}

void pending_init(struct pending *pending)
{
	*pending = (struct pending){.lock = PTHREAD_MUTEX_INITIALIZER};
}

void pending_fini(struct pending *pending)
{
	uses_free(pending->uses);
	free(pending->files);
	(void)pthread_mutex_destroy(&pending->lock); /* fails only when held */
}

static void used(struct store *store, const struct use_key *key)
{
	int64_t now_s = store_now_s(store);
	AUTO(unlock_p) pthread_mutex_t *held = lock(&store->pending);
	struct pending_use *use;

	(void)held;
	HASH_FIND(hh, store->pending.uses, key, sizeof *key, use);
	if (!use) {
		if (HASH_COUNT(store->pending.uses) >= USES_MAX)
			return;
		use = mem_alloc(sizeof *use);
		use->key = *key;
		HASH_ADD(hh, store->pending.uses, key, sizeof use->key, use);
	}
	use->when_s = now_s;
}

void pending_object_used(struct store *store, const struct digest *digest)
{
	struct use_key key = {.object = *digest};

	used(store, &key);
}

void pending_result_used(struct store *store, int64_t result)
{
	struct use_key key = {.result = result};

	used(store, &key);
}

bool pending_file(struct store *store, const struct file_row *row)
{
	AUTO(unlock_p) pthread_mutex_t *held = lock(&store->pending);
	struct file_row *kept;

	(void)held;
	if (store->pending.file_count < FILES_MAX) {
		kept = MEM_PUSH(store->pending.files, store->pending.file_count);
		*kept = *row;
	}
	return store->pending.file_count >= FILES_FLUSH_AT;
}

bool pending_any(struct pending *pending)
{
	AUTO(unlock_p) pthread_mutex_t *held = lock(pending);

	(void)held;
	return pending->uses || pending->file_count;
}

static int write_use(struct store *store, const struct pending_use *use, struct err *err)
{
	struct index *index = &store->index;
	sqlite3_stmt *statement;

	if (use->key.result) {
		statement = index_use(index, INDEX_RESULT_USED);
		(void)sqlite3_bind_int64(
		    statement, 1, use->key.result); /* an integer always fits */
	} else {
		statement = index_use(index, INDEX_OBJECT_USED);
		index_bind_digest(statement, 1, &use->key.object);
	}
	(void)sqlite3_bind_int64(statement, 2, use->when_s);
	return index_run(store, statement, err);
}

static int write_file(struct store *store, const struct file_row *row, struct err *err)
{
	sqlite3_stmt *statement = index_use(&store->index, INDEX_FILE_PUT);
	const int64_t numbers[] = {(int64_t)row->device, (int64_t)row->inode, (int64_t)row->kind,
	    (int64_t)row->size, row->mtime_ns, row->ctime_ns};

	for (int i = 0; i < (int)ARRAY_LENGTH(numbers); i++)
		(void)sqlite3_bind_int64(statement, i + 1, numbers[i]); /* an integer always fits */
	index_bind_digest(statement, 7, &row->digest);
	(void)sqlite3_bind_int64(statement, 8, store_now_s(store));
	return index_run(store, statement, err);
}

static struct pending take(struct pending *pending)
{
	AUTO(unlock_p) pthread_mutex_t *held = lock(pending);
	struct pending taken = {
	    .uses = TAKE_PTR(pending->uses),
	    .files = TAKE_PTR(pending->files),
	    .file_count = pending->file_count,
	};

	(void)held;
	pending->file_count = 0;
	return taken;
}

int pending_write(struct store *store, struct err *err)
{
	struct pending taken = take(&store->pending);
	struct pending_use *use, *next;
	int result = 0;

	HASH_ITER (hh, taken.uses, use, next)
		if (result == 0)
			result = write_use(store, use, err);
	for (size_t i = 0; i < taken.file_count && result == 0; i++)
		result = write_file(store, &taken.files[i], err);
	uses_free(taken.uses);
	free(taken.files);
	return result;
}
