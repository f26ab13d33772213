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

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <utlist.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/mem.h"
#include "venusd/session/run_internal.h"

#define AGAIN_MAX 3u

static void run_free(struct run *run);

bool run_is(const struct run *run, const uint8_t id[SESSION_ID_BYTES])
{
	return memcmp(run->id, id, SESSION_ID_BYTES) == 0;
}

struct run *run_next(struct run *run)
{
	return run->next;
}

/* Events. */

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

static void tell_started(struct run *run, size_t cell, Venus__V1__CellStarted__Action action)
{
	Venus__V1__Event *event = event_new(run->id, VENUS__V1__EVENT__KIND_CELL_STARTED);
	const char *name = run->source->notebook->cells[cell].name;

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
		problem_set_place(error, run->source->notebook,
		    notebook_place_of(run->source->notebook, info->name_range.start));
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

/* Beginning: which cells are needed. */

static void need(struct run *run, size_t cell)
{
	const struct notebook_cell *info = &run->source->notebook->cells[cell];

	if (run->cells[cell].phase != RUN_CELL_UNNEEDED)
		return;
	run->cells[cell].phase = RUN_CELL_WAITING;
	for (size_t i = 0; i < info->param_count; i++)
		if (info->params[i].producer >= 0)
			need(run, (size_t)info->params[i].producer);
}

static void select_cells(struct run *run)
{
	const struct notebook *notebook = run->source->notebook;

	for (size_t i = 0; i < run->name_count; i++) {
		int cell = notebook_cell_find(notebook, run->names[i]);

		if (cell >= 0) {
			run->cells[cell].asked = true;
			need(run, (size_t)cell);
		}
	}
	for (size_t i = 0; !run->name_count && i < notebook->cell_count; i++) {
		run->cells[i].asked = true;
		need(run, i);
	}
}

static void tell_begun(struct run *run)
{
	const struct notebook *notebook = run->source->notebook;
	Venus__V1__Event *event = event_new(run->id, VENUS__V1__EVENT__KIND_RUN_STARTED);
	Venus__V1__RunStarted *message = mem_alloc(sizeof *message);

	venus__v1__run_started__init(message);
	message_set_text(&message->path, run->session->path);
	message->names = mem_alloc((notebook->cell_count + 1) * sizeof(char *));
	for (size_t i = 0; i < notebook->cell_count; i++)
		if (run->cells[i].phase != RUN_CELL_UNNEEDED)
			message->names[message->n_names++] = mem_strdup(notebook->cells[i].name);
	message->cells = (uint32_t)message->n_names;
	event->run_started = message;
	(void)event_log_add(run->session, event);
}

problem *problem_from_notebook(const struct notebook *notebook, const struct notebook_problem *from)
{
	problem *made = problem_new(from->kind == NOTEBOOK_GRAPH ? VENUS__V1__PROBLEM__KIND__GRAPH
								 : VENUS__V1__PROBLEM__KIND__SYNTAX,
	    from->cell >= 0 ? notebook->cells[from->cell].name : NULL, "%s", from->message);

	problem_set_place(made, notebook, from->start);
	made->end_line = from->end.line;
	made->end_column = from->end.column;
	made->offset = from->range.start;
	made->end_offset = from->range.end;
	return made;
}

/* What is wrong with the notebook itself: the first problem of a needed cell fails it, the others
 * are told as warnings are. */
static void report_problems(struct run *run)
{
	const struct notebook *notebook = run->source->notebook;

	for (size_t i = 0; i < notebook->problem_count; i++) {
		const struct notebook_problem *from = &notebook->problems[i];
		struct run_cell *cell = from->cell < 0 ? NULL : &run->cells[from->cell];

		if (cell && cell->phase == RUN_CELL_UNNEEDED)
			continue;
		if (cell && cell->phase == RUN_CELL_WAITING && notebook->cells[from->cell].broken)
			run_cell_done(run, (size_t)from->cell, VENUS__V1__CELL_STATUS__FAILED,
			    problem_from_notebook(notebook, from), false, NULL);
		else
			run_warn(run, problem_from_notebook(notebook, from));
	}
}

static void begin(struct run *run)
{
	run->begun = true;
	run->cells = mem_alloc(run->source->notebook->cell_count * sizeof *run->cells);
	run->options = (struct build_options){.path = run->session->path, .release = run->release};
	free(run->session->title);
	run->session->title = mem_strdup(run->source->notebook->title);
	select_cells(run);
	if (!run->inspect)
		tell_begun(run);
	report_problems(run);
}

/* Submitting is answered once. */
static void answer_submitted(struct run *run, const struct err *err)
{
	session_on_submitted *on_submitted = TAKE_PTR(run->on_submitted);

	if (on_submitted)
		on_submitted(run->session, run->id, run->first_seq, err, run->payload);
}

/* Finishing. */

void run_start_next(struct session *session)
{
	struct run *run = session->runs;

	if (!run || run->begun || !run->source)
		return; /* nothing waits, or it is going, or it is still being read */
	begin(run);
	run_step(run);
}

/* Takes a run out of its list, tells whoever waits for quiet, and starts what waited. */
static void leave(struct run *run)
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
	(void)event_log_add(run->session, event);
}

static void run_finish(struct run *run)
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
			begin(run); /* it was cancelled in the queue: its cells get their end all
				       the same */
		cancel_rest(run);
		tell_finished(run);
	}
	answer_submitted(run, NULL);
	slot_free(run->own_slot);
	if (session->slot)
		slot_sweep(session->slot);
	leave(run);
}

static void on_timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void run_free(struct run *run)
{
	for (size_t i = 0; run->cells && i < run->source->notebook->cell_count; i++) {
		execution_free(run->cells[i].execution);
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
	uv_close((uv_handle_t *)&run->timer, on_timer_closed);
}

/* Executing. */

static void on_exec_output(bool is_stderr, const char *bytes, size_t length, void *payload)
{
	struct run *run = payload;

	run_output(run, run->exec_cell, is_stderr, bytes, length);
}

/* A kept value that cannot be brought back: its cell is executed again for the value alone. False:
 * that was tried often enough. */
static bool make_again(struct run *run, size_t producer)
{
	struct run_cell *cell = &run->cells[producer];

	if (cell->again++ >= AGAIN_MAX)
		return false;
	cell->phase = RUN_CELL_AGAIN;
	return true;
}

static void exec_request_fini(struct exec_request *request)
{
	free(request->inputs);
	plan_settings_free(request->settings, request->setting_count);
	free((char *)(uintptr_t)request->folder);
	*request = (struct exec_request){0};
}

static void check_settings_used(struct run *run, const char *cell, const execution *record)
{
	size_t count;
	struct plan_setting *settings = settings_of(run->session, cell, &count);
	struct err err;

	for (size_t i = 0; i < count; i++)
		if (settings_check(record, cell, settings[i].id, settings[i].value, &err) < 0) {
			run_warn(run, problem_new(VENUS__V1__PROBLEM__KIND__WARNING, cell,
					  "%s; the setting is forgotten", err.message));
			settings_forget(run->session, cell, settings[i].id);
		}
	plan_settings_free(settings, count);
}

static void on_exec_end(struct exec_result *result, void *payload)
{
	struct run *run = payload;
	size_t index = run->exec_cell;
	struct run_cell *cell = &run->cells[index];
	const struct notebook_cell *info = &run->source->notebook->cells[index];

	run->exec = NULL;
	exec_request_fini(&run->exec_request);
	if (run->own_slot) {
		slot_free(run->own_slot);
		run->own_slot = NULL;
	}
	if (result->lost_input && make_again(run, (size_t)info->params[result->lost].producer)) {
		run_step(run);
		return;
	}
	if (result->lost_input)
		result->error = problem_new(VENUS__V1__PROBLEM__KIND__INTERNAL, NULL,
		    "the value of `%s` cannot be brought into the worker: it cannot be encoded, "
		    "and making it again did not help",
		    info->params[result->lost].name);
	if (cell->phase == RUN_CELL_AGAIN && !result->error) {
		cell->phase = RUN_CELL_DONE;
		execution_free(result->execution);
		venus__v1__output__free_unpacked(result->output, NULL);
	} else if (cell->phase == RUN_CELL_AGAIN) {
		/* It was told as ok; now those that need its value fail because of it. */
		cell->phase = RUN_CELL_DONE;
		cell->status = VENUS__V1__CELL_STATUS__FAILED;
		run_warn(run, result->error);
	} else if (result->error) {
		run_cell_done(
		    run, index, VENUS__V1__CELL_STATUS__FAILED, result->error, false, NULL);
	} else {
		cell->execution = result->execution;
		check_settings_used(run, info->name, cell->execution);
		run_cell_done(run, index, VENUS__V1__CELL_STATUS__OK, NULL, false, result->output);
	}
	run_step(run);
}

static int open_slot(struct run *run, size_t index, struct slot **ret_slot, struct err *err)
{
	struct session *session = run->session;
	uint64_t memory_bytes = run->source->notebook->cells[index].memory_bytes;

	if (memory_bytes) {
		if (slot_open(session, run->build, memory_bytes, &run->own_slot, err) < 0)
			return -1;
		*ret_slot = run->own_slot;
		return 0;
	}
	if (session->slot && !digest_equal(&session->slot->universe, &run->build->universe)) {
		slot_free(session->slot);
		session->slot = NULL;
	}
	if (!session->slot && slot_open(session, run->build, 0, &session->slot, err) < 0)
		return -1;
	*ret_slot = session->slot;
	return 0;
}

static void execute(struct run *run, size_t index)
{
	struct run_cell *cell = &run->cells[index];
	const struct notebook_cell *info = &run->source->notebook->cells[index];
	struct exec_request request = {.cell = info->name,
	    .cell_index = index,
	    .code = cell->code,
	    .build = run->build,
	    .input_count = info->param_count,
	    .key = cell->key,
	    .keep_digest = cell->phase == RUN_CELL_AGAIN,
	    .timeout_ms = info->timeout_ms,
	    .memory_bytes = info->memory_bytes};
	struct slot *slot;
	struct err err;

	if (open_slot(run, index, &slot, &err) < 0) {
		run_cell_done(run, index, VENUS__V1__CELL_STATUS__FAILED,
		    problem_new(VENUS__V1__PROBLEM__KIND__INTERNAL, NULL, "%s", err.message), false,
		    NULL);
		run_step(run);
		return;
	}
	request.inputs = mem_alloc(info->param_count * sizeof *request.inputs);
	for (size_t i = 0; i < info->param_count; i++) {
		size_t producer = (size_t)info->params[i].producer;

		request.inputs[i] =
		    (struct exec_input){.cell = run->source->notebook->cells[producer].name,
			.record = run->cells[producer].execution,
			.code = run->cells[producer].code};
	}
	if (request.keep_digest)
		memcpy(request.digest.bytes, cell->execution->value.data, DIGEST_BYTES);
	else
		tell_started(run, index, VENUS__V1__CELL_STARTED__ACTION__EXECUTE);
	request.settings = settings_of(run->session, info->name, &request.setting_count);
	request.folder = file_folder(run->session->path);
	run->exec_request = request;
	run->exec_cell = index;
	run->exec =
	    exec_start(slot, &run->exec_request, run->source, on_exec_output, on_exec_end, run);
}

/* The driver. */

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
	answer_submitted(run, NULL);
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
			tell_started(run, i, VENUS__V1__CELL_STARTED__ACTION__COMPILE);
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
			answer_submitted(run, NULL);
			if (lacks_code(run, cell)) {
				if (run->build_rounds++ < LIMIT_BUILD_ROUNDS) {
					tell_compiling(run);
					run_build(run);
					return;
				}
			} else {
				execute(run, cell);
				return;
			}
		}
		if (!run->inspect)
			fail_stuck(run);
	}
	run_finish(run);
}

static void on_run_timeout(uv_timer_t *timer)
{
	struct run *run = timer->data;

	run->timed_out = true;
	run_cancel(run);
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
		run->own_slot = NULL; /* ended with its execution */
		exec_request_fini(&run->exec_request);
	}
	if (!run->in_pool)
		run_finish(run);
}

/* Submitting. */

static int check_cells(const struct run *run, struct err *err)
{
	const struct notebook *notebook = run->source->notebook;

	if (!notebook->cell_count)
		return err_set(err, ERR_INVALID,
		    "nothing to run in %s: it has no cell (a function with #[venus::cell])",
		    run->session->path);
	for (size_t i = 0; i < run->name_count; i++) {
		const char *near;

		if (notebook_cell_find(notebook, run->names[i]) >= 0)
			continue;
		near = notebook_cell_nearest(notebook, run->names[i]);
		return err_set(err, ERR_NOT_FOUND, "%s has no cell `%s`%s%s%s", run->session->path,
		    run->names[i], near ? ": did you mean `" : "", near ? near : "",
		    near ? "`?" : "");
	}
	return 0;
}

static int take_settings(struct run *run, struct err *err)
{
	struct session *session = run->session;

	settings_load(session, session->all->settings.store);
	for (size_t i = 0; i < run->setting_count; i++) {
		const Venus__V1__WidgetSetting *setting = run->settings[i];
		int index = notebook_cell_find(run->source->notebook, setting->cell);
		struct cell *cell;

		if (index < 0)
			return err_set(err, ERR_INVALID, "cannot set %s.%s: %s has no cell `%s`",
			    setting->cell, setting->id, session->path, setting->cell);
		HASH_FIND_STR(session->cells, run->source->notebook->cells[index].name, cell);
		if (settings_check(cell ? cell->execution : NULL, setting->cell, setting->id,
			setting->value, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < run->setting_count; i++) {
		int index = notebook_cell_find(run->source->notebook, run->settings[i]->cell);

		settings_set(session, run->source->notebook->cells[index].name,
		    run->settings[i]->id, run->settings[i]->value);
	}
	return 0;
}

static void on_read(
    struct source *source, const struct stat *status, const struct err *err, void *payload)
{
	struct run *run = payload;
	struct session *session = run->session;
	struct err refused;

	run->in_pool = false;
	if (!source)
		refused = *err;
	else
		run->source = source_ref(source);
	if (source && status->st_ino) {
		source_unref(session->source);
		session->source = source_ref(source);
		session->source_status = *status;
	}
	if (run->cancelled && source)
		(void)err_set(&refused, ERR_CANCELLED, "cancelled before it began");
	if (!source || run->cancelled || check_cells(run, &refused) < 0 ||
	    take_settings(run, &refused) < 0) {
		answer_submitted(run, &refused);
		if (run->inspect)
			run->on_details(NULL, &refused, run->payload);
		leave(run);
		return;
	}
	if (run->inspect) {
		begin(run);
		run_step(run);
		return;
	}
	if (run->timeout_ms)
		(void)uv_timer_start(&run->timer, on_run_timeout, run->timeout_ms, 0);
	if (session->runs != run)
		answer_submitted(run, NULL); /* it waits behind another */
	run_start_next(session);
}

/* Looking (inspect) does not wait behind runs. */
static struct run *run_new(
    struct session *session, struct run **list, const Venus__V1__Source *source, struct err *err)
{
	struct run *run = mem_alloc(sizeof *run), *other;
	unsigned waiting = 0;
	char *text = NULL;

	DL_COUNT(*list, other, waiting);
	if (waiting >= LIMIT_QUEUED_RUNS) {
		free(run);
		(void)err_set(err, ERR_FULL,
		    "%u runs of %s wait already: try again when some are done", waiting,
		    session->path);
		return NULL;
	}
	if (getrandom(run->id, sizeof run->id, 0) != (ssize_t)sizeof run->id) {
		free(run);
		(void)err_set_errno(err, errno, "no random bytes");
		return NULL;
	}
	run->session = session;
	run->first_seq = session_next_seq(session);
	run->start_ns = uv_hrtime();
	venus__v1__run_finished__init(&run->counts);
	(void)uv_timer_init(session->all->settings.loop, &run->timer);
	run->timer.data = run;
	run->list = list;
	DL_APPEND(*list, run);
	session->all->running++;
	run->in_pool = true;
	if (source && source->has_text)
		text = mem_dup(source->text.data, source->text.len);
	source_read(session->all->settings.loop, session->path, text, source ? source->text.len : 0,
	    session->source, on_read, run);
	return run;
}

int session_submit(struct session *session, const Venus__V1__SubmitCall *call,
    session_on_submitted *on_submitted, void *payload, struct err *err)
{
	struct run *run = run_new(session, &session->runs, call->source, err);

	if (!run)
		return -1;
	run->on_submitted = on_submitted;
	run->payload = payload;
	run->release = call->release;
	run->fresh = call->fresh;
	run->timeout_ms = call->timeout_ms;
	for (size_t i = 0; i < call->n_cells; i++)
		*MEM_PUSH(run->names, run->name_count) = mem_strdup(call->cells[i]);
	for (size_t i = 0; i < call->n_settings; i++) {
		Venus__V1__WidgetSetting *setting = mem_alloc(sizeof *setting);

		venus__v1__widget_setting__init(setting);
		message_set_text(&setting->cell, call->settings[i]->cell);
		message_set_text(&setting->id, call->settings[i]->id);
		message_set_text(&setting->value, call->settings[i]->value);
		*MEM_PUSH(run->settings, run->setting_count) = setting;
	}
	return 0;
}

int session_inspect(struct session *session, const Venus__V1__InspectCall *call,
    session_on_details *on_details, void *payload, struct err *err)
{
	struct run *run = run_new(session, &session->looks, call->source, err);

	if (!run)
		return -1;
	run->inspect = true;
	run->on_details = on_details;
	run->payload = payload;
	if (call->cell[0])
		*MEM_PUSH(run->names, run->name_count) = mem_strdup(call->cell);
	return 0;
}
