#include "venusd/build/build_cells.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/mem.h"
#include "venusd/build/rust_manifest.h"

/*
 * Code for cells. The usual way is split: the definitions are one library, the universe; the cells
 * that the store does not have are one crate (two when they are many), the glue for their types
 * another beside it.
 *
 *   look up ─▶ runtime ─▶ universe ─▶ batch: write, compile, link, keep ─▶ result
 *                            │            ▲   │ a cell failed: the rest again without it, a few
 * times together, then singly │            └───┤ ▼                ▼ an error that the split may be
 * at fault for plain: write, compile, link, keep
 *
 * Plain mode compiles the notebook as it stands, as one crate. It decides when the universe does
 * not compile, and is used when a cell compiles in it that does not compile in the split; a cell
 * that fails in it is left out and the rest compiled again. Errors outside cells are then errors of
 * the definitions, and nothing runs.
 *
 * A cell's key is made of the universe's identity and of its own text; the universe's of the
 * environment and its text and, in its identity, of the files that the compiler read with it.
 */

static int look_up(struct build_job *job, struct err *err);

static const struct build_step cells_steps[] = {
    [CELLS_LOOK_UP] = {"look up", BUILD_ON_POOL, look_up},
    [CELLS_RUNTIME_COMPILE] = {"compile the runtime crate", BUILD_ON_LOOP, cells_runtime_compile},
    [CELLS_RUNTIME_KEEP] = {"keep the runtime crate", BUILD_ON_POOL, cells_runtime_keep},
    [CELLS_UNIVERSE_WRITE] = {"write the definitions", BUILD_ON_POOL, cells_universe_write},
    [CELLS_UNIVERSE_COMPILE] = {"compile the definitions", BUILD_ON_LOOP, cells_universe_compile},
    [CELLS_UNIVERSE_COMPILED] = {"look at the definitions", BUILD_ON_POOL, cells_universe_compiled},
    [CELLS_UNIVERSE_LINK] = {"link the definitions", BUILD_ON_LOOP, cells_universe_link},
    [CELLS_UNIVERSE_KEEP] = {"keep the definitions", BUILD_ON_POOL, cells_universe_keep},
    [CELLS_BATCH_WRITE] = {"write cells", BUILD_ON_POOL, cells_batch_write},
    [CELLS_BATCH_COMPILE] = {"compile cells", BUILD_ON_LOOP, cells_batch_compile},
    [CELLS_BATCH_COMPILED] = {"look at cells", BUILD_ON_POOL, cells_batch_compiled},
    [CELLS_BATCH_LINK] = {"link cells", BUILD_ON_LOOP, cells_batch_link},
    [CELLS_BATCH_KEEP] = {"keep cells", BUILD_ON_POOL, cells_batch_keep},
    [CELLS_PLAIN_WRITE] = {"write plain", BUILD_ON_POOL, cells_plain_write},
    [CELLS_PLAIN_COMPILE] = {"compile plain", BUILD_ON_LOOP, cells_plain_compile},
    [CELLS_PLAIN_COMPILED] = {"look at plain", BUILD_ON_POOL, cells_plain_compiled},
    [CELLS_PLAIN_LINK] = {"link plain", BUILD_ON_LOOP, cells_plain_link},
    [CELLS_PLAIN_KEEP] = {"keep plain", BUILD_ON_POOL, cells_plain_keep},
    [CELLS_RESULT] = {"result", BUILD_ON_POOL, cells_result},
};
static_assert(ARRAY_LENGTH(cells_steps) == CELLS_STEP_COUNT, "a row for each step");

/* An error of generated code says what one in the notebook says already, without a place. */
static bool says_no_more(const struct problems *problems, const Venus__V1__Problem *problem)
{
	for (size_t i = 0; !problem->line && i < problems->count; i++)
		if (strcmp(problems->items[i]->message, problem->message) == 0)
			return true;
	return false;
}

void problems_add(struct problems *problems, Venus__V1__Problem *problem)
{
	if (says_no_more(problems, problem)) {
		venus__v1__problem__free_unpacked(problem, NULL);
		return;
	}
	*MEM_PUSH(problems->items, problems->count) = problem;
}

void problems_fini(struct problems *problems)
{
	for (size_t i = 0; i < problems->count; i++)
		venus__v1__problem__free_unpacked(problems->items[i], NULL);
	free(problems->items);
	*problems = (struct problems){0};
}

struct digest cells_key(const char *word, const struct digest *a, const struct digest *b)
{
	struct digest_stream *stream = digest_stream_new();

	digest_stream_add_text(stream, word);
	digest_stream_add(stream, a->bytes, DIGEST_BYTES);
	digest_stream_add(stream, b->bytes, DIGEST_BYTES);
	return digest_stream_finish(stream);
}

void cells_progress(const struct cells_job *cells, const char *format, ...)
{
	char text[256];
	va_list list;

	if (!cells->on_progress)
		return;
	va_start(list, format);
	(void)vsnprintf(text, sizeof text, format, list);
	va_end(list);
	cells->on_progress(text, cells->payload);
}

struct digest cells_want_key(const struct cells_job *cells, const struct rust_file *file)
{
	const struct digest text = digest_of(file->text, file->length);

	return cells_key("cell", &cells->universe_identity, &text);
}

static int look_up_want(struct cells_job *cells, struct want *want, struct err *err)
{
	int status;

	want->key = cells_want_key(cells, &want->file);
	status =
	    build_record_get(cells->job.build->store, "object", &want->key, &want->record, err);
	if (status < 0)
		return -1;
	want->have = want->reused = status == 1;
	if (!want->have) {
		want->failure = build_failure_get(cells->job.build, &want->key);
		want->failed = want->failure != NULL;
	}
	return 0;
}

static int look_up_glue(struct cells_job *cells, struct glue *glue, struct err *err)
{
	const struct digest type = digest_of(glue->type, strlen(glue->type));
	int status;

	glue->key = cells_key("glue", &cells->universe_identity, &type);
	status =
	    build_record_get(cells->job.build->store, "object", &glue->key, &glue->record, err);
	if (status < 0)
		return -1;
	glue->have = glue->reused = status == 1;
	if (!glue->have)
		glue->failure = build_failure_get(cells->job.build, &glue->key);
	return 0;
}

int cells_look_up_all(struct cells_job *cells, struct err *err)
{
	bool marked = false;

	for (size_t i = 0; i < cells->asked_count; i++) {
		if (look_up_want(cells, &cells->wants[i], err) != 0)
			return -1;
	}
	for (size_t i = 0; i < cells->glue_count; i++) {
		if (look_up_glue(cells, &cells->glues[i], err) != 0)
			return -1;
	}
	if (cells_plain_marked(cells, &marked, err) != 0)
		return -1;
	cells->plain = cells->plain_trial = marked;
	return 0;
}

static bool all_there(const struct cells_job *cells)
{
	for (size_t i = 0; i < cells->asked_count; i++) {
		if (!cells->wants[i].have && !cells->wants[i].failed)
			return false;
	}
	for (size_t i = 0; i < cells->glue_count; i++) {
		if (!cells->glues[i].have && !cells->glues[i].failure)
			return false;
	}
	return true;
}

int cells_after_look_up(const struct cells_job *cells)
{
	if (!cells->have_runtime)
		return CELLS_RUNTIME_COMPILE;
	if (cells->plain)
		return CELLS_PLAIN_WRITE;
	if (!cells->have_universe)
		return CELLS_UNIVERSE_WRITE;
	return all_there(cells) ? CELLS_RESULT : CELLS_BATCH_WRITE;
}

/* The text of cells, and the distinct types that they return. */
static int generate(struct cells_job *cells, struct err *err)
{
	for (size_t i = 0; i < cells->want_count; i++) {
		struct want *want = &cells->wants[i];
		const char *type = cells->notebook->cells[want->cell].return_type;

		for (want->glue = 0; want->glue < cells->glue_count; want->glue++) {
			if (strcmp(cells->glues[want->glue].type, type) == 0)
				break;
		}
		if (want->glue == cells->glue_count) {
			struct glue *glue = MEM_PUSH(cells->glues, cells->glue_count);

			glue->type = mem_strdup(type);
			glue->symbol = rust_glue_symbol(type);
		}
		if (want->glue_only)
			continue;
		if (rust_cell_generate(
			cells->notebook, &cells->settings, want->cell, &want->file, err) != 0)
			return -1;
		want->symbol = rust_cell_symbol(cells->notebook, &cells->settings, want->cell);
	}
	return 0;
}

static int generate_universe(struct cells_job *cells, struct err *err)
{
	const struct rust_crates *crates = &cells->env->crates;
	const char **names = mem_alloc((crates->extern_count + 1) * sizeof *names);
	AUTO_FREE const char **owned = names;
	struct digest text;

	for (size_t i = 0; i < crates->extern_count; i++)
		names[i] = crates->externs[i].name;
	if (rust_universe_generate(cells->notebook, &cells->settings, names, crates->extern_count,
		&cells->universe.crate, err) != 0)
		return -1;
	text = rust_crate_digest(&cells->universe.crate);
	cells->universe_key = cells_key("universe", &cells->env->digest, &text);
	cells_unit_init(cells, &cells->universe, RUST_UNIT_UNIVERSE, &cells->universe_key);
	return 0;
}

static int look_up(struct build_job *job, struct err *err)
{
	struct cells_job *cells = (struct cells_job *)job;
	struct store *store = job->build->store;
	AUTO_FREE char *failure = NULL;
	int status;

	cells->runtime_key =
	    cells_key("runtime", &cells->env->toolchain.identity, &cells->env->runtime_source);
	status = build_record_get(store, "runtime", &cells->runtime_key, &cells->runtime, err);
	if (status < 0 || generate_universe(cells, err) != 0 || generate(cells, err) != 0)
		return -1;
	cells->have_runtime = status == 1;
	failure = build_failure_get(job->build, &cells->universe_key);
	if (failure) {
		cells->plain = true;
		return cells_after_look_up(cells);
	}
	status =
	    build_record_get(store, "universe", &cells->universe_key, &cells->universe_record, err);
	if (status < 0)
		return -1;
	cells->have_universe = status == 1;
	if (cells->have_universe) {
		cells->universe_identity =
		    build_inputs_digest(&cells->universe_record.inputs, &cells->universe_key);
		if (cells_look_up_all(cells, err) != 0)
			return -1;
	}
	return cells_after_look_up(cells);
}

static void finish(struct build_job *job, const struct err *err)
{
	struct cells_job *cells = (struct cells_job *)job;

	cells->on_result(err ? NULL : &cells->result, err, cells->payload);
}

void unit_fini(struct unit *unit)
{
	rust_crate_fini(&unit->crate);
	free(unit->folder);
	free(unit->wants);
	free(unit->diagnostics);
	build_inputs_fini(&unit->inputs);
	*unit = (struct unit){0};
}

void cells_units_clear(struct cells_job *cells)
{
	for (size_t i = 0; i < cells->unit_count; i++)
		unit_fini(&cells->units[i]);
	free(cells->units);
	cells->units = NULL;
	cells->unit_count = 0;
}

static void want_fini(struct want *want)
{
	rust_file_fini(&want->file);
	free(want->symbol);
	free(want->failure);
	build_record_fini(&want->record);
	problems_fini(&want->problems);
}

static void destroy(struct build_job *job)
{
	struct cells_job *cells = (struct cells_job *)job;

	cells_units_clear(cells);
	unit_fini(&cells->universe);
	unit_fini(&cells->plain_unit);
	for (size_t i = 0; i < cells->want_count; i++)
		want_fini(&cells->wants[i]);
	free(cells->wants);
	for (size_t i = 0; i < cells->glue_count; i++) {
		free(cells->glues[i].type);
		free(cells->glues[i].symbol);
		free(cells->glues[i].failure);
		build_record_fini(&cells->glues[i].record);
	}
	free(cells->glues);
	for (size_t i = 0; cells->plain_problems && i < cells->plain_problem_count; i++)
		problems_fini(&cells->plain_problems[i]);
	free(cells->plain_problems);
	free(cells->plain_without);
	build_record_fini(&cells->runtime);
	build_record_fini(&cells->universe_record);
	build_record_fini(&cells->plain_record);
	problems_fini(&cells->problems);
	build_result_fini(&cells->result);
	build_env_unref(cells->env);
	free(cells->runtime_file);
	free(cells->universe_file);
	free(cells->folder);
	free(cells);
}

static void add_wants(struct cells_job *cells, const size_t *list, size_t count, bool glue_only)
{
	for (size_t i = 0; i < count; i++) {
		struct want *want = MEM_PUSH(cells->wants, cells->want_count);

		assert(list[i] < cells->notebook->cell_count);
		want->cell = list[i];
		want->glue_only = glue_only;
	}
}

int build_cells(struct build *build, struct build_env *env, const struct notebook *notebook,
    const struct build_options *options, const size_t *list, size_t count, const size_t *glue_only,
    size_t glue_only_count, build_on_result *on_result, build_on_progress *on_progress,
    void *payload, struct build_job **ret_job, struct err *err)
{
	struct cells_job *cells;

	if (options->path[0] != '/')
		return err_set(
		    err, ERR_INVALID, "the notebook's path `%s` is not absolute", options->path);
	cells = mem_alloc(sizeof *cells);
	cells->env = build_env_ref(env);
	cells->notebook = notebook;
	cells->folder = file_folder(options->path);
	cells->settings = (struct rust_settings){cells->folder, env->edition};
	add_wants(cells, list, count, false);
	cells->asked_count = cells->want_count;
	add_wants(cells, glue_only, glue_only_count, true);
	cells->on_result = on_result;
	cells->on_progress = on_progress;
	cells->payload = payload;
	cells->job.finish = finish;
	cells->job.destroy = destroy;
	build_job_begin(build, &cells->job, cells_steps);
	*ret_job = &cells->job;
	return 0;
}

bool build_place(const struct notebook *notebook, const struct build_options *options, size_t cell,
    const char *file, uint32_t line, uint32_t column, struct notebook_place *ret_place)
{
	AUTO_FREE char *folder = file_folder(options->path);
	const struct rust_settings settings = {folder, rust_manifest_edition(notebook->cargo)};
	const char *slash = strrchr(file, '/');
	struct rust_origin origin;

	if (!rust_file_place(
		notebook, &settings, cell, slash ? slash + 1 : file, line, column, &origin))
		return false;
	*ret_place = origin.place;
	return true;
}
