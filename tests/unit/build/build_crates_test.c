#include "driver.h"

/* Crates: cargo blocks with path crates in all forms, a vendored source, the project's own
 * manifest, and what cargo refuses. No network. */

#define MEAN "pub fn mean(x: &[f64]) -> f64 { x.iter().sum::<f64>() / x.len() as f64 }\n"

static void write_mean(const struct driver *driver)
{
	driver_write(driver, "crates/mean/Cargo.toml",
	    "[package]\nname = \"mean-of\"\nversion = \"0.3.0\"\nedition = "
	    "\"2021\"\n[features]\ndouble = []\n",
	    0600);
	driver_write(driver, "crates/mean/src/lib.rs",
	    MEAN "#[cfg(feature = \"double\")]\npub fn twice(x: f64) -> f64 { 2.0 * x }\n"
		 "pub struct Point { pub x: f64 }\n",
	    0600);
}

static void path_crates_are_found_in_every_form(void **state)
{
	static const char *const blocks[] = {
	    "//! [dependencies]\n//! mean-of = { path = \"crates/mean\", features = [\"double\"] "
	    "}\n",
	    "//! [dependencies.mean_of]\n//! package = \"mean-of\"\n//! path = "
	    "\"./crates/mean\"\n//! features = [\"double\"]\n",
	    "//! [dependencies]\n//! mean_of.package = \"mean-of\"\n//! mean_of.path = "
	    "\"crates/../crates/mean\"\n"
	    "//! mean_of.features = [\"double\"]\n",
	};
	struct driver *driver = *state;

	write_mean(driver);
	for (size_t i = 0; i < ARRAY_LENGTH(blocks); i++) {
		AUTO_FREE char *text = mem_printf(
		    "//! # Crates\n//! ```cargo\n%s//! ```\n\n"
		    "use mean_of::{mean, Point};\n\n"
		    "#[venus::cell]\nfn average() -> f64 { mean_of::twice(mean(&[1.0, 2.0])) }\n\n"
		    "#[venus::cell]\nfn point(average: &f64) -> Point { Point { x: *average } }\n",
		    blocks[i]);

		driver_build(driver, text);
		driver_all_ok(driver);
		driver_loads(driver);
	}
}

static void cargo_is_not_started_again_without_need(void **state)
{
	static const char text[] = "//! ```cargo\n//! [dependencies]\n//! m = { package = "
				   "\"mean-of\", path = \"crates/mean\" }\n//! ```\n\n"
				   "#[venus::cell]\nfn average() -> f64 { m::mean(&[1.0]) }\n";
	struct driver *driver = *state;
	struct digest digest;

	write_mean(driver);
	driver_parse(driver, text);
	assert_true(driver_env(driver));
	assert_non_null(strstr(driver->progress.data, "compiling mean-of v0.3.0"));
	digest = *build_env_digest(driver->env);
	driver_cells(driver, NULL, NULL);
	driver_all_ok(driver);
	assert_true(driver_env(driver));
	assert_string_equal(driver->progress.data, "");
	assert_memory_equal(&digest, build_env_digest(driver->env), sizeof digest);

	/* An edit of the crate is another environment, and compiles what uses it. */
	driver_write(driver, "crates/mean/src/lib.rs", "// changed\n" MEAN, 0600);
	assert_true(driver_env(driver));
	assert_non_null(strstr(driver->progress.data, "compiling mean-of v0.3.0"));
	assert_memory_not_equal(&digest, build_env_digest(driver->env), sizeof digest);
	driver_cells(driver, NULL, NULL);
	driver_all_ok(driver);
	assert_false(driver_cell(driver, "average")->reused);
	driver_loads(driver);
}

/* A folder of crates that stands in for the registry, as `cargo vendor` makes it. */
static void a_vendored_source_beside_the_notebook_counts(void **state)
{
	struct driver *driver = *state;

	driver_write(driver, "vendor/tiny/Cargo.toml",
	    "[package]\nname = \"tiny\"\nversion = \"1.2.3\"\nedition = \"2018\"\n", 0600);
	driver_write(driver, "vendor/tiny/src/lib.rs", "pub fn three() -> i32 { 3 }\n", 0600);
	driver_write(
	    driver, "vendor/tiny/.cargo-checksum.json", "{\"files\":{},\"package\":null}", 0600);
	driver_write(driver, ".cargo/config.toml",
	    "[source.crates-io]\nreplace-with = \"here\"\n[source.here]\ndirectory = \"vendor\"\n",
	    0600);
	driver_build(driver, "//! ```cargo\n//! [dependencies]\n//! tiny = \"1\"\n//! ```\n\n"
			     "#[venus::cell]\nfn three() -> i32 { tiny::three() }\n");
	driver_all_ok(driver);
	driver_loads(driver);
}

static void the_package_of_the_notebook_gives_its_crates(void **state)
{
	static const char text[] =
	    "#[venus::cell]\nfn average() -> f64 { mean_of::mean(&[1.0]) }\n";
	struct driver *driver = *state;

	write_mean(driver);
	driver_write(driver, "Cargo.toml",
	    "[package]\nname = \"nb\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[[bin]]\nname = "
	    "\"notebook\"\n"
	    "path = \"notebook.rs\"\n[dependencies]\nmean-of = { path = \"crates/mean\" "
	    "}\n[dev-dependencies]\n"
	    "nowhere = { path = \"nowhere\" }\n",
	    0600);
	driver_write(driver, "notebook.rs", text, 0600);
	driver_write(driver, "nowhere/Cargo.toml",
	    "[package]\nname = \"nowhere\"\nversion = \"0.1.0\"\n", 0600);
	driver_build(driver, text);
	driver_all_ok(driver);
	driver_loads(driver);
	assert_true(driver_env(driver));
	assert_string_equal(driver->progress.data, "");

	/* One that has nothing but venus itself: cargo is not asked, not even whether it is there.
	 */
	driver_write(driver, "Cargo.toml",
	    "[package]\nname = \"nb\"\nversion = \"0.1.0\"\n[dependencies]\nvenus = { path = "
	    "\"nowhere-at-all\" }\n",
	    0600);
	driver_build(driver, "#[venus::cell]\nfn one() -> i32 { 1 }\n");
	driver_all_ok(driver);
}

static void what_cargo_refuses_has_its_line(void **state)
{
	struct driver *driver = *state;

	driver_parse(driver,
	    "//! # T\n//!\n//! ```cargo\n//! [dependencies]\n//! serde = = \"1\"\n//! ```\n\n"
	    "#[venus::cell]\nfn a() -> i32 { 1 }\n");
	assert_false(driver_env(driver));
	driver_print(driver->problem);
	assert_int_equal(driver->problem->line, 5);
	assert_string_equal(driver->problem->source_line, "//! serde = = \"1\"");
	assert_ptr_equal(strstr(driver->problem->message, "cargo: "), driver->problem->message);
	assert_null(strstr(driver->problem->message, driver->folder));

	driver_parse(driver, "//! ```cargo\n//! [dependencies]\n//! a = { path = \"crates/mean\" "
			     "}\n//! gone = { path = \"gone\" }\n"
			     "//! ```\n\n#[venus::cell]\nfn a() -> i32 { 1 }\n");
	write_mean(driver);
	assert_false(driver_env(driver));
	driver_print(driver->problem);
	assert_true(driver->problem->line == 3 || driver->problem->line == 4);
}

static void a_crate_that_does_not_compile_is_cargos_error(void **state)
{
	struct driver *driver = *state;

	write_mean(driver);
	driver_write(driver, "crates/mean/src/lib.rs", "pub fn broken() -> u8 { \"no\" }\n", 0600);
	driver_parse(driver, "//! ```cargo\n//! [dependencies]\n//! mean-of = { path = "
			     "\"crates/mean\" }\n//! ```\n\n"
			     "#[venus::cell]\nfn a() -> i32 { 1 }\n");
	assert_false(driver_env(driver));
	driver_print(driver->problem);
	assert_non_null(strstr(driver->problem->message, "mismatched types"));
	assert_int_equal(driver->problem->line, 3);
	assert_non_null(strstr(driver->problem->notes[0]->message, "could not compile `mean-of`"));
}

static void the_edition_is_the_blocks(void **state)
{
	struct driver *driver = *state;

	/* An array by value is another iterator from 2021 on. */
	driver_build(driver,
	    "//! ```cargo\n//! [package]\n//! edition = \"2018\"\n//! ```\n\n"
	    "#[venus::cell]\nfn a() -> i32 { [1, 2].into_iter().map(|x: &i32| *x).sum() }\n");
	driver_all_ok(driver);
	driver_build(driver,
	    "#[venus::cell]\nfn a() -> i32 { [1, 2].into_iter().map(|x: &i32| *x).sum() }\n");
	assert_false(driver_cell(driver, "a")->ok);
}

#define BUILD_TEST(test) cmocka_unit_test_setup_teardown(test, driver_setup, driver_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    BUILD_TEST(path_crates_are_found_in_every_form),
	    BUILD_TEST(cargo_is_not_started_again_without_need),
	    BUILD_TEST(a_vendored_source_beside_the_notebook_counts),
	    BUILD_TEST(the_package_of_the_notebook_gives_its_crates),
	    BUILD_TEST(what_cargo_refuses_has_its_line),
	    BUILD_TEST(a_crate_that_does_not_compile_is_cargos_error),
	    BUILD_TEST(the_edition_is_the_blocks),
	};

	/* Without a network there is nothing to wait for. */
	(void)setenv("CARGO_NET_OFFLINE", "true", 1);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, driver_group_setup, driver_group_teardown);
}
