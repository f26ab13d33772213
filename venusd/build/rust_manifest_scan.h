#ifndef VENUSD_BUILD_RUST_MANIFEST_SCAN_H
#define VENUSD_BUILD_RUST_MANIFEST_SCAN_H

#include <stdbool.h>
#include <stddef.h>

/* A walk over a TOML text that tells each table and each key, with the whole way to it. Never
 * fails: what it cannot read it leaves out. */

#define MANIFEST_DEPTH_MAX 24

enum manifest_kind {
	MANIFEST_TABLE /* a header */,
	MANIFEST_INLINE /* { … } */,
	MANIFEST_STRING,
	MANIFEST_OTHER
};

struct manifest_entry {
	enum manifest_kind kind;
	const char *const *keys; /* from the root: "dependencies", "serde", "path" */
	size_t key_count;
	size_t start, end;  /* offsets of the value; of a header, of all of it; of an inline table,
			       of its `{` */
	const char *string; /* of MANIFEST_STRING, decoded */
};

/* Calls `each` in the order of the text. Inline tables are told before what is in them. */
void manifest_scan(const char *text,
    void (*each)(const struct manifest_entry *entry, void *payload), void *payload);

#endif
