#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/home.h"
#include "common/mem.h"

static char folder[64];

static int setup(void **state)
{
	static const char *const names[] = {"VENUS_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME",
	    "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "HOME"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		if (unsetenv(names[i]) < 0)
			return -1;
	strcpy(folder, "/tmp/venus-home-test-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	struct err err;

	(void)state;
	return file_remove_tree(folder, &err);
}

static void check(const char *got, const char *format, const char *value)
{
	char expected[512];
	const char *mark = strstr(format, "%s");

	assert_non_null(mark);
	(void)snprintf(
	    expected, sizeof expected, "%.*s%s%s", (int)(mark - format), format, value, mark + 2);
	assert_string_equal(got, expected);
}

static void test_one_folder(void **state)
{
	AUTO_HOME struct home home = {0};
	struct err err;

	(void)state;
	assert_int_equal(setenv("VENUS_HOME", "/tmp/x//", 1), 0);
	assert_int_equal(home_find(&home, &err), 0);
	assert_string_equal(home.socket_path, "/tmp/x/venusd.sock");
	assert_string_equal(home.url, "ipc:///tmp/x/venusd.sock");
	assert_string_equal(home.lock, "/tmp/x/venusd.lock");
	assert_string_equal(home.state, "/tmp/x/state");
	assert_string_equal(home.cache, "/tmp/x/cache");
	assert_string_equal(home.config, "/tmp/x/config");
	assert_string_equal(home.log, "/tmp/x/state/venusd.log");
	assert_false(home.runtime_is_shared);
}

static void test_relative_folder(void **state)
{
	AUTO_FREE char *before = getcwd(NULL, 0);
	AUTO_HOME struct home home = {0};
	struct err err;

	(void)state;
	assert_int_equal(chdir(folder), 0);
	assert_int_equal(setenv("VENUS_HOME", "sub/h", 1), 0);
	assert_int_equal(home_find(&home, &err), 0);
	check(home.runtime, "%s/sub/h", folder);
	assert_int_equal(chdir(before), 0);
}

static void test_base_folders(void **state)
{
	AUTO_HOME struct home home = {0}, plain = {0};
	char shared[64];
	struct err err;

	(void)state;
	assert_int_equal(setenv("HOME", "/home/me/", 1), 0);
	assert_int_equal(setenv("XDG_RUNTIME_DIR", "/run/user/7", 1), 0);
	assert_int_equal(setenv("XDG_CACHE_HOME", "/c", 1), 0);
	assert_int_equal(setenv("XDG_STATE_HOME", "relative/is/ignored", 1), 0);
	assert_int_equal(home_find(&home, &err), 0);
	assert_string_equal(home.socket_path, "/run/user/7/venus/venusd.sock");
	assert_string_equal(home.lock, "/run/user/7/venus/venusd.lock");
	assert_string_equal(home.cache, "/c/venus");
	assert_string_equal(home.state, "/home/me/.local/state/venus");
	assert_string_equal(home.config, "/home/me/.config/venus");
	assert_int_equal(unsetenv("XDG_RUNTIME_DIR"), 0);
	assert_int_equal(home_find(&plain, &err), 0);
	(void)snprintf(shared, sizeof shared, "/tmp/venus-%u/venusd.sock", (unsigned)geteuid());
	assert_string_equal(plain.socket_path, shared);
	assert_true(plain.runtime_is_shared);
}

static void test_no_home_variable(void **state)
{
	AUTO_HOME struct home home = {0};
	struct err err;

	(void)state; /* the user data base knows who runs this test */
	assert_int_equal(home_find(&home, &err), 0);
	assert_int_equal(home.state[0], '/');
	assert_non_null(strstr(home.state, "/.local/state/venus"));
}

static void test_length(void **state)
{
	char path[200] = "/";
	AUTO_HOME struct home fits = {0}, home = {0};
	struct err err;

	(void)state;
	memset(path + 1, 'x', HOME_SOCKET_PATH_MAX - strlen("/venusd.sock") - 1);
	assert_int_equal(setenv("VENUS_HOME", path, 1), 0);
	assert_int_equal(home_find(&fits, &err), 0);
	assert_int_equal(strlen(fits.socket_path), HOME_SOCKET_PATH_MAX);
	strcat(path, "x");
	assert_int_equal(setenv("VENUS_HOME", path, 1), 0);
	assert_int_equal(home_find(&home, &err), -1);
	assert_int_equal(err.code, ERR_FULL);
	assert_non_null(strstr(err.message, "has 108 bytes, and the system allows 107"));
	assert_non_null(strstr(err.message, path));
}

static void test_set_socket(void **state)
{
	AUTO_HOME struct home home = {0};
	struct err err;

	(void)state;
	assert_int_equal(setenv("VENUS_HOME", "/tmp/x", 1), 0);
	assert_int_equal(home_find(&home, &err), 0);
	assert_int_equal(home_set_socket(&home, "ipc:///a/b.sock", &err), 0);
	assert_string_equal(home.socket_path, "/a/b.sock");
	assert_string_equal(home.url, "ipc:///a/b.sock");
	assert_int_equal(home_set_socket(&home, "/c", &err), 0);
	assert_string_equal(home.url, "ipc:///c");
	assert_int_equal(home_set_socket(&home, "tcp://a:1", &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_int_equal(home_set_socket(&home, "ipc://", &err), -1);
	assert_string_equal(home.url, "ipc:///c");
}

static void test_make(void **state)
{
	AUTO_FREE char *path = mem_printf("%s/a/b", folder);
	AUTO_HOME struct home home = {0};
	struct stat status;
	struct err err;

	(void)state;
	assert_int_equal(setenv("VENUS_HOME", path, 1), 0);
	assert_int_equal(home_find(&home, &err), 0);
	assert_int_equal(home_make(&home, &err), 0);
	assert_int_equal(stat(home.state, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0700);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0700);
	assert_int_equal(home_make(&home, &err), 0);
	assert_int_equal(chmod(home.cache, 0770), 0);
	assert_int_equal(home_make(&home, &err), -1);
	assert_int_equal(err.code, ERR_DENIED);
	assert_int_equal(chmod(home.cache, 0755), 0);
	assert_int_equal(home_make(&home, &err), 0);
}

/* In a shared place a link, or a folder that others may read, is somebody's trap. */
static void test_make_shared(void **state)
{
	AUTO_FREE char *path = mem_printf("%s/r", folder);
	AUTO_HOME struct home home = {0};
	struct err err;

	(void)state;
	assert_int_equal(setenv("VENUS_HOME", path, 1), 0);
	assert_int_equal(home_find(&home, &err), 0);
	home.runtime_is_shared = true;
	assert_int_equal(symlink("/tmp", path), 0);
	assert_int_equal(home_make(&home, &err), -1);
	assert_int_equal(err.code, ERR_DENIED);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(home_make(&home, &err), -1);
	assert_int_equal(err.code, ERR_DENIED);
	assert_int_equal(chmod(path, 0700), 0);
	assert_int_equal(home_make(&home, &err), 0);
}

static void test_foreign_owner(void **state)
{
	AUTO_HOME struct home home = {0};
	struct err err;

	(void)state;
	if (geteuid() != 0)
		skip(); /* only root can give a folder away */
	assert_int_equal(setenv("VENUS_HOME", folder, 1), 0);
	assert_int_equal(home_find(&home, &err), 0);
	assert_int_equal(home_make(&home, &err), 0);
	assert_int_equal(chown(home.config, 12345, 12345), 0);
	assert_int_equal(home_make(&home, &err), -1);
	assert_int_equal(err.code, ERR_DENIED);
	assert_non_null(strstr(err.message, "belongs to user 12345"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_one_folder),
	    TEST(test_relative_folder),
	    TEST(test_base_folders),
	    TEST(test_no_home_variable),
	    TEST(test_length),
	    TEST(test_set_socket),
	    TEST(test_make),
	    TEST(test_make_shared),
	    TEST(test_foreign_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
