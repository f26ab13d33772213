#include <string.h>

#include "common/cleanup.h"
#include "venusd/store/store_internal.h"

static int check_name(const char *space, const char *name, struct err *err)
{
	size_t length = strnlen(name, STORE_NOTE_NAME_MAX_BYTES + 1);

	if (store_check_space(space, err) < 0)
		return -1;
	if (length == 0 || length > STORE_NOTE_NAME_MAX_BYTES)
		return err_set(err, ERR_INVALID, "the name of a note has 1 to %u bytes",
		    STORE_NOTE_NAME_MAX_BYTES);
	return 0;
}

static sqlite3_stmt *use_name(
    struct index *index, enum index_statement which, const char *space, const char *name)
{
	sqlite3_stmt *statement = index_use(index, which);

	index_bind_text(statement, 1, space);
	index_bind_text(statement, 2, name);
	return statement;
}

int store_note_put(struct store *store, const char *space, const char *name, const void *value,
    size_t length, struct err *err)
{
	sqlite3_stmt *statement;

	if (check_name(space, name, err) < 0)
		return -1;
	if (length > STORE_NOTE_MAX_BYTES)
		return err_set(err, ERR_FULL,
		    "the note %s of %zu bytes is too large: at most %u are kept", name, length,
		    STORE_NOTE_MAX_BYTES);
	AUTO_INDEX struct index *index = index_lock(store);

	statement = use_name(index, INDEX_NOTE_PUT, space, name);
	index_bind_bytes(statement, 3, value, length);
	return index_run(store, statement, err);
}

int store_note_get(
    struct store *store, const char *space, const char *name, struct buf *buf, struct err *err)
{
	if (check_name(space, name, err) < 0)
		return -1;
	AUTO_INDEX struct index *index = index_lock(store);
	AUTO_RESET sqlite3_stmt *statement = use_name(index, INDEX_NOTE_GET, space, name);
	int got = index_step(store, statement, err);

	if (got > 0) {
		const void *value = sqlite3_column_blob(statement, 0); /* NULL when empty */

		buf_add(buf, value, (size_t)sqlite3_column_bytes(statement, 0));
	}
	return got;
}

int store_note_each(struct store *store, const char *space,
    int (*each)(const char *name, const void *value, size_t length, void *payload), void *payload,
    struct err *err)
{
	if (store_check_space(space, err) < 0)
		return -1;
	AUTO_INDEX struct index *index = index_lock(store);
	AUTO_RESET sqlite3_stmt *statement = index_use(index, INDEX_NOTE_EACH);
	int got;

	index_bind_text(statement, 1, space);
	while ((got = index_step(store, statement, err)) > 0) {
		const char *name = (const char *)sqlite3_column_text(statement, 0);
		int length = sqlite3_column_bytes(statement, 1), answer;
		const void *value = sqlite3_column_blob(statement, 1); /* NULL when empty */

		answer = each(name ? name : "", value ? value : "", (size_t)length, payload);
		if (answer != 0)
			return answer;
	}
	return got;
}

int store_note_forget(struct store *store, const char *space, const char *name, struct err *err)
{
	if (check_name(space, name, err) < 0)
		return -1;
	AUTO_INDEX struct index *index = index_lock(store);

	return index_run(store, use_name(index, INDEX_NOTE_FORGET, space, name), err);
}
