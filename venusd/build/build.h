#ifndef VENUSD_BUILD_H
#define VENUSD_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "common/digest.h"
#include "common/err.h"
#include "venus.pb-c.h"
#include "venusd/notebook/notebook.h"
#include "venusd/store/store.h"
#include "venusd/worker/spawner.h"

/*
 * From a notebook's cells to loadable code. Loop thread only; compilers run as children of
 * venus-spawn, blocking file work on the loop's thread pool. Callbacks come from the loop, never
 * from inside the call that asked.
 *
 * A notebook passed in is borrowed until the callback of the call has run.
 */

struct build;

struct build_settings {
	const char
	    *folder; /* for scratch files and crates' target folders, e.g. <cache>/build; created */
	const char *runtime_source; /* folder that holds the crate `venus`: share/venus/rust */
};

int build_open(uv_loop_t *loop, struct spawner *spawner, struct store *store,
    const struct build_settings *settings, struct build **ret_build, struct err *err);
/* Ends every compiler that runs; their callbacks do not come. */
void build_close(struct build *build);

/*
 * An environment: what a notebook's code is compiled with (toolchain, runtime crate, its crates).
 * Found without starting a process where it is known from before. Reference counted.
 */
struct build_env;
struct build_env *build_env_ref(struct build_env *env);
void build_env_unref(struct build_env *env); /* NULL is fine */
/* What an execution's key holds of it: toolchain identity, runtime crate, flags, Cargo.lock, files
 * of path crates. */
const struct digest *build_env_digest(const struct build_env *env);
/* One line for people: "rustc 1.95.0 (59807616e 2026-04-14), x86_64-unknown-linux-gnu, dev". */
const char *build_env_toolchain(const struct build_env *env);

struct build_options {
	const char
	    *path; /* the notebook's file, absolute; its folder is where relative paths start */
	bool release;
};

/* A call that is going on. Cancelling ends its compilers; the callback does not come. */
struct build_job;
void build_job_cancel(struct build_job *job);

/* Finds or makes the environment, which is borrowed during the callback: build_env_ref keeps it. On
 * failure `env` is NULL and `problem` (owned by the callee's caller: borrowed during the callback)
 * says why: no rustc on PATH, cargo's error with its place in the cargo block. `on_progress` may be
 * NULL. */
typedef void build_on_env(struct build_env *env, const Venus__V1__Problem *problem, void *payload);
typedef void build_on_progress(const char *text, void *payload);
int build_env_find(struct build *build, const struct notebook *notebook,
    const struct build_options *options, build_on_env *on_env, build_on_progress *on_progress,
    void *payload, struct build_job **ret_job, struct err *err);

/* A shared object to load. */
struct build_library {
	struct digest
	    object;   /* in the store; zero: load by `soname` from build_result.library_path */
	char *soname; /* NULL unless object is zero */
	bool runtime; /* the runtime crate */
};

struct build_cell {
	size_t cell; /* index in the notebook */
	bool ok;
	struct digest object; /* loaded RTLD_LOCAL, holds `symbol` */
	char *symbol;
	struct digest
	    glue_object; /* loaded RTLD_LOCAL, holds `glue_symbol`, for the cell's return type */
	char *glue_symbol;
	bool reused;		       /* no compiler ran for it */
	Venus__V1__Problem **problems; /* errors (ok is false), then warnings */
	size_t problem_count;
	char **inputs; /* files that its code was compiled from beside the notebook (include_str!):
			  absolute paths. Those of all cells that were compiled together */
	size_t input_count;
};

struct build_result {
	struct build_library
	    *libraries; /* loaded RTLD_GLOBAL, in this order: std, runtime, universe */
	size_t library_count;
	char *library_path;	  /* folder of libstd */
	struct digest universe;	  /* two results with the same one may share a worker; with another
				     one may not */
	struct build_cell *cells; /* one for each asked */
	size_t cell_count;
	Venus__V1__Problem **
	    problems; /* of the definitions: errors keep every cell from running; warnings do not */
	size_t problem_count;
	char **inputs; /* as above, of the definitions */
	size_t input_count;
};

/* Makes code for cells (none of them broken) and for the glue of `glue_only` cells' return types
 * (cells whose kept values are to be decoded; they get a build_cell too, with only the glue fields,
 * after the others). Everything that is in the store is reused. The result is borrowed during the
 * callback; build_result_take leaves it empty. `err` is set, and result NULL, when building itself
 * failed (disk, no rustc …). */
typedef void build_on_result(struct build_result *result, const struct err *err, void *payload);
int build_cells(struct build *build, struct build_env *env, const struct notebook *notebook,
    const struct build_options *options, const size_t *cells, size_t cell_count,
    const size_t *glue_only, size_t glue_only_count, build_on_result *on_result,
    build_on_progress *on_progress, void *payload, struct build_job **ret_job, struct err *err);
void build_result_fini(struct build_result *result);
static inline struct build_result build_result_take(struct build_result *result)
{
	struct build_result taken = *result;

	*result = (struct build_result){0};
	return taken;
}

/* Where a place that code of `cell` reported (a panic's file, line and column) is in this notebook.
 * False: not in the notebook. */
bool build_place(const struct notebook *notebook, const struct build_options *options, size_t cell,
    const char *file, uint32_t line, uint32_t column, struct notebook_place *ret_place);

#endif
