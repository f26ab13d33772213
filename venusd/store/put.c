/*
 * Objects on their way in: digest; is it there and recorded; else a file in tmp/, its bytes synced,
 * renamed to its name, the folder of the name synced, a record. Several at once go through these
 * steps together: their syncs are asked for at the same time, so that the file system commits its
 * journal, and the disk flushes its cache, once for all of them.
 *
 * A put "soon" leaves the syncs out. Its object can be read at once and is on a list, without a
 * record, until store_maintain makes all on the list durable together. After a power cut such a
 * file may hold anything; a get finds that out, and a put does not take an object without a record
 * for one that is there, but writes it again.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uthash.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "venusd/store/store_internal.h"

#define GROUP_MAX    (SYNC_TOGETHER_MAX - 1u) /* bounds the descriptors, two an object */
#define UNSYNCED_MAX 1024u

struct unsynced_entry {
	struct digest digest;
	uint64_t size, stored;
	UT_hash_handle hh;
};

static inline void unlock_p(pthread_mutex_t **lock)
{
	(void)pthread_mutex_unlock(*lock); /* fails only when not held */
}

static pthread_mutex_t *lock(struct unsynced *unsynced)
{
	int failed = pthread_mutex_lock(&unsynced->lock);

	assert(failed == 0);
	return &unsynced->lock;
}

void unsynced_init(struct unsynced *unsynced)
{
	*unsynced = (struct unsynced){.lock = PTHREAD_MUTEX_INITIALIZER};
}

static void free_entries(struct unsynced_entry *entries)
{
	struct unsynced_entry *entry, *next;

	HASH_ITER (hh, entries, entry, next) {
		HASH_DEL(entries, entry);
		free(entry);
	}
}

void unsynced_fini(struct unsynced *unsynced)
{
	free_entries(unsynced->entries);
	(void)pthread_mutex_destroy(&unsynced->lock); /* fails only when held */
}

static bool is_unsynced(struct unsynced *unsynced, const struct digest *digest)
{
	AUTO(unlock_p) pthread_mutex_t *held = lock(unsynced);
	struct unsynced_entry *entry;

	(void)held;
	HASH_FIND(hh, unsynced->entries, digest, sizeof *digest, entry);
	return entry != NULL;
}

/* True when the list is so long that it should be worked off. */
static bool add_unsynced(
    struct unsynced *unsynced, const struct digest *digest, uint64_t size, uint64_t stored)
{
	AUTO(unlock_p) pthread_mutex_t *held = lock(unsynced);
	struct unsynced_entry *entry;

	(void)held;
	HASH_FIND(hh, unsynced->entries, digest, sizeof *digest, entry);
	if (!entry) {
		entry = mem_alloc(sizeof *entry);
		entry->digest = *digest;
		HASH_ADD(hh, unsynced->entries, digest, sizeof entry->digest, entry);
	}
	entry->size = size;
	entry->stored = stored;
	return HASH_COUNT(unsynced->entries) >= UNSYNCED_MAX;
}

/* The folder of the name, made when it is not there. */
static int make_fan(struct store *store, const struct object_name *name,
    const struct digest *digest, int *ret_fd, struct err *err)
{
	int fd = object_open_fan(store, name);

	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP)) {
		if (store_move_aside(store, store->cas_fd, name->fan, name->fan, err) < 0)
			return -1;
		errno = ENOENT;
	}
	if (fd < 0 && errno == ENOENT) {
		atomic_store(&store->fan_synced[digest->bytes[0]], false);
		if (store->ops->make_folder(store->cas_fd, name->fan, 0700) < 0 && errno != EEXIST)
			return err_set_errno(
			    err, errno, "cannot create %s/cas/%s", store->folder, name->fan);
		fd = object_open_fan(store, name);
	}
	if (fd < 0)
		return err_set_errno(err, errno, "cannot open %s/cas/%s", store->folder, name->fan);
	*ret_fd = fd;
	return 0;
}

/* An object on its way in. */
struct put {
	struct codec_source source;
	struct digest digest;
	struct object_name name;
	int fan_fd, fd;
	char temporary[24]; /* in the store's own folder; empty when there is none */
	uint64_t stored;
	bool fresh; /* not there yet */
};

struct put_group {
	struct store *store;
	size_t count;
	struct put *puts;
	bool soon;
};

static void group_fini(struct put_group *group)
{
	for (size_t i = 0; i < group->count; i++) {
		struct put *put = &group->puts[i];

		if (put->temporary[0])
			(void)unlinkat(
			    group->store->own_fd, put->temporary, 0); /* or swept later */
		cleanup_close_p(&put->fd);
		cleanup_close_p(&put->fan_fd);
	}
	free(group->puts);
}

static void group_init(struct put_group *group, struct store *store, size_t count)
{
	*group = (struct put_group){
	    .store = store, .count = count, .puts = mem_alloc(count * sizeof *group->puts)};
	for (size_t i = 0; i < count; i++)
		group->puts[i].fd = group->puts[i].fan_fd = -1;
}

static int is_recorded(struct store *store, const struct digest *digest, struct err *err)
{
	AUTO_INDEX struct index *index = index_lock(store);
	AUTO_RESET sqlite3_stmt *statement = index_use(index, INDEX_OBJECT_FIND);

	index_bind_digest(statement, 1, digest);
	return index_step(store, statement, err);
}

/* Whether the name stands for a file of this object, as far as its header tells. */
static bool is_there(const struct put *put)
{
	AUTO_CLOSE int fd =
	    openat(put->fan_fd, put->name.file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct codec_reader *reader = NULL;
	struct err ignored; /* it is written anew */
	uint64_t size = 0;

	if (fd < 0 || codec_open(fd, &reader, &size, &ignored) < 0)
		return false;
	codec_close(reader);
	return size == put->source.size;
}

static int write_temporary(struct store *store, struct put *put, struct err *err)
{
	char name[sizeof put->temporary];

	(void)snprintf(
	    name, sizeof name, "%llu", (unsigned long long)atomic_fetch_add(&store->serial, 1));
	put->fd = store->ops->open(
	    store->own_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (put->fd < 0)
		return err_set_errno(err, errno, "cannot create a file in %s/tmp", store->folder);
	memcpy(put->temporary, name, sizeof name);
	return codec_encode(&put->source, &put->digest, store->ops, put->fd, &put->stored, err);
}

static int start(struct put_group *group, struct put *put, struct err *err)
{
	struct store *store = group->store;
	int recorded;

	if (put->source.size > STORE_OBJECT_MAX_BYTES)
		return err_set(err, ERR_FULL,
		    "an object of %llu bytes is too large: at most %llu are kept",
		    (unsigned long long)put->source.size,
		    (unsigned long long)STORE_OBJECT_MAX_BYTES);
	if (codec_digest(&put->source, &put->digest, err) < 0)
		return -1;
	object_name_init(&put->name, &put->digest);
	if (make_fan(store, &put->name, &put->digest, &put->fan_fd, err) < 0)
		return -1;
	recorded = is_recorded(store, &put->digest, err);
	if (recorded < 0)
		return -1;
	put->fresh = !is_there(put) ||
		     !(recorded || (group->soon && is_unsynced(&store->unsynced, &put->digest)));
	return put->fresh ? write_temporary(store, put, err) : 0;
}

static int finish_file(struct store *store, struct put *put, struct err *err)
{
	int failed = store->ops->rename(store->own_fd, put->temporary, put->fan_fd, put->name.file);

	if (failed < 0 && errno == EISDIR) { /* a folder stands where the file belongs */
		if (store_move_aside(store, put->fan_fd, put->name.file, put->name.hex, err) < 0)
			return -1;
		failed =
		    store->ops->rename(store->own_fd, put->temporary, put->fan_fd, put->name.file);
	}
	if (failed < 0)
		return err_set_errno(err, errno, "cannot name an object in %s/cas", store->folder);
	put->temporary[0] = 0;
	return 0;
}

static int name_files(struct put_group *group, struct err *err)
{
	for (size_t i = 0; i < group->count; i++)
		if (group->puts[i].fresh && finish_file(group->store, &group->puts[i], err) < 0)
			return -1;
	return 0;
}

static int sync_files(struct put_group *group, struct err *err)
{
	int fds[GROUP_MAX];
	size_t count = 0;

	for (size_t i = 0; i < group->count; i++)
		if (group->puts[i].fresh)
			fds[count++] = group->puts[i].fd;
	if (count && group->store->ops->sync(fds, count) < 0)
		return err_set_errno(err, errno, "cannot sync objects of %s", group->store->folder);
	return 0;
}

/* Makes durable what cas/ab lists and, for a new ab, what cas/ does. */
static int sync_names(struct put_group *group, struct err *err)
{
	struct store *store = group->store;
	bool seen[256] = {false}, new_fan = false;
	int fds[SYNC_TOGETHER_MAX];
	size_t count = 0;

	for (size_t i = 0; i < group->count; i++) {
		uint8_t fan = group->puts[i].digest.bytes[0];

		if (!group->puts[i].fresh || seen[fan])
			continue;
		seen[fan] = true;
		new_fan = new_fan || !atomic_load(&store->fan_synced[fan]);
		fds[count++] = group->puts[i].fan_fd;
	}
	if (new_fan)
		fds[count++] = store->cas_fd;
	if (count && store->ops->sync(fds, count) < 0)
		return err_set_errno(err, errno, "cannot sync %s/cas", store->folder);
	for (size_t fan = 0; fan < ARRAY_LENGTH(seen); fan++)
		if (seen[fan])
			atomic_store(&store->fan_synced[fan], true);
	return 0;
}

static int record_one(struct store *store, const struct put *put, struct err *err)
{
	sqlite3_stmt *statement = index_use(&store->index, INDEX_OBJECT_PUT);

	index_bind_digest(statement, 1, &put->digest);
	(void)sqlite3_bind_int64(
	    statement, 2, (int64_t)put->source.size); /* an integer always fits */
	(void)sqlite3_bind_int64(statement, 3, (int64_t)put->stored);
	(void)sqlite3_bind_int64(statement, 4, store_now_s(store));
	return index_run(store, statement, err);
}

static int record(struct put_group *group, struct err *err)
{
	struct store *store = group->store;
	size_t fresh = 0;

	for (size_t i = 0; i < group->count; i++)
		fresh += group->puts[i].fresh;
	if (fresh == 0)
		return 0;
	AUTO_INDEX struct index *index = index_lock(store);
	AUTO_TRANSACTION struct store *transaction = store;

	(void)index;
	(void)transaction;
	if (index_begin(store, err) < 0)
		return -1;
	for (size_t i = 0; i < group->count; i++)
		if (group->puts[i].fresh && record_one(store, &group->puts[i], err) < 0)
			return -1;
	return index_commit(store, err);
}

static int finish(struct put_group *group, struct err *err)
{
	struct store *store = group->store;
	bool long_list = false;

	if (!group->soon)
		return sync_files(group, err) < 0 || name_files(group, err) < 0 ||
			       sync_names(group, err) < 0 || record(group, err) < 0
			   ? -1
			   : 0;
	if (name_files(group, err) < 0)
		return -1;
	for (size_t i = 0; i < group->count; i++)
		if (group->puts[i].fresh)
			long_list = add_unsynced(&store->unsynced, &group->puts[i].digest,
			    group->puts[i].source.size, group->puts[i].stored);
	return long_list ? object_sync_all(store, err) : 0;
}

static void remember(struct put_group *group)
{
	struct store *store = group->store;

	for (size_t i = 0; i < group->count; i++) {
		const struct put *put = &group->puts[i];

		if (!put->fresh)
			pending_object_used(store, &put->digest);
		if (put->source.bytes && put->source.size <= MEMORY_OBJECT_MAX_BYTES)
			memory_put(&store->memory, &put->digest, put->source.bytes,
			    (size_t)put->source.size);
	}
}

static int not_kept(struct store *store, struct err *err)
{
	if (err->code == ERR_FULL)
		return err_prefix(err, "the store %s is full, free some space", store->folder);
	return err_prefix(err, "cannot keep an object");
}

/* At most GROUP_MAX. */
static int put_group(struct store *store, const struct codec_source *sources, size_t count,
    bool soon, struct digest *ret_digests, struct err *err)
{
	AUTO(group_fini) struct put_group group;
	int result = 0;

	group_init(&group, store, count);
	group.soon = soon;
	for (size_t i = 0; i < count && result == 0; i++) {
		group.puts[i].source = sources[i];
		result = start(&group, &group.puts[i], err);
	}
	if (result == 0)
		result = finish(&group, err);
	if (result < 0)
		return not_kept(store, err);
	remember(&group);
	for (size_t i = 0; i < count; i++)
		ret_digests[i] = group.puts[i].digest;
	return 0;
}

static int put_all(struct store *store, const struct store_bytes *objects, size_t count, bool soon,
    struct digest *ret_digests, struct err *err)
{
	AUTO_FREE struct digest *digests = mem_alloc((count + 1) * sizeof *digests);
	struct codec_source sources[GROUP_MAX];

	for (size_t done = 0, now; done < count; done += now) {
		now = count - done < GROUP_MAX ? count - done : GROUP_MAX;
		for (size_t i = 0; i < now; i++)
			sources[i] = (struct codec_source){
			    .bytes = objects[done + i].length ? objects[done + i].bytes : "",
			    .fd = -1,
			    .size = objects[done + i].length,
			};
		if (put_group(store, sources, now, soon, digests + done, err) < 0)
			return -1;
	}
	if (count)
		memcpy(ret_digests, digests, count * sizeof *digests);
	return 0;
}

int store_object_put_many(struct store *store, const struct store_bytes *objects, size_t count,
    struct digest *ret_digests, struct err *err)
{
	return put_all(store, objects, count, false, ret_digests, err);
}

int store_object_put(struct store *store, const void *bytes, size_t length,
    struct digest *ret_digest, struct err *err)
{
	struct store_bytes object = {.bytes = bytes, .length = length};

	return put_all(store, &object, 1, false, ret_digest, err);
}

int store_object_put_soon(struct store *store, const void *bytes, size_t length,
    struct digest *ret_digest, struct err *err)
{
	struct store_bytes object = {.bytes = bytes, .length = length};

	return put_all(store, &object, 1, true, ret_digest, err);
}

int store_object_put_fd(
    struct store *store, int fd, uint64_t size, struct digest *ret_digest, struct err *err)
{
	struct codec_source source = {.fd = fd, .size = size};

	return put_group(store, &source, 1, false, ret_digest, err);
}

/* Opens what a put "soon" left; `fresh` stays false when it is gone, moved aside or collected. */
static int reopen(
    struct store *store, const struct unsynced_entry *entry, struct put *put, struct err *err)
{
	put->digest = entry->digest;
	put->source.size = entry->size;
	put->stored = entry->stored;
	object_name_init(&put->name, &put->digest);
	if (make_fan(store, &put->name, &put->digest, &put->fan_fd, err) < 0)
		return -1;
	put->fd =
	    openat(put->fan_fd, put->name.file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	put->fresh = put->fd >= 0;
	return 0;
}

int object_sync_all(struct store *store, struct err *err)
{
	struct unsynced_entry *entries, *next;
	int result = 0;

	{
		AUTO(unlock_p) pthread_mutex_t *held = lock(&store->unsynced);

		(void)held;
		entries = next = TAKE_PTR(store->unsynced.entries);
	}
	while (next && result == 0) {
		AUTO(group_fini) struct put_group group;
		size_t count = 0;

		group_init(&group, store, GROUP_MAX);
		for (; next && count < GROUP_MAX && result == 0; next = next->hh.next)
			result = reopen(store, next, &group.puts[count++], err);
		if (result == 0 && (sync_files(&group, err) < 0 || sync_names(&group, err) < 0 ||
				       record(&group, err) < 0))
			result = -1;
	}
	free_entries(entries);
	return result < 0 ? not_kept(store, err) : 0;
}
