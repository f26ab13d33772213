#include "driver.h"

/* Compilers that are missing, hang, or are others than usual. */

static const char notebook[] =
    "struct Config {\n    n: u32,\n}\n\n"
    "#[venus::cell]\nfn config() -> Config { Config { n: 1 } }\n\n"
    "#[venus::cell]\nfn total(config: &Config) -> f64 { config.n as f64 }\n\n"
    "#[venus::cell]\nfn text() -> Result<String, String> { Ok(String::new()) }\n";

static void without_rustc_there_is_a_plain_answer(void **state)
{
	struct driver *driver = *state;
	AUTO_FREE char *path = mem_strdup(getenv("PATH"));

	driver_parse(driver, notebook);
	(void)setenv("PATH", driver->folder, 1);
	assert_false(driver_env(driver));
	(void)setenv("PATH", path, 1);
	assert_ptr_equal(strstr(driver->problem->message, "no rustc on PATH: install "),
	    driver->problem->message);
	(void)setenv("VENUS_RUSTC", "/nowhere/rustc", 1);
	assert_false(driver_env(driver));
	(void)unsetenv("VENUS_RUSTC");
	assert_non_null(strstr(driver->problem->message, "VENUS_RUSTC names `/nowhere/rustc`"));
}

static void what_is_no_rustc_is_not_taken_for_one(void **state)
{
	struct driver *driver = *state;
	AUTO_FREE char *path = file_join(driver->folder, "rustc");

	driver_write(driver, "rustc", "#!/bin/sh\necho hello\n", 0700);
	driver_parse(driver, notebook);
	(void)setenv("VENUS_RUSTC", path, 1);
	assert_false(driver_env(driver));
	assert_non_null(strstr(driver->problem->message, "is no rustc: its -vV says `hello`"));
	driver_write(driver, "rustc", "#!/bin/sh\necho 'cannot go on' >&2\nexit 3\n", 0700);
	assert_false(driver_env(driver));
	assert_non_null(strstr(driver->problem->message, "does not answer: cannot go on"));
	(void)unsetenv("VENUS_RUSTC");
}

/* The script hangs, and so does a process that it started; the time limit ends both, since
 * venus-spawn waits for all of the group. */
static void a_hanging_rustc_is_ended(void **state)
{
	struct driver *driver = *state;
	AUTO_FREE char *path = file_join(driver->folder, "rustc");

	driver_write(driver, "rustc", "#!/bin/sh\nsleep 1000 &\nsleep 1000\n", 0700);
	driver_parse(driver, notebook);
	(void)setenv("VENUS_RUSTC", path, 1);
	(void)setenv("VENUS_BUILD_TIMEOUT_MS", "50", 1);
	assert_false(driver_env(driver));
	(void)unsetenv("VENUS_RUSTC");
	(void)unsetenv("VENUS_BUILD_TIMEOUT_MS");
	assert_non_null(
	    strstr(driver->problem->message, "rustc did not end within 1 s and was killed"));
}

/* A compiler that a cell brings down: the others are compiled without it. Its made-up sysroot has
 * no bin/rustc, so that the script stays the compiler. */
static void a_cell_that_kills_the_compiler_fails_alone(void **state)
{
	struct driver *driver = *state;
	AUTO_FREE char *path = file_join(driver->folder, "rustc");
	AUTO_FREE char *library = file_join(driver->folder, "root/lib/rustlib");
	AUTO_FREE char *real_library = NULL;
	AUTO_FREE char *script = NULL;
	AUTO_FCLOSE FILE *asked = popen("rustc --print sysroot", "re");
	char sysroot[512] = "";

	assert_non_null(asked);
	assert_non_null(fgets(sysroot, sizeof sysroot, asked));
	sysroot[strcspn(sysroot, "\n")] = 0;
	real_library = mem_printf("%s/lib/rustlib", sysroot);
	script = mem_printf("#!/bin/sh\ncase \"$*\" in *sysroot*) echo %s/root; exit;; esac\n"
			    "grep -qs KILLER *.rs && kill -9 $$\nexec %s/bin/rustc \"$@\"\n",
	    driver->folder, sysroot);
	driver_write(driver, "rustc", script, 0700);
	driver_write(driver, "root/lib/made", "", 0600);
	assert_return_code(symlink(real_library, library), errno);
	(void)setenv("VENUS_RUSTC", path, 1);
	driver_build(driver, "#[venus::cell]\nfn a() -> i32 { 1 }\n\n#[venus::cell]\nfn b() -> i32 "
			     "{ let _ = \"KILLER\"; 1 }\n\n"
			     "#[venus::cell]\nfn c() -> i32 { 3 }\n");
	(void)unsetenv("VENUS_RUSTC");
	assert_false(driver->failed);
	assert_true(driver_cell(driver, "a")->ok);
	assert_false(driver_cell(driver, "b")->ok);
	assert_true(driver_cell(driver, "c")->ok);
	assert_string_equal(driver_cell(driver, "b")->problems[0]->message,
	    "rustc was killed by signal 9 (Killed)");
	assert_int_equal(driver_cell(driver, "b")->problems[0]->line, 5);
	driver_loads(driver);
}

static void the_question_is_asked_once(void **state)
{
	struct driver *driver = *state;
	AUTO_FREE char *path = file_join(driver->folder, "rustc");
	AUTO_FREE char *log = file_join(driver->folder, "log");
	AUTO_FREE char *script = mem_printf(
	    "#!/bin/sh\necho \"$@\" >> %s\nPATH=%s exec rustc \"$@\"\n", log, getenv("PATH"));
	AUTO_BUF struct buf asked = BUF_INIT;

	driver_write(driver, "rustc", script, 0700);
	(void)setenv("VENUS_RUSTC", path, 1);
	driver_parse(driver, notebook);
	for (int i = 0; i < 3; i++) {
		assert_true(driver_env(driver));
		build_close(driver->build);
		driver_open_build(driver);
	}
	assert_return_code(file_read(log, 4096, &asked, &driver->err), 0);
	assert_int_equal(asked.length, strlen("-vV\n--print sysroot\n"));

	/* A compiler that was exchanged is asked again. */
	driver_write(driver, "rustc", script, 0700);
	assert_true(driver_env(driver));
	buf_clear(&asked);
	assert_return_code(file_read(log, 4096, &asked, &driver->err), 0);
	assert_int_equal(asked.length, 2 * strlen("-vV\n--print sysroot\n"));
	(void)unsetenv("VENUS_RUSTC");
}

/* Debian's compiler is older than what ld can link a universe of. */
static void the_distributions_rustc_builds_too(void **state)
{
	struct driver *driver = *state;

	if (access("/usr/bin/rustc", X_OK) != 0) {
		print_message("skipped: there is no /usr/bin/rustc\n");
		skip();
	}
	(void)setenv("VENUS_RUSTC", "/usr/bin/rustc", 1);
	driver_build(driver, notebook);
	driver_all_ok(driver);
	driver_loads(driver);
	driver_build(driver, notebook);
	assert_string_equal(driver->progress.data, "");
	driver_build(driver,
	    "fn twice() -> i32 { one() * 2 }\n\n#[venus::cell]\nfn one() -> i32 { 1 }\n\n"
	    "#[venus::cell]\nfn two(one: &i32) -> i32 { twice() + one }\n");
	driver_all_ok(driver);
	driver_loads(driver);
	(void)unsetenv("VENUS_RUSTC");
}

static void without_ld_cc_links(void **state)
{
	struct driver *driver = *state;
	AUTO_FREE char *path = mem_strdup(getenv("PATH"));
	AUTO_FREE char *tools = file_join(driver->folder, "tools");
	AUTO_FREE char *script = mem_printf(
	    "#!/bin/sh\necho \"$1\" >> %s/used\nPATH=/usr/bin:/bin exec cc \"$@\"\n", tools);
	AUTO_FREE char *used = file_join(tools, "used");

	driver_write(driver, "tools/cc", script, 0700);
	driver_parse(driver, notebook);
	assert_true(driver_env(driver));
	(void)setenv("PATH", tools, 1);
	driver_cells(driver, NULL, NULL);
	(void)setenv("PATH", path, 1);
	driver_all_ok(driver);
	assert_true(file_exists(used));
	driver_loads(driver);
}

/* A lost object is made again. */
static void a_damaged_store_heals(void **state)
{
	struct driver *driver = *state;
	AUTO_FREE char *objects = file_join(driver->folder, "cache/store/cas");

	driver_build(driver, notebook);
	driver_all_ok(driver);
	driver_program("find", objects, "-type", "f", "-delete");
	driver_build(driver, notebook);
	driver_all_ok(driver);
	driver_loads(driver);
}

#define BUILD_TEST(test) cmocka_unit_test_setup_teardown(test, driver_setup, driver_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    BUILD_TEST(without_rustc_there_is_a_plain_answer),
	    BUILD_TEST(what_is_no_rustc_is_not_taken_for_one),
	    BUILD_TEST(a_hanging_rustc_is_ended),
	    BUILD_TEST(a_cell_that_kills_the_compiler_fails_alone),
	    BUILD_TEST(the_question_is_asked_once),
	    BUILD_TEST(the_distributions_rustc_builds_too),
	    BUILD_TEST(without_ld_cc_links),
	    BUILD_TEST(a_damaged_store_heals),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, driver_group_setup, driver_group_teardown);
}
