#include <string.h>

#include "common/cleanup.h"
#include "venusd/store/store_internal.h"

static sqlite3_stmt *use_key(
    struct index *index, enum index_statement which, const char *space, const struct digest *key)
{
	sqlite3_stmt *statement = index_use(index, which);

	index_bind_text(statement, 1, space);
	index_bind_digest(statement, 2, key);
	return statement;
}

/* Runs a statement that deletes results and returns their ids, and deletes what named objects for
 * them. */
static int sweep(struct store *store, sqlite3_stmt *deleting, struct err *err)
{
	AUTO_RESET sqlite3_stmt *statement = deleting;
	int got;

	while ((got = index_step(store, statement, err)) > 0) {
		sqlite3_stmt *each = index_use(&store->index, INDEX_RESULT_OBJECT_SWEEP);

		(void)sqlite3_bind_int64(
		    each, 1, sqlite3_column_int64(statement, 0)); /* always fits */
		if (index_run(store, each, err) < 0)
			return -1;
	}
	return got;
}

static int check_put(struct store *store, const char *space, size_t length,
    const struct digest *objects, size_t object_count, struct err *err)
{
	if (store_check_space(space, err) < 0)
		return -1;
	if (length > STORE_RESULT_MAX_BYTES)
		return err_set(err, ERR_FULL,
		    "a result of %zu bytes is too large: at most %u are kept", length,
		    STORE_RESULT_MAX_BYTES);
	if (object_count > STORE_RESULT_MAX_OBJECTS)
		return err_set(err, ERR_FULL, "a result names %zu objects: at most %u are kept",
		    object_count, STORE_RESULT_MAX_OBJECTS);
	for (size_t i = 0; i < object_count; i++) {
		char hex[DIGEST_HEX + 1];

		if (store_object_has(store, &objects[i]))
			continue;
		digest_to_hex(&objects[i], hex);
		return err_set(err, ERR_NOT_FOUND,
		    "cannot keep a result: it names object %s, which is not in the store", hex);
	}
	return 0;
}

static int insert(struct store *store, const char *space, const struct digest *key,
    const void *bytes, size_t length, int64_t *ret_id, struct err *err)
{
	sqlite3_stmt *statement = use_key(&store->index, INDEX_RESULT_PUT, space, key);

	index_bind_bytes(statement, 3, bytes, length);
	(void)sqlite3_bind_int64(statement, 4, store_now_s(store)); /* an integer always fits */
	if (index_run(store, statement, err) < 0)
		return -1;
	*ret_id = sqlite3_last_insert_rowid(store->index.db);
	return 0;
}

static int insert_objects(struct store *store, int64_t id, const struct digest *objects,
    size_t object_count, struct err *err)
{
	for (size_t i = 0; i < object_count; i++) {
		sqlite3_stmt *statement = index_use(&store->index, INDEX_RESULT_OBJECT_PUT);

		(void)sqlite3_bind_int64(statement, 1, id); /* an integer always fits */
		index_bind_digest(statement, 2, &objects[i]);
		if (index_run(store, statement, err) < 0)
			return -1;
	}
	return 0;
}

int store_result_put(struct store *store, const char *space, const struct digest *key,
    const void *bytes, size_t length, const struct digest *objects, size_t object_count,
    struct err *err)
{
	sqlite3_stmt *equal;
	int64_t id = 0;

	if (check_put(store, space, length, objects, object_count, err) < 0)
		return -1;
	AUTO_INDEX struct index *index = index_lock(store);
	AUTO_TRANSACTION struct store *transaction = store;

	(void)transaction;
	if (index_begin(store, err) < 0)
		return -1;
	equal = use_key(index, INDEX_RESULT_FORGET_EQUAL, space, key);
	index_bind_bytes(equal, 3, bytes, length);
	if (sweep(store, equal, err) < 0 ||
	    insert(store, space, key, bytes, length, &id, err) < 0 ||
	    insert_objects(store, id, objects, object_count, err) < 0 ||
	    sweep(store, use_key(index, INDEX_RESULT_PRUNE, space, key), err) < 0 ||
	    pending_write(store, err) < 0)
		return -1;
	return index_commit(store, err);
}

int store_result_each(struct store *store, const char *space, const struct digest *key,
    int (*each)(const void *bytes, size_t length, void *payload), void *payload, struct err *err)
{
	if (store_check_space(space, err) < 0)
		return -1;
	AUTO_INDEX struct index *index = index_lock(store);
	AUTO_RESET sqlite3_stmt *statement = use_key(index, INDEX_RESULT_EACH, space, key);
	int got;

	while ((got = index_step(store, statement, err)) > 0) {
		int length = sqlite3_column_bytes(statement, 1), answer;
		const void *bytes = sqlite3_column_blob(statement, 1); /* NULL when empty */

		pending_result_used(store, sqlite3_column_int64(statement, 0));
		answer = each(bytes ? bytes : "", (size_t)length, payload);
		if (answer != 0)
			return answer;
	}
	return got;
}

int store_result_forget(
    struct store *store, const char *space, const struct digest *key, struct err *err)
{
	if (store_check_space(space, err) < 0)
		return -1;
	AUTO_INDEX struct index *index = index_lock(store);
	AUTO_TRANSACTION struct store *transaction = store;

	(void)transaction;
	if (index_begin(store, err) < 0 ||
	    sweep(store, use_key(index, INDEX_RESULT_FORGET, space, key), err) < 0)
		return -1;
	return index_commit(store, err);
}
