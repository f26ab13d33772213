/* Executions of a run: the slot they need, the inputs they take, and what becomes of their results.
 */

#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/mem.h"
#include "venusd/session/run_internal.h"

static void on_exec_output(bool is_stderr, const char *bytes, size_t length, void *payload)
{
	struct run *run = payload;

	/* What it wrote was told when it was executed for its result. */
	if (run->cells[run->exec_cell].phase != RUN_CELL_AGAIN)
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

void exec_request_fini(struct exec_request *request)
{
	free(request->inputs);
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
	slot_free(run->own_slot);
	if (result->lost_input && make_again(run, (size_t)info->params[result->lost].producer)) {
		run_step(run);
		return;
	}
	if (result->lost_code && run->build_rounds < LIMIT_BUILD_ROUNDS) {
		for (size_t i = 0; i < run->source->notebook->cell_count; i++)
			run->cells[i].code = NULL;
		run_step(run);
		return;
	}
	if (result->lost_code)
		result->error = problem_new(VENUS__V1__PROBLEM__KIND__INTERNAL, NULL,
		    "its compiled code is lost each time that it is made: see `venusctl logs`, and "
		    "whether the disk is full");
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
	if (session->slot && !digest_equal(&session->slot->universe, &run->build->universe))
		slot_free(session->slot);
	if (!session->slot && slot_open(session, run->build, 0, &session->slot, err) < 0)
		return -1;
	*ret_slot = session->slot;
	return 0;
}

void run_execute(struct run *run, size_t index)
{
	struct run_cell *cell = &run->cells[index];
	const struct notebook_cell *info = &run->source->notebook->cells[index];
	struct exec_request request = {.cell = info->name,
	    .cell_index = index,
	    .code = cell->code,
	    .build = run->build,
	    .built_ns = run->build_ns,
	    .input_count = info->param_count,
	    .settings = cell->settings,
	    .setting_count = cell->setting_count,
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
		run_tell_started(run, index, VENUS__V1__CELL_STARTED__ACTION__EXECUTE);
	request.folder = file_folder(run->session->path);
	run->exec_request = request;
	run->exec_cell = index;
	exec_start(
	    slot, &run->exec_request, run->source, on_exec_output, on_exec_end, run, &run->exec);
}
