/*
 * Objects. A put is: digest; is it there and recorded; else a file in tmp/, its bytes synced,
 * renamed to its name, the folder of the name synced, a record. Several at once go through these
 * steps together: the write-back of all files is started before the first is waited for, a file
 * system's journal is then committed once for most of them, and the index gets one transaction.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "venusd/store/store_internal.h"

#define GROUP_MAX 32u /* bounds the descriptors, two an object */

struct object_name {
	char hex[DIGEST_HEX + 1], fan[3];
	const char *file; /* in hex */
};

static void name_init(struct object_name *name, const struct digest *digest)
{
	digest_to_hex(digest, name->hex);
	memcpy(name->fan, name->hex, 2);
	name->fan[2] = 0;
	name->file = name->hex + 2;
}

static int open_fan(struct store *store, const char *name)
{
	return openat(store->cas_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int no_object(const struct object_name *name, struct err *err)
{
	return err_set(err, ERR_NOT_FOUND, "object %s is not in the store", name->hex);
}

/* For reading: ERR_NOT_FOUND when it is not there. */
static int find_fan(
    struct store *store, const struct object_name *name, int *ret_fd, struct err *err)
{
	int fd = open_fan(store, name->fan);

	if (fd < 0 && errno == ENOENT)
		return no_object(name, err);
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP)) {
		if (store_move_aside(store, store->cas_fd, name->fan, name->fan, err) < 0)
			return -1;
		return err_set(err, ERR_CORRUPT, "%s/cas/%s is no folder; it was moved to %s/bad",
		    store->folder, name->fan, store->folder);
	}
	if (fd < 0)
		return err_set_errno(err, errno, "cannot open %s/cas/%s", store->folder, name->fan);
	*ret_fd = fd;
	return 0;
}

/* For writing: made when it is not there, and durable afterwards. */
static int make_fan(struct store *store, const struct object_name *name,
    const struct digest *digest, int *ret_fd, struct err *err)
{
	atomic_bool *synced = &store->fan_synced[digest->bytes[0]];
	int fd = open_fan(store, name->fan);

	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP)) {
		if (store_move_aside(store, store->cas_fd, name->fan, name->fan, err) < 0)
			return -1;
		errno = ENOENT;
	}
	if (fd < 0 && errno == ENOENT) {
		atomic_store(synced, false);
		if (store->ops->make_folder(store->cas_fd, name->fan, 0700) < 0 && errno != EEXIST)
			return err_set_errno(
			    err, errno, "cannot create %s/cas/%s", store->folder, name->fan);
		fd = open_fan(store, name->fan);
	}
	if (fd < 0)
		return err_set_errno(err, errno, "cannot open %s/cas/%s", store->folder, name->fan);
	if (!atomic_load(synced)) {
		if (store->ops->sync(store->cas_fd) < 0) {
			(void)err_set_errno(err, errno, "cannot sync %s/cas", store->folder);
			(void)close(fd); /* only opened */
			return -1;
		}
		atomic_store(synced, true);
	}
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
	bool fresh; /* to be written */
	bool known; /* there, and recorded */
};

struct put_group {
	struct store *store;
	size_t count;
	struct put *puts;
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

static int is_recorded(struct store *store, const struct put *put, struct err *err)
{
	AUTO_INDEX struct index *index = index_lock(store);
	AUTO_RESET sqlite3_stmt *statement = index_use(index, INDEX_OBJECT_FIND);

	index_bind_digest(statement, 1, &put->digest);
	return index_step(store, statement, err);
}

/* Whether the name stands for a file of this object, as far as its header tells. */
static bool is_there(struct put *put)
{
	AUTO_CLOSE int fd =
	    openat(put->fan_fd, put->name.file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct codec_reader *reader = NULL;
	struct stat status;
	struct err ignored; /* it is written anew */
	uint64_t size = 0;

	if (fd < 0 || fstat(fd, &status) < 0 || codec_open(fd, &reader, &size, &ignored) < 0)
		return false;
	codec_close(reader);
	put->stored = (uint64_t)status.st_size;
	return size == put->source.size;
}

static int write_temporary(struct store *store, struct put *put, bool more, struct err *err)
{
	char name[sizeof put->temporary];

	(void)snprintf(
	    name, sizeof name, "%llu", (unsigned long long)atomic_fetch_add(&store->serial, 1));
	put->fd = store->ops->open(
	    store->own_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (put->fd < 0)
		return err_set_errno(err, errno, "cannot create a file in %s/tmp", store->folder);
	memcpy(put->temporary, name, sizeof name);
	if (codec_encode(&put->source, &put->digest, store->ops, put->fd, &put->stored, err) < 0)
		return -1;
	if (more) /* only a start: the sync that counts comes later */
		(void)sync_file_range(put->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	return 0;
}

static int start(struct store *store, struct put *put, bool more, struct err *err)
{
	int recorded;

	if (put->source.size > STORE_OBJECT_MAX_BYTES)
		return err_set(err, ERR_FULL,
		    "an object of %llu bytes is too large: at most %llu are kept",
		    (unsigned long long)put->source.size,
		    (unsigned long long)STORE_OBJECT_MAX_BYTES);
	if (codec_digest(&put->source, &put->digest, err) < 0)
		return -1;
	name_init(&put->name, &put->digest);
	if (make_fan(store, &put->name, &put->digest, &put->fan_fd, err) < 0)
		return -1;
	put->fresh = !is_there(put);
	if (put->fresh)
		return write_temporary(store, put, more, err);
	recorded = is_recorded(store, put, err);
	put->known = recorded > 0;
	return recorded < 0 ? -1 : 0;
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

static int finish_files(struct put_group *group, struct err *err)
{
	struct store *store = group->store;
	bool synced[256] = {false};

	for (size_t i = 0; i < group->count; i++)
		if (group->puts[i].fresh && store->ops->sync(group->puts[i].fd) < 0)
			return err_set_errno(
			    err, errno, "cannot sync a file in %s/tmp", store->folder);
	for (size_t i = 0; i < group->count; i++)
		if (group->puts[i].fresh && finish_file(store, &group->puts[i], err) < 0)
			return -1;
	for (size_t i = 0; i < group->count; i++) {
		struct put *put = &group->puts[i];
		bool *done = &synced[put->digest.bytes[0]];

		if (put->known || *done)
			continue;
		if (store->ops->sync(put->fan_fd) < 0)
			return err_set_errno(
			    err, errno, "cannot sync %s/cas/%s", store->folder, put->name.fan);
		*done = true;
	}
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
		fresh += !group->puts[i].known;
	if (fresh == 0)
		return 0;
	AUTO_INDEX struct index *index = index_lock(store);
	AUTO_TRANSACTION struct store *transaction = store;

	(void)index;
	(void)transaction;
	if (index_begin(store, err) < 0)
		return -1;
	for (size_t i = 0; i < group->count; i++)
		if (!group->puts[i].known && record_one(store, &group->puts[i], err) < 0)
			return -1;
	return index_commit(store, err);
}

static void remember(struct put_group *group)
{
	struct store *store = group->store;

	for (size_t i = 0; i < group->count; i++) {
		const struct put *put = &group->puts[i];

		if (put->known)
			pending_object_used(store, &put->digest);
		if (put->source.bytes && put->source.size <= MEMORY_OBJECT_MAX_BYTES)
			memory_put(&store->memory, &put->digest, put->source.bytes,
			    (size_t)put->source.size);
	}
}

/* At most GROUP_MAX. */
static int put_group(struct store *store, const struct codec_source *sources, size_t count,
    struct digest *ret_digests, struct err *err)
{
	AUTO(group_fini)
	struct put_group group = {
	    .store = store, .count = count, .puts = mem_alloc(count * sizeof *group.puts)};
	int result = 0;

	for (size_t i = 0; i < count; i++) {
		group.puts[i].source = sources[i];
		group.puts[i].fd = group.puts[i].fan_fd = -1;
	}
	for (size_t i = 0; i < count && result == 0; i++)
		result = start(store, &group.puts[i], count > 1, err);
	if (result == 0)
		result = finish_files(&group, err);
	if (result == 0)
		result = record(&group, err);
	if (result < 0 && err->code == ERR_FULL)
		return err_prefix(err, "the store %s is full, free some space", store->folder);
	if (result < 0)
		return err_prefix(err, "cannot keep an object");
	remember(&group);
	for (size_t i = 0; i < count; i++)
		ret_digests[i] = group.puts[i].digest;
	return 0;
}

int store_object_put_many(struct store *store, const struct store_bytes *objects, size_t count,
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
		if (put_group(store, sources, now, digests + done, err) < 0)
			return -1;
	}
	if (count)
		memcpy(ret_digests, digests, count * sizeof *digests);
	return 0;
}

int store_object_put(struct store *store, const void *bytes, size_t length,
    struct digest *ret_digest, struct err *err)
{
	struct store_bytes object = {.bytes = bytes, .length = length};

	return store_object_put_many(store, &object, 1, ret_digest, err);
}

int store_object_put_fd(
    struct store *store, int fd, uint64_t size, struct digest *ret_digest, struct err *err)
{
	struct codec_source source = {.fd = fd, .size = size};

	return put_group(store, &source, 1, ret_digest, err);
}

static void forget(struct store *store, const struct digest *digest)
{
	AUTO_INDEX struct index *index = index_lock(store);
	sqlite3_stmt *statement = index_use(index, INDEX_OBJECT_FORGET);
	struct err ignored; /* a record of what is not there is replaced by the next put */

	index_bind_digest(statement, 1, digest);
	(void)index_run(store, statement, &ignored);
}

/* An object that is being read. */
struct object {
	struct store *store;
	const struct digest *digest;
	struct object_name name;
	int fan_fd, fd;
	struct codec_reader *reader;
	uint64_t size;
};

static void object_fini(struct object *object)
{
	codec_close(object->reader);
	cleanup_close_p(&object->fd);
	cleanup_close_p(&object->fan_fd);
}

/* Adds to an error which object it is about and, when it is damaged, moves that out of the way. */
static int spoiled(struct object *object, struct err *err)
{
	struct store *store = object->store;
	struct err moving;

	(void)err_prefix(err, "object %s", object->name.hex);
	if (err->code != ERR_CORRUPT)
		return -1;
	if (store_move_aside(store, object->fan_fd, object->name.file, object->name.hex, &moving) <
	    0)
		return err_prefix(err, "%s", moving.message);
	forget(store, object->digest);
	return -1;
}

static int object_open(struct object *object, struct err *err)
{
	struct store *store = object->store;

	name_init(&object->name, object->digest);
	if (find_fan(store, &object->name, &object->fan_fd, err) < 0)
		return -1;
	object->fd = openat(
	    object->fan_fd, object->name.file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (object->fd < 0 && errno == ENOENT)
		return no_object(&object->name, err);
	if (object->fd < 0 && (errno == ELOOP || errno == ENXIO)) {
		(void)err_set(err, ERR_CORRUPT, "is no file of an object");
		return spoiled(object, err);
	}
	if (object->fd < 0)
		return err_set_errno(err, errno, "cannot open %s/cas/%s/%s", store->folder,
		    object->name.fan, object->name.file);
	if (codec_open(object->fd, &object->reader, &object->size, err) < 0)
		return spoiled(object, err);
	return 0;
}

static int too_large(const struct object_name *name, size_t limit_bytes, struct err *err)
{
	return err_set(err, ERR_FULL, "object %s is larger than the limit of %zu bytes", name->hex,
	    limit_bytes);
}

int store_object_get(struct store *store, const struct digest *digest, size_t limit_bytes,
    struct buf *buf, struct err *err)
{
	AUTO(object_fini)
	struct object object = {.store = store, .digest = digest, .fan_fd = -1, .fd = -1};
	int in_memory = memory_get(&store->memory, digest, limit_bytes, buf);

	if (in_memory < 0) {
		name_init(&object.name, digest);
		return too_large(&object.name, limit_bytes, err);
	}
	if (in_memory == 0) {
		if (object_open(&object, err) < 0)
			return -1;
		if (object.size > limit_bytes)
			return too_large(&object.name, limit_bytes, err);
		buf_reserve(buf, (size_t)object.size);
		if (codec_decode(object.reader, digest, buf->data + buf->length, err) < 0) {
			buf->data[buf->length] = 0;
			return spoiled(&object, err);
		}
		memory_put(&store->memory, digest, buf->data + buf->length, (size_t)object.size);
		buf->length += (size_t)object.size;
		buf->data[buf->length] = 0;
	}
	pending_object_used(store, digest);
	return 0;
}

static int fill_memfd(struct object *object, int fd, struct err *err)
{
	size_t size = (size_t)object->size;
	void *map;
	int result;

	if (size == 0)
		return codec_decode(object->reader, object->digest, NULL, err);
	/* Memory is taken now, so that its lack is an error here and no SIGBUS later. */
	if (fallocate(fd, 0, 0, (off_t)size) < 0)
		return err_set_errno(err, errno, "cannot get %zu bytes of memory", size);
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return err_set_errno(err, errno, "cannot map %zu bytes of memory", size);
	result = codec_decode(object->reader, object->digest, map, err);
	(void)munmap(map, size); /* a mapping of ours */
	return result;
}

int store_object_get_memfd(struct store *store, const struct digest *digest, int *ret_fd,
    uint64_t *ret_size, struct err *err)
{
	AUTO(object_fini)
	struct object object = {.store = store, .digest = digest, .fan_fd = -1, .fd = -1};
	AUTO_CLOSE int fd = -1;

	if (object_open(&object, err) < 0)
		return -1;
	fd = memfd_create("venus-object", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return err_set_errno(err, errno, "cannot create a memory file");
	if (fill_memfd(&object, fd, err) < 0)
		return spoiled(&object, err);
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return err_set_errno(err, errno, "cannot seal a memory file");
	pending_object_used(store, digest);
	*ret_size = object.size;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

bool store_object_has(struct store *store, const struct digest *digest)
{
	struct object_name name;
	struct stat status;
	AUTO_CLOSE int fan_fd = -1;

	name_init(&name, digest);
	fan_fd = open_fan(store, name.fan);
	return fan_fd >= 0 && fstatat(fan_fd, name.file, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(status.st_mode);
}
