#ifndef VENUSD_SESSION_EXEC_INTERNAL_H
#define VENUSD_SESSION_EXEC_INTERNAL_H

#include "common/frame.h"
#include "venusd/session/session_internal.h"

struct exec {
	uv_timer_t timer; /* first: freeing the handle frees the exec */
	struct session *session;
	struct slot *slot; /* NULL once its worker is gone */
	struct store *store;
	struct exec_request request;
	struct source *source;
	exec_on_output *on_output;
	exec_on_end *on_end;
	void *payload;

	size_t object_index, input_index;
	const struct build_library
	    *library;	      /* of the object that is being loaded, NULL for cells and glue */
	struct digest object; /* being loaded or decoded */
	uint64_t *numbers;    /* of the inputs' values in the worker */
	uint64_t result_number;

	/* What pool work gives. */
	bool in_pool, fetch_failed;
	int fetched;
	uint64_t fetched_size;
	struct err err;

	bool running, timed_out, ended;
	struct buf output[CHILD_STREAM_COUNT];
	bool cut[CHILD_STREAM_COUNT];
	Venus__Worker__FromWorker *done;
	int done_fds[FRAME_FDS];
	size_t done_fd_count;
	char **built; /* files that its code was compiled from: copies, as recording may outlive the
			 run and what was built for it */
	size_t built_count;
	execution *record;
	Venus__V1__Output *shown;
};

/* exec_trace.c. Copies what recording needs of the build. */
void exec_take_built(struct exec *exec);
/* Pool work: what it saw, and notes of what cannot be compared later. */
int exec_record_trace(struct exec *exec, execution *record, struct err *err);
/* exec_record.c. Pool work: puts everything into the store; fills record and shown, or sets
 * fetch_failed and err. */
void exec_record(void *payload);
/* What a Done that is not OK says, placed. */
problem *exec_problem(const struct exec *exec);

#endif
