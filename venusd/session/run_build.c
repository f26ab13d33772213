/*
 * Code for a run: for every cell that must or may have to be executed, and the glue of the cells
 * whose kept values those take. Each build asks for all of it, so that one result, of one universe,
 * serves the whole run; what was built before is found in the store.
 */

#include <stdlib.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "venusd/session/run_internal.h"

enum want { WANT_NOTHING, WANT_GLUE, WANT_CODE };

/* A value that cannot be brought back from the store is made again, for which its producer's code
 * and inputs are needed too. */
static void want_value(const struct run *run, size_t cell, enum want *wants)
{
	const struct run_cell *from = &run->cells[cell];
	const struct notebook_cell *info = &run->source->notebook->cells[cell];

	if (wants[cell] == WANT_CODE)
		return;
	wants[cell] = WANT_GLUE;
	if (!from->execution || !from->execution->memory_only)
		return;
	wants[cell] = WANT_CODE;
	for (size_t i = 0; i < info->param_count; i++)
		want_value(run, (size_t)info->params[i].producer, wants);
}

static void find_wants(const struct run *run, enum want *wants)
{
	const struct notebook *notebook = run->source->notebook;

	for (size_t i = 0; i < notebook->cell_count; i++) {
		enum run_phase phase = run->cells[i].phase;

		/* What has code already keeps it, in the new result too. */
		if (phase == RUN_CELL_MISS || phase == RUN_CELL_WAITING ||
		    phase == RUN_CELL_AGAIN || (run->cells[i].code && run->cells[i].code->symbol))
			wants[i] = WANT_CODE;
	}
	for (size_t k = notebook->order_count; k-- > 0;) {
		size_t cell = notebook->order[k];
		const struct notebook_cell *info = &notebook->cells[cell];

		if (wants[cell] == WANT_CODE)
			for (size_t i = 0; i < info->param_count; i++)
				want_value(run, (size_t)info->params[i].producer, wants);
	}
}

static bool still_to_do(const struct run_cell *cell)
{
	return cell->phase == RUN_CELL_MISS || cell->phase == RUN_CELL_WAITING;
}

static void warn_all(struct run *run, Venus__V1__Problem **problems, size_t count, size_t first)
{
	for (size_t i = first; i < count; i++)
		run_warn(run, problem_copy(problems[i]));
}

static const problem *first_error(Venus__V1__Problem **problems, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (problems[i]->kind != VENUS__V1__PROBLEM__KIND__WARNING)
			return problems[i];
	return NULL;
}

static void fail_all(struct run *run, const problem *error)
{
	for (size_t i = 0; i < run->source->notebook->cell_count; i++)
		if (still_to_do(&run->cells[i]))
			run_cell_done(run, i, VENUS__V1__CELL_STATUS__FAILED, problem_copy(error),
			    false, NULL);
}

static void apply_cell(struct run *run, const struct build_cell *code)
{
	struct run_cell *cell = &run->cells[code->cell];

	if (code->ok) {
		cell->code = code;
		if (still_to_do(cell))
			warn_all(run, code->problems, code->problem_count, 0);
		return;
	}
	cell->code = NULL;
	if (!still_to_do(cell))
		return;
	warn_all(run, code->problems, code->problem_count, 1);
	run_cell_done(run, code->cell, VENUS__V1__CELL_STATUS__FAILED,
	    code->problem_count ? problem_copy(code->problems[0])
				: problem_new(VENUS__V1__PROBLEM__KIND__INTERNAL, NULL,
				      "the compiler gave no code and no error"),
	    false, NULL);
}

static void on_built(struct build_result *result, const struct err *err, void *payload)
{
	struct run *run = payload;
	const problem *error;

	run->job = NULL;
	for (size_t i = 0; i < run->source->notebook->cell_count; i++)
		run->cells[i].code = NULL;
	/* An object that was found damaged is out of the way now: it is made anew. */
	if (!result && (err->code == ERR_CORRUPT || err->code == ERR_NOT_FOUND) &&
	    run->build_rounds < LIMIT_BUILD_ROUNDS) {
		run_step(run);
		return;
	}
	if (!result) {
		problem *internal =
		    problem_new(VENUS__V1__PROBLEM__KIND__INTERNAL, NULL, "%s", err->message);

		fail_all(run, internal);
		problem_free(internal);
		run_step(run);
		return;
	}
	if (run->build)
		build_result_fini(run->build);
	else
		run->build = mem_alloc(sizeof *run->build);
	*run->build = *result;
	*result = (struct build_result){0};
	warn_all(run, run->build->problems, run->build->problem_count, 0);
	error = first_error(run->build->problems, run->build->problem_count);
	for (size_t i = 0; i < run->build->cell_count; i++)
		if (!error || !still_to_do(&run->cells[run->build->cells[i].cell]))
			apply_cell(run, &run->build->cells[i]);
	if (error)
		fail_all(run, error);
	run_step(run);
}

static void on_progress(const char *text, void *payload)
{
	struct run *run = payload;
	Venus__V1__Event *event = event_new(run->id, VENUS__V1__EVENT__KIND_BUILD_PROGRESS);

	event->build_progress = mem_alloc(sizeof *event->build_progress);
	venus__v1__build_progress__init(event->build_progress);
	message_set_text(&event->build_progress->text, text);
	(void)event_log_add(run->session, event);
}

void run_build(struct run *run)
{
	size_t count = run->source->notebook->cell_count, code_count = 0, glue_count = 0;
	AUTO_FREE enum want *wants = mem_alloc(count * sizeof *wants);
	AUTO_FREE size_t *code = mem_alloc(count * sizeof *code);
	AUTO_FREE size_t *glue = mem_alloc(count * sizeof *glue);
	struct timespec now;
	struct err err;

	(void)clock_gettime(CLOCK_REALTIME_COARSE, &now); /* the clock of files' times */
	run->build_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	find_wants(run, wants);
	for (size_t i = 0; i < count; i++) {
		if (wants[i] == WANT_CODE)
			code[code_count++] = i;
		else if (wants[i] == WANT_GLUE)
			glue[glue_count++] = i;
	}
	if (build_cells(run->session->all->settings.build, run->env, run->source->notebook,
		&run->options, code, code_count, glue, glue_count, on_built, on_progress, run,
		&run->job, &err) < 0)
		on_built(NULL, &err, run);
}
