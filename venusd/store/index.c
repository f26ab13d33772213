/*
 * The SQLite side of the store: one connection behind one lock, WAL, statements prepared when it
 * opens. The file is not trusted: it may come from a broken disk or from somebody else, so that no
 * trigger, view or function of its schema ever runs, and damage is an error like any other. Damage
 * that is found while the store is in use leaves a mark beside the file, and the next store_open
 * begins a new index.
 *
 * Commits are not synced (synchronous=NORMAL): after a power cut the index is whole but may lack
 * its last records, whose results are then computed again. A checkpoint stalls for milliseconds, so
 * that it is left to store_maintain unless the WAL grows too long.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "venusd/store/store_internal.h"

#define APPLICATION_ID	    0x766e7573 /* "vnus" */
#define BUSY_MS		    10000
#define WAL_PAGES_MAX	    8192
#define STATEMENT_BYTES_MAX (64 * 1024)
#define VALUE_BYTES_MAX	    (2 * (int)STORE_RESULT_MAX_BYTES)

#define TEXT_OF_(value) #value
#define TEXT_OF(value)	TEXT_OF_(value)

static const char *const statement_texts[] = {
    [INDEX_BEGIN] = "BEGIN IMMEDIATE",
    [INDEX_COMMIT] = "COMMIT",
    [INDEX_ROLLBACK] = "ROLLBACK",
    [INDEX_OBJECT_PUT] = "INSERT INTO objects(digest, size, stored, used) VALUES(?1, ?2, ?3, ?4) "
			 "ON CONFLICT DO UPDATE SET size = ?2, stored = ?3, used = ?4",
    [INDEX_OBJECT_FIND] = "SELECT size FROM objects WHERE digest = ?1",
    [INDEX_OBJECT_FORGET] = "DELETE FROM objects WHERE digest = ?1",
    [INDEX_OBJECT_USED] = "UPDATE objects SET used = ?2 WHERE digest = ?1",
    [INDEX_RESULT_FORGET_EQUAL] =
	"DELETE FROM results WHERE space = ?1 AND key = ?2 AND bytes = ?3 RETURNING id",
    [INDEX_RESULT_PUT] = "INSERT INTO results(space, key, bytes, created, used) "
			 "VALUES(?1, ?2, ?3, ?4, ?4)",
    [INDEX_RESULT_OBJECT_PUT] =
	"INSERT INTO result_objects(result, object) VALUES(?1, ?2) ON CONFLICT DO NOTHING",
    [INDEX_RESULT_PRUNE] =
	"DELETE FROM results WHERE id IN (SELECT id FROM results WHERE space = ?1 AND key = ?2 "
	"ORDER BY id DESC LIMIT -1 OFFSET " TEXT_OF(STORE_RESULTS_PER_KEY) ") RETURNING id",
    [INDEX_RESULT_EACH] =
	"SELECT id, bytes FROM results WHERE space = ?1 AND key = ?2 ORDER BY id DESC",
    [INDEX_RESULT_FORGET] = "DELETE FROM results WHERE space = ?1 AND key = ?2 RETURNING id",
    [INDEX_RESULT_OBJECT_SWEEP] = "DELETE FROM result_objects WHERE result = ?1",
    [INDEX_RESULT_USED] = "UPDATE results SET used = ?2 WHERE id = ?1",
    [INDEX_NOTE_PUT] = "INSERT INTO notes(space, name, value) VALUES(?1, ?2, ?3) "
		       "ON CONFLICT DO UPDATE SET value = ?3",
    [INDEX_NOTE_GET] = "SELECT value FROM notes WHERE space = ?1 AND name = ?2",
    [INDEX_NOTE_EACH] = "SELECT name, value FROM notes WHERE space = ?1 ORDER BY name",
    [INDEX_NOTE_FORGET] = "DELETE FROM notes WHERE space = ?1 AND name = ?2",
    [INDEX_FILE_PUT] = "INSERT OR REPLACE INTO "
		       "files(device, inode, kind, size, mtime_ns, ctime_ns, digest, used) "
		       "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [INDEX_FILE_FIND] = "SELECT digest FROM files WHERE device = ?1 AND inode = ?2 AND kind = ?3 "
			"AND size = ?4 AND mtime_ns = ?5 AND ctime_ns = ?6",
    [INDEX_STATS] = "SELECT (SELECT count(*) FROM objects), "
		    "(SELECT coalesce(sum(stored), 0) FROM objects), "
		    "(SELECT count(*) FROM results), (SELECT count(*) FROM notes)",
};
static_assert(sizeof statement_texts / sizeof *statement_texts == INDEX_STATEMENT_COUNT,
    "every statement has its text");

/* So that the next store_open does not trust the file. */
static void leave_mark(struct store *store)
{
	int fd;

	if (store->index.damaged)
		return;
	store->index.damaged = true;
	fd = openat(store->fd, INDEX_DAMAGED_MARK,
	    O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd >= 0) /* without the mark the user is told all the same */
		(void)close(fd);
}

/* The one translator of SQLite's errors, to be called at once after the call that failed. */
static int fail(struct store *store, int code, const char *what, struct err *err)
{
	struct index *index = &store->index;
	int number = index->db ? sqlite3_system_errno(index->db) : 0;
	int kind = code & 0xff;

	if (kind == SQLITE_IOERR && (number == ENOSPC || number == EDQUOT))
		kind = SQLITE_FULL;
	switch (kind) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		leave_mark(store);
		return err_set(err, ERR_CORRUPT,
		    "cannot %s: the index %s is damaged; restart the daemon, which then begins a "
		    "new one",
		    what, index->path);
	case SQLITE_FULL:
		return err_set(err, ERR_FULL, "cannot %s: no space for %s; free some and try again",
		    what, index->path);
	case SQLITE_NOMEM: return err_set(err, ERR_FULL, "cannot %s: out of memory", what);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(err, ERR_TIMEOUT,
		    "cannot %s: another process has held %s locked for %d seconds; try again", what,
		    index->path, BUSY_MS / 1000);
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return err_set(err, ERR_DENIED, "cannot %s: %s cannot be written; make it writable",
		    what, index->path);
	case SQLITE_CANTOPEN:
	case SQLITE_IOERR:
		if (number)
			return err_set_errno(
			    err, number, "cannot %s: the index %s", what, index->path);
		return err_set(err, ERR_IO, "cannot %s: the index %s: %s", what, index->path,
		    sqlite3_errstr(code));
	default:
		return err_set(err, ERR_INTERNAL, "cannot %s: the index %s: %s", what, index->path,
		    index->db ? sqlite3_errmsg(index->db) : sqlite3_errstr(code));
	}
}

static int execute(struct store *store, const char *text, struct err *err)
{
	int code = sqlite3_exec(store->index.db, text, NULL, NULL, NULL);

	return code == SQLITE_OK ? 0 : fail(store, code, "set up the store's index", err);
}

/* The first column of the only row of a query. */
static int ask(struct store *store, const char *text, int64_t *ret_value, struct err *err)
{
	sqlite3 *db = store->index.db;
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(db, text, -1, &statement, NULL);
	int64_t value = 0;

	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		value = sqlite3_column_int64(statement, 0);
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		(void)fail(store, code, "read the store's index", err);
	(void)sqlite3_finalize(statement); /* repeats the step's error */
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		return -1;
	*ret_value = value;
	return 0;
}

static int note_wal(void *payload, sqlite3 *db, const char *name, int pages)
{
	struct index *index = payload;

	(void)db;
	(void)name; /* there is only "main" */
	index->wal_pages = pages;
	return SQLITE_OK;
}

static void harden(sqlite3 *db)
{
	static const struct {
		int option, value;
	} options[] =
	    {
		{SQLITE_DBCONFIG_DEFENSIVE, 1},
		{SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
		{SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
		{SQLITE_DBCONFIG_ENABLE_VIEW, 0},
		{SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
		{SQLITE_DBCONFIG_DQS_DML, 0},
		{SQLITE_DBCONFIG_DQS_DDL, 0},
	    },
	  limits[] = {
	      {SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX},
	      {SQLITE_LIMIT_SQL_LENGTH, STATEMENT_BYTES_MAX},
	      {SQLITE_LIMIT_ATTACHED, 0},
	      {SQLITE_LIMIT_TRIGGER_DEPTH, 1},
	  };

	for (size_t i = 0; i < ARRAY_LENGTH(options); i++)
		(void)sqlite3_db_config(db, options[i].option, options[i].value,
		    NULL); /* an option that this build of SQLite lacks is off anyhow */
	for (size_t i = 0; i < ARRAY_LENGTH(limits); i++)
		(void)sqlite3_limit(db, limits[i].option, limits[i].value); /* gives the old one */
}

/* Refuses what is no index of venus, or of a later one; gives the schema's version. */
static int check_identity(struct store *store, int64_t *ret_version, struct err *err)
{
	int64_t version = 0, application = 0, tables = 0, active = 0;

	if (ask(store, "PRAGMA user_version", &version, err) < 0 ||
	    ask(store, "PRAGMA application_id", &application, err) < 0 ||
	    ask(store, "SELECT count(*) FROM sqlite_schema", &tables, err) < 0 ||
	    ask(store, "SELECT count(*) FROM sqlite_schema WHERE type IN ('trigger', 'view')",
		&active, err) < 0)
		return -1;
	if (application == APPLICATION_ID && version > (int64_t)index_migration_count)
		return err_set(err, ERR_INVALID,
		    "the index %s was made by a later venus (schema %lld, this one knows %zu); use "
		    "that one, or "
		    "move the file away",
		    store->index.path, (long long)version, index_migration_count);
	if (version < 0 || active > 0 ||
	    (tables > 0 && (application != APPLICATION_ID || version == 0)))
		return err_set(
		    err, ERR_CORRUPT, "%s is a database, but no index of venus", store->index.path);
	*ret_version = version;
	return 0;
}

static int migrate(struct store *store, int64_t version, struct err *err)
{
	for (size_t next = (size_t)version; next < index_migration_count; next++) {
		AUTO_FREE char *text =
		    mem_printf("BEGIN IMMEDIATE; %s"
			       "PRAGMA application_id = %d; PRAGMA user_version = %zu; COMMIT",
			index_migrations[next], APPLICATION_ID, next + 1);

		if (execute(store, text, err) < 0) {
			(void)sqlite3_exec(
			    store->index.db, "ROLLBACK", NULL, NULL, NULL); /* may be none */
			return -1;
		}
	}
	return 0;
}

static int prepare(struct store *store, struct err *err)
{
	struct index *index = &store->index;

	for (size_t i = 0; i < INDEX_STATEMENT_COUNT; i++) {
		int code = sqlite3_prepare_v3(index->db, statement_texts[i], -1,
		    SQLITE_PREPARE_PERSISTENT, &index->statements[i], NULL);

		if (code == SQLITE_ERROR) /* the version is ours, but a table is not */
			return err_set(err, ERR_CORRUPT, "%s is damaged: %s", index->path,
			    sqlite3_errmsg(index->db));
		if (code != SQLITE_OK)
			return fail(store, code, "open the store's index", err);
	}
	return 0;
}

static void init_lock(pthread_mutex_t *lock)
{
	pthread_mutexattr_t kind;
	int failed = pthread_mutexattr_init(&kind);

	failed |= pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_ERRORCHECK);
	failed |= pthread_mutex_init(lock, &kind);
	failed |= pthread_mutexattr_destroy(&kind);
	assert(failed == 0);
}

int index_open(struct store *store, struct err *err)
{
	struct index *index = &store->index;
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
		    SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_PRIVATECACHE;
	int64_t version = 0;
	int code;

	*index = (struct index){.path = mem_printf("%s/" INDEX_FILE, store->folder)};
	init_lock(&index->lock);
	code = sqlite3_open_v2(index->path, &index->db, flags, store->ops->vfs);
	if (code == SQLITE_CANTOPEN_SYMLINK)
		return err_set(err, ERR_CORRUPT, "%s is a symbolic link", index->path);
	if (code != SQLITE_OK)
		return fail(store, code, "open the store's index", err);
	harden(index->db);
	(void)sqlite3_busy_timeout(index->db, BUSY_MS); /* cannot fail */
	if (check_identity(store, &version, err) < 0)
		return -1;
	if (sqlite3_db_readonly(index->db, "main") != 0)
		return fail(store, SQLITE_READONLY, "open the store's index", err);
	if (execute(store,
		"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cell_size_check = "
		"ON; "
		"PRAGMA temp_store = MEMORY; PRAGMA cache_size = -1024; PRAGMA mmap_size = 0",
		err) < 0)
		return -1;
	(void)sqlite3_wal_hook(index->db, note_wal, index); /* gives the old payload */
	return migrate(store, version, err) < 0 ? -1 : prepare(store, err);
}

void index_close(struct index *index)
{
	if (!index->path)
		return;
	for (size_t i = 0; i < INDEX_STATEMENT_COUNT; i++)
		(void)sqlite3_finalize(index->statements[i]); /* repeats an old error */
	(void)sqlite3_close(index->db);		   /* busy only with statements, which are gone */
	(void)pthread_mutex_destroy(&index->lock); /* fails only when held */
	free(index->path);
	*index = (struct index){0};
}

struct index *index_lock(struct store *store)
{
	int failed = pthread_mutex_lock(&store->index.lock);

	assert(failed == 0); /* EDEADLK: a callback called the store */
	return &store->index;
}

void index_unlock(struct index *index)
{
	int failed = pthread_mutex_unlock(&index->lock);

	assert(failed == 0);
}

sqlite3_stmt *index_use(struct index *index, enum index_statement which)
{
	sqlite3_stmt *statement = index->statements[which];

	(void)sqlite3_reset(statement);		 /* repeats an old error */
	(void)sqlite3_clear_bindings(statement); /* cannot fail */
	return statement;
}

int index_step(struct store *store, sqlite3_stmt *statement, struct err *err)
{
	int code = sqlite3_step(statement);

	if (code == SQLITE_ROW)
		return 1;
	return code == SQLITE_DONE ? 0 : fail(store, code, "use the store's index", err);
}

int index_run(struct store *store, sqlite3_stmt *statement, struct err *err)
{
	int got = index_step(store, statement, err);

	assert(got <= 0);
	(void)sqlite3_reset(statement); /* repeats the step's error */
	return got;
}

int index_begin(struct store *store, struct err *err)
{
	struct index *index = &store->index;

	assert(!index->in_transaction);
	if (index_run(store, index_use(index, INDEX_BEGIN), err) < 0)
		return -1;
	index->in_transaction = true;
	return 0;
}

int index_commit(struct store *store, struct err *err)
{
	struct index *index = &store->index;
	struct err ignored; /* what was committed is committed */

	if (index_run(store, index_use(index, INDEX_COMMIT), err) < 0)
		return -1;
	index->in_transaction = false;
	if (index->wal_pages > WAL_PAGES_MAX)
		(void)index_checkpoint(store, &ignored);
	return 0;
}

void index_end(struct store *store)
{
	struct index *index = &store->index;
	struct err ignored; /* SQLite has rolled back by itself after some errors */

	if (!index->in_transaction)
		return;
	index->in_transaction = false;
	if (!sqlite3_get_autocommit(index->db))
		(void)index_run(store, index_use(index, INDEX_ROLLBACK), &ignored);
}

/* A bind fails only for lack of memory or a value over VALUE_BYTES_MAX, which the callers have
 * refused. */
static void bound(int code)
{
	assert(code == SQLITE_OK);
}

void index_bind_digest(sqlite3_stmt *statement, int column, const struct digest *digest)
{
	bound(sqlite3_bind_blob(statement, column, digest->bytes, DIGEST_BYTES, SQLITE_STATIC));
}

void index_bind_bytes(sqlite3_stmt *statement, int column, const void *bytes, size_t length)
{
	bound(sqlite3_bind_blob64(statement, column, length ? bytes : "", length, SQLITE_STATIC));
}

void index_bind_text(sqlite3_stmt *statement, int column, const char *text)
{
	bound(sqlite3_bind_text(statement, column, text, -1, SQLITE_STATIC));
}

int index_checkpoint(struct store *store, struct err *err)
{
	struct index *index = &store->index;
	int code =
	    sqlite3_wal_checkpoint_v2(index->db, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);

	if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY) /* another one is at it */
		return fail(store, code, "tidy the store's index", err);
	index->wal_pages = 0;
	return 0;
}
