/*
 * Objects on their way out. Whatever stands under an object's name is opened without following a
 * link, must be a file, and is decoded and verified as codec.c says; what fails that is moved to
 * bad/ under its digest, and its record goes.
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

void object_name_init(struct object_name *name, const struct digest *digest)
{
	digest_to_hex(digest, name->hex);
	memcpy(name->fan, name->hex, 2);
	name->fan[2] = 0;
	name->file = name->hex + 2;
}

int object_open_fan(struct store *store, const struct object_name *name)
{
	return openat(store->cas_fd, name->fan, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int no_object(const struct object_name *name, struct err *err)
{
	return err_set(err, ERR_NOT_FOUND, "object %s is not in the store", name->hex);
}

/* For reading: ERR_NOT_FOUND when it is not there. */
static int find_fan(
    struct store *store, const struct object_name *name, int *ret_fd, struct err *err)
{
	int fd = object_open_fan(store, name);

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

	object_name_init(&object->name, object->digest);
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
		object_name_init(&object.name, digest);
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

	object_name_init(&name, digest);
	fan_fd = object_open_fan(store, &name);
	return fan_fd >= 0 && fstatat(fan_fd, name.file, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(status.st_mode);
}
