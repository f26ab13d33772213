#include "driver.h"

/* Definitions: when they break, when they cannot be split from the cells, and the files that they
 * include. */

#define CONFIG "#[venus::cell]\npub fn config() -> Config {\n    Config { n: 10 }\n}\n\n"
#define WORDS  "#[venus::cell]\nfn words() -> Vec<String> {\n    vec![\"a\".to_string()]\n}\n"

static void broken_definitions_stop_everything(void **state)
{
	struct driver *driver = *state;
	const char *text =
	    "fn helper() -> u32 {\n    \"no\"\n}\n\n" CONFIG WORDS "struct Config { n: u32 }\n";

	for (int round = 0; round < 2; round++) {
		driver_build(driver, text);
		assert_false(driver->failed);
		assert_int_equal(driver->result.problem_count, 1);
		assert_string_equal(driver->result.problems[0]->code, "E0308");
		assert_int_equal(driver->result.problems[0]->line, 2);
		assert_int_equal(driver->result.problems[0]->column, 5);
		assert_string_equal(driver->result.problems[0]->cell, "");
		assert_false(driver_cell(driver, "config")->ok);
		assert_false(driver_cell(driver, "words")->ok);
		if (round == 1)
			assert_string_equal(driver->progress.data, "");
	}
}

/* Legal Rust that does not compile split: a definition calls a cell; a cell implements something
 * for a type of the notebook. */
static void what_cannot_be_split_is_compiled_whole(void **state)
{
	static const char calls[] = "fn twice() -> i32 { one() * 2 }\n\n"
				    "#[venus::cell]\nfn one() -> i32 { 1 }\n\n"
				    "#[venus::cell]\nfn two(one: &i32) -> i32 { twice() + one }\n";
	static const char implements[] =
	    "struct P(i32);\n\n#[venus::cell]\nfn p() -> i32 {\n    impl P { fn get(&self) -> i32 "
	    "{ self.0 } }\n    P(1).get()\n}\n\n"
	    "#[venus::cell]\nfn q(p: &i32) -> i32 { p + 1 }\n";
	static const char *const texts[] = {calls, implements};
	struct driver *driver = *state;

	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
		struct digest universe;

		driver_build(driver, texts[i]);
		driver_all_ok(driver);
		driver_loads(driver);
		universe = driver->result.universe;
		driver_build(driver, texts[i]);
		driver_all_ok(driver);
		assert_string_equal(driver->progress.data, "");
		assert_memory_equal(&universe, &driver->result.universe, sizeof universe);
		assert_true(driver->result.cells[0].reused);
	}
}

static void a_broken_cell_is_left_out_of_the_whole(void **state)
{
	struct driver *driver = *state;

	driver_build(driver,
	    "fn twice() -> i32 { one() * 2 }\n\n#[venus::cell]\nfn one() -> i32 { 1 }\n\n"
	    "#[venus::cell]\nfn two(one: &i32) -> i32 { twice() + one }\n\n#[venus::cell]\nfn "
	    "bad() -> i32 { \"x\" }\n");
	assert_false(driver->failed);
	assert_int_equal(driver->result.problem_count, 0);
	assert_true(driver_cell(driver, "one")->ok);
	assert_true(driver_cell(driver, "two")->ok);
	assert_false(driver_cell(driver, "bad")->ok);
	assert_int_equal(driver_cell(driver, "bad")->problems[0]->line, 10);
	driver_loads(driver);
}

static void files_that_are_included_are_inputs(void **state)
{
	static const char text[] =
	    "const TEXT: &str = include_str!(\"data.txt\");\n\n"
	    "#[venus::cell]\nfn size() -> usize { TEXT.len() }\n\n"
	    "#[venus::cell]\nfn own() -> &'static str { include_str!(\"own.txt\") }\n";
	struct driver *driver = *state;
	struct digest universe, own;

	driver_write(driver, "data.txt", "one", 0600);
	driver_write(driver, "own.txt", "one", 0600);
	driver_build(driver, text);
	driver_all_ok(driver);
	universe = driver->result.universe;
	own = driver_cell(driver, "own")->object;
	driver_build(driver, text);
	assert_string_equal(driver->progress.data, "");
	driver_write(driver, "own.txt", "two, longer", 0600);
	driver_build(driver, text);
	driver_all_ok(driver);
	assert_memory_equal(&universe, &driver->result.universe, sizeof universe);
	assert_memory_not_equal(&own, &driver_cell(driver, "own")->object, sizeof own);
	driver_write(driver, "data.txt", "two, longer", 0600);
	driver_build(driver, text);
	driver_all_ok(driver);
	assert_memory_not_equal(&universe, &driver->result.universe, sizeof universe);
	driver_write(driver, "data.txt", "one", 0600);
	driver_build(driver, text);
	assert_memory_equal(&universe, &driver->result.universe, sizeof universe);
}

static void a_missing_include_is_found_once_it_is_there(void **state)
{
	static const char text[] =
	    "#[venus::cell]\nfn late() -> &'static str { include_str!(\"late.txt\") }\n";
	struct driver *driver = *state;

	driver_build(driver, text);
	assert_false(driver->failed);
	assert_false(driver_cell(driver, "late")->ok);
	assert_int_equal(driver_cell(driver, "late")->problems[0]->line, 2);
	driver_write(driver, "late.txt", "here", 0600);
	driver_build(driver, text);
	driver_all_ok(driver);
}

#define BUILD_TEST(test) cmocka_unit_test_setup_teardown(test, driver_setup, driver_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    BUILD_TEST(broken_definitions_stop_everything),
	    BUILD_TEST(what_cannot_be_split_is_compiled_whole),
	    BUILD_TEST(a_broken_cell_is_left_out_of_the_whole),
	    BUILD_TEST(files_that_are_included_are_inputs),
	    BUILD_TEST(a_missing_include_is_found_once_it_is_there),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, driver_group_setup, driver_group_teardown);
}
