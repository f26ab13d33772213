#include "tests/unit/store/fixture.h"

#include <sqlite3.h>

/* What a store does with the state of its index when it opens: new, older, later, damaged, somebody
 * else's. */

static char *index_path(const struct fixture *fixture, const char *ending)
{
	return mem_printf("%s/" INDEX_FILE "%s", fixture->path, ending);
}

/* Runs SQL on the closed store's index. */
static void execute(const struct fixture *fixture, const char *text)
{
	AUTO_FREE char *path = index_path(fixture, "");
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", text, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int64_t ask(const struct fixture *fixture, const char *text)
{
	AUTO_FREE char *path = index_path(fixture, "");
	sqlite3_stmt *statement = NULL;
	sqlite3 *db = NULL;
	int64_t value;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, text, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	value = sqlite3_column_int64(statement, 0);
	(void)sqlite3_finalize(statement);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return value;
}

static void put_note(struct fixture *fixture)
{
	struct err err = {0};

	assert_int_equal(store_note_put(fixture->store, "test", "name", "value", 5, &err), 0);
}

static bool has_note(struct fixture *fixture)
{
	AUTO_BUF struct buf buf = BUF_INIT;
	struct err err = {0};
	int got = store_note_get(fixture->store, "test", "name", &buf, &err);

	if (got < 0)
		fail_msg("%s", err.message);
	return got == 1 && strcmp(buf.data, "value") == 0;
}

static void assert_begun_anew(struct fixture *fixture, const char *why)
{
	AUTO_FREE char *bad = mem_printf("%s/bad", fixture->path);

	fixture_open(fixture);
	assert_non_null(fixture->note);
	assert_non_null(strstr(fixture->note, why));
	assert_true(fixture_entries(bad) > 0);
	assert_false(has_note(fixture));
	put_note(fixture);
	fixture_reopen(fixture);
	assert_null(fixture->note);
	assert_true(has_note(fixture));
}

static void a_new_index_has_the_last_schema(void **state)
{
	struct fixture *fixture = *state;

	assert_null(fixture->note);
	fixture_close(fixture);
	assert_int_equal(ask(fixture, "PRAGMA user_version"), index_migration_count);
	assert_true(ask(fixture, "PRAGMA application_id") != 0);
	assert_int_equal(ask(fixture, "SELECT count(*) FROM pragma_journal_mode() "
				      "WHERE journal_mode = 'wal'"),
	    1);
}

static void every_older_schema_is_brought_up(void **state)
{
	struct fixture *fixture = *state;
	int64_t application;

	fixture_close(fixture);
	application = ask(fixture, "PRAGMA application_id");
	for (size_t version = 0; version < index_migration_count; version++) {
		AUTO_FREE char *path = index_path(fixture, "");
		AUTO_FREE char *identity =
		    mem_printf("PRAGMA user_version = %zu; PRAGMA application_id = %d", version,
			version ? (int)application : 0);

		assert_int_equal(unlink(path), 0);
		for (size_t i = 0; i < version; i++)
			execute(fixture, index_migrations[i]);
		if (version)
			execute(fixture, "INSERT INTO notes VALUES('test', 'name', x'76616c7565')");
		execute(fixture, identity);
		fixture_open(fixture);
		assert_int_equal(has_note(fixture), version > 0);
		put_note(fixture);
		fixture_close(fixture);
		assert_int_equal(ask(fixture, "PRAGMA user_version"), index_migration_count);
	}
}

static void a_later_schema_is_refused_and_left_alone(void **state)
{
	struct fixture *fixture = *state;
	struct err err = {0};
	char *note = NULL;

	put_note(fixture);
	fixture_close(fixture);
	execute(fixture, "PRAGMA user_version = 1000");
	assert_int_equal(store_open(fixture->path, &fixture->store, &note, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_non_null(strstr(err.message, "later venus"));
	assert_null(note);
	assert_null(fixture->store);
	assert_int_equal(ask(fixture, "SELECT count(*) FROM notes"), 1);
}

static void what_is_no_database_is_moved_aside(void **state)
{
	struct fixture *fixture = *state;
	AUTO_FREE char *path = index_path(fixture, "");

	fixture_close(fixture);
	fixture_write(path, "this is no database, whatever its name says. ", 45);
	assert_begun_anew(fixture, "damaged");
}

static void an_index_with_a_broken_start_is_moved_aside(void **state)
{
	struct fixture *fixture = *state;
	AUTO_FREE char *path = index_path(fixture, "");
	AUTO_BUF struct buf file = BUF_INIT;

	fixture_close(fixture);
	fixture_read(path, &file);
	memset(file.data + 100, 0xa5, 2000);
	fixture_write(path, file.data, file.length);
	assert_begun_anew(fixture, "damaged");
}

static void every_cut_index_opens_or_is_begun_anew(void **state)
{
	struct fixture *fixture = *state;
	AUTO_FREE char *path = index_path(fixture, "");
	AUTO_BUF struct buf file = BUF_INIT;

	put_note(fixture);
	fixture_close(fixture);
	fixture_read(path, &file);
	for (size_t length = 0; length < file.length; length += 1000) {
		fixture_write(path, file.data, length);
		fixture_open(fixture);
		put_note(fixture);
		assert_true(has_note(fixture));
		fixture_close(fixture);
	}
}

static void a_database_of_somebody_else_is_moved_aside(void **state)
{
	struct fixture *fixture = *state;
	AUTO_FREE char *path = index_path(fixture, "");

	fixture_close(fixture);
	assert_int_equal(unlink(path), 0);
	execute(fixture, "CREATE TABLE notes(a)");
	assert_begun_anew(fixture, "no index of venus");
}

static void an_index_with_code_in_it_is_moved_aside(void **state)
{
	struct fixture *fixture = *state;

	fixture_close(fixture);
	execute(fixture, "CREATE TRIGGER hostile AFTER INSERT ON notes BEGIN "
			 "DELETE FROM objects; END");
	assert_begun_anew(fixture, "no index of venus");
	fixture_close(fixture);
	execute(fixture, "ALTER TABLE notes RENAME TO kept; "
			 "CREATE VIEW notes AS SELECT * FROM kept");
	assert_begun_anew(fixture, "no index of venus");
}

static void an_index_without_a_table_is_moved_aside(void **state)
{
	struct fixture *fixture = *state;

	fixture_close(fixture);
	execute(fixture, "DROP TABLE results");
	assert_begun_anew(fixture, "damaged");
}

static void a_linked_index_is_moved_aside(void **state)
{
	struct fixture *fixture = *state;
	AUTO_FREE char *path = index_path(fixture, "");
	AUTO_FREE char *elsewhere = mem_printf("%s/elsewhere.db", fixture->folder);
	struct stat before, after;

	fixture_close(fixture);
	assert_int_equal(rename(path, elsewhere), 0);
	assert_int_equal(symlink(elsewhere, path), 0);
	assert_int_equal(stat(elsewhere, &before), 0);
	assert_begun_anew(fixture, "symbolic link");
	assert_int_equal(stat(elsewhere, &after), 0);
	assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
}

static void a_lost_index_is_told(void **state)
{
	struct fixture *fixture = *state;
	AUTO_FREE char *path = index_path(fixture, "");
	struct digest digest = fixture_put(fixture, "kept", 4);
	struct store_stats stats;
	struct err err = {0};

	fixture_close(fixture);
	assert_int_equal(unlink(path), 0);
	fixture_open(fixture);
	assert_non_null(fixture->note);
	/* The objects are still there, and a put records them again. */
	fixture_assert_holds(fixture, &digest, "kept", 4);
	assert_int_equal(store_stats_get(fixture->store, &stats, &err), 0);
	assert_int_equal(stats.objects, 0);
	(void)fixture_put(fixture, "kept", 4);
	assert_int_equal(store_stats_get(fixture->store, &stats, &err), 0);
	assert_int_equal(stats.objects, 1);
}

/* Damage behind pages that were read at opening: an error with one clear line each time, and a new
 * index at the next start. */
static void damage_in_use_is_an_error_and_heals_at_the_next_start(void **state)
{
	struct fixture *fixture = *state;
	AUTO_FREE char *path = index_path(fixture, "");
	AUTO_FREE char *value = mem_alloc(3000);
	AUTO_BUF struct buf file = BUF_INIT;
	struct err err = {0};
	char name[32];
	int failed = 0;

	memset(value, 'v', 3000);
	for (int i = 0; i < 300; i++) {
		(void)snprintf(name, sizeof name, "note %d", i);
		assert_int_equal(
		    store_note_put(fixture->store, "test", name, value, 3000, &err), 0);
	}
	fixture_close(fixture);
	fixture_read(path, &file);
	assert_true(file.length > 400000);
	memset(file.data + 100000, 0xff, file.length - 100000);
	fixture_write(path, file.data, file.length);
	fixture_open(fixture);
	assert_null(fixture->note);
	for (int i = 0; i < 300; i++) {
		AUTO_BUF struct buf buf = BUF_INIT;

		(void)snprintf(name, sizeof name, "note %d", i);
		if (store_note_get(fixture->store, "test", name, &buf, &err) >= 0)
			continue;
		failed++;
		assert_int_equal(err.code, ERR_CORRUPT);
		assert_non_null(strstr(err.message, path));
		assert_null(strchr(err.message, '\n'));
		assert_int_equal(buf.length, 0);
	}
	assert_true(failed > 0);
	fixture_close(fixture);
	assert_begun_anew(fixture, "damaged");
}

/* Opens the store as a user who owns the folder but is not root; gives the error's code, and prints
 * its line. */
static int open_as_nobody(struct fixture *fixture, const char *path)
{
	pid_t child;

	(void)fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct store *store = NULL;
		struct err err = {0};
		char *note = NULL;
		int code = 0;

		if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
			_exit(99);
		if (store_open(path, &store, &note, &err) < 0) {
			code = (int)err.code;
			if (!strstr(err.message, fixture->folder) || strchr(err.message, '\n'))
				code = 98;
		}
		store_close(store);
		free(note);
		_exit(code);
	}
	return fixture_wait(child);
}

static void give_to_nobody(const struct fixture *fixture, const char *name)
{
	AUTO_FREE char *path = mem_printf("%s/%s", fixture->path, name);

	if (geteuid() == 0)
		assert_int_equal(chown(path, 65534, 65534), 0);
}

static void a_store_that_cannot_be_written_is_denied(void **state)
{
	struct fixture *fixture = *state;
	AUTO_FREE char *below = mem_printf("%s/none/store", fixture->folder);
	AUTO_FREE char *index = index_path(fixture, "");
	static const char *const parts[] = {"", "tmp", "bad", "cas", INDEX_FILE};

	fixture_close(fixture);
	assert_int_equal(chmod(fixture->folder, 0755), 0);
	if (geteuid() == 0) /* somebody else's */
		assert_int_equal(open_as_nobody(fixture, fixture->path), ERR_DENIED);
	for (size_t i = 0; i < ARRAY_LENGTH(parts); i++)
		give_to_nobody(fixture, parts[i]);
	assert_int_equal(open_as_nobody(fixture, fixture->path), 0);

	assert_int_equal(chmod(fixture->path, 0500), 0);
	assert_int_equal(open_as_nobody(fixture, fixture->path), ERR_DENIED);
	assert_int_equal(chmod(fixture->path, 0720), 0);
	assert_int_equal(open_as_nobody(fixture, fixture->path), ERR_DENIED);
	assert_int_equal(chmod(fixture->path, 0700), 0);
	assert_int_equal(chmod(index, 0400), 0);
	assert_int_equal(open_as_nobody(fixture, fixture->path), ERR_DENIED);
	assert_int_equal(chmod(index, 0600), 0);
	assert_int_equal(open_as_nobody(fixture, fixture->path), 0);

	/* It cannot be created either. */
	assert_int_equal(chmod(fixture->folder, 0555), 0);
	assert_int_equal(open_as_nobody(fixture, below), ERR_DENIED);
	assert_int_equal(chmod(fixture->folder, 0755), 0);
	if (geteuid() == 0)
		assert_int_equal(chown(fixture->path, 0, 0), 0);
}

static void a_part_that_is_no_folder_is_refused(void **state)
{
	struct fixture *fixture = *state;
	AUTO_FREE char *path = mem_printf("%s/cas", fixture->path);
	struct err err = {0};
	char *note = NULL;

	fixture_close(fixture);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(symlink("/tmp", path), 0);
	assert_int_equal(store_open(fixture->path, &fixture->store, &note, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_non_null(strstr(err.message, path));
	assert_null(note);
}

static void leftovers_of_the_dead_are_removed_and_of_the_living_kept(void **state)
{
	struct fixture *fixture = *state;
	AUTO_FREE char *tmp = mem_printf("%s/tmp", fixture->path);
	AUTO_FREE char *dead = mem_printf("%s/tmp/0123456789abcdef", fixture->path);
	AUTO_FREE char *file = mem_printf("%s/7", dead);
	AUTO_FREE char *stray = mem_printf("%s/tmp/stray", fixture->path);
	struct store *other = NULL;
	struct err err = {0};
	char *note = NULL;

	assert_int_equal(fixture_entries(tmp), 1);
	assert_int_equal(mkdir(dead, 0700), 0);
	fixture_write(file, "half an object", 14);
	fixture_write(stray, "x", 1);
	assert_int_equal(store_open(fixture->path, &other, &note, &err), 0);
	assert_int_equal(fixture_entries(tmp), 2); /* the two stores' own */
	(void)fixture_put(fixture, "still at work", 13);
	store_close(other);
	assert_int_equal(fixture_entries(tmp), 1);
	fixture_close(fixture);
	assert_int_equal(fixture_entries(tmp), 0);
}

static void last_uses_reach_the_index(void **state)
{
	struct fixture *fixture = *state;
	struct digest digest = fixture_put(fixture, "used", 4), key = digest_of("key", 3);
	AUTO_BUF struct buf buf = BUF_INIT;
	struct err err = {0};

	assert_int_equal(
	    store_result_put(fixture->store, "test", &key, "r", 1, &digest, 1, &err), 0);
	fixture_close(fixture);
	execute(fixture, "UPDATE objects SET used = 5; UPDATE results SET used = 5");
	fixture_open(fixture);
	assert_int_equal(store_object_get(fixture->store, &digest, 10, &buf, &err), 0);
	assert_int_equal(store_maintain(fixture->store, &err), 0);
	assert_int_equal(ask(fixture, "SELECT count(*) FROM objects WHERE used > 5"), 1);
	assert_int_equal(ask(fixture, "SELECT count(*) FROM results WHERE used > 5"), 0);
	assert_int_equal(ask(fixture, "SELECT count(*) FROM result_objects"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FIXTURE_TEST(a_new_index_has_the_last_schema),
	    FIXTURE_TEST(every_older_schema_is_brought_up),
	    FIXTURE_TEST(a_later_schema_is_refused_and_left_alone),
	    FIXTURE_TEST(what_is_no_database_is_moved_aside),
	    FIXTURE_TEST(an_index_with_a_broken_start_is_moved_aside),
	    FIXTURE_TEST(every_cut_index_opens_or_is_begun_anew),
	    FIXTURE_TEST(a_database_of_somebody_else_is_moved_aside),
	    FIXTURE_TEST(an_index_with_code_in_it_is_moved_aside),
	    FIXTURE_TEST(an_index_without_a_table_is_moved_aside),
	    FIXTURE_TEST(a_linked_index_is_moved_aside),
	    FIXTURE_TEST(a_lost_index_is_told),
	    FIXTURE_TEST(damage_in_use_is_an_error_and_heals_at_the_next_start),
	    FIXTURE_TEST(a_store_that_cannot_be_written_is_denied),
	    FIXTURE_TEST(a_part_that_is_no_folder_is_refused),
	    FIXTURE_TEST(leftovers_of_the_dead_are_removed_and_of_the_living_kept),
	    FIXTURE_TEST(last_uses_reach_the_index),
	};

	return cmocka_run_group_tests_name("store index", tests, NULL, NULL);
}
