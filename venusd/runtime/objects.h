#ifndef VENUSD_RUNTIME_OBJECTS_H
#define VENUSD_RUNTIME_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "venusd/runtime/rt.h"

/* The shared objects that are loaded, by the numbers that venusd gave them, and the runtime crate's
 * entry points. Nothing is unloaded: Rust code cannot stand it. Main thread only. */

struct objects;

struct objects_runtime { /* all NULL until the runtime crate is loaded */
	uint32_t (*abi)(void);
	void (*init)(void);
	void (*call)(const struct venus_rt_call *call, struct venus_rt_outcome *ret_outcome);
	void (*outcome_fini)(struct venus_rt_outcome *outcome);
	void *(*decode)(const void *glue, const uint8_t *data, size_t length);
	bool (*drop)(const void *glue, void *value);
};

struct objects_source {
	int fd;		  /* a memory file; or -1 and */
	const char *name; /* a bare file name, found where the dynamic linker looks */
	bool global;	  /* its symbols serve what is loaded later */
	bool runtime;	  /* it is the runtime crate */
};

struct objects *objects_new(void);
void objects_free(struct objects *objects); /* the table; what was loaded stays */
bool objects_has(const struct objects *objects, uint32_t number);
/* ERR_INVALID: the dynamic linker's words, or the runtime crate is not the one that belongs to this
 * program. The number stays free. */
int objects_load(
    struct objects *objects, uint32_t number, const struct objects_source *source, struct err *err);
/* ERR_NOT_FOUND: no such object, or it has no such symbol. Symbols of what it was linked with do
 * not count. */
int objects_symbol(const struct objects *objects, uint32_t number, const char *symbol,
    const void **ret_address, struct err *err);
/* NULL if the runtime crate is not loaded. */
const struct objects_runtime *objects_runtime(const struct objects *objects);

#endif
