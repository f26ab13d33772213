#include "tests/unit/store/fixture.h"

#include <sched.h>
#include <sqlite3.h>
#include <sys/mount.h>

/* The disk fails at the n-th call, for every n: an error that says so, nothing half-written, and a
 * next try that succeeds. */

static int countdown; /* the call that fails, counted from now; 0 for none */
static int fault_errno;
static bool fault_again; /* all later calls fail as well, as on a full disk */

static bool fails(void)
{
	if (countdown > 0 && --countdown == 0) {
		countdown = fault_again ? 1 : -1;
		errno = fault_errno;
		return true;
	}
	return false;
}

static int fault_open(int folder, const char *name, int flags, mode_t mode)
{
	return fails() ? -1 : store_ops_host.open(folder, name, flags, mode);
}

static int fault_make_folder(int folder, const char *name, mode_t mode)
{
	return fails() ? -1 : store_ops_host.make_folder(folder, name, mode);
}

/* Writes are short, as they may be. */
static ssize_t fault_write(int fd, const void *bytes, size_t length)
{
	return fails() ? -1 : store_ops_host.write(fd, bytes, length > 5000 ? 5000 : length);
}

static int fault_sync(const int *fds, size_t count)
{
	return fails() ? -1 : store_ops_host.sync(fds, count);
}

static int fault_rename(int from, const char *name, int to, const char *new_name)
{
	return fails() ? -1 : store_ops_host.rename(from, name, to, new_name);
}

/* SQLite's file system below the same countdown: its own methods (a table for each way of locking),
 * but for those that change the disk. */
static sqlite3_vfs fault_vfs;
static struct fault_methods {
	sqlite3_io_methods changed; /* first, so that a file's methods lead here */
	const sqlite3_io_methods *host;
} fault_methods[4];
static int sqlite_fault;

static const sqlite3_io_methods *host_of(const sqlite3_file *file)
{
	return ((const struct fault_methods *)(const void *)file->pMethods)->host;
}

static int fault_vfs_write(sqlite3_file *file, const void *bytes, int length, sqlite3_int64 offset)
{
	return fails() ? sqlite_fault : host_of(file)->xWrite(file, bytes, length, offset);
}

static int fault_vfs_sync(sqlite3_file *file, int flags)
{
	return fails() ? SQLITE_IOERR_FSYNC : host_of(file)->xSync(file, flags);
}

static int fault_vfs_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	return fails() ? SQLITE_IOERR_TRUNCATE : host_of(file)->xTruncate(file, size);
}

static int fault_vfs_open(
    sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
	sqlite3_vfs *host = vfs->pAppData;
	int code = host->xOpen(host, name, file, flags, ret_flags);
	size_t i = 0;

	if (code != SQLITE_OK || !file->pMethods)
		return code;
	while (fault_methods[i].host && fault_methods[i].host != file->pMethods)
		i++;
	assert_in_range(i, 0, ARRAY_LENGTH(fault_methods) - 2);
	fault_methods[i].host = file->pMethods;
	fault_methods[i].changed = *file->pMethods;
	fault_methods[i].changed.xWrite = fault_vfs_write;
	fault_methods[i].changed.xSync = fault_vfs_sync;
	fault_methods[i].changed.xTruncate = fault_vfs_truncate;
	file->pMethods = &fault_methods[i].changed;
	return code;
}

static struct store_ops fault_ops(void)
{
	return (struct store_ops){
	    .open = fault_open,
	    .make_folder = fault_make_folder,
	    .write = fault_write,
	    .sync = fault_sync,
	    .rename = fault_rename,
	    .now_ns = store_ops_host.now_ns,
	    .vfs = "fault",
	};
}

static int group_setup(void **state)
{
	sqlite3_vfs *host = sqlite3_vfs_find(NULL);

	(void)state;
	fault_vfs = *host;
	fault_vfs.pNext = NULL;
	fault_vfs.zName = "fault";
	fault_vfs.pAppData = host;
	fault_vfs.xOpen = fault_vfs_open;
	return sqlite3_vfs_register(&fault_vfs, 0) == SQLITE_OK ? 0 : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	return sqlite3_vfs_unregister(&fault_vfs) == SQLITE_OK ? 0 : -1;
}

enum { OBJECTS = 3 }; /* and one that is durable later */

/* What a run of a cell does with the store. */
static int scenario(struct store *store, struct err *err)
{
	static const char key_text[] = "key";
	struct digest key = digest_of(key_text, 3), digests[OBJECTS + 1];
	uint64_t seed = 77;
	AUTO_FREE char *large = fixture_bytes(&seed, 30000, 2);
	struct store_bytes objects[] = {{"small", 5}, {large, 30000}, {"another one", 11}};

	if (store_object_put_many(store, objects, OBJECTS, digests, err) < 0 ||
	    store_object_put_soon(store, "soon", 4, &digests[OBJECTS], err) < 0 ||
	    store_result_put(store, "test", &key, "result", 6, digests, OBJECTS + 1, err) < 0 ||
	    store_note_put(store, "test", "name", "value", 5, err) < 0)
		return -1;
	return store_maintain(store, err);
}

static int is_result(const void *bytes, size_t length, void *payload)
{
	(void)payload;
	return length == 6 && memcmp(bytes, "result", 6) == 0 ? 1 : 2;
}

static int count_object(void *payload, const char *path)
{
	AUTO_BUF struct buf buf = BUF_INIT;
	struct fixture *fixture = payload;
	struct digest digest;
	struct err err = {0};

	assert_int_equal(digest_from_hex(path, &digest, &err), 0);
	if (fixture_get_cold(fixture, &digest, &buf, &err) < 0)
		fail_msg("%s", err.message);
	return 1;
}

/* Every file below cas/ is a whole object. */
static int check_objects(struct fixture *fixture)
{
	AUTO_FREE char *cas = mem_printf("%s/cas", fixture->path);
	int count = 0;

	for (unsigned i = 0; i < 256; i++) {
		AUTO_FREE char *path = mem_printf("%s/%02x", cas, i);
		DIR *folder = opendir(path);
		struct dirent *entry;
		char hex[300];

		while (folder && (entry = readdir(folder)))
			if (entry->d_name[0] != '.') {
				(void)snprintf(hex, sizeof hex, "%02x%s", i, entry->d_name);
				count += count_object(fixture, hex);
			}
		if (folder)
			(void)closedir(folder);
	}
	return count;
}

static void check_after_fault(struct fixture *fixture)
{
	AUTO_FREE char *bad = mem_printf("%s/bad", fixture->path);
	AUTO_FREE char *tmp = mem_printf("%s/tmp", fixture->path);
	struct digest key = digest_of("key", 3);
	struct err err = {0};
	int got;

	fixture_open(fixture);
	assert_int_equal(fixture_entries(tmp), 1);
	assert_int_equal(fixture_entries(bad), 0);
	(void)check_objects(fixture);
	got = store_result_each(fixture->store, "test", &key, is_result, NULL, &err);
	assert_true(got == 0 || got == 1);
	if (got == 1)
		assert_int_equal(check_objects(fixture), OBJECTS + 1);
	if (scenario(fixture->store, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(check_objects(fixture), OBJECTS + 1);
	assert_int_equal(store_result_each(fixture->store, "test", &key, is_result, NULL, &err), 1);
	fixture_close(fixture);
}

/* Runs the scenario with the n-th call failing; true when n was beyond the last call. */
static bool fail_at(struct fixture *fixture, int n, enum err_code code)
{
	AUTO_FREE char *tmp = mem_printf("%s/tmp", fixture->path);
	struct store_ops ops = fault_ops();
	struct store *store = NULL;
	char *note = NULL;
	struct err err = {0};
	int result;

	countdown = n;
	result = store_open_with(fixture->path, &ops, &store, &note, &err);
	if (result == 0) {
		result = scenario(store, &err);
		assert_true(fixture_entries(tmp) == 1);
		if (fault_again)
			countdown = 0; /* there is room again */
		store_close(store);
		assert_int_equal(fixture_entries(tmp), 0);
	} else {
		assert_null(store);
		assert_null(note);
	}
	free(note);
	if (result < 0) {
		if (err.code != code)
			fail_msg("call %d: %s, not %s: %s", n, err_code_name(err.code),
			    err_code_name(code), err.message);
		assert_true(strlen(err.message) > 10);
		assert_null(strchr(err.message, '\n'));
	}
	result = countdown > 0 && !fault_again;
	countdown = 0;
	return result;
}

static void walk(struct fixture *fixture, enum err_code code)
{
	struct err err = {0};
	int n = 0;
	bool done = false;

	fixture_close(fixture);
	while (!done) {
		assert_int_equal(file_remove_tree(fixture->path, &err), 0);
		done = fail_at(fixture, ++n, code);
		check_after_fault(fixture);
		assert_in_range(n, 1, 400);
	}
	assert_in_range(n, 30, 400);
}

static void every_call_may_find_the_disk_broken(void **state)
{
	fault_errno = EIO;
	sqlite_fault = SQLITE_IOERR_WRITE;
	fault_again = false;
	walk(*state, ERR_IO);
}

/* As above on a store that is there and only has to be added to. */
static void every_later_call_may_find_the_disk_full(void **state)
{
	struct fixture *fixture = *state;
	int n = 0, failed = 0;

	fault_errno = ENOSPC;
	sqlite_fault = SQLITE_FULL;
	fault_again = true;
	fixture_close(fixture);
	do {
		struct store_ops ops = fault_ops();
		AUTO_FREE char *tmp = mem_printf("%s/tmp", fixture->path);
		struct store *store = NULL;
		AUTO_FREE char *own = NULL;
		char *note = NULL;
		struct err err = {0};

		assert_int_equal(file_remove_tree(fixture->path, &err), 0);
		assert_int_equal(store_open_with(fixture->path, &ops, &store, &note, &err), 0);
		own = mem_printf("%s/%s", tmp, store->own);
		countdown = ++n;
		failed = scenario(store, &err) < 0;
		countdown = 0;
		if (failed && err.code != ERR_FULL && err.code != ERR_IO)
			fail_msg("call %d: %s", n, err.message);
		if (failed && err.code == ERR_FULL)
			assert_non_null(strstr(err.message, "ree some"));
		assert_int_equal(fixture_entries(own), 0); /* no temporary file stays */
		/* The same store goes on when there is room again. */
		assert_int_equal(scenario(store, &err), 0);
		store_close(store);
		check_after_fault(fixture);
	} while (failed && n < 400);
	assert_in_range(n, 10, 399);
}

/* A real file system that is full, where the kernel lets a test have one. */
static void fill(const struct fixture *fixture)
{
	struct store *store = NULL;
	struct digest digest;
	struct err err = {0};
	char *note = NULL, *bytes;
	uint64_t seed = 1;
	int puts = 0;

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", fixture->folder, "tmpfs", 0, "size=2m") < 0)
		_exit(77);
	if (store_open(fixture->path, &store, &note, &err) < 0)
		_exit(1);
	bytes = fixture_bytes(&seed, 100000, 2);
	while (store_object_put(store, bytes, 100000, &digest, &err) == 0 && puts++ < 100)
		*(uint64_t *)(void *)bytes = fixture_random(&seed);
	if (puts < 5 || puts > 30 || err.code != ERR_FULL || !strstr(err.message, fixture->path))
		_exit(2);
	while (store_note_put(store, "test", "name", bytes, 100000, &err) == 0 && puts++ < 100)
		;
	if (err.code != ERR_FULL)
		_exit(3);
	store_close(store);
	free(note);
	free(bytes);
	_exit(0);
}

static void a_full_file_system_is_told(void **state)
{
	struct fixture *fixture = *state;
	pid_t child;
	int status;

	fixture_close(fixture);
	(void)fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		fill(fixture);
	status = fixture_wait(child);
	if (status == 77)
		skip();
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FIXTURE_TEST(every_call_may_find_the_disk_broken),
	    FIXTURE_TEST(every_later_call_may_find_the_disk_full),
	    FIXTURE_TEST(a_full_file_system_is_told),
	};

	return cmocka_run_group_tests_name("store fault", tests, group_setup, group_teardown);
}
