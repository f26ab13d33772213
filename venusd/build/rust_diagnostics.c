#include "venusd/build/rust_diagnostics.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/mem.h"

/*
 * A message's place is its primary span's. A span inside a macro is followed outwards, by its
 * `expansion`, to the last place that the notebook's author wrote: the call; that is also whose
 * message it is. What a message says of text that nobody wrote is of no use as a warning; an error
 * there is shown at the signature of the cell whose file it is in, or has no place.
 */

#define EXPANSION_DEPTH 64
#define OTHER_MAX_BYTES 8192

/* Warnings that speak of how venus arranges the text (everything is public, some is not used), not
 * of what was written. */
static const char *const arranged_lints[] = {"dead_code", "missing_docs",
    "missing_debug_implementations", "unreachable_pub", "unused_macros", "unused_macro_rules",
    "private_interfaces", "private_bounds", "private_in_public", "non_local_definitions",
    "unused_crate_dependencies"};

struct reader {
	const struct notebook *notebook;
	const struct rust_source *sources;
	size_t source_count;
	struct rust_diagnostics *result;
};

/* A span that was found in the notebook. */
struct place {
	struct rust_origin origin;
	uint32_t end_offset;
};

static inline void json_decref_p(json_t **json)
{
	json_decref(*json);
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static uint32_t number_of(const json_t *object, const char *key)
{
	const json_int_t value = json_integer_value(json_object_get(object, key));

	return value < 1 || value > UINT32_MAX ? 1 : (uint32_t)value;
}

static const struct rust_source *source_of(const struct reader *reader, const json_t *span)
{
	const char *path = text_of(span, "file_name");
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	for (size_t i = 0; i < reader->source_count; i++) {
		if (strcmp(reader->sources[i].name, name) == 0)
			return &reader->sources[i];
	}
	return NULL;
}

static bool span_place(const struct reader *reader, const json_t *span, struct place *ret_place)
{
	const struct rust_source *source = source_of(reader, span);
	struct rust_origin end;
	struct place place = {0};

	if (!source || !rust_map_place(reader->notebook, source->map, number_of(span, "line_start"),
			   number_of(span, "column_start"), &place.origin))
		return false;
	place.end_offset = place.origin.offset;
	if (rust_map_place(reader->notebook, source->map, number_of(span, "line_end"),
		number_of(span, "column_end"), &end) &&
	    end.offset > place.end_offset)
		place.end_offset = end.offset;
	*ret_place = place;
	return true;
}

/* The outermost place of a span that somebody wrote; `*ret_inner` is the innermost one. */
static bool span_resolve(const struct reader *reader, const json_t *span, struct place *ret_place,
    struct place *ret_inner)
{
	bool found = false;

	for (int depth = 0; json_is_object(span) && depth < EXPANSION_DEPTH; depth++) {
		if (span_place(reader, span, ret_place)) {
			if (!found)
				*ret_inner = *ret_place;
			found = true;
		}
		span = json_object_get(json_object_get(span, "expansion"), "span");
	}
	return found;
}

static const json_t *primary_span(const json_t *message)
{
	const json_t *spans = json_object_get(message, "spans");
	json_t *span;
	size_t i;

	json_array_foreach(spans, i, span)
	{
		if (json_is_true(json_object_get(span, "is_primary")))
			return span;
	}
	return json_array_get(spans, 0);
}

/* Which cell's file a span, or the macro call that made it, is in. */
static int span_cell(const struct reader *reader, const json_t *span)
{
	for (int depth = 0; json_is_object(span) && depth < EXPANSION_DEPTH; depth++) {
		const struct rust_source *source = source_of(reader, span);

		if (source && source->cell >= 0)
			return source->cell;
		span = json_object_get(json_object_get(span, "expansion"), "span");
	}
	return -1;
}

static void note_place(
    const struct reader *reader, Venus__V1__Note *note, const struct place *place)
{
	const struct notebook_place start =
	    notebook_place_of(reader->notebook, place->origin.offset);
	const struct notebook_place end = notebook_place_of(reader->notebook, place->end_offset);
	AUTO_FREE char *line = notebook_line_text(reader->notebook, start.line);

	note->line = start.line;
	note->column = start.column;
	note->end_column = end.line == start.line ? end.column : start.column;
	build_problem_text(&note->source_line, line);
}

/* Advice for users of a nightly compiler says nothing here. */
static char *message_clean(const char *message)
{
	const char *aside = strstr(message, " (in Nightly builds, ");
	const char *end = aside ? strchr(aside, ')') : NULL;

	return end ? mem_printf("%.*s%s", (int)(aside - message), message, end + 1)
		   : mem_strdup(message);
}

static void add_child(const struct reader *reader, Venus__V1__Problem *problem, const json_t *child)
{
	const json_t *span = primary_span(child);
	/* one of several pieces says nothing: `(` of `(…).to_string()` */
	const char *replacement = json_array_size(json_object_get(child, "spans")) == 1
				      ? text_of(span, "suggested_replacement")
				      : "";
	AUTO_FREE char *clean = message_clean(text_of(child, "message"));
	AUTO_FREE char *message = *replacement && !strchr(replacement, '\n')
				      ? mem_printf("%s: `%s`", clean, replacement)
				      : mem_strdup(clean);
	struct place place, inner;
	Venus__V1__Note *note;

	if (problem->n_notes >= RUST_DIAGNOSTIC_LINES || strstr(message, " on by default") ||
	    strncmp(message, "the lint level is defined here", 30) == 0)
		return;
	note = build_problem_note(problem, text_of(child, "level"), message);
	if (span && span_resolve(reader, span, &place, &inner)) {
		note_place(reader, note, &place);
		build_problem_text(&note->label, text_of(span, "label"));
	}
}

/* Places other than the primary one, with what is said of them, and the message's own notes. */
static void add_notes(const struct reader *reader, Venus__V1__Problem *problem,
    const json_t *message, const struct place *place, const struct place *inner)
{
	const json_t *spans = json_object_get(message, "spans");
	const json_t *children = json_object_get(message, "children");
	json_t *item;
	size_t i;

	if (place && inner->origin.offset != place->origin.offset)
		note_place(reader, build_problem_note(problem, "note", "in this macro"), inner);
	json_array_foreach(spans, i, item)
	{
		const char *label = text_of(item, "label");
		struct place other, other_inner;
		Venus__V1__Note *note;

		if (json_is_true(json_object_get(item, "is_primary")) || !*label ||
		    problem->n_notes >= RUST_DIAGNOSTIC_LINES ||
		    !span_resolve(reader, item, &other, &other_inner))
			continue;
		note = build_problem_note(problem, "note", label);
		note_place(reader, note, &other);
		build_problem_text(&note->label, label);
	}
	json_array_foreach(children, i, item) add_child(reader, problem, item);
}

/* A consumer's parameter does not fit what its producer gives: say so in the notebook's words,
 * rustc's own below where it says something else. */
static void explain_param(const struct reader *reader, struct rust_diagnostic *diagnostic,
    const struct rust_origin *origin)
{
	const struct notebook_cell *cell = &reader->notebook->cells[origin->index];
	const struct notebook_param *param = &cell->params[origin->param];
	const struct notebook_cell *producer;
	AUTO_FREE char *message = NULL;
	AUTO_FREE char *note = NULL;

	if (!diagnostic->error || param->producer < 0)
		return;
	producer = &reader->notebook->cells[param->producer];
	message = mem_printf("cell `%s` wants `%s: %s`, but cell `%s` gives `%s`", cell->name,
	    param->name, param->type, producer->name, producer->return_type);
	if (strcmp(diagnostic->code, "E0308") != 0) {
		note = *diagnostic->code ? mem_printf("error[%s]: %s", diagnostic->code,
					       diagnostic->problem->message)
					 : mem_strdup(diagnostic->problem->message);
		(void)build_problem_note(diagnostic->problem, "note", note);
	}
	build_problem_text(&diagnostic->problem->message, message);
	build_problem_text(&diagnostic->problem->code, "E0308");
	build_problem_place(
	    diagnostic->problem, reader->notebook, param->range.start, param->range.end);
	free(diagnostic->code);
	diagnostic->code = mem_strdup("E0308");
}

static void own_by_cell(
    const struct reader *reader, struct rust_diagnostic *diagnostic, size_t cell)
{
	diagnostic->owner = RUST_OWNER_CELL;
	diagnostic->index = cell;
	build_problem_text(&diagnostic->problem->cell, reader->notebook->cells[cell].name);
}

static void place_on_signature(
    const struct reader *reader, struct rust_diagnostic *diagnostic, int cell)
{
	const struct notebook_range range = reader->notebook->cells[cell].name_range;

	own_by_cell(reader, diagnostic, (size_t)cell);
	build_problem_place(diagnostic->problem, reader->notebook, range.start, range.end);
}

static bool is_arranged(const char *code)
{
	for (size_t i = 0; i < ARRAY_LENGTH(arranged_lints); i++) {
		if (strcmp(arranged_lints[i], code) == 0)
			return true;
	}
	return false;
}

/* Already there with the same text at the same place: macros and the copies of a text bring that
 * about. */
static bool is_known(const struct rust_diagnostics *diagnostics, const struct rust_diagnostic *new)
{
	for (size_t i = 0; i < diagnostics->count; i++) {
		const Venus__V1__Problem *a = diagnostics->items[i].problem, *b = new->problem;

		if (a->line == b->line && a->column == b->column && a->kind == b->kind &&
		    strcmp(a->message, b->message) == 0 && strcmp(a->cell, b->cell) == 0)
			return true;
	}
	return false;
}

static void diagnostic_fini(struct rust_diagnostic *diagnostic)
{
	free(diagnostic->code);
	free(diagnostic->raw);
	if (diagnostic->problem)
		venus__v1__problem__free_unpacked(diagnostic->problem, NULL);
}

static bool is_summary(const char *level, const char *message)
{
	return strcmp(level, "failure-note") == 0 || strncmp(message, "aborting due to", 15) == 0 ||
	       strstr(message, " warning emitted") || strstr(message, " warnings emitted");
}

static void place_message(
    const struct reader *reader, struct rust_diagnostic *diagnostic, const json_t *message)
{
	const json_t *span = primary_span(message);
	struct place place = {0}, inner = {0};
	const bool placed = span && span_resolve(reader, span, &place, &inner);
	const int cell = span_cell(reader, span);

	if (placed) {
		build_problem_place(
		    diagnostic->problem, reader->notebook, place.origin.offset, place.end_offset);
		build_problem_text(&diagnostic->problem->label, text_of(span, "label"));
		diagnostic->owner = place.origin.owner;
		diagnostic->index = place.origin.index;
		if (place.origin.owner == RUST_OWNER_CELL || place.origin.owner == RUST_OWNER_PARAM)
			own_by_cell(reader, diagnostic, place.origin.index);
	} else if (cell >= 0) {
		place_on_signature(reader, diagnostic, cell);
	}
	add_notes(reader, diagnostic->problem, message, placed ? &place : NULL, &inner);
	if (placed && place.origin.owner == RUST_OWNER_PARAM)
		explain_param(reader, diagnostic, &place.origin);
	if (!placed && !diagnostic->error)
		diagnostic->owner = RUST_OWNER_NONE;
}

static void add_message(
    const struct reader *reader, const json_t *message, const char *line, size_t length)
{
	const char *level = text_of(message, "level");
	AUTO_FREE char *text = message_clean(text_of(message, "message"));
	struct rust_diagnostic new = {0};

	if (is_summary(level, text) || reader->result->count >= RUST_DIAGNOSTICS_MAX)
		return;
	new.error = strncmp(level, "error", 5) == 0;
	if (!new.error && strcmp(level, "warning") != 0)
		return;
	new.code = mem_strdup(text_of(json_object_get(message, "code"), "code"));
	new.problem = build_problem_new(
	    new.error ? VENUS__V1__PROBLEM__KIND__COMPILE : VENUS__V1__PROBLEM__KIND__WARNING,
	    text);
	build_problem_text(&new.problem->code, new.code);
	place_message(reader, &new, message);
	new.raw = mem_strndup(line, length);
	if ((!new.error && (new.owner == RUST_OWNER_NONE || is_arranged(new.code))) ||
	    is_known(reader->result, &new)) {
		diagnostic_fini(&new);
		return;
	}
	reader->result->error_count += new.error;
	*MEM_PUSH(reader->result->items, reader->result->count) = new;
}

static void add_other(struct buf *other, const char *line, size_t length)
{
	if (length > OTHER_MAX_BYTES)
		length = OTHER_MAX_BYTES;
	if (other->length + length > OTHER_MAX_BYTES)
		buf_clear(other);
	buf_add(other, line, length);
	buf_add_char(other, '\n');
}

void rust_diagnostics_read(const struct notebook *notebook, const struct rust_source *sources,
    size_t source_count, const char *text, size_t length, struct rust_diagnostics *ret_diagnostics)
{
	const struct reader reader = {notebook, sources, source_count, ret_diagnostics};
	AUTO_BUF struct buf other = BUF_INIT;

	*ret_diagnostics = (struct rust_diagnostics){0};
	while (length > 0) {
		const char *newline = memchr(text, '\n', length);
		const size_t line_length = newline ? (size_t)(newline - text) : length;
		json_error_t ignored;
		AUTO(json_decref_p)
		json_t *message =
		    line_length > 1 && text[0] == '{'
			? json_loadb(text, line_length, JSON_REJECT_DUPLICATES, &ignored)
			: NULL;

		if (json_is_string(json_object_get(message, "message")))
			add_message(&reader, message, text, line_length);
		else if (line_length > 0 && !message)
			add_other(&other, text, line_length);
		text += line_length + (newline ? 1 : 0);
		length -= line_length + (newline ? 1 : 0);
	}
	ret_diagnostics->other = buf_take(&other);
}

void rust_diagnostics_fini(struct rust_diagnostics *diagnostics)
{
	for (size_t i = 0; i < diagnostics->count; i++)
		diagnostic_fini(&diagnostics->items[i]);
	free(diagnostics->items);
	free(diagnostics->other);
	*diagnostics = (struct rust_diagnostics){0};
}
