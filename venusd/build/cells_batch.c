#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/mem.h"
#include "venusd/build/build_cells.h"

/* Cells in batches, and the glue for their types beside them. */

#define BATCH_SPLIT 20u /* more cells than this are two crates, compiled at the same time */
#define ROUNDS_TOGETHER                                                                            \
	4u /* times that a batch is tried without the cells that failed, before each cell is tried \
	      alone */

static bool is_open(const struct want *want)
{
	return !want->glue_only && !want->have && !want->failed;
}

static int add_cells_unit(
    struct cells_job *cells, const size_t *wants, size_t count, struct err *err)
{
	struct unit *unit = MEM_PUSH(cells->units, cells->unit_count);
	size_t *list = mem_realloc_array(NULL, count, sizeof *list);
	AUTO_FREE size_t *owned = list;

	unit->compile.kind = RUST_UNIT_CELLS;
	unit->wants = mem_dup(wants, count * sizeof *wants);
	unit->want_count = count;
	for (size_t i = 0; i < count; i++)
		list[i] = cells->wants[wants[i]].cell;
	return rust_batch_generate(
	    cells->notebook, &cells->settings, list, count, &unit->crate, err);
}

/* True if a cell that may still come to something returns that type. */
static bool is_glue_wanted(const struct cells_job *cells, size_t glue)
{
	if (cells->glues[glue].have || cells->glues[glue].failure)
		return false;
	for (size_t i = 0; i < cells->want_count; i++) {
		if (cells->wants[i].glue == glue && !cells->wants[i].failed)
			return true;
	}
	return false;
}

static int add_glue_unit(struct cells_job *cells, struct err *err)
{
	AUTO_FREE const char **types = mem_realloc_array(NULL, cells->glue_count, sizeof *types);
	AUTO_FREE size_t *list = mem_realloc_array(NULL, cells->glue_count, sizeof *list);
	size_t count = 0;
	struct unit *unit;

	for (size_t i = 0; i < cells->glue_count && !(cells->glue_singly && count == 1); i++) {
		if (is_glue_wanted(cells, i)) {
			list[count] = i;
			types[count++] = cells->glues[i].type;
		}
	}
	if (count == 0)
		return 0;
	unit = MEM_PUSH(cells->units, cells->unit_count);
	unit->compile.kind = RUST_UNIT_GLUE;
	unit->wants = TAKE_PTR(list);
	unit->want_count = count;
	return rust_glue_generate(
	    cells->notebook, &cells->settings, types, count, &unit->crate, err);
}

static int add_units(struct cells_job *cells, struct err *err)
{
	AUTO_FREE size_t *open = mem_realloc_array(NULL, cells->want_count, sizeof *open);
	size_t count = 0;

	for (size_t i = 0; i < cells->want_count; i++) {
		if (is_open(&cells->wants[i]))
			open[count++] = i;
	}
	if (cells->singly) {
		for (size_t i = 0; i < count && i < 2; i++) {
			if (add_cells_unit(cells, &open[i], 1, err) != 0)
				return -1;
		}
	} else if (count > BATCH_SPLIT) {
		if (add_cells_unit(cells, open, count / 2, err) != 0 ||
		    add_cells_unit(cells, open + count / 2, count - count / 2, err) != 0)
			return -1;
	} else if (count > 0 && add_cells_unit(cells, open, count, err) != 0) {
		return -1;
	}
	return add_glue_unit(cells, err);
}

static char *universe_file(struct cells_job *cells, struct err *err)
{
	const struct build_record *record = &cells->universe_record;
	const bool meta = !digest_is_zero(&record->meta);
	AUTO_FREE char *name =
	    mem_printf("libnotebook-%s.%s", cells->universe.tag, meta ? "rmeta" : "so");

	return build_materialise(
	    cells->job.build, meta ? &record->meta : &record->object, name, err);
}

int cells_batch_write(struct build_job *job, struct err *err)
{
	struct cells_job *cells = (struct cells_job *)job;

	cells_units_clear(cells);
	cells->round++;
	cells->singly = cells->singly || cells->round > ROUNDS_TOGETHER;
	if (add_units(cells, err) != 0)
		return -1;
	if (cells->unit_count == 0)
		return CELLS_RESULT;
	free(cells->universe_file);
	cells->universe_file = universe_file(cells, err);
	if (!cells->universe_file)
		return -1;
	for (size_t i = 0; i < cells->unit_count; i++) {
		struct unit *unit = &cells->units[i];
		const struct digest text = rust_crate_digest(&unit->crate);
		const struct digest key = cells_key("crate", &cells->universe_identity, &text);
		AUTO_FREE char *name = mem_printf("cells%u-%zu", cells->round, i);

		cells_unit_init(cells, unit, unit->compile.kind, &key);
		unit->compile.universe_file = cells->universe_file;
		if (cells_unit_write(cells, unit, name, err) != 0)
			return -1;
	}
	return CELLS_BATCH_COMPILE;
}

int cells_batch_compile(struct build_job *job, struct err *err)
{
	struct cells_job *cells = (struct cells_job *)job;
	size_t count = 0;

	for (size_t i = 0; i < cells->unit_count; i++) {
		if (cells->units[i].compile.kind == RUST_UNIT_CELLS)
			count += cells->units[i].want_count;
		cells->units[i].run = i;
		if (rust_compile_start(job, &cells->units[i].compile, err) != 0)
			return -1;
	}
	if (count > 0)
		cells_progress(cells, "compiling %zu cell%s", count, count == 1 ? "" : "s");
	job->next = CELLS_BATCH_COMPILED;
	return BUILD_STEP_WAIT;
}

static void inputs_copy(struct build_inputs *to, const struct build_inputs *from)
{
	build_inputs_fini(to);
	for (size_t i = 0; i < from->count; i++)
		*MEM_PUSH(to->items, to->count) =
		    (struct build_input){mem_strdup(from->items[i].name), from->items[i].digest};
}

/* Which cell each file of a crate is. Owned by the caller. */
static struct rust_source *unit_sources(const struct cells_job *cells, const struct unit *unit)
{
	struct rust_source *sources =
	    mem_realloc_array(NULL, unit->crate.file_count, sizeof *sources);

	for (size_t i = 0; i < unit->crate.file_count; i++) {
		sources[i] =
		    (struct rust_source){unit->crate.files[i].name, unit->crate.files[i].map, -1};
		for (size_t k = 0; k < unit->want_count; k++) {
			const struct want *want = &cells->wants[unit->wants[k]];

			if (strcmp(want->file.name, sources[i].name) == 0)
				sources[i].cell = (int)want->cell;
		}
	}
	return sources;
}

/* The compiler's lines of one cell; its warnings only, or all. Owned by the caller. */
static char *lines_of(const struct rust_diagnostics *diagnostics, size_t cell)
{
	struct buf lines = BUF_INIT;

	for (size_t i = 0; i < diagnostics->count; i++) {
		const struct rust_diagnostic *item = &diagnostics->items[i];

		if (item->owner == RUST_OWNER_CELL && item->index == cell) {
			buf_add_text(&lines, item->raw);
			buf_add_char(&lines, '\n');
		}
	}
	return buf_take(&lines);
}

/* A failure that the split may be at fault for is remembered once plain mode has been asked. */
static void fail_want(struct cells_job *cells, const struct unit *unit, struct want *want,
    const struct rust_diagnostics *diagnostics)
{
	for (size_t i = 0; i < diagnostics->count; i++) {
		const struct rust_diagnostic *item = &diagnostics->items[i];

		if (item->owner != RUST_OWNER_CELL || item->index != want->cell || !item->error)
			continue;
		want->failed = true;
		want->suspect =
		    want->suspect || (!cells->plain_tried && rust_split_suspect(item->code));
	}
	if (!want->failed)
		return;
	free(want->failure);
	want->failure = lines_of(diagnostics, want->cell);
	inputs_copy(&want->record.inputs, &unit->inputs);
	if (!want->suspect)
		build_failure_put(
		    cells->job.build, &want->key, want->failure, &want->record.inputs);
}

static Venus__V1__Problem *unnamed_problem(const struct rust_diagnostics *diagnostics)
{
	Venus__V1__Problem *problem = build_problem_new(VENUS__V1__PROBLEM__KIND__COMPILE,
	    diagnostics->error_count > 0 ? diagnostics->items[0].problem->message
					 : "rustc failed without saying why");

	if (*diagnostics->other)
		(void)build_problem_note(problem, "note", diagnostics->other);
	return problem;
}

static void fail_alone(struct cells_job *cells, struct want *want, Venus__V1__Problem *problem)
{
	const struct notebook_range range = cells->notebook->cells[want->cell].name_range;

	want->failed = true;
	build_problem_text(&problem->cell, cells->notebook->cells[want->cell].name);
	build_problem_place(problem, cells->notebook, range.start, range.end);
	problems_add(&want->problems, problem);
}

static void cells_failed(struct cells_job *cells, const struct unit *unit)
{
	AUTO_FREE struct rust_source *sources = unit_sources(cells, unit);
	struct rust_diagnostics diagnostics;
	size_t failed = 0;

	rust_diagnostics_read(cells->notebook, sources, unit->crate.file_count, unit->diagnostics,
	    strlen(unit->diagnostics), &diagnostics);
	for (size_t i = 0; i < unit->want_count; i++) {
		struct want *want = &cells->wants[unit->wants[i]];

		fail_want(cells, unit, want, &diagnostics);
		failed += want->failed;
	}
	if (failed == 0 && unit->want_count > 1) {
		cells->singly = true;
	} else if (failed == 0) {
		struct want *want = &cells->wants[unit->wants[0]];

		want->suspect = !cells->plain_tried;
		fail_alone(cells, want, unnamed_problem(&diagnostics));
	}
	rust_diagnostics_fini(&diagnostics);
}

/* Glue speaks of types only. When a cell failed beside it, that cell's type may be why: it is tried
 * again without it. */
static void glue_failed(struct cells_job *cells, const struct unit *unit, bool cell_failed)
{
	struct rust_diagnostics diagnostics;

	if (cell_failed)
		return;
	if (!cells->plain_tried) {
		cells->plain_trial = true;
		return;
	}
	if (unit->want_count > 1) {
		cells->glue_singly = true;
		return;
	}
	rust_diagnostics_read(
	    cells->notebook, NULL, 0, unit->diagnostics, strlen(unit->diagnostics), &diagnostics);
	cells->glues[unit->wants[0]].failure =
	    mem_printf("a value of type `%s` cannot be kept: %s", cells->glues[unit->wants[0]].type,
		diagnostics.error_count > 0 ? diagnostics.items[0].problem->message
					    : "rustc failed without saying why");
	rust_diagnostics_fini(&diagnostics);
	build_failure_put(cells->job.build, &cells->glues[unit->wants[0]].key,
	    cells->glues[unit->wants[0]].failure, &unit->inputs);
}

/* A compiler that was killed, or ran out of time: alone, it is the cell's error. */
static int unit_ended_badly(struct cells_job *cells, const struct unit *unit, const struct err *err)
{
	if (unit->compile.kind == RUST_UNIT_GLUE)
		return -1;
	if (unit->want_count > 1)
		cells->singly = true;
	else
		fail_alone(cells, &cells->wants[unit->wants[0]],
		    build_problem_new(VENUS__V1__PROBLEM__KIND__COMPILE, err->message));
	return 0;
}

static size_t count_failed(const struct cells_job *cells)
{
	size_t count = 0;

	for (size_t i = 0; i < cells->want_count; i++)
		count += cells->wants[i].failed;
	return count;
}

/* The unit of glue, if there is one, is the last. */
int cells_batch_compiled(struct build_job *job, struct err *err)
{
	struct cells_job *cells = (struct cells_job *)job;
	const size_t failed_before = count_failed(cells);
	bool compiled = false;

	for (size_t i = 0; i < cells->unit_count; i++) {
		struct unit *unit = &cells->units[i];

		if (cells_unit_take(cells, unit, job->runs[unit->run], err) != 0) {
			if (job->runs[unit->run]->end == CHILD_LOST ||
			    unit_ended_badly(cells, unit, err) != 0)
				return -1;
		} else if (unit->compiled) {
			compiled = true;
		} else if (unit->compile.kind == RUST_UNIT_CELLS) {
			cells_failed(cells, unit);
		} else {
			glue_failed(cells, unit, count_failed(cells) > failed_before);
		}
	}
	return compiled ? CELLS_BATCH_LINK : cells_after_batch(cells);
}

int cells_batch_link(struct build_job *job, struct err *err)
{
	struct cells_job *cells = (struct cells_job *)job;

	for (size_t i = 0; i < cells->unit_count; i++) {
		if (cells->units[i].compiled && cells_unit_link(cells, &cells->units[i], err) != 0)
			return -1;
	}
	job->next = CELLS_BATCH_KEEP;
	return BUILD_STEP_WAIT;
}

static void record_copy(struct build_record *to, const struct digest *object, const char *symbol,
    const struct build_inputs *inputs)
{
	to->object = *object;
	to->symbol = mem_strdup(symbol);
	inputs_copy(&to->inputs, inputs);
}

static int keep_cells(
    struct cells_job *cells, const struct unit *unit, const struct digest *object, struct err *err)
{
	AUTO_FREE struct rust_source *sources = unit_sources(cells, unit);
	struct rust_diagnostics diagnostics;
	int status = 0;

	rust_diagnostics_read(cells->notebook, sources, unit->crate.file_count, unit->diagnostics,
	    strlen(unit->diagnostics), &diagnostics);
	for (size_t i = 0; i < unit->want_count && status == 0; i++) {
		struct want *want = &cells->wants[unit->wants[i]];

		record_copy(&want->record, object, want->symbol, &unit->inputs);
		want->record.diagnostics = lines_of(&diagnostics, want->cell);
		want->have = true;
		status = build_record_put(
		    cells->job.build->store, "object", &want->key, &want->record, err);
	}
	rust_diagnostics_fini(&diagnostics);
	return status;
}

static int keep_glue(
    struct cells_job *cells, const struct unit *unit, const struct digest *object, struct err *err)
{
	for (size_t i = 0; i < unit->want_count; i++) {
		struct glue *glue = &cells->glues[unit->wants[i]];

		record_copy(&glue->record, object, glue->symbol, &unit->inputs);
		glue->have = true;
		if (build_record_put(
			cells->job.build->store, "object", &glue->key, &glue->record, err) != 0)
			return -1;
	}
	return 0;
}

int cells_batch_keep(struct build_job *job, struct err *err)
{
	struct cells_job *cells = (struct cells_job *)job;

	for (size_t i = 0; i < cells->unit_count; i++) {
		const struct unit *unit = &cells->units[i];
		__attribute__((cleanup(build_record_fini))) struct build_record made = {0};

		if (!unit->compiled)
			continue;
		if (cells_unit_keep(cells, unit, &made, err) != 0 ||
		    (unit->compile.kind == RUST_UNIT_CELLS
			    ? keep_cells(cells, unit, &made.object, err)
			    : keep_glue(cells, unit, &made.object, err)) != 0)
			return -1;
	}
	return cells_after_batch(cells);
}

int cells_after_batch(struct cells_job *cells)
{
	if (!cells->plain_trial) {
		for (size_t i = 0; i < cells->asked_count; i++)
			cells->plain_trial = cells->plain_trial || cells->wants[i].suspect;
	}
	if (cells->plain_trial && !cells->plain_tried)
		return CELLS_PLAIN_WRITE;
	return CELLS_BATCH_WRITE;
}
