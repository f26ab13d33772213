#include "venusctl/diagnostic.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "venusctl/format.h"
#include "venusctl/text_safe.h"

/*
 * A place arrives as line and columns in Unicode scalars, with the text of the line. What is
 * printed is not that text but its safe form: a tab is four spaces, a control character its escape.
 * So each scalar's own width is added up while the line is written, and the underline is placed by
 * the sums. A long line is shown as a window around the place.
 */

#define TAB_COLUMNS   4
#define WINDOW_BEFORE 60  /* scalars kept in front of the place in a long line */
#define WINDOW_LENGTH 160 /* scalars shown of a long line */

static const struct kind_row {
	const char *name, *headline;
	enum paint paint;
} kinds[] = {
    [VENUS__V1__PROBLEM__KIND__KIND_UNSPECIFIED] = {"internal", "error", PAINT_RED},
    [VENUS__V1__PROBLEM__KIND__COMPILE] = {"compile", "error", PAINT_RED},
    [VENUS__V1__PROBLEM__KIND__PANIC] = {"panic", "panic", PAINT_RED},
    [VENUS__V1__PROBLEM__KIND__ERROR] = {"error", "error", PAINT_RED},
    [VENUS__V1__PROBLEM__KIND__CRASH] = {"crash", "crash", PAINT_RED},
    [VENUS__V1__PROBLEM__KIND__LIMIT] = {"limit", "limit", PAINT_RED},
    [VENUS__V1__PROBLEM__KIND__DENIED] = {"denied", "denied", PAINT_RED},
    [VENUS__V1__PROBLEM__KIND__TIMEOUT] = {"timeout", "timeout", PAINT_RED},
    [VENUS__V1__PROBLEM__KIND__UPSTREAM] = {"upstream", "skipped", PAINT_YELLOW},
    [VENUS__V1__PROBLEM__KIND__GRAPH] = {"graph", "error", PAINT_RED},
    [VENUS__V1__PROBLEM__KIND__SYNTAX] = {"syntax", "error", PAINT_RED},
    [VENUS__V1__PROBLEM__KIND__WARNING] = {"warning", "warning", PAINT_YELLOW},
    [VENUS__V1__PROBLEM__KIND__INTERNAL] = {"internal", "error", PAINT_RED},
    [VENUS__V1__PROBLEM__KIND__CANCEL] = {"cancel", "cancelled", PAINT_YELLOW},
};

struct place {
	uint32_t line, column, end_line, end_column; /* end_column: the first one behind */
	const char *source_line, *label;
	enum paint paint;
	char mark;
};

static const struct kind_row *find_kind(Venus__V1__Problem__Kind kind)
{
	return (size_t)kind < ARRAY_LENGTH(kinds) ? &kinds[kind] : &kinds[0];
}

const char *diagnostic_kind_name(Venus__V1__Problem__Kind kind)
{
	return find_kind(kind)->name;
}

static void add_gutter(struct buf *buf, unsigned digits, uint32_t line, bool color)
{
	AUTO_FREE char *gutter = line ? mem_printf("%*u |", (int)digits, (unsigned)line)
				      : mem_printf("%*s |", (int)digits, "");

	format_paint(buf, color, PAINT_BLUE, gutter);
}

/* Adds one character (or one byte that is none) in its safe form and returns the columns it takes.
 */
static size_t add_shown(struct buf *buf, const char *bytes, size_t length)
{
	AUTO_BUF struct buf safe = BUF_INIT;

	if (length == 1 && *bytes == '\t') {
		buf_printf(buf, "%*s", TAB_COLUMNS, "");
		return TAB_COLUMNS;
	}
	text_add_safe(&safe, bytes, length, TEXT_LINE);
	buf_add(buf, safe.data, safe.length);
	return text_width(safe.data);
}

static uint32_t count_scalars(const char *text, size_t length)
{
	uint32_t count = 0;

	for (size_t i = 0; i < length; count++) {
		uint32_t scalar;
		size_t bad = 1, used = text_decode(text + i, length - i, &scalar, &bad);

		i += used ? used : bad;
	}
	return count;
}

/* Writes the source line and says at which columns the underline begins and ends. */
static void add_source(
    struct buf *buf, const struct place *place, size_t *ret_start, size_t *ret_end)
{
	const char *text = place->source_line;
	size_t length = strcspn(text, "\r\n"), column = 0;
	uint32_t count = count_scalars(text, length), number = 1, first = 1, last = count;
	bool to_the_end = place->end_line > place->line;
	size_t start = SIZE_MAX, end = SIZE_MAX;

	if (count > WINDOW_LENGTH && place->column > WINDOW_BEFORE)
		first = place->column > count ? count : place->column - WINDOW_BEFORE;
	if (count > WINDOW_LENGTH && last - first >= WINDOW_LENGTH)
		last = first + WINDOW_LENGTH - 1;
	if (first > 1) {
		buf_add_text(buf, "…");
		column++;
	}
	for (size_t i = 0; i < length; number++) {
		uint32_t scalar;
		size_t bad = 1, used = text_decode(text + i, length - i, &scalar, &bad);

		used = used ? used : bad;
		if (number == place->column)
			start = column;
		if (number == place->end_column && !to_the_end)
			end = column;
		if (number >= first && number <= last)
			column += add_shown(buf, text + i, used);
		i += used;
	}
	if (last < count)
		buf_add_text(buf, "…");
	*ret_start = start == SIZE_MAX ? column : start;
	*ret_end = end == SIZE_MAX ? column : end;
	if (*ret_end <= *ret_start || place->end_column <= place->column)
		*ret_end = to_the_end && column > *ret_start ? column : *ret_start + 1;
}

static void add_snippet(struct buf *buf, const struct place *place, unsigned digits, bool color)
{
	AUTO_BUF struct buf marks = BUF_INIT;
	size_t start, end;

	if (!place->line || !place->source_line || !place->source_line[0])
		return;
	add_gutter(buf, digits, 0, color);
	buf_add_char(buf, '\n');
	add_gutter(buf, digits, place->line, color);
	buf_add_char(buf, ' ');
	add_source(buf, place, &start, &end);
	buf_add_char(buf, '\n');
	if (!place->column)
		return;
	for (size_t i = start; i < end; i++)
		buf_add_char(&marks, place->mark);
	if (place->label && place->label[0]) {
		buf_add_char(&marks, ' ');
		text_add_safe_text(&marks, place->label, TEXT_LINE);
	}
	add_gutter(buf, digits, 0, color);
	buf_printf(buf, " %*s", (int)start, "");
	format_paint(buf, color, place->paint, marks.data);
	buf_add_char(buf, '\n');
}

static void add_place(
    struct buf *buf, const struct place *place, const char *path, unsigned digits, bool color)
{
	if (!place->line)
		return;
	buf_printf(buf, "%*s", (int)digits, "");
	format_paint(buf, color, PAINT_BLUE, "-->");
	buf_printf(buf, " %s:%u", path, (unsigned)place->line);
	if (place->column)
		buf_printf(buf, ":%u", (unsigned)place->column);
	buf_add_char(buf, '\n');
}

/* A message of several lines goes on below its first one, indented. */
static void add_message(struct buf *buf, const char *message, unsigned indent)
{
	AUTO_BUF struct buf safe = BUF_INIT;
	const char *rest;

	text_add_safe_text(&safe, message, TEXT_LINES);
	rest = safe.data ? safe.data : "";
	buf_add(buf, rest, strcspn(rest, "\n"));
	buf_add_char(buf, '\n');
	rest += strcspn(rest, "\n");
	if (*rest)
		format_indented(buf, rest + 1, indent);
}

static void add_note(
    struct buf *buf, const Venus__V1__Note *note, const char *path, unsigned digits, bool color)
{
	struct place place = {.line = note->line,
	    .column = note->column,
	    .end_line = note->line,
	    .end_column = note->end_column,
	    .source_line = note->source_line,
	    .label = strcmp(note->label, note->message) ? note->label : NULL,
	    .paint = PAINT_BLUE,
	    .mark = '-'};
	AUTO_BUF struct buf level = BUF_INIT;

	text_add_safe_text(&level, note->level[0] ? note->level : "note", TEXT_LINE);
	if (!note->line) {
		buf_printf(buf, "%*s", (int)digits + 1, "");
		format_paint(buf, color, PAINT_BLUE, "=");
		buf_add_char(buf, ' ');
	}
	format_paint(buf, color, PAINT_BOLD, level.data);
	buf_add_text(buf, ": ");
	add_message(buf, note->message, note->line ? 4 : digits + (unsigned)level.length + 5);
	add_place(buf, &place, path, digits, color);
	add_snippet(buf, &place, digits, color);
}

static unsigned count_digits(const Venus__V1__Problem *problem)
{
	uint32_t largest = problem->line;
	unsigned digits = 1;

	for (size_t i = 0; i < problem->n_notes; i++)
		if (problem->notes[i]->line > largest)
			largest = problem->notes[i]->line;
	while (largest >= 10) {
		largest /= 10;
		digits++;
	}
	return digits;
}

void diagnostic_add(
    struct buf *buf, const Venus__V1__Problem *problem, const char *path, bool color)
{
	const struct kind_row *kind = find_kind(problem->kind);
	AUTO_BUF struct buf headline = BUF_INIT;
	unsigned digits = count_digits(problem);
	struct place place = {.line = problem->line,
	    .column = problem->column,
	    .end_line = problem->end_line,
	    .end_column = problem->end_column,
	    .source_line = problem->source_line,
	    .label = problem->label,
	    .paint = kind->paint,
	    .mark = '^'};

	buf_add_text(&headline, kind->headline);
	if (problem->code[0]) {
		buf_add_char(&headline, '[');
		text_add_safe_text(&headline, problem->code, TEXT_LINE);
		buf_add_char(&headline, ']');
	}
	format_paint(buf, color, kind->paint, headline.data);
	buf_add_text(buf, ": ");
	add_message(buf, problem->message, 4);
	add_place(buf, &place, path, digits, color);
	add_snippet(buf, &place, digits, color);
	for (size_t i = 0; i < problem->n_notes; i++)
		add_note(buf, problem->notes[i], path, digits, color);
}
