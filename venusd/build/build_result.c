#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "venusd/build/build_cells.h"

/* What a finished job hands over. */

static void add_library(
    struct build_result *result, const struct digest *object, const char *soname, bool runtime)
{
	struct build_library *library = MEM_PUSH(result->libraries, result->library_count);

	library->object = *object;
	library->soname = mem_strdup(soname);
	library->runtime = runtime;
}

static void add_libraries(struct cells_job *cells)
{
	static const struct digest none;
	struct build_result *result = &cells->result;

	result->library_path = mem_strdup(cells->env->toolchain.library_path);
	add_library(result, &none, cells->env->toolchain.libstd, false);
	add_library(result, &cells->runtime.object, NULL, true);
	if (cells->plain) {
		result->universe =
		    build_inputs_digest(&cells->plain_record.inputs, &cells->plain_key);
	} else {
		add_library(result, &cells->universe_record.object, NULL, false);
		result->universe = cells->universe_identity;
	}
}

/* The messages of what the compiler said of a generated file, to `problems`: those of `cell`, or of
 * the definitions when it is -1. */
static void add_lines(const struct cells_job *cells, const struct rust_file *file, int cell,
    const char *lines, struct problems *problems)
{
	const struct rust_source source = {file->name, file->map, cell};
	struct rust_diagnostics diagnostics;

	if (!lines || !*lines)
		return;
	rust_diagnostics_read(cells->notebook, &source, 1, lines, strlen(lines), &diagnostics);
	for (size_t pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < diagnostics.count; i++) {
			struct rust_diagnostic *item = &diagnostics.items[i];

			if (item->problem && item->error == (pass == 0))
				problems_add(problems, TAKE_PTR(item->problem));
		}
	}
	rust_diagnostics_fini(&diagnostics);
}

static void fill_plain(struct cells_job *cells, const struct want *want, struct build_cell *cell)
{
	const struct glue *glue = &cells->glues[want->glue];

	if (cells->plain_without[want->cell] || cells->definitions_failed)
		return;
	cell->ok = true;
	cell->reused = cells->plain_reused;
	cell->glue_object = cells->plain_record.object;
	cell->glue_symbol = mem_strdup(glue->symbol);
	if (!want->glue_only) {
		cell->object = cells->plain_record.object;
		cell->symbol = mem_strdup(want->symbol);
	}
}

static void fill_split(struct cells_job *cells, struct want *want, struct build_cell *cell)
{
	const struct glue *glue = &cells->glues[want->glue];

	if (glue->have) {
		cell->glue_object = glue->record.object;
		cell->glue_symbol = mem_strdup(glue->symbol);
	}
	cell->ok = glue->have && (want->glue_only || want->have);
	cell->reused = glue->reused && (want->glue_only || want->reused);
	if (want->have) {
		cell->object = want->record.object;
		cell->symbol = mem_strdup(want->record.symbol);
	}
	if (glue->failure && !want->failed) {
		Venus__V1__Problem *problem =
		    build_problem_new(VENUS__V1__PROBLEM__KIND__COMPILE, glue->failure);
		const struct notebook_cell *info = &cells->notebook->cells[want->cell];

		build_problem_text(&problem->cell, info->name);
		build_problem_place(
		    problem, cells->notebook, info->name_range.start, info->name_range.end);
		problems_add(&want->problems, problem);
	}
	if (!want->glue_only)
		add_lines(cells, &want->file, (int)want->cell,
		    want->failed ? want->failure : want->record.diagnostics, &want->problems);
}

/* The files among what the compiler read; variables are no files. */
static void add_inputs(const struct build_inputs *inputs, char ***list, size_t *count)
{
	for (size_t i = 0; i < inputs->count; i++)
		if (inputs->items[i].name[0] == '/')
			*MEM_PUSH(*list, *count) = mem_strdup(inputs->items[i].name);
}

static void fill_cell(struct cells_job *cells, struct want *want, struct build_cell *cell)
{
	struct problems *problems = &want->problems;

	cell->cell = want->cell;
	if (cells->plain) {
		problems = &cells->plain_problems[want->cell];
		fill_plain(cells, want, cell);
	} else {
		fill_split(cells, want, cell);
	}
	if (want->glue_only)
		return;
	add_inputs(cells->plain ? &cells->plain_record.inputs : &want->record.inputs, &cell->inputs,
	    &cell->input_count);
	cell->problems = TAKE_PTR(problems->items);
	cell->problem_count = problems->count;
	problems->count = 0;
}

int cells_result(struct build_job *job, struct err *err)
{
	struct cells_job *cells = (struct cells_job *)job;
	struct build_result *result = &cells->result;

	(void)err; /* nothing here can fail */
	add_libraries(cells);
	result->cells = mem_alloc((cells->want_count + 1) * sizeof *result->cells);
	result->cell_count = cells->want_count;
	for (size_t i = 0; i < cells->want_count; i++)
		fill_cell(cells, &cells->wants[i], &result->cells[i]);
	if (!cells->plain)
		add_lines(cells, &cells->universe.crate.files[0], -1,
		    cells->universe_record.diagnostics, &cells->problems);
	if (!cells->plain)
		add_inputs(&cells->universe_record.inputs, &result->inputs, &result->input_count);
	result->problems = TAKE_PTR(cells->problems.items);
	result->problem_count = cells->problems.count;
	cells->problems.count = 0;
	return BUILD_STEP_DONE;
}

static void free_problems(Venus__V1__Problem **items, size_t count)
{
	struct problems problems = {items, count};

	problems_fini(&problems);
}

static void free_texts(char **items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(items[i]);
	free(items);
}

void build_result_fini(struct build_result *result)
{
	for (size_t i = 0; i < result->library_count; i++)
		free(result->libraries[i].soname);
	free(result->libraries);
	free(result->library_path);
	for (size_t i = 0; i < result->cell_count; i++) {
		free(result->cells[i].symbol);
		free(result->cells[i].glue_symbol);
		free_problems(result->cells[i].problems, result->cells[i].problem_count);
		free_texts(result->cells[i].inputs, result->cells[i].input_count);
	}
	free_texts(result->inputs, result->input_count);
	free(result->cells);
	free_problems(result->problems, result->problem_count);
	*result = (struct build_result){0};
}
