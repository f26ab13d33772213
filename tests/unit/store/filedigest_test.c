#include "tests/unit/store/fixture.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

static int64_t clock_offset_ns;

static int64_t shifted_now_ns(void)
{
	return store_ops_host.now_ns() + clock_offset_ns;
}

/* Opens the store with a clock that a test can move: two seconds pass at once. */
static struct store_ops shifted_ops;

static void reopen_shifted(struct fixture *fixture, int64_t seconds)
{
	struct err err = {0};
	char *note = NULL;

	fixture_close(fixture);
	clock_offset_ns = seconds * 1000000000;
	shifted_ops = store_ops_host;
	shifted_ops.now_ns = shifted_now_ns;
	assert_int_equal(
	    store_open_with(fixture->path, &shifted_ops, &fixture->store, &note, &err), 0);
	assert_null(note);
}

static struct digest see(struct fixture *fixture, enum store_file_kind kind, const char *path)
{
	struct digest digest = {0};
	struct err err = {0};

	if (store_file_digest(fixture->store, kind, path, &digest, &err) < 0)
		fail_msg("%s", err.message);
	return digest;
}

static bool same(struct digest a, struct digest b)
{
	return digest_equal(&a, &b);
}

static void age(const char *path, time_t seconds)
{
	struct timeval times[2] = {
	    {.tv_sec = time(NULL) - seconds}, {.tv_sec = time(NULL) - seconds}};

	assert_int_equal(utimes(path, times), 0);
}

/* Returns once a change would be given a later time than the path's last one, as two seconds of a
 * true clock make sure. */
static void let_a_tick_pass(struct fixture *fixture, const char *path)
{
	AUTO_FREE char *probe = mem_printf("%s/probe", fixture->folder);
	struct stat status, now;

	assert_int_equal(stat(path, &status), 0);
	do {
		fixture_write(probe, "", 0);
		assert_int_equal(stat(probe, &now), 0);
	} while (now.st_ctim.tv_sec == status.st_ctim.tv_sec &&
		 now.st_ctim.tv_nsec == status.st_ctim.tv_nsec);
}

static void a_file_has_the_digest_of_its_bytes(void **state)
{
	struct fixture *fixture = *state;
	AUTO_FREE char *path = mem_printf("%s/data.csv", fixture->folder);

	fixture_write(path, "a,b\n", 4);
	assert_true(same(see(fixture, STORE_FILE_READ, path), digest_of("a,b\n", 4)));
	fixture_write(path, "a,c\n", 4);
	assert_true(same(see(fixture, STORE_FILE_READ, path), digest_of("a,c\n", 4)));
}

/* Bytes written behind the store's back, with the inode's state put back as far as a program can:
 * ctime tells. */
static void a_change_that_keeps_size_and_mtime_is_seen(void **state)
{
	struct fixture *fixture = *state;
	AUTO_FREE char *path = mem_printf("%s/data", fixture->folder);
	struct timespec times[2];
	struct stat before;
	int fd;

	fixture_write(path, "one", 3);
	age(path, 1000);
	reopen_shifted(fixture, 10);
	assert_true(same(see(fixture, STORE_FILE_READ, path), digest_of("one", 3)));
	assert_int_equal(stat(path, &before), 0);
	let_a_tick_pass(fixture, path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(write(fd, "two", 3), 3);
	times[0] = before.st_atim;
	times[1] = before.st_mtim;
	assert_int_equal(futimens(fd, times), 0);
	assert_int_equal(close(fd), 0);
	assert_true(same(see(fixture, STORE_FILE_READ, path), digest_of("two", 3)));
}

/* What is remembered is told from the outside by a wrong digest in the index, which a second look
 * must then give. */
static void lie_in_index(struct fixture *fixture, int *ret_rows)
{
	sqlite3 *db = NULL;
	AUTO_FREE char *path = mem_printf("%s/" INDEX_FILE, fixture->path);

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(db, "UPDATE files SET digest = zeroblob(32)", NULL, NULL, NULL),
	    SQLITE_OK);
	*ret_rows = sqlite3_changes(db);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void an_old_file_is_remembered_and_a_young_one_is_not(void **state)
{
	struct fixture *fixture = *state;
	AUTO_FREE char *path = mem_printf("%s/data", fixture->folder);
	struct digest digest;
	int rows = 0;

	fixture_write(path, "bytes", 5);
	(void)see(fixture, STORE_FILE_READ, path);
	fixture_close(fixture);
	lie_in_index(fixture, &rows);
	assert_int_equal(rows, 0); /* just written */

	fixture_open(fixture);
	reopen_shifted(fixture, 10);
	(void)see(fixture, STORE_FILE_READ, path);
	fixture_close(fixture);
	lie_in_index(fixture, &rows);
	assert_int_equal(rows, 1);
	fixture_open(fixture);
	reopen_shifted(fixture, 20);
	digest = see(fixture, STORE_FILE_READ, path);
	assert_true(digest_is_zero(&digest)); /* it was not read again */
	fixture_write(path, "other", 5);
	assert_true(same(see(fixture, STORE_FILE_READ, path), digest_of("other", 5)));
}

static void a_file_of_the_future_is_read_each_time(void **state)
{
	struct fixture *fixture = *state;
	AUTO_FREE char *path = mem_printf("%s/data", fixture->folder);
	int rows = 0;

	fixture_write(path, "bytes", 5);
	age(path, -100000);
	reopen_shifted(fixture, 10);
	(void)see(fixture, STORE_FILE_READ, path);
	fixture_close(fixture);
	lie_in_index(fixture, &rows);
	assert_int_equal(rows, 0);
}

static void files_of_proc_are_never_remembered(void **state)
{
	struct fixture *fixture = *state;
	int rows = 0;

	reopen_shifted(fixture, 100000);
	assert_true(same(see(fixture, STORE_FILE_READ, "/proc/version"),
	    see(fixture, STORE_FILE_READ, "/proc/version")));
	fixture_close(fixture);
	lie_in_index(fixture, &rows);
	assert_int_equal(rows, 0);
}

static void two_absences_are_equal_and_no_file_looks_like_one(void **state)
{
	struct fixture *fixture = *state;
	AUTO_FREE char *none = mem_printf("%s/none", fixture->folder);
	AUTO_FREE char *never = mem_printf("%s/never", fixture->folder);
	AUTO_FREE char *file = mem_printf("%s/file", fixture->folder);
	AUTO_FREE char *below = mem_printf("%s/file/below", fixture->folder);
	static const enum store_file_kind kinds[] = {
	    STORE_FILE_READ, STORE_FILE_STAT, STORE_FILE_LIST, STORE_FILE_LINK};
	struct digest absent = see(fixture, STORE_FILE_READ, none);

	for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
		assert_true(same(see(fixture, kinds[i], none), absent));
		assert_true(same(see(fixture, kinds[i], never), absent));
	}
	assert_true(same(see(fixture, STORE_FILE_READ, ""), absent));
	fixture_write(file, "ENOENT", 6);
	assert_false(same(see(fixture, STORE_FILE_READ, file), absent));
	assert_false(same(see(fixture, STORE_FILE_READ, below), absent)); /* ENOTDIR */
	assert_false(same(see(fixture, STORE_FILE_LIST, file), absent));
	assert_true(
	    same(see(fixture, STORE_FILE_LIST, file), see(fixture, STORE_FILE_READ, below)));
}

static void a_listing_is_the_names_and_types_in_any_order(void **state)
{
	struct fixture *fixture = *state;
	AUTO_FREE char *one = mem_printf("%s/one", fixture->folder);
	AUTO_FREE char *two = mem_printf("%s/two", fixture->folder);
	struct digest empty;
	char path[128];

	assert_int_equal(mkdir(one, 0700), 0);
	assert_int_equal(mkdir(two, 0700), 0);
	empty = see(fixture, STORE_FILE_LIST, one);
	assert_true(same(see(fixture, STORE_FILE_READ, one), empty));
	for (int i = 0; i < 3000; i++) {
		(void)snprintf(path, sizeof path, "%s/file %d", one, i);
		assert_int_equal(close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
		(void)snprintf(path, sizeof path, "%s/file %d", two, 2999 - i);
		assert_int_equal(close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
	}
	assert_true(same(see(fixture, STORE_FILE_LIST, one), see(fixture, STORE_FILE_LIST, two)));
	assert_false(same(see(fixture, STORE_FILE_LIST, one), empty));
	/* The same name for something of another kind. */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_false(same(see(fixture, STORE_FILE_LIST, one), see(fixture, STORE_FILE_LIST, two)));
	/* Bytes of a file are not of the listing. */
	(void)snprintf(path, sizeof path, "%s/file 5", one);
	fixture_write(path, "x", 1);
	assert_int_equal(rmdir(strcat(strcpy(path, two), "/file 0")), 0);
	fixture_write(path, "x", 1);
	assert_true(same(see(fixture, STORE_FILE_LIST, one), see(fixture, STORE_FILE_LIST, two)));
}

static void a_listing_is_remembered_until_it_changes(void **state)
{
	struct fixture *fixture = *state;
	AUTO_FREE char *path = mem_printf("%s/folder", fixture->folder);
	AUTO_FREE char *file = mem_printf("%s/new", path);
	struct digest before;
	int rows = 0;

	assert_int_equal(mkdir(path, 0700), 0);
	reopen_shifted(fixture, 10);
	before = see(fixture, STORE_FILE_LIST, path);
	let_a_tick_pass(fixture, path);
	fixture_write(file, "", 0);
	assert_false(same(see(fixture, STORE_FILE_LIST, path), before));
	fixture_close(fixture);
	lie_in_index(fixture, &rows);
	assert_int_equal(rows, 1);
}

static void stat_sees_size_mode_and_mtime(void **state)
{
	struct fixture *fixture = *state;
	AUTO_FREE char *path = mem_printf("%s/file", fixture->folder);
	struct digest first, second;

	fixture_write(path, "abc", 3);
	age(path, 1000);
	first = see(fixture, STORE_FILE_STAT, path);
	assert_true(same(see(fixture, STORE_FILE_STAT, path), first));
	assert_int_equal(chmod(path, 0644), 0);
	second = see(fixture, STORE_FILE_STAT, path);
	assert_false(same(second, first));
	age(path, 2000);
	assert_false(same(see(fixture, STORE_FILE_STAT, path), second));
	assert_false(same(see(fixture, STORE_FILE_STAT, fixture->folder), first));
	(void)see(fixture, STORE_FILE_STAT, "/dev/null");
}

static void a_link_is_its_target(void **state)
{
	struct fixture *fixture = *state;
	AUTO_FREE char *one = mem_printf("%s/one", fixture->folder);
	AUTO_FREE char *two = mem_printf("%s/two", fixture->folder);
	AUTO_FREE char *file = mem_printf("%s/file", fixture->folder);

	fixture_write(file, "abc", 3);
	assert_int_equal(symlink("file", one), 0);
	assert_int_equal(symlink("file", two), 0);
	assert_true(same(see(fixture, STORE_FILE_LINK, one), see(fixture, STORE_FILE_LINK, two)));
	assert_true(same(see(fixture, STORE_FILE_READ, one), digest_of("abc", 3)));
	assert_int_equal(unlink(two), 0);
	assert_int_equal(symlink("elsewhere", two), 0);
	assert_false(same(see(fixture, STORE_FILE_LINK, one), see(fixture, STORE_FILE_LINK, two)));
	assert_true(
	    same(see(fixture, STORE_FILE_READ, two), see(fixture, STORE_FILE_READ, "/none")));
	/* What is no link is something else again, and not an error. */
	assert_false(same(see(fixture, STORE_FILE_LINK, file), see(fixture, STORE_FILE_LINK, one)));
}

static void fifos_devices_and_sockets_are_refused_unopened(void **state)
{
	struct fixture *fixture = *state;
	AUTO_FREE char *fifo = mem_printf("%s/fifo", fixture->folder);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const char *paths[] = {fifo, "/dev/null", "/dev/zero", address.sun_path};
	struct digest digest = {0};
	struct err err = {0};

	assert_int_equal(mkfifo(fifo, 0600), 0);
	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", fixture->folder);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
		assert_int_equal(
		    store_file_digest(fixture->store, STORE_FILE_READ, paths[i], &digest, &err),
		    -1);
		assert_int_equal(err.code, ERR_INVALID);
		assert_non_null(strstr(err.message, paths[i]));
		assert_true(digest_is_zero(&digest));
	}
}

static void a_file_of_more_than_the_most_is_refused(void **state)
{
	struct fixture *fixture = *state;
	AUTO_FREE char *path = mem_printf("%s/sparse", fixture->folder);
	struct digest digest = {0};
	struct err err = {0};

	fixture_write(path, "", 0);
	if (truncate(path, (off_t)STORE_OBJECT_MAX_BYTES + 1) < 0)
		skip(); /* a file system with a smaller limit */
	assert_int_equal(
	    store_file_digest(fixture->store, STORE_FILE_READ, path, &digest, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
}

/* More files than are kept in memory or pending at once: every answer stays right. */
static void many_files_are_right_whatever_is_forgotten(void **state)
{
	struct fixture *fixture = *state;
	enum { COUNT = 700 };
	char path[128];
	int rows = 0;

	for (int i = 0; i < COUNT; i++) {
		(void)snprintf(path, sizeof path, "%s/f%d", fixture->folder, i);
		fixture_write(path, &i, sizeof i);
	}
	reopen_shifted(fixture, 10);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < COUNT; i++) {
			(void)snprintf(path, sizeof path, "%s/f%d", fixture->folder, i);
			assert_true(
			    same(see(fixture, STORE_FILE_READ, path), digest_of(&i, sizeof i)));
		}
		reopen_shifted(fixture, 20);
	}
	fixture_close(fixture);
	lie_in_index(fixture, &rows);
	assert_int_equal(rows, COUNT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FIXTURE_TEST(a_file_has_the_digest_of_its_bytes),
	    FIXTURE_TEST(a_change_that_keeps_size_and_mtime_is_seen),
	    FIXTURE_TEST(an_old_file_is_remembered_and_a_young_one_is_not),
	    FIXTURE_TEST(a_file_of_the_future_is_read_each_time),
	    FIXTURE_TEST(files_of_proc_are_never_remembered),
	    FIXTURE_TEST(two_absences_are_equal_and_no_file_looks_like_one),
	    FIXTURE_TEST(a_listing_is_the_names_and_types_in_any_order),
	    FIXTURE_TEST(a_listing_is_remembered_until_it_changes),
	    FIXTURE_TEST(stat_sees_size_mode_and_mtime),
	    FIXTURE_TEST(a_link_is_its_target),
	    FIXTURE_TEST(fifos_devices_and_sockets_are_refused_unopened),
	    FIXTURE_TEST(a_file_of_more_than_the_most_is_refused),
	    FIXTURE_TEST(many_files_are_right_whatever_is_forgotten),
	};

	return cmocka_run_group_tests_name("store filedigest", tests, NULL, NULL);
}
