/*
 * A run: from a request to the last cell_finished. The driver is run_step, called after each thing
 * that was waited for; it does what is next:
 *
 *   read      the revision (at once on submitting, so that what cannot be read is refused)
 *   begin     when it is the first in its session's queue: which cells are needed
 *   environment, resolve, build, execute, until no needed cell is left
 *   finish
 *
 * A cell's phases: waiting → done (a kept result, a failed producer), or waiting → miss → done.
 * Only one thing of a run is under way at a time: pool work (in_pool), a build job (job), or an
 * execution (exec).
 */

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/log.h"
#include "common/mem.h"
#include "venusd/session/run_internal.h"

bool run_is(const struct run *run, const uint8_t id[SESSION_ID_BYTES])
{
	return memcmp(run->id, id, SESSION_ID_BYTES) == 0;
}

struct run *run_next(struct run *run)
{
	return run->next;
}

static void on_env(struct build_env *env, const Venus__V1__Problem *error, void *payload)
{
	struct run *run = payload;
	const struct notebook *notebook = run->source->notebook;

	run->job = NULL;
	if (env) {
		run->env = build_env_ref(env);
	} else {
		run_warn(run, problem_copy(error));
		for (size_t i = 0; i < notebook->cell_count; i++)
			if (run->cells[i].phase == RUN_CELL_WAITING)
				run_cell_done(run, i, VENUS__V1__CELL_STATUS__FAILED,
				    problem_copy(error), false, NULL);
	}
	run_step(run);
}

static void on_env_progress(const char *text, void *payload)
{
	struct run *run = payload;
	Venus__V1__Event *event;

	if (run->inspect)
		return;
	run_answer(run, NULL);
	event = event_new(run->id, VENUS__V1__EVENT__KIND_BUILD_PROGRESS);
	event->build_progress = mem_alloc(sizeof *event->build_progress);
	venus__v1__build_progress__init(event->build_progress);
	message_set_text(&event->build_progress->text, text);
	(void)event_log_add(run->session, event);
}

static void find_env(struct run *run)
{
	struct err err;

	if (build_env_find(run->session->all->settings.build, run->source->notebook, &run->options,
		on_env, on_env_progress, run, &run->job, &err) < 0) {
		problem *error =
		    problem_new(VENUS__V1__PROBLEM__KIND__INTERNAL, NULL, "%s", err.message);

		on_env(NULL, error, run);
		problem_free(error);
	}
}

/* Why a cell cannot run: the first producer that failed. NULL: none did. */
static const char *failed_producer(const struct run *run, size_t index)
{
	const struct notebook_cell *info = &run->source->notebook->cells[index];

	for (size_t i = 0; i < info->param_count; i++) {
		const struct run_cell *from =
		    info->params[i].producer < 0 ? NULL : &run->cells[info->params[i].producer];

		if (from && from->phase == RUN_CELL_DONE &&
		    from->status != VENUS__V1__CELL_STATUS__OK)
			return run->source->notebook->cells[info->params[i].producer].name;
	}
	return NULL;
}

static void skip_cells(struct run *run)
{
	const struct notebook *notebook = run->source->notebook;
	bool again = true;

	while (again) {
		again = false;
		for (size_t i = 0; i < notebook->cell_count; i++) {
			const char *because = NULL;
			problem *error;

			if (run->cells[i].phase == RUN_CELL_WAITING ||
			    run->cells[i].phase == RUN_CELL_MISS)
				because = failed_producer(run, i);
			if (!because)
				continue;
			error = problem_new(VENUS__V1__PROBLEM__KIND__UPSTREAM,
			    notebook->cells[i].name, "not run because `%s` has no value", because);
			message_set_text(&error->because, because);
			run_cell_done(run, i, VENUS__V1__CELL_STATUS__SKIPPED, error, false, NULL);
			again = true;
		}
	}
}

static bool inputs_done(const struct run *run, size_t index)
{
	const struct notebook_cell *info = &run->source->notebook->cells[index];

	for (size_t i = 0; i < info->param_count; i++)
		if (run->cells[info->params[i].producer].phase != RUN_CELL_DONE)
			return false;
	return true;
}

/* The first cell in order that can be executed now. False: there is none. */
static bool next_cell(const struct run *run, size_t *ret_cell)
{
	const struct notebook *notebook = run->source->notebook;

	for (size_t i = 0; i < notebook->order_count; i++) {
		size_t cell = notebook->order[i];
		enum run_phase phase = run->cells[cell].phase;

		if ((phase == RUN_CELL_MISS || phase == RUN_CELL_AGAIN) && inputs_done(run, cell)) {
			*ret_cell = cell;
			return true;
		}
	}
	return false;
}

/* Code is missing for a cell that is to be executed, or the glue of one whose value it takes. */
static bool lacks_code(const struct run *run, size_t index)
{
	const struct notebook_cell *info = &run->source->notebook->cells[index];

	if (!run->cells[index].code || !run->cells[index].code->symbol)
		return true;
	for (size_t i = 0; i < info->param_count; i++)
		if (!run->cells[info->params[i].producer].code)
			return true;
	return false;
}

static void tell_compiling(struct run *run)
{
	for (size_t i = 0; i < run->source->notebook->cell_count; i++)
		if (run->cells[i].phase == RUN_CELL_MISS && !run->cells[i].code)
			run_tell_started(run, i, VENUS__V1__CELL_STARTED__ACTION__COMPILE);
}

/* A cell that no rule brings to an end must not make the run wait for ever. */
static void fail_stuck(struct run *run)
{
	for (size_t i = 0; i < run->source->notebook->cell_count; i++)
		if (run->cells[i].phase == RUN_CELL_WAITING || run->cells[i].phase == RUN_CELL_MISS)
			run_cell_done(run, i, VENUS__V1__CELL_STATUS__FAILED,
			    problem_new(VENUS__V1__PROBLEM__KIND__INTERNAL, NULL,
				"no way to run this cell was found"),
			    false, NULL);
}

static bool any_waiting(const struct run *run)
{
	for (size_t i = 0; i < run->source->notebook->cell_count; i++)
		if (run->cells[i].phase == RUN_CELL_WAITING)
			return true;
	return false;
}

static void run_free(struct run *run);

void run_step(struct run *run)
{
	size_t cell;

	if (run->in_pool || run->job || run->exec)
		return;
	if (!run->cancelled) {
		skip_cells(run);
		if (any_waiting(run) && !run->env) {
			find_env(run);
			return;
		}
		if (any_waiting(run) && run_resolve(run))
			return;
		if (!run->inspect && next_cell(run, &cell)) {
			run_answer(run, NULL);
			if (!run->noted) {
				run_note(run);
				return;
			}
			if (lacks_code(run, cell)) {
				if (run->build_rounds++ < LIMIT_BUILD_ROUNDS) {
					tell_compiling(run);
					run_build(run);
					return;
				}
			} else {
				run_execute(run, cell);
				return;
			}
		}
		if (!run->inspect)
			fail_stuck(run);
		else if (!run->compared) {
			run_compare(run);
			return;
		}
	}
	run_finish(run);
}

void run_cancel(struct run *run)
{
	if (run->finished || run->cancelled)
		return;
	run->cancelled = true;
	if (run->job) {
		build_job_cancel(run->job);
		run->job = NULL;
	}
	if (run->exec) {
		exec_cancel(run->exec);
		run->exec = NULL;
		exec_request_fini(&run->exec_request);
	}
	if (!run->in_pool)
		run_finish(run);
}

void run_start_next(struct session *session)
{
	struct run *run = session->runs;

	if (!run || run->begun || !run->source)
		return; /* nothing waits, or it is going, or it is still being read */
	run_begin(run);
	run_step(run);
}

/* Takes a run out of its list, tells whoever waits for quiet, and starts what waited. */
void run_leave(struct run *run)
{
	struct session *session = run->session;
	struct sessions *all = session->all;

	DL_DELETE(*run->list, run);
	all->running--;
	run_free(run);
	run_start_next(session);
	if (!all->running && all->on_idle)
		all->on_idle(all->idle_payload);
}

static void cancel_rest(struct run *run)
{
	for (size_t i = 0; run->cells && i < run->source->notebook->cell_count; i++)
		if (run->cells[i].phase != RUN_CELL_UNNEEDED &&
		    run->cells[i].phase != RUN_CELL_DONE && run->cells[i].phase != RUN_CELL_AGAIN)
			run_cell_done(run, i, VENUS__V1__CELL_STATUS__CANCELLED,
			    run->timed_out ? problem_new(VENUS__V1__PROBLEM__KIND__TIMEOUT, NULL,
						 "the run's time of %g s ran out",
						 (double)run->timeout_ms / 1000)
					   : NULL,
			    false, NULL);
}

static void tell_finished(struct run *run)
{
	Venus__V1__Event *event = event_new(run->id, VENUS__V1__EVENT__KIND_RUN_FINISHED);
	Venus__V1__RunFinished *message = mem_alloc(sizeof *message);

	*message = run->counts;
	message->duration_us = (uv_hrtime() - run->start_ns) / 1000;
	message->timed_out = run->timed_out;
	if (run->cancelled)
		message->status = VENUS__V1__CELL_STATUS__CANCELLED;
	else if (run->counts.failed || run->counts.skipped)
		message->status = VENUS__V1__CELL_STATUS__FAILED;
	else
		message->status = VENUS__V1__CELL_STATUS__OK;
	event->run_finished = message;
	log_info("run of %s: %u ok (%u cached), %u failed, %u skipped, %u cancelled in %.1f ms",
	    run->session->path, message->ok, message->cached, message->failed, message->skipped,
	    message->cancelled, (double)message->duration_us / 1000);
	(void)event_log_add(run->session, event);
}

void run_finish(struct run *run)
{
	struct session *session = run->session;

	run->finished = true;
	if (run->inspect) {
		struct err cancelled;

		(void)err_set(&cancelled, ERR_CANCELLED, "the daemon is stopping");
		if (run->cancelled)
			run->on_details(NULL, &cancelled, run->payload);
		else {
			Venus__V1__InspectResult *details = run_details(run);

			run->on_details(details, NULL, run->payload);
			venus__v1__inspect_result__free_unpacked(details, NULL);
		}
	} else {
		if (!run->begun)
			run_begin(run); /* it was cancelled in the queue: its cells get their end
				       all the same */
		cancel_rest(run);
		tell_finished(run);
	}
	run_answer(run, NULL);
	slot_free(run->own_slot);
	if (session->slot && !session->slot->exec)
		slot_sweep(session->slot);
	run_leave(run);
}

static void on_timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void on_patience_closed(uv_handle_t *handle)
{
	struct run *run = handle->data;

	uv_close((uv_handle_t *)&run->timer, on_timer_closed);
}

static void run_free(struct run *run)
{
	for (size_t i = 0; run->cells && i < run->source->notebook->cell_count; i++) {
		execution_free(run->cells[i].execution);
		execution_free(run->cells[i].known);
		free(run->cells[i].changed);
		plan_settings_free(run->cells[i].settings, run->cells[i].setting_count);
		free(run->cells[i].why);
		if (run->cells[i].output)
			venus__v1__output__free_unpacked(run->cells[i].output, NULL);
	}
	free(run->cells);
	for (size_t i = 0; i < run->name_count; i++)
		free(run->names[i]);
	free(run->names);
	for (size_t i = 0; i < run->setting_count; i++)
		venus__v1__widget_setting__free_unpacked(run->settings[i], NULL);
	free(run->settings);
	if (run->build)
		build_result_fini(run->build);
	free(run->build);
	build_env_unref(run->env);
	source_unref(run->source);
	uv_close((uv_handle_t *)&run->patience, on_patience_closed);
}
