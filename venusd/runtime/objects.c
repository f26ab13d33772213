/*
 * A memory file is loaded through its descriptor's name below /proc/self/fd. Two facts about the
 * dynamic linker shape this. It takes a path that it has seen before for the object that it found
 * there then, so that each object gets a spelling of its own, made from its number with the slashes
 * and dots that the kernel skips. And panics that print a backtrace read the object's file once
 * more, so that the descriptor is kept, above those that cells get for their files.
 */
#include "venusd/runtime/objects.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <uthash.h>

#include "common/cleanup.h"
#include "common/mem.h"

#define KEPT_FD_LOW                                                                                \
	1024 /* select() does not reach it, and programs that count on select() do not get one */

struct object {
	UT_hash_handle hh;
	uint32_t number;
	void *handle;
};

struct objects {
	struct object *table;
	struct objects_runtime runtime;
	bool has_runtime;
};

struct objects *objects_new(void)
{
	return mem_alloc(sizeof(struct objects));
}

void objects_free(struct objects *objects)
{
	struct object *object, *next;

	if (!objects)
		return;
	HASH_ITER (hh, objects->table, object, next) {
		HASH_DEL(objects->table, object);
		free(object);
	}
	free(objects);
}

static struct object *find(const struct objects *objects, uint32_t number)
{
	struct object *object;

	HASH_FIND(hh, objects->table, &number, sizeof number, object);
	return object;
}

bool objects_has(const struct objects *objects, uint32_t number)
{
	return find(objects, number) != NULL;
}

const struct objects_runtime *objects_runtime(const struct objects *objects)
{
	return objects->has_runtime ? &objects->runtime : NULL;
}

/* "/proc/self/" and, for each bit of the number, "./" or "/": all spellings of one folder. */
static char *unique_path(uint32_t number, int fd)
{
	char spelling[2 * 32 + 1] = "";
	size_t at = 0;

	for (unsigned int bit = 0; bit < 32; bit++) {
		if (number & (1u << bit))
			spelling[at++] = '.';
		spelling[at++] = '/';
	}
	return mem_printf("/proc/self/%sfd/%d", spelling, fd);
}

static void *open_object(uint32_t number, const struct objects_source *source)
{
	int flags = RTLD_NOW | (source->global ? RTLD_GLOBAL : RTLD_LOCAL), kept;
	void *handle;

	if (source->fd < 0)
		return dlopen(source->name, flags);
	kept = fcntl(source->fd, F_DUPFD_CLOEXEC, KEPT_FD_LOW);
	{
		AUTO_FREE char *path = unique_path(number, kept >= 0 ? kept : source->fd);

		handle = dlopen(path, flags);
	}
	if (!handle && kept >= 0)
		(void)close(kept);
	return handle;
}

static int find_entries(void *handle, struct objects_runtime *ret_runtime, struct err *err)
{
	static const struct {
		const char *name;
		size_t offset;
	} entries[] = {
	    {"venus_rt_abi", offsetof(struct objects_runtime, abi)},
	    {"venus_rt_init", offsetof(struct objects_runtime, init)},
	    {"venus_rt_call", offsetof(struct objects_runtime, call)},
	    {"venus_rt_outcome_fini", offsetof(struct objects_runtime, outcome_fini)},
	    {"venus_rt_decode", offsetof(struct objects_runtime, decode)},
	    {"venus_rt_drop", offsetof(struct objects_runtime, drop)},
	};

	for (size_t i = 0; i < ARRAY_LENGTH(entries); i++) {
		void *address = dlsym(handle, entries[i].name);

		if (!address)
			return err_set(err, ERR_INVALID,
			    "the runtime crate does not have %s: it is not the one that belongs to "
			    "this venus-worker",
			    entries[i].name);
		memcpy((char *)ret_runtime + entries[i].offset, &address, sizeof address);
	}
	return 0;
}

static int init_runtime(struct objects *objects, void *handle, struct err *err)
{
	struct objects_runtime runtime = {0};
	uint32_t abi;

	if (objects->has_runtime)
		return err_set(err, ERR_INVALID, "the runtime crate is loaded already");
	if (find_entries(handle, &runtime, err) < 0)
		return -1;
	abi = runtime.abi();
	if (abi != VENUS_RT_ABI)
		return err_set(err, ERR_INVALID,
		    "the runtime crate speaks version %u of the worker's interface, this "
		    "venus-worker speaks %u",
		    abi, VENUS_RT_ABI);
	runtime.init();
	objects->runtime = runtime;
	objects->has_runtime = true;
	return 0;
}

int objects_load(
    struct objects *objects, uint32_t number, const struct objects_source *source, struct err *err)
{
	void *handle = open_object(number, source);
	struct object *object;

	if (!handle) {
		const char *why = dlerror();

		return err_set(err, ERR_INVALID, "cannot load object %u: %s", number,
		    why ? why : "no reason was given");
	}
	if (source->runtime && init_runtime(objects, handle, err) < 0)
		return -1;
	object = mem_alloc(sizeof *object);
	object->number = number;
	object->handle = handle;
	HASH_ADD(hh, objects->table, number, sizeof object->number, object);
	return 0;
}

/* dlsym also looks into what the object was linked with, where another cell's symbol of that name
 * may be. */
static bool is_own(void *handle, const void *address)
{
	struct link_map *owner = NULL, *own = NULL;
	Dl_info info;

	return dladdr1(address, &info, (void **)&owner, RTLD_DL_LINKMAP) != 0 &&
	       dlinfo(handle, RTLD_DI_LINKMAP, &own) == 0 && owner == own;
}

int objects_symbol(const struct objects *objects, uint32_t number, const char *symbol,
    const void **ret_address, struct err *err)
{
	struct object *object = find(objects, number);
	void *address;

	if (!object)
		return err_set(err, ERR_NOT_FOUND, "object %u is not loaded", number);
	address = dlsym(object->handle, symbol);
	if (!address || !is_own(object->handle, address))
		return err_set(err, ERR_NOT_FOUND, "object %u has no symbol %s", number, symbol);
	*ret_address = address;
	return 0;
}
