#ifndef VENUSD_BUILD_CELLS_H
#define VENUSD_BUILD_CELLS_H

#include "venusd/build/build_env.h"
#include "venusd/build/build_memory.h"
#include "venusd/build/rust_diagnostics.h"
#include "venusd/build/rust_text.h"

/* One build_cells call. build_cells.c has its theory of operation. */

enum cells_step {
	CELLS_LOOK_UP,
	CELLS_RUNTIME_COMPILE,
	CELLS_RUNTIME_KEEP,
	CELLS_UNIVERSE_WRITE,
	CELLS_UNIVERSE_COMPILE,
	CELLS_UNIVERSE_COMPILED,
	CELLS_UNIVERSE_LINK,
	CELLS_UNIVERSE_KEEP,
	CELLS_BATCH_WRITE,
	CELLS_BATCH_COMPILE,
	CELLS_BATCH_COMPILED,
	CELLS_BATCH_LINK,
	CELLS_BATCH_KEEP,
	CELLS_PLAIN_WRITE,
	CELLS_PLAIN_COMPILE,
	CELLS_PLAIN_COMPILED,
	CELLS_PLAIN_LINK,
	CELLS_PLAIN_KEEP,
	CELLS_RESULT,
	CELLS_STEP_COUNT
};

struct problems {
	Venus__V1__Problem **items;
	size_t count;
};
void problems_add(struct problems *problems, Venus__V1__Problem *problem);
void problems_fini(struct problems *problems);

/* A cell that was asked for. */
struct want {
	size_t cell;
	bool glue_only;
	size_t glue;	       /* index of its return type's glue */
	struct rust_file file; /* its generated text */
	char *symbol;
	struct digest key;
	struct build_record record;
	bool have, reused;
	bool failed;
	bool suspect;  /* failed in a way that the split may be at fault for; plain mode was not
			  asked yet */
	char *failure; /* the compiler's lines, of `file`; `record.inputs` has what it read */
	struct problems problems; /* in plain mode, or when the compiler itself failed */
};

struct glue {
	char *type, *symbol;
	struct digest key;
	struct build_record record;
	bool have, reused;
	char *failure; /* why there can be none, for people; NULL */
};

/* A crate that is being compiled. */
struct unit {
	struct rust_compile compile;
	struct rust_crate crate;
	char *folder;
	char tag[RUST_TAG_LENGTH + 1];
	size_t *wants; /* indexes, of a crate of cells; of a crate of glue, of glues */
	size_t want_count;
	bool compiled;
	size_t run; /* index of its program in the job's runs */
	char *diagnostics;
	struct build_inputs inputs;
};
void unit_fini(struct unit *unit);

struct cells_job {
	struct build_job job;
	struct build_env *env;
	const struct notebook *notebook; /* borrowed */
	char *folder;			 /* the notebook's */
	struct rust_settings settings;
	struct want *wants;
	size_t want_count, asked_count; /* the first asked_count ones are more than glue */
	struct glue *glues;
	size_t glue_count;

	struct digest runtime_key;
	struct build_record runtime;
	bool have_runtime;
	char *runtime_file;

	struct unit universe;
	struct digest universe_key, universe_identity;
	struct build_record universe_record;
	bool have_universe;

	struct unit *units; /* of this round */
	size_t unit_count;
	unsigned round;
	bool singly, glue_singly;
	char *universe_file;

	bool plain, plain_trial, plain_tried;
	unsigned plain_round;
	bool *plain_without; /* a flag a cell of the notebook */
	struct unit plain_unit;
	struct digest plain_key;
	struct build_record plain_record;
	struct problems *plain_problems; /* of each cell of the notebook */
	size_t plain_problem_count;
	bool plain_reused;

	struct problems problems; /* of the definitions */
	bool definitions_failed;
	struct build_result result;
	build_on_result *on_result;
	build_on_progress *on_progress;
	void *payload;
};

/* Digest of a word and other digests. */
struct digest cells_key(const char *word, const struct digest *a, const struct digest *b);
void cells_progress(const struct cells_job *cells, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Fills in what every unit's compiler needs. */
void cells_unit_init(
    struct cells_job *cells, struct unit *unit, enum rust_unit_kind kind, const struct digest *key);
/* Makes the unit's folder and writes its files there. */
int cells_unit_write(struct cells_job *cells, struct unit *unit, const char *name, struct err *err);
/* Takes what the compiler said. Sets `compiled`, `diagnostics` and `inputs`. */
int cells_unit_take(
    struct cells_job *cells, struct unit *unit, const struct build_run *run, struct err *err);
int cells_unit_link(struct cells_job *cells, struct unit *unit, struct err *err);
/* Puts a finished library (and .rmeta) into the store: `record` gets object and meta. */
int cells_unit_keep(
    struct cells_job *cells, const struct unit *unit, struct build_record *record, struct err *err);

/* Looks in the store, and among failures, for every cell and glue of the universe at hand. */
int cells_look_up_all(struct cells_job *cells, struct err *err);
/* The next step after a look-up. */
int cells_after_look_up(const struct cells_job *cells);

int cells_runtime_compile(struct build_job *job, struct err *err);
int cells_runtime_keep(struct build_job *job, struct err *err);
int cells_universe_write(struct build_job *job, struct err *err);
int cells_universe_compile(struct build_job *job, struct err *err);
int cells_universe_compiled(struct build_job *job, struct err *err);
int cells_universe_link(struct build_job *job, struct err *err);
int cells_universe_keep(struct build_job *job, struct err *err);
int cells_batch_write(struct build_job *job, struct err *err);
int cells_batch_compile(struct build_job *job, struct err *err);
int cells_batch_compiled(struct build_job *job, struct err *err);
int cells_batch_link(struct build_job *job, struct err *err);
int cells_batch_keep(struct build_job *job, struct err *err);
int cells_plain_write(struct build_job *job, struct err *err);
int cells_plain_compile(struct build_job *job, struct err *err);
int cells_plain_compiled(struct build_job *job, struct err *err);
int cells_plain_link(struct build_job *job, struct err *err);
int cells_plain_keep(struct build_job *job, struct err *err);
int cells_result(struct build_job *job, struct err *err);

/* Forgets a round's crates. */
void cells_units_clear(struct cells_job *cells);
/* The step after a round: plain mode where a failure calls for it, else the next round. */
int cells_after_batch(struct cells_job *cells);
/* Whether some cell of the notebook is known to need plain mode. */
int cells_plain_marked(struct cells_job *cells, bool *ret_marked, struct err *err);
struct digest cells_want_key(const struct cells_job *cells, const struct rust_file *file);

#endif
