#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "venusd/notebook/notebook_internal.h"

#define QUOTED_MAX 24u /* bytes of a token that a message repeats */

/* A control character in a message would break it into lines, or do worse on a terminal. */
static void one_line(char *message)
{
	for (; *message; message++)
		if ((unsigned char)*message < ' ' || *message == 0x7f)
			*message = ' ';
}

void notebook_problem_add(struct notebook_reader *reader, enum notebook_problem_kind kind, int cell,
    struct notebook_range range, const char *format, ...)
{
	struct notebook *notebook = reader->notebook;
	struct notebook_problem *problem;
	va_list args;

	if (cell >= 0)
		notebook->cells[cell].broken = true;
	if (notebook->problem_count >= NOTEBOOK_PROBLEMS_MAX)
		return;
	if (range.end > notebook->length)
		range.end = (uint32_t)notebook->length;
	if (range.start > range.end)
		range.start = range.end;
	problem = MEM_PUSH(notebook->problems, notebook->problem_count);
	problem->kind = kind;
	problem->cell = cell;
	problem->range = range;
	va_start(args, format);
	if (vasprintf(&problem->message, format, args) < 0)
		problem->message = mem_strdup("");
	va_end(args);
	one_line(problem->message);
}

/* Bytes of a token that fit, ending between characters. */
static int quoted_bytes(const char *text, const struct notebook_token *token)
{
	uint32_t end =
	    token->end - token->start > QUOTED_MAX ? token->start + QUOTED_MAX : token->end;

	while (end > token->start && end < token->end && ((unsigned char)text[end] & 0xc0) == 0x80)
		end--;
	return (int)(end - token->start);
}

void notebook_problem_syntax(struct notebook_reader *reader, int cell, struct notebook_range range)
{
	const char *text = reader->notebook->source, *why = NULL;
	/* An error beyond it means that all of it could be the beginning of something longer. */
	struct notebook_lexer lexer = {
	    text, reader->stopped_at < range.end ? reader->stopped_at : range.end, range.end};
	struct notebook_range at = {range.start, range.start};
	struct notebook_token token;

	if (reader->why) {
		notebook_problem_add(reader, NOTEBOOK_SYNTAX, cell, at, "%s", reader->why);
		return;
	}
	if (notebook_region_unpaired(reader->view, range, &at, &why)) {
		notebook_problem_add(reader, NOTEBOOK_SYNTAX, cell, at, "%s", why);
		return;
	}
	if (reader->stopped_at < range.start) {
		notebook_problem_add(reader, NOTEBOOK_SYNTAX, cell, at,
		    "this is not Rust that can be read: correct its syntax");
		return;
	}
	token = notebook_lex_code(&lexer);
	at = (struct notebook_range){token.start, token.end};
	if (token.kind == NOTEBOOK_TOKEN_END)
		notebook_problem_add(reader, NOTEBOOK_SYNTAX, cell, at,
		    "this ends too early: something is missing before here");
	else
		notebook_problem_add(reader, NOTEBOOK_SYNTAX, cell, at,
		    "`%.*s` is not expected here", quoted_bytes(text, &token), text + token.start);
}

struct sought {
	uint32_t offset;
	struct notebook_place *place;
};

static int compare_sought(const void *a, const void *b)
{
	const struct sought *left = a, *right = b;

	return (left->offset > right->offset) - (left->offset < right->offset);
}

/* All places in one pass: a line may be as long as the text. */
static void find_places(struct notebook *notebook)
{
	size_t count = 2 * notebook->problem_count;
	AUTO_FREE struct sought *sought = mem_realloc_array(NULL, count, sizeof *sought);
	struct notebook_place place = {0, 1};
	uint32_t at = 0;

	for (size_t i = 0; i < notebook->problem_count; i++) {
		struct notebook_problem *problem = &notebook->problems[i];

		sought[2 * i] = (struct sought){problem->range.start, &problem->start};
		sought[2 * i + 1] = (struct sought){problem->range.end, &problem->end};
	}
	qsort(sought, count, sizeof *sought, compare_sought);
	for (size_t i = 0; i < count; i++) {
		uint32_t line = notebook_line_of(notebook, sought[i].offset);

		if (line != place.line) {
			place = (struct notebook_place){line, 1};
			at = notebook_offset_of(notebook, place);
		}
		for (; at < sought[i].offset; at++)
			place.column += ((unsigned char)notebook->source[at] & 0xc0) != 0x80;
		*sought[i].place = place;
	}
}

static int compare_problems(const void *a, const void *b)
{
	const struct notebook_problem *left = a, *right = b;

	if (left->range.start != right->range.start)
		return left->range.start < right->range.start ? -1 : 1;
	if (left->cell != right->cell)
		return left->cell < right->cell ? -1 : 1;
	return strcmp(left->message, right->message);
}

void notebook_problems_finish(struct notebook *notebook)
{
	if (notebook->problem_count == 0)
		return;
	qsort(notebook->problems, notebook->problem_count, sizeof *notebook->problems,
	    compare_problems);
	find_places(notebook);
}
