#include <assert.h>
#include <pthread.h>
#include <string.h>
#include <uthash.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "venusd/store/store_internal.h"

struct memory_entry {
	struct digest digest;
	size_t length;
	UT_hash_handle hh; /* its order of insertion is the order of use: an entry that is used is
			      added again */
	char bytes[];
};

static inline void unlock_p(pthread_mutex_t **lock)
{
	(void)pthread_mutex_unlock(*lock); /* fails only when not held */
}

static pthread_mutex_t *lock(struct memory *memory)
{
	int failed = pthread_mutex_lock(&memory->lock);

	assert(failed == 0);
	return &memory->lock;
}

void memory_init(struct memory *memory)
{
	*memory = (struct memory){.lock = PTHREAD_MUTEX_INITIALIZER};
}

void memory_fini(struct memory *memory)
{
	memory_clear(memory);
	(void)pthread_mutex_destroy(&memory->lock); /* fails only when held */
}

static size_t weight(const struct memory_entry *entry)
{
	return sizeof *entry + entry->length;
}

static void drop(struct memory *memory, struct memory_entry *entry)
{
	memory->bytes -= weight(entry);
	HASH_DEL(memory->entries, entry);
	free(entry);
}

void memory_put(
    struct memory *memory, const struct digest *digest, const void *bytes, size_t length)
{
	AUTO(unlock_p) pthread_mutex_t *held = lock(memory);
	struct memory_entry *entry;

	(void)held;
	HASH_FIND(hh, memory->entries, digest, sizeof *digest, entry);
	if (entry || length > MEMORY_OBJECT_MAX_BYTES)
		return;
	entry = mem_alloc(sizeof *entry + length);
	entry->digest = *digest;
	entry->length = length;
	if (length)
		memcpy(entry->bytes, bytes, length);
	memory->bytes += weight(entry);
	HASH_ADD(hh, memory->entries, digest, sizeof entry->digest, entry);
	while (memory->bytes > MEMORY_MAX_BYTES)
		drop(memory, memory->entries);
}

int memory_get(
    struct memory *memory, const struct digest *digest, size_t limit_bytes, struct buf *buf)
{
	AUTO(unlock_p) pthread_mutex_t *held = lock(memory);
	struct memory_entry *entry;

	(void)held;
	HASH_FIND(hh, memory->entries, digest, sizeof *digest, entry);
	if (!entry)
		return 0;
	if (entry->length > limit_bytes)
		return -1;
	HASH_DEL(memory->entries, entry);
	HASH_ADD(hh, memory->entries, digest, sizeof entry->digest, entry);
	buf_add(buf, entry->bytes, entry->length);
	return 1;
}

void memory_clear(struct memory *memory)
{
	AUTO(unlock_p) pthread_mutex_t *held = lock(memory);

	(void)held;
	while (memory->entries)
		drop(memory, memory->entries);
}
