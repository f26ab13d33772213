#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/mem.h"
#include "venusd/build/build_cells.h"

/* One crate's way through the compiler: the runtime crate and the universe, and what they have in
 * common with the others. */

void cells_unit_init(
    struct cells_job *cells, struct unit *unit, enum rust_unit_kind kind, const struct digest *key)
{
	char hex[DIGEST_HEX + 1];

	digest_to_hex(key, hex);
	memcpy(unit->tag, hex, RUST_TAG_LENGTH);
	unit->tag[RUST_TAG_LENGTH] = 0;
	unit->compile = (struct rust_compile){
	    .kind = kind,
	    .toolchain = &cells->env->toolchain,
	    .crates = &cells->env->crates,
	    .edition = cells->env->edition,
	    .release = cells->env->release,
	};
}

int cells_unit_write(struct cells_job *cells, struct unit *unit, const char *name, struct err *err)
{
	const char *scratch = build_job_scratch(&cells->job, err);

	if (!scratch)
		return -1;
	free(unit->folder);
	unit->folder = file_join(scratch, name);
	if (file_make_folders(unit->folder, 0700, err) != 0)
		return -1;
	for (size_t i = 0; i < unit->crate.file_count; i++) {
		const struct rust_file *file = &unit->crate.files[i];

		if (build_file_write(unit->folder, file->name, file->text, file->length, err) != 0)
			return -1;
	}
	if (!cells->runtime_file) {
		cells->runtime_file =
		    build_materialise(cells->job.build, &cells->runtime.object, "libvenus.so", err);
		if (!cells->runtime_file)
			return -1;
	}
	unit->compile.folder = unit->folder;
	unit->compile.root = unit->crate.files[0].name;
	unit->compile.tag = unit->tag;
	unit->compile.runtime_file = cells->runtime_file;
	return 0;
}

int cells_unit_take(
    struct cells_job *cells, struct unit *unit, const struct build_run *run, struct err *err)
{
	AUTO_FREE char *dep_info = rust_compile_dep_info(&unit->compile);
	AUTO_FREE char *made = rust_compile_links(&unit->compile)
				   ? rust_compile_library(&unit->compile)
				   : rust_compile_object(&unit->compile);

	if (build_run_check(run, err) != 0)
		return -1;
	free(unit->diagnostics);
	unit->diagnostics = mem_strndup(run->err.data ? run->err.data : "", run->err.length);
	unit->compiled = build_run_ok(run) && file_exists(made);
	return build_inputs_add_dep_info(
	    &unit->inputs, cells->job.build->store, dep_info, unit->folder, err);
}

int cells_unit_link(struct cells_job *cells, struct unit *unit, struct err *err)
{
	AUTO_FREE char *object = rust_compile_object(&unit->compile);
	AUTO_FREE char *library = rust_compile_library(&unit->compile);
	AUTO_FREE char *soname = rust_compile_soname(unit->compile.kind, unit->tag);

	unit->run = cells->job.run_count;
	return rust_link_start(&cells->job, object, library, soname, err);
}

static int keep_file(
    struct store *store, const char *path, struct digest *ret_digest, struct err *err)
{
	AUTO_BUF struct buf bytes = BUF_INIT;

	if (file_read(path, BUILD_OBJECT_MAX_BYTES, &bytes, err) != 0)
		return -1;
	return store_object_put_soon(store, bytes.data, bytes.length, ret_digest, err);
}

int cells_unit_keep(
    struct cells_job *cells, const struct unit *unit, struct build_record *record, struct err *err)
{
	AUTO_FREE char *library = rust_compile_library(&unit->compile);
	AUTO_FREE char *meta = rust_compile_meta(&unit->compile);

	if (!rust_compile_links(&unit->compile)) {
		const struct build_run *run = cells->job.runs[unit->run];

		if (build_run_check(run, err) != 0)
			return -1;
		if (!build_run_ok(run))
			return err_set(err, ERR_UNAVAILABLE, "the linker failed: %.*s",
			    (int)strcspn(run->err.data ? run->err.data : "", "\n"),
			    run->err.data ? run->err.data : "");
	}
	if (keep_file(cells->job.build->store, library, &record->object, err) != 0)
		return -1;
	return meta ? keep_file(cells->job.build->store, meta, &record->meta, err) : 0;
}

int cells_runtime_compile(struct build_job *job, struct err *err)
{
	struct cells_job *cells = (struct cells_job *)job;
	static const struct rust_crates none;
	struct unit unit = {0};
	AUTO_FREE char *root = file_join(job->build->runtime_source, "venus/src/lib.rs");

	cells_unit_init(cells, &unit, RUST_UNIT_RUNTIME, &cells->runtime_key);
	unit.compile.folder = build_job_scratch(job, err);
	if (!unit.compile.folder)
		return -1;
	unit.compile.crates = &none;
	unit.compile.root = root;
	unit.compile.source_folder = job->build->runtime_source;
	unit.compile.tag = unit.tag;
	unit.compile.edition = 2021;
	cells_progress(cells, "compiling the runtime crate");
	job->next = CELLS_RUNTIME_KEEP;
	return rust_compile_start(job, &unit.compile, err) == 0 ? BUILD_STEP_WAIT
								: BUILD_STEP_FAILED;
}

/* The runtime crate is venus's own: what is said of it is a failure of the installation. */
static int runtime_failed(const char *text, size_t length, struct err *err)
{
	struct rust_diagnostics diagnostics;

	rust_diagnostics_read(NULL, NULL, 0, text, length, &diagnostics);
	(void)err_set(err, ERR_UNAVAILABLE, "the runtime crate does not compile: %s",
	    diagnostics.error_count > 0 ? diagnostics.items[0].problem->message
					: diagnostics.other);
	rust_diagnostics_fini(&diagnostics);
	return -1;
}

int cells_runtime_keep(struct build_job *job, struct err *err)
{
	struct cells_job *cells = (struct cells_job *)job;
	const struct build_run *run = job->runs[0];
	AUTO_FREE char *library = file_join(job->scratch, "libvenus.so");

	if (build_run_check(run, err) != 0)
		return -1;
	if (!build_run_ok(run))
		return runtime_failed(run->err.data ? run->err.data : "", run->err.length, err);
	if (keep_file(job->build->store, library, &cells->runtime.object, err) != 0 ||
	    build_record_put(
		job->build->store, "runtime", &cells->runtime_key, &cells->runtime, err) != 0)
		return -1;
	cells->have_runtime = true;
	return cells_after_look_up(cells);
}

int cells_universe_write(struct build_job *job, struct err *err)
{
	struct cells_job *cells = (struct cells_job *)job;

	return cells_unit_write(cells, &cells->universe, "universe", err) == 0
		   ? CELLS_UNIVERSE_COMPILE
		   : BUILD_STEP_FAILED;
}

int cells_universe_compile(struct build_job *job, struct err *err)
{
	struct cells_job *cells = (struct cells_job *)job;

	cells_progress(cells, "compiling the definitions");
	job->next = CELLS_UNIVERSE_COMPILED;
	return rust_compile_start(job, &cells->universe.compile, err) == 0 ? BUILD_STEP_WAIT
									   : BUILD_STEP_FAILED;
}

int cells_universe_compiled(struct build_job *job, struct err *err)
{
	struct cells_job *cells = (struct cells_job *)job;

	if (cells_unit_take(cells, &cells->universe, job->runs[0], err) != 0)
		return -1;
	if (cells->universe.compiled)
		return rust_compile_links(&cells->universe.compile) ? CELLS_UNIVERSE_KEEP
								    : CELLS_UNIVERSE_LINK;
	build_failure_put(
	    job->build, &cells->universe_key, cells->universe.diagnostics, &cells->universe.inputs);
	cells->plain = true;
	return CELLS_PLAIN_WRITE;
}

int cells_universe_link(struct build_job *job, struct err *err)
{
	struct cells_job *cells = (struct cells_job *)job;

	job->next = CELLS_UNIVERSE_KEEP;
	return cells_unit_link(cells, &cells->universe, err) == 0 ? BUILD_STEP_WAIT
								  : BUILD_STEP_FAILED;
}

int cells_universe_keep(struct build_job *job, struct err *err)
{
	struct cells_job *cells = (struct cells_job *)job;
	struct build_record *record = &cells->universe_record;

	if (cells_unit_keep(cells, &cells->universe, record, err) != 0)
		return -1;
	record->diagnostics = mem_strdup(cells->universe.diagnostics);
	record->inputs = cells->universe.inputs;
	cells->universe.inputs = (struct build_inputs){0};
	if (build_record_put(job->build->store, "universe", &cells->universe_key, record, err) != 0)
		return -1;
	cells->have_universe = true;
	cells->universe_identity = build_inputs_digest(&record->inputs, &cells->universe_key);
	if (cells_look_up_all(cells, err) != 0)
		return -1;
	return cells_after_look_up(cells);
}
