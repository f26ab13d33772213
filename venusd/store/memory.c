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

/* A digest is as good a hash as any. */
static unsigned hash_of(const struct digest *digest)
{
	unsigned hash;

	memcpy(&hash, digest->bytes, sizeof hash);
	return hash;
}

static struct memory_entry *find(struct memory *memory, const struct digest *digest)
{
	struct memory_entry *entry;

	HASH_FIND_BYHASHVALUE(hh, memory->entries, digest, sizeof *digest, hash_of(digest), entry);
	return entry;
}

static void append(struct memory *memory, struct memory_entry *entry)
{
	HASH_ADD_BYHASHVALUE(
	    hh, memory->entries, digest, sizeof entry->digest, hash_of(&entry->digest), entry);
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
	struct memory_entry *entry = find(memory, digest);

	(void)held;
	if (entry || length > MEMORY_OBJECT_MAX_BYTES)
		return;
	entry = mem_alloc(sizeof *entry + length);
	entry->digest = *digest;
	entry->length = length;
	if (length)
		memcpy(entry->bytes, bytes, length);
	memory->bytes += weight(entry);
	append(memory, entry);
	while (memory->entries && memory->bytes > MEMORY_MAX_BYTES)
		drop(memory, memory->entries);
}

int memory_get(
    struct memory *memory, const struct digest *digest, size_t limit_bytes, struct buf *buf)
{
	AUTO(unlock_p) pthread_mutex_t *held = lock(memory);
	struct memory_entry *entry = find(memory, digest);

	(void)held;
	if (!entry)
		return 0;
	if (entry->length > limit_bytes)
		return -1;
	HASH_DEL(memory->entries, entry);
	append(memory, entry);
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
