/* What a run tells: its events, and what the session remembers of each cell. */

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "venusd/session/run_internal.h"

void run_warn(struct run *run, problem *warning)
{
	Venus__V1__Event *event = event_new(run->id, VENUS__V1__EVENT__KIND_WARNING);

	event->warning = warning;
	if (run->inspect)
		venus__v1__event__free_unpacked(event, NULL);
	else
		(void)event_log_add(run->session, event);
}

void run_output(struct run *run, size_t cell, bool is_stderr, const char *bytes, size_t length)
{
	for (size_t at = 0; at < length && !run->inspect; at += LIMIT_OUTPUT_CHUNK) {
		size_t size = length - at < LIMIT_OUTPUT_CHUNK ? length - at : LIMIT_OUTPUT_CHUNK;
		Venus__V1__Event *event = event_new(run->id, VENUS__V1__EVENT__KIND_CELL_OUTPUT);

		event->cell_output = mem_alloc(sizeof *event->cell_output);
		venus__v1__cell_output__init(event->cell_output);
		message_set_text(
		    &event->cell_output->cell, run->source->notebook->cells[cell].name);
		event->cell_output->is_stderr = is_stderr;
		message_set_bytes(&event->cell_output->text, bytes + at, size);
		(void)event_log_add(run->session, event);
	}
}

static struct cell *session_cell(struct session *session, const char *name)
{
	struct cell *cell;

	HASH_FIND_STR(session->cells, name, cell);
	if (!cell) {
		cell = mem_alloc(sizeof *cell);
		cell->name = mem_strdup(name);
		cell->status = VENUS__V1__CELL_STATUS__NEVER_RUN;
		HASH_ADD_KEYPTR(hh, session->cells, cell->name, strlen(cell->name), cell);
	}
	return cell;
}

void run_tell_started(struct run *run, size_t cell, Venus__V1__CellStarted__Action action)
{
	const char *name = run->source->notebook->cells[cell].name;
	Venus__V1__Event *event;

	if (run->cells[cell].told[action]) /* a second try, after something was made again */
		return;
	run->cells[cell].told[action] = true;
	event = event_new(run->id, VENUS__V1__EVENT__KIND_CELL_STARTED);

	event->cell_started = mem_alloc(sizeof *event->cell_started);
	venus__v1__cell_started__init(event->cell_started);
	message_set_text(&event->cell_started->cell, name);
	event->cell_started->action = action;
	session_cell(run->session, name)->status =
	    action == VENUS__V1__CELL_STARTED__ACTION__COMPILE ? VENUS__V1__CELL_STATUS__COMPILING
							       : VENUS__V1__CELL_STATUS__RUNNING;
	(void)event_log_add(run->session, event);
}

static void remember(
    struct run *run, size_t index, problem *error, bool cached, const Venus__V1__Output *output)
{
	struct cell *cell = session_cell(run->session, run->source->notebook->cells[index].name);
	struct run_cell *now = &run->cells[index];

	problem_free(cell->error);
	cell->error = error ? problem_copy(error) : NULL;
	cell->status = now->status;
	cell->cached = cached;
	cell->key = now->key;
	free(cell->why);
	cell->why = mem_strdup(now->why);
	if (!output && !now->execution)
		return; /* it failed: what it gave before is still there to be looked at */
	if (cell->output)
		venus__v1__output__free_unpacked(cell->output, NULL);
	cell->output = output ? output_copy(output) : NULL;
	execution_free(cell->execution);
	cell->execution = execution_copy(now->execution);
}

static void count_cell(struct run *run, Venus__V1__CellStatus status, bool cached)
{
	run->counts.ok += status == VENUS__V1__CELL_STATUS__OK;
	run->counts.cached += status == VENUS__V1__CELL_STATUS__OK && cached;
	run->counts.failed += status == VENUS__V1__CELL_STATUS__FAILED;
	run->counts.skipped += status == VENUS__V1__CELL_STATUS__SKIPPED;
	run->counts.cancelled += status == VENUS__V1__CELL_STATUS__CANCELLED;
}

static Venus__V1__CellFinished *finished_message(
    struct run *run, size_t index, problem *error, bool cached, Venus__V1__Output *output)
{
	Venus__V1__CellFinished *message = mem_alloc(sizeof *message);
	const struct run_cell *cell = &run->cells[index];
	const execution *record = cell->execution;

	venus__v1__cell_finished__init(message);
	message_set_text(&message->cell, run->source->notebook->cells[index].name);
	message->status = cell->status;
	message->cached = cached;
	message->asked = cell->asked;
	message->error = error;
	if (output) {
		message->outputs = mem_alloc(sizeof(Venus__V1__Output *));
		message->outputs[message->n_outputs++] = output;
	}
	if (!record)
		return message;
	message->duration_us = record->duration_us;
	message->memory_only = record->memory_only;
	message->widgets = mem_alloc((record->n_widgets + 1) * sizeof(Venus__V1__Widget *));
	for (size_t i = 0; i < record->n_widgets; i++)
		message->widgets[message->n_widgets++] = widget_from_record(record->widgets[i]);
	return message;
}

void run_cell_done(struct run *run, size_t index, Venus__V1__CellStatus status, problem *error,
    bool cached, Venus__V1__Output *output)
{
	struct run_cell *cell = &run->cells[index];
	const struct notebook_cell *info = &run->source->notebook->cells[index];
	Venus__V1__Event *event;

	cell->phase = RUN_CELL_DONE;
	cell->status = status;
	if (error && !error->cell[0])
		message_set_text(&error->cell, info->name);
	if (error && !error->line)
		problem_set_range(error, run->source->notebook, info->name_range);
	if (run->inspect) { /* looking changes nothing */
		if (error) {
			free(cell->why);
			cell->why = mem_strdup(error->message);
		}
		problem_free(error);
		cell->output = output;
		return;
	}
	count_cell(run, status, cached);
	remember(run, index, error, cached, output);
	event = event_new(run->id, VENUS__V1__EVENT__KIND_CELL_FINISHED);
	event->cell_finished = finished_message(run, index, error, cached, output);
	(void)event_log_add(run->session, event);
}
