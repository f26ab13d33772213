#ifndef VENUSD_BUILD_MEMORY_H
#define VENUSD_BUILD_MEMORY_H

#include "venusd/build/build_internal.h"

/*
 * What is known of code beside its text. Any thread, blocking.
 *
 * Records stand in the store: under the digest of all that is known before compiling, what came
 * out, and which files and variables the compiler was seen to read meanwhile; a record counts only
 * while those are what they were. Failures are remembered in memory.
 */

#define BUILD_INPUTS_MAX 10000u

/* A file that the compiler read, or a variable ("env:NAME"). */
struct build_input {
	char *name;
	struct digest digest;
};
struct build_inputs {
	struct build_input *items;
	size_t count;
};
void build_inputs_fini(struct build_inputs *inputs);
/* Adds what a dep-info file names, but for files in `own_folder`, which is also where relative
 * names start. No such file: nothing is added. */
int build_inputs_add_dep_info(struct build_inputs *inputs, struct store *store,
    const char *dep_info, const char *own_folder, struct err *err);
int build_inputs_add(
    struct build_inputs *inputs, struct store *store, const char *path, struct err *err);
/* True if all are what they were. */
bool build_inputs_hold(const struct build_inputs *inputs, struct store *store);
/* `base` and the inputs' digests in one; `base` itself when there are none. */
struct digest build_inputs_digest(const struct build_inputs *inputs, const struct digest *base);

/* As JSON, for a record: a new reference; false if it is no such list. */
struct json_t;
struct json_t *build_inputs_pack(const struct build_inputs *inputs);
bool build_inputs_unpack(const struct json_t *list, struct build_inputs *inputs);

struct build_record {
	struct digest object; /* shared object */
	struct digest meta;   /* what a compiler needs to use it; zero: the object itself */
	char *symbol;	      /* NULL: none */
	char *diagnostics;    /* the compiler's lines of warnings, "" if none */
	struct build_inputs inputs;
};
void build_record_fini(struct build_record *record);
int build_record_put(struct store *store, const char *space, const struct digest *key,
    const struct build_record *record, struct err *err);
/* 1: found, and its objects are there and its inputs are what they were. 0: not. */
int build_record_get(struct store *store, const char *space, const struct digest *key,
    struct build_record *ret_record, struct err *err);

/* Calls for the text of each result under a key, newest first, until it returns true; unlike a
 * callback of the store's, it may use the store. 1: one did, 0: none. */
int build_results_find(struct store *store, const char *space, const struct digest *key,
    bool (*take)(struct store *store, const struct buf *text, void *payload), void *payload,
    struct err *err);

/* Failures: what the compiler said of a text. `diagnostics` of a get is owned by the caller. */
void build_failure_put(struct build *build, const struct digest *key, const char *diagnostics,
    const struct build_inputs *inputs);
char *build_failure_get(struct build *build, const struct digest *key);
bool build_failure_any(struct build *build);

/* The path of an object's bytes under `name`, in a folder of their own that lasts until
 * build_memory_trim at the earliest. Owned by the caller. */
char *build_materialise(
    struct build *build, const struct digest *object, const char *name, struct err *err);
/* No job runs: removes materialised files when there are many. */
void build_memory_trim(struct build *build);
void build_memory_fini(struct build *build);

#endif
