#ifndef VENUS_CTL_RUN_STATE_H
#define VENUS_CTL_RUN_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "venus.pb-c.h"

/*
 * What a client knows of a run: which cells are done, how it ended, and so the exit code. It also
 * lets each cell's end through only once, and makes up for events that a slow follower lost.
 */
struct run_state {
	uint8_t id[16];
	bool names_known;
	char **names; /* of cells that will get a cell_finished */
	size_t name_count;
	char **done; /* those that got it */
	size_t done_count;
	uint32_t cells; /* announced */
	size_t ok, not_ok, source_problems;
	bool is_over;
	/* of the end */
	bool timed_out;
	Venus__V1__CellStatus status;
	uint32_t failed, skipped, cancelled;
};

/* ERR_UNAVAILABLE when the id has not 16 bytes. */
int run_state_init(struct run_state *state, const ProtobufCBinaryData *id, struct err *err);
void run_state_fini(struct run_state *state);
/* Notes an event. False: it is not of this run, or says again what was said; show nothing. */
bool run_state_event(struct run_state *state, const Venus__V1__Event *event);

/*
 * After a gap: calls `emit` with a cell_finished for each cell of the run that has come to its end
 * in `session` and was not reported, and with a run_finished when the session works on another run
 * or none. The events are valid during the call.
 */
int run_state_fill(struct run_state *state, const Venus__V1__SessionState *session,
    int (*emit)(void *payload, const Venus__V1__Event *event, struct err *err), void *payload,
    struct err *err);

/* 0, 1, 2 or 124 (command.h). `named_cells`: only some cells were asked. Nothing in a notebook can
 * be run (2) when it has no cells, or all were asked and each has a mistake in its source or graph,
 * or needs one that has. */
int run_state_exit(const struct run_state *state, bool named_cells);

#define AUTO_RUN_STATE __attribute__((cleanup(run_state_fini)))

#endif
