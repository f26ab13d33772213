#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/mem.h"
#include "venusd/build/build_cells.h"

/*
 * Plain mode: the notebook as it stands, one crate. Which cells are in it depends on the notebook
 * alone and not on what is asked for, so that every build of the same text gives the same library,
 * and values stay in their worker.
 */

#define PLAIN_ROUNDS 12u

static struct digest mark_key(const struct digest *want_key)
{
	static const struct digest none;

	return cells_key("plain", want_key, &none);
}

static void mark(struct cells_job *cells, const struct want *want)
{
	const struct digest key = mark_key(&want->key);
	const struct build_inputs none = {0};

	build_failure_put(cells->job.build, &key, "", &none);
}

int cells_plain_marked(struct cells_job *cells, bool *ret_marked, struct err *err)
{
	if (!build_failure_any(cells->job.build))
		return 0;
	for (size_t i = 0; i < cells->notebook->cell_count; i++) {
		struct rust_file file = {0};
		AUTO_FREE char *marked = NULL;
		struct digest key;

		if (cells->notebook->cells[i].broken)
			continue;
		if (rust_cell_generate(cells->notebook, &cells->settings, i, &file, err) != 0)
			return -1;
		key = cells_want_key(cells, &file);
		rust_file_fini(&file);
		key = mark_key(&key);
		marked = build_failure_get(cells->job.build, &key);
		if (marked) {
			*ret_marked = true;
			return 0;
		}
	}
	return 0;
}

static int generate(struct cells_job *cells, struct err *err)
{
	const size_t total = cells->notebook->cell_count;
	AUTO_FREE size_t *list = mem_realloc_array(NULL, total, sizeof *list);
	size_t count = 0;
	struct digest text;

	if (!cells->plain_without) {
		cells->plain_without = mem_alloc((total + 1) * sizeof *cells->plain_without);
		cells->plain_problems = mem_alloc((total + 1) * sizeof *cells->plain_problems);
		cells->plain_problem_count = total;
	}
	for (size_t i = 0; i < total; i++) {
		if (!cells->notebook->cells[i].broken && !cells->plain_without[i])
			list[count++] = i;
	}
	unit_fini(&cells->plain_unit);
	if (rust_plain_generate(
		cells->notebook, &cells->settings, list, count, &cells->plain_unit.crate, err) != 0)
		return -1;
	text = rust_crate_digest(&cells->plain_unit.crate);
	cells->plain_key = cells_key("plain crate", &cells->env->digest, &text);
	cells_unit_init(cells, &cells->plain_unit, RUST_UNIT_PLAIN, &cells->plain_key);
	return 0;
}

static void read_lines(
    struct cells_job *cells, const char *lines, struct rust_diagnostics *ret_diagnostics)
{
	const struct rust_file *file = &cells->plain_unit.crate.files[0];
	const struct rust_source source = {file->name, file->map, -1};

	rust_diagnostics_read(cells->notebook, &source, 1, lines, strlen(lines), ret_diagnostics);
}

/* Sorts messages to their cells and the definitions. */
static void distribute(struct cells_job *cells, struct rust_diagnostics *diagnostics, bool errors)
{
	for (size_t i = 0; i < diagnostics->count; i++) {
		struct rust_diagnostic *item = &diagnostics->items[i];

		if (item->error != errors)
			continue;
		if (item->owner == RUST_OWNER_CELL)
			problems_add(&cells->plain_problems[item->index], TAKE_PTR(item->problem));
		else
			problems_add(&cells->problems, TAKE_PTR(item->problem));
	}
}

/* Back to the split, in which the cells that failed stay failed. */
static int split_it_is(struct cells_job *cells)
{
	cells->plain = cells->plain_trial = false;
	cells->plain_tried = true;
	for (size_t i = 0; i < cells->want_count; i++) {
		struct want *want = &cells->wants[i];

		if (want->suspect && want->failure)
			build_failure_put(
			    cells->job.build, &want->key, want->failure, &want->record.inputs);
		want->suspect = false;
	}
	return CELLS_BATCH_WRITE;
}

static size_t leave_out(struct cells_job *cells, const struct rust_diagnostics *diagnostics)
{
	size_t count = 0;

	for (size_t i = 0; i < diagnostics->count; i++) {
		const struct rust_diagnostic *item = &diagnostics->items[i];

		if (item->error && item->owner == RUST_OWNER_CELL &&
		    !cells->plain_without[item->index]) {
			cells->plain_without[item->index] = true;
			count++;
		}
	}
	return count;
}

static void definitions_failed(struct cells_job *cells, const struct rust_diagnostics *diagnostics)
{
	cells->definitions_failed = true;
	if (cells->problems.count > 0)
		return;
	Venus__V1__Problem *problem = build_problem_new(VENUS__V1__PROBLEM__KIND__COMPILE,
	    "rustc failed on the definitions without saying why");

	if (*diagnostics->other)
		(void)build_problem_note(problem, "note", diagnostics->other);
	problems_add(&cells->problems, problem);
}

static bool errors_outside_cells(const struct rust_diagnostics *diagnostics)
{
	for (size_t i = 0; i < diagnostics->count; i++) {
		if (diagnostics->items[i].error && diagnostics->items[i].owner != RUST_OWNER_CELL)
			return true;
	}
	return false;
}

/* Tried because of some cells: of no use once each of them fails here too. */
static bool is_of_no_use(const struct cells_job *cells)
{
	bool asked_for_by_cell = false;

	for (size_t i = 0; i < cells->asked_count; i++) {
		if (!cells->wants[i].suspect)
			continue;
		asked_for_by_cell = true;
		if (!cells->plain_without[cells->wants[i].cell])
			return false;
	}
	return asked_for_by_cell;
}

static int failed(struct cells_job *cells, const char *lines)
{
	struct rust_diagnostics diagnostics;
	bool outside, again;

	read_lines(cells, lines, &diagnostics);
	outside = errors_outside_cells(&diagnostics);
	again = leave_out(cells, &diagnostics) > 0 && ++cells->plain_round < PLAIN_ROUNDS;
	if (cells->plain_trial && (outside || !again || is_of_no_use(cells))) {
		rust_diagnostics_fini(&diagnostics);
		return split_it_is(cells);
	}
	distribute(cells, &diagnostics, true);
	if (outside || !again)
		definitions_failed(cells, &diagnostics);
	rust_diagnostics_fini(&diagnostics);
	return outside || !again ? CELLS_RESULT : CELLS_PLAIN_WRITE;
}

static int worked(struct cells_job *cells)
{
	struct rust_diagnostics diagnostics;

	for (size_t i = 0; i < cells->asked_count; i++) {
		const struct want *want = &cells->wants[i];

		if (cells->plain_trial && !cells->plain_without[want->cell] &&
		    (want->suspect || !cells->glues[want->glue].have))
			mark(cells, want);
	}
	cells->plain = true;
	read_lines(cells, cells->plain_record.diagnostics, &diagnostics);
	distribute(cells, &diagnostics, false);
	rust_diagnostics_fini(&diagnostics);
	return CELLS_RESULT;
}

int cells_plain_write(struct build_job *job, struct err *err)
{
	struct cells_job *cells = (struct cells_job *)job;
	AUTO_FREE char *failure = NULL;
	AUTO_FREE char *name = NULL;
	int status;

	if (generate(cells, err) != 0)
		return -1;
	status = build_record_get(
	    job->build->store, "plain", &cells->plain_key, &cells->plain_record, err);
	if (status < 0)
		return -1;
	if (status == 1) {
		cells->plain_reused = true;
		return worked(cells);
	}
	failure = build_failure_get(job->build, &cells->plain_key);
	if (failure)
		return failed(cells, failure);
	name = mem_printf("plain%u", cells->plain_round);
	return cells_unit_write(cells, &cells->plain_unit, name, err) == 0 ? CELLS_PLAIN_COMPILE
									   : BUILD_STEP_FAILED;
}

int cells_plain_compile(struct build_job *job, struct err *err)
{
	struct cells_job *cells = (struct cells_job *)job;

	cells_progress(cells, "compiling the whole notebook as one crate");
	job->next = CELLS_PLAIN_COMPILED;
	return rust_compile_start(job, &cells->plain_unit.compile, err) == 0 ? BUILD_STEP_WAIT
									     : BUILD_STEP_FAILED;
}

int cells_plain_compiled(struct build_job *job, struct err *err)
{
	struct cells_job *cells = (struct cells_job *)job;
	struct unit *unit = &cells->plain_unit;

	if (cells_unit_take(cells, unit, job->runs[0], err) != 0)
		return cells->plain_trial ? split_it_is(cells) : BUILD_STEP_FAILED;
	if (unit->compiled)
		return rust_compile_links(&unit->compile) ? CELLS_PLAIN_KEEP : CELLS_PLAIN_LINK;
	build_failure_put(job->build, &cells->plain_key, unit->diagnostics, &unit->inputs);
	return failed(cells, unit->diagnostics);
}

int cells_plain_link(struct build_job *job, struct err *err)
{
	struct cells_job *cells = (struct cells_job *)job;

	job->next = CELLS_PLAIN_KEEP;
	return cells_unit_link(cells, &cells->plain_unit, err) == 0 ? BUILD_STEP_WAIT
								    : BUILD_STEP_FAILED;
}

int cells_plain_keep(struct build_job *job, struct err *err)
{
	struct cells_job *cells = (struct cells_job *)job;
	struct unit *unit = &cells->plain_unit;
	struct build_record *record = &cells->plain_record;

	if (cells_unit_keep(cells, unit, record, err) != 0)
		return -1;
	record->diagnostics = mem_strdup(unit->diagnostics);
	record->inputs = unit->inputs;
	unit->inputs = (struct build_inputs){0};
	if (build_record_put(job->build->store, "plain", &cells->plain_key, record, err) != 0)
		return -1;
	return worked(cells);
}
