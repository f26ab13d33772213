#ifndef VENUSD_SESSION_RUN_INTERNAL_H
#define VENUSD_SESSION_RUN_INTERNAL_H

#include "venusd/session/session_internal.h"

#define LIMIT_BUILD_ROUNDS 8u
#define AGAIN_MAX	   3u	 /* how often a cell is executed for its value alone */
#define PATIENCE_MS	   1000u /* how long a submitter waits for what is kept to be looked up */

enum run_phase {
	RUN_CELL_UNNEEDED,
	RUN_CELL_WAITING, /* it is not known yet whether it must be executed */
	RUN_CELL_MISS,	  /* it must */
	RUN_CELL_AGAIN, /* its result is known, but its value is needed and cannot be brought back:
			   executed again, silently */
	RUN_CELL_DONE
};

struct run_cell {
	enum run_phase phase;
	bool asked;
	bool told[3];		      /* a cell_started with that action */
	Venus__V1__CellStatus status; /* once it is done */
	execution *execution;	      /* once it is done and ok; owned */
	struct digest key;
	struct plan_setting *settings; /* that the key holds: what it is executed with; owned */
	size_t setting_count;
	char *why; /* it is or was executed, or is reused */
	const struct build_cell *code;
	Venus__V1__Output *output; /* of an inspection: what is shown of it; owned */
	unsigned again;		   /* how often it was executed for its value only */
	execution *known;	   /* of an inspection: the execution that is told of; owned */
	bool *changed;		   /* of an inspection: which of the files that it saw differ now */
};

struct run {
	struct session *session;
	struct run **list, *prev, *next;
	uint8_t id[SESSION_ID_BYTES];
	uint8_t request[SESSION_ID_BYTES];
	uv_timer_t timer;    /* the run's time is up */
	uv_timer_t patience; /* the submitter has waited long enough for the answer */
	uint64_t start_ns;

	/* What was asked. */
	char **names;
	size_t name_count;
	bool release, fresh;
	uint64_t timeout_ms;
	Venus__V1__WidgetSetting **settings;
	size_t setting_count;
	bool inspect;

	session_on_submitted *on_submitted;
	session_on_details *on_details;
	void *payload;

	/* How it goes. */
	bool was_begun;		   /* by an earlier daemon */
	struct settings_kept kept; /* read with the source */
	struct source *source;
	struct build_options options;
	struct build_env *env;
	struct build_job *job;
	struct build_result *build;
	int64_t build_ns;	/* Unix time at which it began */
	struct run_cell *cells; /* one for each of the notebook's */
	struct exec *exec;
	size_t exec_cell;
	struct exec_request exec_request;
	struct slot *own_slot; /* of a cell with a memory limit */
	uint64_t first_seq;
	unsigned build_rounds;
	bool begun, compared, noted, in_pool, cancelled, timed_out, finished;
	Venus__V1__RunFinished counts;
};

/* run_submit.c: notes the request in the store; calls run_step when it is through. */
void run_note(struct run *run);
/* Submitting is answered once; `err` NULL: it goes on. */
void run_answer(struct run *run, const struct err *err);
/* run_begin.c */
void run_begin(struct run *run);
void exec_request_fini(struct exec_request *request);
/* run_execute.c: executes a cell; calls run_step when it is through. */
void run_execute(struct run *run, size_t cell);
/* run.c: the end: what is left is cancelled, the run is freed, the next one of the queue begins. */
void run_finish(struct run *run);
/* Takes a run out of its list and frees it, without a word. */
void run_leave(struct run *run);
/* run.c: the driver. Goes on with whatever is next; called after each step. */
void run_step(struct run *run);
void run_cell_done(struct run *run, size_t cell, Venus__V1__CellStatus status,
    problem *error /* taken, may be NULL */, bool cached,
    Venus__V1__Output *output /* taken, may be NULL */);
void run_warn(struct run *run, problem *warning /* taken */);
void run_output(struct run *run, size_t cell, bool is_stderr, const char *bytes, size_t length);
/* run_events.c */
void run_tell_started(struct run *run, size_t cell, Venus__V1__CellStarted__Action action);
/* resolve.c: looks up every waiting cell whose inputs are known; calls run_step when it is through.
 * False: there is none. */
bool run_resolve(struct run *run);
/* run_build.c: makes code for all that may have to be executed; calls run_step when it is through.
 */
void run_build(struct run *run);
/* details.c: compares what the executions that inspect tells of saw with what is there; calls
 * run_step when it is through. */
void run_compare(struct run *run);
/* What inspect gives. Owned by the caller. */
Venus__V1__InspectResult *run_details(struct run *run);

#endif
