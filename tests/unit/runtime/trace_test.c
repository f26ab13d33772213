/* What a run's trace tells of each call. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/mem.h"
#include "harness.h"

static const struct {
	const char *cell;
	const char *trace;
	const char *value; /* NULL: not looked at */
} cases[] = {
    {"c_open", "read in.txt\n", NULL},
    {"c_open64", "read in.txt\n", NULL},
    {"c_openat", "read in.txt\n", NULL},
    {"c_openat64", "read in.txt\n", NULL},
    {"c_open_checked", "read in.txt\nread sub/a.txt\n", NULL},
    {"c_openat_checked", "read in.txt\nread sub/a.txt\n", NULL},
    {"c_open_missing", "read none ENOENT\n", "-1 ENOENT;"},
    {"c_open_create", "write new\nstat new\n", "0 ;416 ;"},
    {"c_open_update", "read in.txt\nwrite in.txt\n", NULL},
    {"c_open_truncate", "write in.txt\n", NULL},
    {"c_open_exclusive", "read in.txt EEXIST\nwrite in.txt EEXIST\nwrite fresh\n", NULL},
    {"c_open_unnamed", "", NULL},
    {"c_open_path", "stat sub\n", NULL},
    {"c_open_folder", "list sub\n", NULL},
    {"c_creat", "write one\nwrite two\n", NULL},
    {"c_fopen", "read in.txt\nwrite out.txt\n", NULL},
    {"c_fopen_update", "read in.txt\nwrite in.txt\nwrite out.txt\nread none ENOENT\n", NULL},
    {"c_fopen_exclusive", "write in.txt EEXIST\nwrite out.txt\n", NULL},
    {"c_freopen", "read in.txt\nread sub/a.txt\n", NULL},
    {"c_opendir", "list sub\nlist none ENOENT\n", NULL},
    {"c_scandir", "list sub\nlist sub/\nlist none ENOENT\n", "3 ;3 ;3 ;-1 ENOENT;"},
    {"c_stat", "stat in.txt\nstat sub\nstat none ENOENT\n", "-1 ENOENT;"},
    {"c_lstat", "stat link\nstat sub\n", NULL},
    {"c_fstatat", "stat in.txt\nstat sub\n", NULL},
    {"c_old_stat", "stat in.txt\nstat sub\nstat link\nstat none ENOENT\n", "-1 EINVAL;"},
    {"c_old_fstatat", "stat in.txt\nstat sub\n", NULL},
    {"c_statx", "stat in.txt\nstat none ENOENT\n", NULL},
    {"c_itself", "read in.txt\n", "5 ;"},
    {"c_access", "stat in.txt\nstat sub\nstat none ENOENT\nstat sub/a.txt\n", NULL},
    {"c_readlink", "link link\nlink in.txt EINVAL\n", "6 ;"},
    {"c_readlink_checked", "link link\nlink sub EINVAL\n", NULL},
    {"c_realpath", "stat link\nstat in.txt\nstat none ENOENT\nstat sub/../sub\nstat sub\n", NULL},
    {"c_mkdir", "write d1\nwrite d2\nwrite sub EEXIST\n", NULL},
    {"c_mknod", "write f1\nwrite f2\nwrite f3\nwrite f4\n", NULL},
    {"c_remove", "remove in.txt\nremove link\nremove sub/a.txt\nremove sub\nremove none ENOENT\n",
	NULL},
    {"c_rename", "remove in.txt\nwrite x\nremove x\nwrite y\nremove y\nwrite z\n", NULL},
    {"c_exchange", "remove in.txt\nwrite sub/a.txt\nwrite in.txt\nremove sub/a.txt\n", NULL},
    {"c_links", "write s1\nwrite s2\nread in.txt\nwrite h1\nread sub/a.txt\nwrite h2\n", NULL},
    {"c_metadata",
	"write in.txt\nwrite sub/a.txt\nwrite none ENOENT\nwrite none2 ENOENT\nwrite none3 ENOENT\n"
	"write none4 ENOENT\nwrite none5 ENOENT\n",
	NULL},
    {"c_times", "write in.txt\nwrite sub/a.txt\nwrite none2 ENOENT\n", "0 ;-1 EINVAL;-1 ENOENT;"},
    {"c_folders", "stat sub\nread sub/a.txt\nstat sub/none ENOENT\nread sub/../in.txt\n",
	"0 ;-1 ENOENT;"},
    {"c_fchdir", "stat sub\nread sub/a.txt\n", "0 ;"},
    {"c_syscall_chdir", "read sub/a.txt\n", "0 ;"},
    {"c_moved", "write was\nstat was\nremove was/../was\nwrite was/../is\nwrite is/file\n",
	"0 ;0 ;"},
    {"c_removed", "write gone\nstat gone\nremove gone/../gone\nread gone/file ENOENT\n",
	"0 ;0 ;-1 ENOENT;"},
    {"c_relative", "list sub\nread sub/a.txt\nstat sub/none ENOENT\nremove sub/a.txt\nincomplete\n",
	"-1 EBADF;"},
    {"c_system_files", "", NULL},
    {"c_odd_paths", "stat in.txt/ ENOTDIR\nread sub/a.txt\nstat sub/\nstat sub\n",
	"-1 ENOENT;-1 EFAULT;-1 ENOTDIR;"},
    {"c_long_path", "", "-1 ENAMETOOLONG;"},
    {"c_foreign_text", "incomplete\n", "-1 ENOENT;"},
    {"c_twice", "read in.txt\nwrite out\nstat in.txt\n", NULL},
    {"c_kept_errno", "read in.txt\nstat in.txt\n", "1 ;"},
    {"c_fork", "incomplete\n", NULL},
    {"c_spawn", "incomplete\n", "0 ;"},
    {"c_spawnp", "incomplete\n", "0 ;"},
    {"c_system", "incomplete\n", "0 ;"},
    {"c_popen", "incomplete\n", NULL},
    {"c_glob", "incomplete\n", "0 ;"},
    {"c_nftw", "incomplete\n", "0 ;"},
    {"c_fts", "incomplete\n", "1 ;"},
    {"c_syscall", "incomplete\n", NULL},
    {"c_syscall_other", "", "1 ;"},
};

static struct harness *harness;
static uint32_t files;

static int setup(void **state)
{
	(void)state;
	harness = harness_open(NULL);
	assert_int_not_equal(
	    harness_load_file(harness, HARNESS_OBJECTS "libplain.so", true, true), 0);
	files = harness_load_file(harness, HARNESS_OBJECTS "libfiles.so", false, false);
	assert_int_not_equal(files, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	harness_close(harness);
	return 0;
}

static void write_text(const char *folder, const char *name, const char *text)
{
	AUTO_FREE char *path = file_join(folder, name);
	struct err err;

	assert_int_equal(file_write_atomic(path, text, strlen(text), 0644, &err), 0);
}

/* The folder as files.c describes it, whatever the cell before made of it. */
static void prepare_folder(void)
{
	AUTO_FREE char *sub = file_join(harness->folder, "sub");
	AUTO_FREE char *link = file_join(harness->folder, "link");
	struct err err;

	assert_int_equal(file_remove_tree(harness->folder, &err), 0);
	assert_int_equal(file_make_folders(sub, 0700, &err), 0);
	write_text(harness->folder, "in.txt", "12345");
	write_text(sub, "a.txt", "a");
	assert_int_equal(symlink("in.txt", link), 0);
}

static void test_every_call(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		AUTO_BUF struct buf value = BUF_INIT, trace = BUF_INIT;
		struct harness_run run = {.object = files, .symbol = cases[i].cell};

		prepare_folder();
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

static void test_temporary_names(void **state)
{
	AUTO_BUF struct buf value = BUF_INIT, trace = BUF_INIT, expected = BUF_INIT;
	struct harness_run run = {.object = files, .symbol = "c_temporary"};
	const char *names;

	(void)state;
	prepare_folder();
	(void)harness_run_text(harness, &run, &value);
	harness_trace(harness, &trace);
	assert_memory_equal(value.data, "1 ;", 3);
	names = value.data + 3;
	assert_int_equal(strlen(names), 8 + 12 + 8 + 8);
	buf_printf(&expected, "write %.8s\nwrite %.12s\nwrite %.8s\nwrite %.8s\n", names, names + 8,
	    names + 20, names + 28);
	assert_string_equal(trace.data, expected.data);
}

static void test_identity(void **state)
{
	static const char *const cells[] = {"c_open", "c_fopen", "c_stat", "c_statx"};
	struct stat status;

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(cells); i++) {
		AUTO_BUF struct buf packed = BUF_INIT;
		AUTO_FREE char *path = file_join(harness->folder, "in.txt");
		struct harness_run run = {.object = files, .symbol = cells[i]};
		Venus__Worker__Trace *trace;
		const Venus__Worker__Access *access;

		prepare_folder();
		harness_blob(harness, harness_run(harness, &run)->trace, &packed);
		trace =
		    venus__worker__trace__unpack(NULL, packed.length, (const uint8_t *)packed.data);
		assert_non_null(trace);
		assert_int_equal(stat(path, &status), 0);
		access = trace->accesses[0];
		assert_string_equal(access->path, path);
		assert_int_equal(access->device, status.st_dev);
		assert_int_equal(access->inode, status.st_ino);
		assert_int_equal(access->size, 5);
		assert_int_equal(
		    access->mtime_ns, status.st_mtim.tv_sec * 1000000000L + status.st_mtim.tv_nsec);
		venus__worker__trace__free_unpacked(trace, NULL);
	}
}

static void test_threads_of_a_cell(void **state)
{
	AUTO_BUF struct buf value = BUF_INIT, trace = BUF_INIT;
	struct harness_run run = {.object = files, .symbol = "c_threads"};

	(void)state;
	prepare_folder();
	assert_false(harness_run_text(harness, &run, &value)->threads_left);
	harness_trace(harness, &trace);
	assert_non_null(strstr(trace.data, "read in.txt\n"));
	assert_non_null(strstr(trace.data, "read sub/a.txt\n"));
	assert_non_null(strstr(trace.data, "read none1 ENOENT\n"));
	assert_non_null(strstr(trace.data, "read none2 ENOENT\n"));
}

static size_t count_lines(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += *text == '\n';
	return count;
}

static void check_many(
    const char *count, const char *length, size_t least, size_t most, bool incomplete)
{
	AUTO_BUF struct buf value = BUF_INIT, trace = BUF_INIT;
	struct harness_run run = {
	    .object = files, .symbol = "c_many", .settings = {{"n", count}, {"length", length}}};
	size_t lines;

	(void)harness_run_text(harness, &run, &value);
	harness_trace(harness, &trace);
	lines = count_lines(trace.data) - incomplete;
	assert_in_range(lines, least, most);
	assert_int_equal(strstr(trace.data, "incomplete\n") != NULL, incomplete);
}

/* A trace is bounded in number and in bytes, and says when it was cut; the next run begins afresh.
 */
static void test_bounds(void **state)
{
	(void)state;
	prepare_folder();
	check_many("65536", "8", 65536, 65536, false);
	check_many("65537", "8", 65536, 65536, true);
	check_many("5000", "4000", 4000, 4200, true);
	check_many("10", "8", 10, 10, false);
}

/* Between runs nothing is kept: what follows holds its own accesses only. */
static void test_runs_are_apart(void **state)
{
	static const char *const order[] = {"c_stat", "c_open", "c_stat", "c_syscall_other"};
	static const char *const expected[] = {"stat in.txt\nstat sub\nstat none ENOENT\n",
	    "read in.txt\n", "stat in.txt\nstat sub\nstat none ENOENT\n", ""};

	(void)state;
	prepare_folder();
	for (size_t i = 0; i < ARRAY_LENGTH(order); i++) {
		AUTO_BUF struct buf trace = BUF_INIT;
		struct harness_run run = {.object = files, .symbol = order[i]};

		(void)harness_run(harness, &run);
		harness_trace(harness, &trace);
		assert_string_equal(trace.data, expected[i]);
	}
}

static void test_a_path_seen_often(void **state)
{
	AUTO_BUF struct buf value = BUF_INIT, trace = BUF_INIT;
	struct harness_run run = {.object = files,
	    .symbol = "c_again",
	    .settings = {{"n", "200000"}, {"path", "in.txt"}}};

	(void)state;
	prepare_folder();
	(void)harness_run_text(harness, &run, &value);
	harness_trace(harness, &trace);
	assert_string_equal(trace.data, "read in.txt\n");
	print_message(
	    "200000 times open and close of one file: %ld us\n", strtol(value.data, NULL, 10));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_call),
	    cmocka_unit_test(test_temporary_names),
	    cmocka_unit_test(test_identity),
	    cmocka_unit_test(test_threads_of_a_cell),
	    cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_runs_are_apart),
	    cmocka_unit_test(test_a_path_seen_often),
	};

	return cmocka_run_group_tests_name("trace", tests, setup, teardown);
}
