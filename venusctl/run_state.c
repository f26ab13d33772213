#include "venusctl/run_state.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "venusctl/command.h"

#define NAMES_MAX 100000 /* cells of a run that are remembered */

int run_state_init(struct run_state *state, const ProtobufCBinaryData *id, struct err *err)
{
	memset(state, 0, sizeof *state);
	if (id->len != sizeof state->id)
		return err_set(err, ERR_UNAVAILABLE,
		    "venusd sent a run id of %zu bytes instead of %zu", id->len, sizeof state->id);
	memcpy(state->id, id->data, sizeof state->id);
	return 0;
}

static void free_names(char **names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

void run_state_fini(struct run_state *state)
{
	free_names(state->names, state->name_count);
	free_names(state->done, state->done_count);
	memset(state, 0, sizeof *state);
}

static size_t count_name(char *const *names, size_t count, const char *name)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++)
		found += strcmp(names[i], name) == 0;
	return found;
}

/* Two cells may have one name by mistake: each gets its end. */
static bool all_done(const struct run_state *state, const char *name)
{
	size_t done = count_name(state->done, state->done_count, name);

	return done && done >= count_name(state->names, state->name_count, name);
}

static bool is_of_run(const struct run_state *state, const ProtobufCBinaryData *id)
{
	return id->len == sizeof state->id && memcmp(id->data, state->id, id->len) == 0;
}

static void note_started(struct run_state *state, const Venus__V1__RunStarted *run)
{
	state->cells = run->cells;
	state->names_known = true;
	for (size_t i = 0; i < run->n_names && i < NAMES_MAX; i++)
		*MEM_PUSH(state->names, state->name_count) = mem_strdup(run->names[i]);
}

static bool is_source_problem(const Venus__V1__Problem *problem)
{
	return problem && (problem->kind == VENUS__V1__PROBLEM__KIND__SYNTAX ||
			      problem->kind == VENUS__V1__PROBLEM__KIND__GRAPH);
}

static bool note_finished(struct run_state *state, const Venus__V1__CellFinished *cell)
{
	if (all_done(state, cell->cell) || state->done_count >= NAMES_MAX)
		return false;
	*MEM_PUSH(state->done, state->done_count) = mem_strdup(cell->cell);
	if (cell->status == VENUS__V1__CELL_STATUS__OK)
		state->ok++;
	else if (is_source_problem(cell->error))
		state->source_problems++;
	else if (!cell->error || cell->error->kind != VENUS__V1__PROBLEM__KIND__UPSTREAM)
		state->not_ok++;
	return true;
}

static void note_over(struct run_state *state, const Venus__V1__RunFinished *run)
{
	state->is_over = true;
	state->timed_out = run->timed_out;
	state->status = run->status;
	state->failed = run->failed;
	state->skipped = run->skipped;
	state->cancelled = run->cancelled;
}

bool run_state_event(struct run_state *state, const Venus__V1__Event *event)
{
	if (!is_of_run(state, &event->run) || state->is_over)
		return false;
	switch (event->kind_case) {
	case VENUS__V1__EVENT__KIND_RUN_STARTED:
		if (state->names_known)
			return false;
		note_started(state, event->run_started);
		return true;
	case VENUS__V1__EVENT__KIND_CELL_FINISHED:
		return note_finished(state, event->cell_finished);
	case VENUS__V1__EVENT__KIND_RUN_FINISHED:
		note_over(state, event->run_finished);
		return true;
	default: return true;
	}
}

static bool is_end(Venus__V1__CellStatus status)
{
	return status == VENUS__V1__CELL_STATUS__OK || status == VENUS__V1__CELL_STATUS__FAILED ||
	       status == VENUS__V1__CELL_STATUS__SKIPPED ||
	       status == VENUS__V1__CELL_STATUS__CANCELLED;
}

static void init_event(Venus__V1__Event *event, struct run_state *state)
{
	venus__v1__event__init(event);
	event->run = (ProtobufCBinaryData){sizeof state->id, state->id};
}

static int emit_cell(struct run_state *state, const Venus__V1__CellState *cell,
    int (*emit)(void *payload, const Venus__V1__Event *event, struct err *err), void *payload,
    struct err *err)
{
	Venus__V1__CellFinished finished = VENUS__V1__CELL_FINISHED__INIT;
	Venus__V1__Event event;

	init_event(&event, state);
	event.kind_case = VENUS__V1__EVENT__KIND_CELL_FINISHED;
	event.cell_finished = &finished;
	finished.cell = cell->name;
	finished.status = cell->status;
	finished.cached = cell->cached;
	finished.outputs = cell->outputs;
	finished.n_outputs = cell->n_outputs;
	finished.error = cell->error;
	finished.asked = true;
	return run_state_event(state, &event) ? emit(payload, &event, err) : 0;
}

static void count_cell(Venus__V1__RunFinished *run, const Venus__V1__CellState *cell)
{
	switch (cell->status) {
	case VENUS__V1__CELL_STATUS__OK:
		run->ok++;
		run->cached += cell->cached ? 1 : 0;
		break;
	case VENUS__V1__CELL_STATUS__FAILED: run->failed++; break;
	case VENUS__V1__CELL_STATUS__SKIPPED: run->skipped++; break;
	default: run->cancelled++; break;
	}
}

int run_state_fill(struct run_state *state, const Venus__V1__SessionState *session,
    int (*emit)(void *payload, const Venus__V1__Event *event, struct err *err), void *payload,
    struct err *err)
{
	Venus__V1__RunFinished over = VENUS__V1__RUN_FINISHED__INIT;
	Venus__V1__Event event;

	for (size_t i = 0; i < session->n_cells; i++) {
		const Venus__V1__CellState *cell = session->cells[i];

		if (state->names_known && !count_name(state->names, state->name_count, cell->name))
			continue;
		count_cell(&over, cell);
		if (is_end(cell->status) && emit_cell(state, cell, emit, payload, err) < 0)
			return -1;
	}
	if (is_of_run(state, &session->run))
		return 0;
	init_event(&event, state);
	event.kind_case = VENUS__V1__EVENT__KIND_RUN_FINISHED;
	event.run_finished = &over;
	over.status = over.cancelled		    ? VENUS__V1__CELL_STATUS__CANCELLED
		      : over.failed || over.skipped ? VENUS__V1__CELL_STATUS__FAILED
						    : VENUS__V1__CELL_STATUS__OK;
	return run_state_event(state, &event) ? emit(payload, &event, err) : 0;
}

int run_state_exit(const struct run_state *state, bool named_cells)
{
	if (state->timed_out)
		return EXIT_TIMEOUT;
	if (state->status == VENUS__V1__CELL_STATUS__OK && !state->failed && !state->skipped &&
	    !state->cancelled)
		return state->names_known && !state->cells && !state->ok ? EXIT_USAGE : EXIT_DONE;
	if (!named_cells && state->source_problems && !state->ok && !state->not_ok)
		return EXIT_USAGE;
	return EXIT_CELL;
}
