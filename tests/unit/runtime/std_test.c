/*
 * Rust's standard library under observation: each toolchain's own, since what a libstd calls has
 * changed over the years. Toolchains that are not there are skipped, with a line that says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/mem.h"
#include "toolchain.h"

static const struct {
	const char *cell;
	const char *trace;
	const char *value; /* NULL: not looked at */
} cases[] = {
    {"r_read", "read in.txt\n", "5"},
    {"r_read_to_string", "read in.txt\n", "\"12345\""},
    {"r_open", "read in.txt\n", "5"},
    {"r_open_missing", "read none ENOENT\n", "true"},
    {"r_open_options", "read in.txt\nwrite in.txt\n", "true"},
    {"r_append", "write log\n", "true"},
    {"r_create", "write new\n", "true"},
    {"r_metadata", "stat in.txt\n", "5"},
    {"r_symlink_metadata", "stat link\n", "true"},
    {"r_exists", "stat in.txt\nstat none ENOENT\nstat sub\n", "(true, false, true)"},
    {"r_try_exists", "stat none ENOENT\n", "false"},
    {"r_read_dir", "list sub\n", "[\"a.txt\"]"},
    {"r_entry_metadata", "list sub\nstat sub/a.txt\n", "1"},
    {"r_read_dir_missing", "list none ENOENT\n", "true"},
    {"r_canonicalize", "stat link\nstat in.txt\n", "true"},
    {"r_read_link", "link link\n", "\"in.txt\""},
    {"r_copy", "read in.txt\nwrite copy.txt\n", "5"},
    {"r_write", "write out.txt\n", "true"},
    {"r_rename", "remove in.txt\nwrite moved.txt\n", "true"},
    {"r_remove_file", "remove in.txt\n", "true"},
    {"r_create_dir_all", "write x/y ENOENT\nwrite x\n", "true"},
    {"r_remove_dir", "write d\nremove d\n", "(true, true)"},
    {"r_hard_link", "read in.txt\nwrite hard\n", "true"},
    {"r_symlink", "write soft\n", "true"},
    {"r_permissions", "stat sub\nwrite in.txt\n", "true"},
    {"r_folder", "stat sub\nread sub/a.txt\n", "\"a\""},
    {"r_thread", "read in.txt\n", "5"},
    {"r_command", "incomplete\n", "true"},
    {"r_hash_map", "", "100"},
};

static struct harness *start(const struct toolchain *toolchain, uint32_t *ret_cells)
{
	struct harness *harness = toolchain_start(toolchain, false);

	assert_int_not_equal(
	    harness_load_file(harness, HARNESS_OBJECTS "libplain.so", true, true), 0);
	*ret_cells = toolchain_load(toolchain, harness, "libstd_cells.so", false, false);
	return harness;
}

static void write_text(const char *folder, const char *name, const char *text)
{
	AUTO_FREE char *path = file_join(folder, name);
	struct err err;

	assert_int_equal(file_write_atomic(path, text, strlen(text), 0644, &err), 0);
}

static void prepare_folder(const char *folder)
{
	AUTO_FREE char *sub = file_join(folder, "sub");
	AUTO_FREE char *link = file_join(folder, "link");
	struct err err;

	assert_int_equal(file_remove_tree(folder, &err), 0);
	assert_int_equal(file_make_folders(sub, 0700, &err), 0);
	write_text(folder, "in.txt", "12345");
	write_text(sub, "a.txt", "a");
	assert_int_equal(symlink("in.txt", link), 0);
}

static void check_every_call(struct harness *harness, uint32_t cells)
{
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		AUTO_BUF struct buf value = BUF_INIT, trace = BUF_INIT;
		struct harness_run run = {.object = cells, .symbol = cases[i].cell};

		prepare_folder(harness->folder);
		(void)harness_run_text(harness, &run, &value);
		harness_trace(harness, &trace);
		if (strcmp(trace.data, cases[i].trace) != 0)
			fail_msg("%s: the trace is\n%s, not\n%s", cases[i].cell, trace.data,
			    cases[i].trace);
		if (cases[i].value && strcmp(value.data, cases[i].value) != 0)
			fail_msg("%s: the value is %s, not %s", cases[i].cell, value.data,
			    cases[i].value);
	}
}

/* How it goes about it differs; that the folder was read and all of it removed does not. */
static void check_remove_all(struct harness *harness, uint32_t cells)
{
	AUTO_BUF struct buf value = BUF_INIT, trace = BUF_INIT;
	struct harness_run run = {.object = cells, .symbol = "r_remove_dir_all"};

	prepare_folder(harness->folder);
	(void)harness_run_text(harness, &run, &value);
	harness_trace(harness, &trace);
	assert_string_equal(value.data, "true");
	assert_non_null(strstr(trace.data, "list sub\n"));
	assert_non_null(strstr(trace.data, "remove sub/a.txt\n"));
	assert_non_null(strstr(trace.data, "remove sub\n"));
	assert_null(strstr(trace.data, "incomplete"));
}

static void check_overflow(const struct toolchain *toolchain, const char *cell)
{
	uint32_t cells;
	struct harness *harness = start(toolchain, &cells);
	const Venus__Worker__FromWorker *last;

	harness_run_send(harness, &(struct harness_run){.object = cells, .symbol = cell});
	last = harness_receive(harness);
	assert_non_null(last);
	assert_int_equal(last->kind_case, VENUS__WORKER__FROM_WORKER__KIND_CRASH);
	assert_int_equal(last->crash->signal, SIGSEGV);
	assert_true(last->crash->stack_overflow);
	assert_int_equal(WTERMSIG(harness_wait(harness, NULL)), SIGSEGV);
	harness_close(harness);
}

static void check_toolchain(const char *rustc, const char *purpose)
{
	AUTO_TOOLCHAIN struct toolchain toolchain = {0};
	struct harness *harness;
	uint32_t cells;

	if (!toolchain_open(&toolchain, rustc, purpose)) {
		skip();
		return;
	}
	toolchain_compile(
	    &toolchain, "--crate-type cdylib -O", "tests/unit/runtime/objects/std_cells.rs");
	harness = start(&toolchain, &cells);
	check_every_call(harness, cells);
	check_remove_all(harness, cells);
	harness_close(harness);
	check_overflow(&toolchain, "r_overflow");
	check_overflow(&toolchain, "r_thread_overflow");
}

static void test_rustc_on_path(void **state)
{
	(void)state;
	check_toolchain("rustc", "std-path");
}

static void test_rustc_of_the_system(void **state)
{
	(void)state;
	check_toolchain("/usr/bin/rustc", "std-system");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rustc_on_path),
	    cmocka_unit_test(test_rustc_of_the_system),
	};

	return cmocka_run_group_tests_name("std", tests, NULL, NULL);
}
