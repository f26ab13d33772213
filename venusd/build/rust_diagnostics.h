#ifndef VENUSD_BUILD_RUST_DIAGNOSTICS_H
#define VENUSD_BUILD_RUST_DIAGNOSTICS_H

#include <stdbool.h>
#include <stddef.h>

#include "venus.pb-c.h"
#include "venusd/build/rust_text.h"

/*
 * What rustc says (`--error-format=json`, a JSON object a line), brought back to the notebook.
 * Pure. The text is not trusted: it may hold whatever a macro of somebody's wrote to stderr; what
 * is no diagnostic goes to `other`.
 */

#define RUST_DIAGNOSTICS_MAX  1000u /* messages of one compiler run that are looked at */
#define RUST_DIAGNOSTIC_LINES 20u   /* notes a message */

/* A generated file that the compiler read. */
struct rust_source {
	const char *name; /* base name */
	const struct rust_map *map;
	int cell; /* whose file it is, -1: no one cell's */
};

struct rust_diagnostic {
	bool error;
	enum rust_owner owner; /* RUST_OWNER_PARAM is given as RUST_OWNER_CELL; RUST_OWNER_NONE:
				  nobody wrote it, or it has no place */
	size_t index;
	char *code; /* "E0308", a lint's name, or "" */
	Venus__V1__Problem *problem;
	char *raw; /* the compiler's line: what is kept, since places move */
};

struct rust_diagnostics {
	struct rust_diagnostic *items;
	size_t count;
	size_t error_count;
	char *other; /* lines that are no diagnostics, the last of them; "" if none */
};

void rust_diagnostics_read(const struct notebook *notebook, const struct rust_source *sources,
    size_t source_count, const char *text, size_t length, struct rust_diagnostics *ret_diagnostics);
void rust_diagnostics_fini(struct rust_diagnostics *diagnostics);

/* Problems are freed by venus__v1__problem__free_unpacked(problem, NULL). */
Venus__V1__Problem *build_problem_new(Venus__V1__Problem__Kind kind, const char *message);
/* Replaces a text of a problem or a note. */
void build_problem_text(char **text, const char *value);
/* Fills in line, column, end and source line from offsets of the notebook. */
void build_problem_place(Venus__V1__Problem *problem, const struct notebook *notebook,
    uint32_t offset, uint32_t end_offset);
Venus__V1__Note *build_problem_note(
    Venus__V1__Problem *problem, const char *level, const char *message);

#endif
