#ifndef TESTS_BUILD_DRIVER_H
#define TESTS_BUILD_DRIVER_H

/*
 * The build folder with a real venus-spawn, store and rustc, in a private folder. Calls wait for
 * their callback; nothing waits for a length of time. What compilers were started is seen from the
 * progress that a build tells.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/mem.h"
#include "venusd/build/build.h"

struct driver {
	uv_loop_t loop;
	char folder[64]; /* notebooks are written here */
	struct spawner *spawner;
	struct store *store;
	struct build *build;
	struct build_env *env;
	struct notebook *notebook;
	char *path;
	bool release;
	/* Of the last call. */
	bool done;
	struct build_result result;
	struct err err;
	bool failed;
	Venus__V1__Problem *problem;
	struct buf progress;
};

/* A store with nothing but the runtime crate in it, that each test begins with a copy of: compiling
 * it takes longer than most tests. */
static char driver_template[64];

static inline void driver_lost(void *payload)
{
	(void)payload;
	fail_msg("venus-spawn ended");
}

static inline void driver_open_build(struct driver *driver)
{
	AUTO_FREE char *folder = file_join(driver->folder, "cache/build");
	const struct build_settings settings = {folder, VENUS_SOURCE_DIR "/venusd/runtime/rust"};

	assert_return_code(build_open(&driver->loop, driver->spawner, driver->store, &settings,
			       &driver->build, &driver->err),
	    0);
}

static inline void driver_program(
    const char *name, const char *a, const char *b, const char *c, const char *d)
{
	const pid_t child = fork();
	int status = 0;

	assert_return_code(child, errno);
	if (child == 0) {
		execlp(name, name, a, b, c, d, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static inline int driver_setup(void **state)
{
	struct driver *driver = mem_alloc(sizeof *driver);
	AUTO_FREE char *store = NULL;
	char *note = NULL;

	strcpy(driver->folder, "/tmp/venus-build-XXXXXX");
	assert_non_null(mkdtemp(driver->folder));
	store = file_join(driver->folder, "cache/store");
	assert_int_equal(uv_loop_init(&driver->loop), 0);
	assert_return_code(spawner_open(&driver->loop, VENUS_BINARY_DIR "/bin/venus-spawn",
			       driver_lost, NULL, &driver->spawner, &driver->err),
	    0);
	if (driver_template[0]) {
		AUTO_FREE char *cache = file_folder(store);

		assert_return_code(file_make_folders(cache, 0700, &driver->err), 0);
		driver_program("cp", "-a", driver_template, store, NULL);
	}
	assert_return_code(file_make_folders(store, 0700, &driver->err), 0);
	assert_return_code(store_open(store, &driver->store, &note, &driver->err), 0);
	free(note);
	driver_open_build(driver);
	*state = driver;
	return 0;
}

static inline void driver_forget(struct driver *driver)
{
	build_result_fini(&driver->result);
	if (driver->problem)
		venus__v1__problem__free_unpacked(driver->problem, NULL);
	driver->problem = NULL;
	buf_clear(&driver->progress);
	buf_add(&driver->progress, "", 0);
	driver->done = driver->failed = false;
}

static inline int driver_teardown(void **state)
{
	struct driver *driver = *state;
	struct err err;

	driver_forget(driver);
	buf_fini(&driver->progress);
	build_env_unref(driver->env);
	build_close(driver->build);
	if (driver->store)
		store_close(driver->store);
	spawner_close(driver->spawner);
	while (uv_run(&driver->loop, UV_RUN_DEFAULT) != 0)
		continue;
	assert_int_equal(uv_loop_close(&driver->loop), 0);
	notebook_free(driver->notebook);
	free(driver->path);
	assert_return_code(file_remove_tree(driver->folder, &err), 0);
	free(driver);
	return 0;
}

/* Writes a file below the driver's folder. */
static inline void driver_write(
    const struct driver *driver, const char *name, const char *text, mode_t mode)
{
	AUTO_FREE char *path = file_join(driver->folder, name);
	AUTO_FREE char *folder = file_folder(path);
	struct err err;

	assert_return_code(file_make_folders(folder, 0700, &err), 0);
	assert_return_code(file_write_atomic(path, text, strlen(text), mode, &err), 0);
}

static inline void driver_on_env(
    struct build_env *env, const Venus__V1__Problem *problem, void *payload)
{
	struct driver *driver = payload;

	driver->done = true;
	driver->env = env ? build_env_ref(env) : NULL;
	if (problem) {
		size_t size = venus__v1__problem__get_packed_size(problem);
		uint8_t *bytes = mem_alloc(size);

		(void)venus__v1__problem__pack(problem, bytes);
		driver->problem = venus__v1__problem__unpack(NULL, size, bytes);
		free(bytes);
	}
}

static inline void driver_on_progress(const char *text, void *payload)
{
	struct driver *driver = payload;

	buf_printf(&driver->progress, "%s\n", text);
}

static inline void driver_on_result(
    struct build_result *result, const struct err *err, void *payload)
{
	struct driver *driver = payload;

	driver->done = true;
	driver->failed = err != NULL;
	if (err)
		driver->err = *err;
	else
		driver->result = build_result_take(result);
}

static inline void driver_wait(struct driver *driver)
{
	while (!driver->done)
		(void)uv_run(&driver->loop, UV_RUN_ONCE);
}

static inline struct build_options driver_options(const struct driver *driver)
{
	return (struct build_options){driver->path, driver->release};
}

static inline void driver_parse(struct driver *driver, const char *text)
{
	notebook_free(driver->notebook);
	driver->notebook = NULL;
	if (notebook_parse(text, strlen(text), &driver->notebook, &driver->err) != 0)
		fail_msg("%s", driver->err.message);
	free(driver->path);
	driver->path = file_join(driver->folder, "notebook.rs");
}

/* Finds the environment of the notebook at hand; false: driver->problem says why not. */
static inline bool driver_env(struct driver *driver)
{
	const struct build_options options = driver_options(driver);
	struct build_job *job;

	driver_forget(driver);
	build_env_unref(driver->env);
	driver->env = NULL;
	assert_return_code(build_env_find(driver->build, driver->notebook, &options, driver_on_env,
			       driver_on_progress, driver, &job, &driver->err),
	    0);
	driver_wait(driver);
	assert_true((driver->env != NULL) != (driver->problem != NULL));
	return driver->env != NULL;
}

/* Builds cells by their names, NULL at the end; with none, all that are not broken. */
static inline void driver_cells(
    struct driver *driver, const char *const *names, const char *const *glue_only)
{
	const struct build_options options = driver_options(driver);
	size_t cells[100], glue[100], count = 0, glue_count = 0;
	struct build_job *job;

	for (size_t i = 0; names && names[i]; i++)
		cells[count++] = (size_t)notebook_cell_find(driver->notebook, names[i]);
	for (size_t i = 0; !names && i < driver->notebook->cell_count; i++) {
		if (!driver->notebook->cells[i].broken)
			cells[count++] = i;
	}
	for (size_t i = 0; glue_only && glue_only[i]; i++)
		glue[glue_count++] = (size_t)notebook_cell_find(driver->notebook, glue_only[i]);
	driver_forget(driver);
	assert_return_code(
	    build_cells(driver->build, driver->env, driver->notebook, &options, cells, count, glue,
		glue_count, driver_on_result, driver_on_progress, driver, &job, &driver->err),
	    0);
	driver_wait(driver);
	if (driver->failed)
		print_message("build failed: %s\n", driver->err.message);
}

/* Parses, finds the environment, builds everything. */
static inline void driver_build(struct driver *driver, const char *text)
{
	driver_parse(driver, text);
	if (!driver_env(driver))
		fail_msg("%s", driver->problem->message);
	driver_cells(driver, NULL, NULL);
}

static inline struct build_cell *driver_cell(struct driver *driver, const char *name)
{
	const int cell = notebook_cell_find(driver->notebook, name);

	for (size_t i = 0; i < driver->result.cell_count; i++) {
		if ((int)driver->result.cells[i].cell == cell)
			return &driver->result.cells[i];
	}
	fail_msg("no cell `%s` in the result", name);
	return NULL;
}

static inline void driver_print(const Venus__V1__Problem *problem)
{
	print_message("%u:%u-%u:%u [%s] cell=%s %s (%s)\n", problem->line, problem->column,
	    problem->end_line, problem->end_column, problem->code, problem->cell, problem->message,
	    problem->label);
	for (size_t i = 0; i < problem->n_notes; i++)
		print_message("    %s %u:%u %s\n", problem->notes[i]->level,
		    problem->notes[i]->line, problem->notes[i]->column, problem->notes[i]->message);
}

static inline void driver_all_ok(struct driver *driver)
{
	assert_false(driver->failed);
	for (size_t i = 0; i < driver->result.problem_count; i++)
		driver_print(driver->result.problems[i]);
	for (size_t i = 0; i < driver->result.cell_count; i++) {
		for (size_t k = 0; k < driver->result.cells[i].problem_count; k++)
			driver_print(driver->result.cells[i].problems[k]);
	}
	assert_true(driver->result.cell_count > 0);
	for (size_t i = 0; i < driver->result.cell_count; i++)
		assert_true(driver->result.cells[i].ok);
}

/* For a group of tests: makes what they begin with. */
static inline int driver_group_setup(void **state)
{
	struct driver *driver;
	AUTO_FREE char *store = NULL;
	char folder[] = "/tmp/venus-build-XXXXXX";

	(void)driver_setup(state);
	driver = *state;
	driver_build(driver, "#[venus::cell]\nfn one() -> i32 { 1 }\n");
	driver_all_ok(driver);
	assert_non_null(strstr(driver->progress.data, "compiling the runtime crate\n"));
	assert_non_null(mkdtemp(folder));
	store = file_join(driver->folder, "cache/store");
	driver_forget(driver);
	store_close(driver->store);
	driver->store = NULL;
	driver_program("cp", "-a", store, folder, NULL);
	(void)driver_teardown(state);
	(void)snprintf(driver_template, sizeof driver_template, "%s/store", folder);
	return 0;
}

static inline int driver_group_teardown(void **state)
{
	AUTO_FREE char *folder = file_folder(driver_template);
	struct err err;

	(void)state;
	return file_remove_tree(folder, &err);
}

static inline void *driver_load(struct driver *driver, const struct digest *object, int flags)
{
	char path[64];
	uint64_t size;
	void *handle;
	int fd;

	if (store_object_get_memfd(driver->store, object, &fd, &size, &driver->err) != 0)
		return NULL;
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	handle = dlopen(path, RTLD_NOW | flags);
	if (!handle)
		(void)fprintf(stderr, "%s\n", dlerror());
	return handle;
}

static inline bool driver_load_all(struct driver *driver)
{
	for (size_t i = 0; i < driver->result.library_count; i++) {
		const struct build_library *library = &driver->result.libraries[i];
		char *path = library->soname
				 ? file_join(driver->result.library_path, library->soname)
				 : NULL;
		void *handle = path ? dlopen(path, RTLD_NOW | RTLD_GLOBAL)
				    : driver_load(driver, &library->object, RTLD_GLOBAL);

		if (!handle || (library->runtime && !dlsym(handle, "venus_rt_call")))
			return false;
	}
	for (size_t i = 0; i < driver->result.cell_count; i++) {
		const struct build_cell *cell = &driver->result.cells[i];
		void *glue, *code;

		if (!cell->ok)
			continue;
		glue = driver_load(driver, &cell->glue_object, RTLD_LOCAL);
		code = cell->symbol ? driver_load(driver, &cell->object, RTLD_LOCAL) : glue;
		if (!glue || !code || !dlsym(glue, cell->glue_symbol) ||
		    (cell->symbol && !dlsym(code, cell->symbol)))
			return false;
	}
	return true;
}

/* Loads all of the result as a worker does, in a process of its own: every name must resolve. */
static inline void driver_loads(struct driver *driver)
{
	const pid_t child = fork();
	int status = 0;

	assert_return_code(child, errno);
	if (child == 0)
		_exit(driver_load_all(driver) ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

#endif
