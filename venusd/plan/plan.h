#ifndef VENUSD_PLAN_H
#define VENUSD_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "common/digest.h"
#include "common/err.h"
#include "record.pb-c.h"
#include "venusd/notebook/notebook.h"
#include "venusd/store/store.h"

/*
 * What has to be done: the key of each cell's execution, and whether a recorded execution may stand
 * for it. Blocking store look-ups; any thread, as nothing here keeps state but what the caller
 * passes.
 */

/* What each cell's text reaches: made once a notebook. */
struct plan_code;
int plan_code_new(const struct notebook *notebook, struct plan_code **ret_code, struct err *err);
void plan_code_free(struct plan_code *code);

/* Indexes of the definitions that a cell reaches, in file order; borrowed. */
const size_t *plan_reached(const struct plan_code *code, size_t cell, size_t *ret_count);

/* Whether a file that the notebook's code was compiled with (include_str!, mod) counts for a cell:
 * its name, without folder and extension, occurs in what the cell reaches, or in no text of the
 * notebook at all, so that one cannot tell. */
bool plan_names_file(const struct plan_code *code, size_t cell, const char *path);

struct plan_setting {
	char *id, *value;
};

/* The key of a cell's execution. `inputs` has one digest a parameter. `settings` are sorted by id.
 */
struct digest plan_key(const struct plan_code *code, size_t cell, const struct digest *environment,
    const struct digest *inputs, const struct plan_setting *settings, size_t setting_count);

/* What was found under a key. */
struct plan_found {
	Venus__Record__Execution
	    *execution; /* owned by the caller (venus__record__execution__free_unpacked), NULL: none
			   may be reused */
	char *why; /* owned: one line for people: what differs, "was never run with these inputs", …
		    */
};
void plan_found_fini(struct plan_found *found);

/* Looks for a recorded execution whose observed files are still as they were. */
int plan_find(
    struct store *store, const struct digest *key, struct plan_found *ret_found, struct err *err);
/* Records one, with every object that it names. */
int plan_record(struct store *store, const struct digest *key,
    const Venus__Record__Execution *execution, struct err *err);
/* How the file of an access is seen; false: that kind is not compared. */
bool plan_seen_kind(unsigned access_kind, enum store_file_kind *ret_kind);

#endif
