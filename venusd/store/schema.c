/*
 * The index's tables. A migration that has been released is never changed: a change is a new row at
 * the end, and the database's user_version counts the rows that were applied. Times are seconds
 * since 1970.
 *
 *   objects          what cas/ holds: size of the content and of the file, when it was last asked
 * for results          what is known under (space, key); a higher id is newer result_objects which
 * objects a result names: what collection must keep while it keeps the result notes small values by
 * name files            digest of what an inode held (kind 0) or listed (kind 1) while it had this
 * size and these times
 */
#include "venusd/store/store_internal.h"

const char *const index_migrations[] = {
    "CREATE TABLE objects("
    "  digest BLOB NOT NULL PRIMARY KEY,"
    "  size INTEGER NOT NULL,"
    "  stored INTEGER NOT NULL,"
    "  used INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE results("
    "  id INTEGER NOT NULL PRIMARY KEY,"
    "  space TEXT NOT NULL,"
    "  key BLOB NOT NULL,"
    "  bytes BLOB NOT NULL,"
    "  created INTEGER NOT NULL,"
    "  used INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX results_by_key ON results(space, key, id);"
    "CREATE TABLE result_objects("
    "  result INTEGER NOT NULL,"
    "  object BLOB NOT NULL,"
    "  PRIMARY KEY(result, object)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE notes("
    "  space TEXT NOT NULL,"
    "  name TEXT NOT NULL,"
    "  value BLOB NOT NULL,"
    "  PRIMARY KEY(space, name)"
    ") STRICT, WITHOUT ROWID;",

    "CREATE TABLE files("
    "  device INTEGER NOT NULL,"
    "  inode INTEGER NOT NULL,"
    "  kind INTEGER NOT NULL,"
    "  size INTEGER NOT NULL,"
    "  mtime_ns INTEGER NOT NULL,"
    "  ctime_ns INTEGER NOT NULL,"
    "  digest BLOB NOT NULL,"
    "  used INTEGER NOT NULL,"
    "  PRIMARY KEY(device, inode, kind)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX result_objects_by_object ON result_objects(object);",
};
const size_t index_migration_count = sizeof index_migrations / sizeof *index_migrations;
