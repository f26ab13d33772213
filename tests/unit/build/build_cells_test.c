#include "driver.h"

/* Cells from source to objects that load: what is compiled when, whose errors are whose. */

#define HEAD                                                                                       \
	"use venus::prelude::*;\n\nconst SCALE: f64 = 2.0;\n\npub struct Config {\n    n: "        \
	"u32,\n}\n\n"
#define CONFIG "#[venus::cell]\npub fn config() -> Config {\n    Config { n: 10 }\n}\n\n"
#define TOTAL                                                                                      \
	"#[venus::cell]\npub fn total(config: &Config) -> f64 {\n    config.n as f64 * "           \
	"SCALE\n}\n\n"
#define WORDS "#[venus::cell]\nfn words() -> Vec<String> {\n    vec![\"a\".to_string()]\n}\n"

static void nothing_is_compiled_twice(void **state)
{
	struct driver *driver = *state;
	struct digest universe, object;

	driver_build(driver, HEAD CONFIG TOTAL WORDS);
	driver_all_ok(driver);
	assert_string_equal(
	    driver->progress.data, "compiling the definitions\ncompiling 3 cells\n");
	assert_int_equal(driver->result.cell_count, 3);
	assert_int_equal(driver->result.library_count, 3);
	assert_true(driver->result.libraries[1].runtime);
	assert_false(driver_cell(driver, "total")->reused);
	driver_loads(driver);
	universe = driver->result.universe;
	object = driver_cell(driver, "total")->object;

	driver_build(driver, HEAD CONFIG TOTAL WORDS);
	driver_all_ok(driver);
	assert_string_equal(driver->progress.data, "");
	for (size_t i = 0; i < 3; i++)
		assert_true(driver->result.cells[i].reused);
	assert_memory_equal(&driver->result.universe, &universe, sizeof universe);
	assert_memory_equal(&driver_cell(driver, "total")->object, &object, sizeof object);
	driver_loads(driver);

	/* A new daemon knows it too. */
	build_env_unref(driver->env);
	driver->env = NULL;
	build_close(driver->build);
	driver_open_build(driver);
	driver_build(driver, "// moved\n\n" HEAD WORDS "\n" CONFIG TOTAL);
	driver_all_ok(driver);
	assert_string_equal(driver->progress.data, "");
}

static void an_edit_compiles_one_cell(void **state)
{
	struct driver *driver = *state;
	struct digest universe, words;

	driver_build(driver, HEAD CONFIG TOTAL WORDS);
	driver_all_ok(driver);
	universe = driver->result.universe;
	words = driver_cell(driver, "words")->object;
	driver_build(driver, HEAD CONFIG "#[venus::cell]\npub fn total(config: &Config) -> f64 {\n "
					 "   config.n as f64 + SCALE\n}\n\n" WORDS);
	driver_all_ok(driver);
	assert_string_equal(driver->progress.data, "compiling 1 cell\n");
	assert_true(driver_cell(driver, "config")->reused);
	assert_false(driver_cell(driver, "total")->reused);
	assert_memory_equal(&driver->result.universe, &universe, sizeof universe);
	assert_memory_equal(&driver_cell(driver, "words")->object, &words, sizeof words);
	driver_loads(driver);
}

static void a_broken_cell_breaks_itself_only(void **state)
{
	struct driver *driver = *state;
	const Venus__V1__Problem *problem;

	driver_build(driver, HEAD CONFIG "#[venus::cell]\npub fn total(config: &Config) -> f64 {\n "
					 "   \"\xc3\xa4\"; config.n\n}\n\n" WORDS);
	assert_false(driver->failed);
	assert_int_equal(driver->result.problem_count, 0);
	assert_true(driver_cell(driver, "config")->ok);
	assert_true(driver_cell(driver, "words")->ok);
	assert_false(driver_cell(driver, "total")->ok);
	assert_in_range(driver_cell(driver, "total")->problem_count, 1, 2);
	problem = driver_cell(driver, "total")->problems[0];
	assert_int_equal(problem->kind, VENUS__V1__PROBLEM__KIND__COMPILE);
	assert_string_equal(problem->code, "E0308");
	assert_string_equal(problem->message, "mismatched types");
	assert_string_equal(problem->cell, "total");
	assert_string_equal(problem->label, "expected `f64`, found `u32`");
	assert_string_equal(problem->source_line, "    \"\xc3\xa4\"; config.n");
	assert_int_equal(problem->line, 16);
	assert_int_equal(problem->column, 10);
	assert_int_equal(problem->end_line, 16);
	assert_int_equal(problem->end_column, 18);
	assert_memory_equal(driver->notebook->source + problem->offset, "config.n\n", 9);
	assert_int_equal(problem->end_offset - problem->offset, 8);
	driver_loads(driver);

	/* The same text again: no compiler, the same answer. */
	driver_build(driver, "\n" HEAD CONFIG "#[venus::cell]\npub fn total(config: &Config) -> "
			     "f64 {\n    \"\xc3\xa4\"; config.n\n}\n\n" WORDS);
	assert_string_equal(driver->progress.data, "");
	assert_false(driver_cell(driver, "total")->ok);
	assert_int_equal(driver_cell(driver, "total")->problems[0]->line, 17);
	assert_true(driver_cell(driver, "words")->reused);
}

static void an_unknown_name_stays_with_its_cell(void **state)
{
	struct driver *driver = *state;
	struct digest universe;

	driver_build(driver, HEAD CONFIG TOTAL WORDS);
	driver_all_ok(driver);
	universe = driver->result.universe;
	driver_build(driver, HEAD CONFIG "#[venus::cell]\npub fn total(config: &Config) -> f64 {\n "
					 "   confi.n as f64\n}\n\n" WORDS);
	assert_false(driver->failed);
	assert_int_equal(driver->result.problem_count, 0);
	assert_false(driver_cell(driver, "total")->ok);
	assert_string_equal(driver_cell(driver, "total")->problems[0]->code, "E0425");
	assert_true(driver_cell(driver, "words")->ok);
	/* The other cells' values stay where they are. */
	assert_memory_equal(&driver->result.universe, &universe, sizeof universe);
	driver_build(driver, HEAD CONFIG "#[venus::cell]\npub fn total(config: &Config) -> f64 {\n "
					 "   confi.n as f64\n}\n\n" WORDS);
	assert_string_equal(driver->progress.data, "");
	assert_false(driver_cell(driver, "total")->ok);
}

static void a_parameter_that_does_not_fit_is_explained(void **state)
{
	struct driver *driver = *state;
	const Venus__V1__Problem *problem;

	driver_build(driver, HEAD CONFIG "#[venus::cell]\npub fn total(config: &String) -> usize "
					 "{\n    config.len()\n}\n\n" WORDS);
	assert_false(driver->failed);
	assert_false(driver_cell(driver, "total")->ok);
	problem = driver_cell(driver, "total")->problems[0];
	assert_string_equal(problem->message,
	    "cell `total` wants `config: &String`, but cell `config` gives `Config`");
	assert_string_equal(problem->code, "E0308");
	assert_int_equal(problem->line, 15);
	assert_int_equal(problem->column, 14);
	assert_true(problem->n_notes > 0);
	assert_true(driver_cell(driver, "config")->ok);
	assert_true(driver_cell(driver, "words")->ok);
}

static void warnings_are_kept_and_move_with_the_text(void **state)
{
	static const char cell[] =
	    "#[venus::cell]\nfn lazy() -> i32 {\n    let unused = 1;\n    2\n}\n";
	struct driver *driver = *state;
	AUTO_FREE char *moved = mem_printf("// a\n// b\n\n%s", cell);

	driver_build(driver, cell);
	driver_all_ok(driver);
	assert_int_equal(driver_cell(driver, "lazy")->problem_count, 1);
	assert_int_equal(
	    driver_cell(driver, "lazy")->problems[0]->kind, VENUS__V1__PROBLEM__KIND__WARNING);
	assert_string_equal(driver_cell(driver, "lazy")->problems[0]->code, "unused_variables");
	assert_int_equal(driver_cell(driver, "lazy")->problems[0]->line, 3);
	driver_build(driver, moved);
	assert_string_equal(driver->progress.data, "");
	assert_int_equal(driver_cell(driver, "lazy")->problem_count, 1);
	assert_int_equal(driver_cell(driver, "lazy")->problems[0]->line, 6);
}

static void glue_alone_can_be_asked_for(void **state)
{
	static const char *const total[] = {"total", NULL}, *const config[] = {"config", NULL};
	struct driver *driver = *state;

	driver_parse(driver, HEAD CONFIG TOTAL WORDS);
	assert_true(driver_env(driver));
	driver_cells(driver, total, config);
	driver_all_ok(driver);
	assert_int_equal(driver->result.cell_count, 2);
	assert_string_equal(strstr(driver->progress.data, "compiling 1"), "compiling 1 cell\n");
	assert_null(driver_cell(driver, "config")->symbol);
	assert_non_null(driver_cell(driver, "config")->glue_symbol);
	assert_non_null(driver_cell(driver, "total")->symbol);
	driver_loads(driver);
}

static void many_cells_are_two_crates(void **state)
{
	struct driver *driver = *state;
	AUTO_BUF struct buf text = BUF_INIT;

	for (int i = 0; i < 41; i++)
		buf_printf(&text, "#[venus::cell]\nfn c%d() -> i32 { %s }\n", i,
		    i == 7    ? "\"x\""
		    : i == 30 ? "1u8"
			      : "1");
	driver_build(driver, text.data);
	assert_false(driver->failed);
	for (size_t i = 0; i < driver->result.cell_count; i++)
		assert_int_equal(driver->result.cells[i].ok, i != 7 && i != 30);
	assert_memory_not_equal(&driver->result.cells[0].object, &driver->result.cells[40].object,
	    sizeof(struct digest));
	driver_loads(driver);
}

static void release_is_another_build(void **state)
{
	struct driver *driver = *state;
	struct digest env, object;

	driver_build(driver, HEAD CONFIG TOTAL);
	env = *build_env_digest(driver->env);
	object = driver_cell(driver, "total")->object;
	driver->release = true;
	driver_build(driver, HEAD CONFIG TOTAL);
	driver_all_ok(driver);
	assert_memory_not_equal(&env, build_env_digest(driver->env), sizeof env);
	assert_memory_not_equal(&object, &driver_cell(driver, "total")->object, sizeof object);
	assert_non_null(strstr(build_env_toolchain(driver->env), ", release"));
	driver_loads(driver);
}

static void never(struct build_result *result, const struct err *err, void *payload)
{
	(void)result;
	(void)err;
	(void)payload;
	fail_msg("a cancelled build called back");
}

/* At any of its steps: after so many turns of the loop. What is left on disk is nothing. */
static void a_cancelled_build_calls_nothing(void **state)
{
	struct driver *driver = *state;
	const size_t cells[] = {0, 1};

	driver_parse(driver, HEAD CONFIG TOTAL);
	assert_true(driver_env(driver));
	for (int turns = 0; turns < 12; turns++) {
		const struct build_options options = driver_options(driver);
		struct build_job *job;

		assert_return_code(
		    build_cells(driver->build, driver->env, driver->notebook, &options, cells, 2,
			NULL, 0, turns < 8 ? never : driver_on_result, NULL, driver, &job,
			&driver->err),
		    0);
		if (turns >= 8) {
			driver_forget(driver);
			driver_wait(driver);
			continue;
		}
		for (int i = 0; i < turns; i++)
			(void)uv_run(&driver->loop, UV_RUN_NOWAIT);
		build_job_cancel(job);
	}
	driver_all_ok(driver);
	driver_loads(driver);
}

static void two_builds_at_once(void **state)
{
	struct driver *driver = *state;
	struct driver other = {.release = true};
	const size_t cells[] = {0, 1};
	struct build_job *jobs[2];
	struct build_options options;

	driver_parse(driver, HEAD CONFIG TOTAL);
	assert_true(driver_env(driver));
	driver_forget(driver);
	options = driver_options(driver);
	assert_return_code(
	    build_cells(driver->build, driver->env, driver->notebook, &options, cells, 2, NULL, 0,
		driver_on_result, NULL, driver, &jobs[0], &driver->err),
	    0);
	assert_return_code(
	    build_cells(driver->build, driver->env, driver->notebook, &options, cells, 2, NULL, 0,
		driver_on_result, NULL, &other, &jobs[1], &driver->err),
	    0);
	while (!driver->done || !other.done)
		(void)uv_run(&driver->loop, UV_RUN_ONCE);
	driver_all_ok(driver);
	driver_all_ok(&other);
	/* The same text gives the same bytes, wherever it was compiled. */
	for (size_t i = 0; i < 2; i++)
		assert_memory_equal(&driver->result.cells[i].object, &other.result.cells[i].object,
		    sizeof(struct digest));
	assert_memory_equal(&driver->result.libraries[2].object, &other.result.libraries[2].object,
	    sizeof(struct digest));
	driver_loads(driver);
	build_result_fini(&other.result);
}

#define BUILD_TEST(test) cmocka_unit_test_setup_teardown(test, driver_setup, driver_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    BUILD_TEST(nothing_is_compiled_twice),
	    BUILD_TEST(an_edit_compiles_one_cell),
	    BUILD_TEST(a_broken_cell_breaks_itself_only),
	    BUILD_TEST(an_unknown_name_stays_with_its_cell),
	    BUILD_TEST(a_parameter_that_does_not_fit_is_explained),
	    BUILD_TEST(warnings_are_kept_and_move_with_the_text),
	    BUILD_TEST(glue_alone_can_be_asked_for),
	    BUILD_TEST(many_cells_are_two_crates),
	    BUILD_TEST(release_is_another_build),
	    BUILD_TEST(a_cancelled_build_calls_nothing),
	    BUILD_TEST(two_builds_at_once),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, driver_group_setup, driver_group_teardown);
}
