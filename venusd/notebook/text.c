#include <string.h>

#include "venusd/notebook/notebook_internal.h"

static const char BOM[] = "\xef\xbb\xbf";

static bool is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* Bytes of the UTF-8 sequence at `at`, 0 if it is none (overlong, surrogate, too large, cut off).
 */
static size_t sequence_bytes(const char *text, size_t length)
{
	unsigned char first = (unsigned char)text[0], second;
	size_t bytes = first < 0x80   ? 1
		       : first < 0xc2 ? 0
		       : first < 0xe0 ? 2
		       : first < 0xf0 ? 3
		       : first < 0xf5 ? 4
				      : 0;

	if (bytes > length)
		return 0;
	for (size_t i = 1; i < bytes; i++)
		if (!is_continuation(text[i]))
			return 0;
	if (bytes < 3)
		return bytes;
	second = (unsigned char)text[1];
	if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
	    (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f))
		return 0;
	return bytes;
}

int notebook_text_check(const char *text, size_t length, struct err *err)
{
	uint32_t line = 1, column = 1;

	if (length > NOTEBOOK_SOURCE_MAX_BYTES)
		return err_set(err, ERR_FULL,
		    "the notebook has %zu bytes and at most %u are read: split it", length,
		    NOTEBOOK_SOURCE_MAX_BYTES);
	for (size_t at = 0, bytes; at < length; at += bytes, column++) {
		bytes = sequence_bytes(text + at, length - at);
		if (bytes == 0)
			return err_set(err, ERR_INVALID,
			    "line %u, column %u: the notebook is not UTF-8 text (byte 0x%02x): "
			    "save it as UTF-8",
			    line, column, (unsigned)(unsigned char)text[at]);
		if (text[at] == 0)
			return err_set(err, ERR_INVALID,
			    "line %u, column %u: the notebook holds a NUL byte: a notebook is a "
			    "text file",
			    line, column);
		if (text[at] == '\n') {
			line++;
			column = 0;
		}
	}
	return 0;
}

void notebook_lines_find(struct notebook *notebook)
{
	const char *at = notebook->source, *end = at + notebook->length, *newline;

	*MEM_PUSH(notebook->line_starts, notebook->line_count) = 0;
	while ((newline = memchr(at, '\n', (size_t)(end - at)))) {
		if (notebook->line_count == 1)
			notebook->crlf = newline > notebook->source && newline[-1] == '\r';
		at = newline + 1;
		*MEM_PUSH(notebook->line_starts, notebook->line_count) =
		    (uint32_t)(at - notebook->source);
	}
}

uint32_t notebook_line_of(const struct notebook *notebook, uint32_t offset)
{
	size_t low = 0, high = notebook->line_count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (notebook->line_starts[middle] <= offset)
			low = middle;
		else
			high = middle;
	}
	return (uint32_t)low + 1;
}

/* A byte order mark is no column: editors and compilers do not count it. */
static uint32_t line_text_start(const struct notebook *notebook, uint32_t line)
{
	uint32_t start = notebook->line_starts[line - 1];

	return start == 0 && strncmp(notebook->source, BOM, 3) == 0 ? 3 : start;
}

/* Where a line's text ends, before CR LF or LF. */
static uint32_t line_text_end(const struct notebook *notebook, uint32_t line)
{
	uint32_t end;

	if (line >= notebook->line_count)
		return (uint32_t)notebook->length;
	end = notebook->line_starts[line] - 1;
	return end > notebook->line_starts[line - 1] && notebook->source[end - 1] == '\r' ? end - 1
											  : end;
}

struct notebook_place notebook_place_of(const struct notebook *notebook, uint32_t offset)
{
	struct notebook_place place = {.column = 1};

	if (offset > notebook->length)
		offset = (uint32_t)notebook->length;
	place.line = notebook_line_of(notebook, offset);
	for (uint32_t at = line_text_start(notebook, place.line); at < offset; at++)
		place.column += !is_continuation(notebook->source[at]);
	return place;
}

uint32_t notebook_offset_of(const struct notebook *notebook, struct notebook_place place)
{
	uint32_t at, end;

	if (place.line == 0)
		return 0;
	if (place.line > notebook->line_count)
		return (uint32_t)notebook->length;
	at = line_text_start(notebook, place.line);
	end = line_text_end(notebook, place.line);
	for (uint32_t column = 1; at < end && column < place.column; column++)
		do {
			at++;
		} while (at < end && is_continuation(notebook->source[at]));
	return at < end ? at : end;
}

char *notebook_line_text(const struct notebook *notebook, uint32_t line)
{
	uint32_t start;

	if (line == 0 || line > notebook->line_count)
		return mem_strdup("");
	start = line_text_start(notebook, line);
	return mem_dup(notebook->source + start, line_text_end(notebook, line) - start);
}

char *notebook_text(const struct notebook *notebook, struct notebook_range range)
{
	if (range.end > notebook->length)
		range.end = (uint32_t)notebook->length;
	if (range.start > range.end)
		range.start = range.end;
	return mem_dup(notebook->source + range.start, range.end - range.start);
}

static void add_scalar(struct buf *buf, uint32_t scalar)
{
	char bytes[4];
	size_t count = scalar < 0x80 ? 1 : scalar < 0x800 ? 2 : scalar < 0x10000 ? 3 : 4;

	if (scalar == 0 || scalar > 0x10ffff || (scalar >= 0xd800 && scalar < 0xe000)) {
		scalar = 0xfffd; /* the replacement character: neither NUL nor half a pair has a
				    place in a text */
		count = 3;
	}
	if (count == 1) {
		buf_add_char(buf, (char)scalar);
		return;
	}
	for (size_t i = count; i-- > 1; scalar >>= 6)
		bytes[i] = (char)(0x80 | (scalar & 0x3f));
	bytes[0] = (char)((0xf00u >> count & 0xf0) | scalar);
	buf_add(buf, bytes, count);
}

/* A number in hexadecimal digits; `*at` passes over it. */
static uint32_t hexadecimal(const char **at, const char *end, size_t digits)
{
	uint32_t value = 0;

	for (; *at < end && digits > 0; (*at)++, digits--) {
		char c = **at, lower = (char)(c | 0x20);

		if (c == '_')
			continue;
		if (c >= '0' && c <= '9')
			value = value * 16 + (uint32_t)(c - '0');
		else if (lower >= 'a' && lower <= 'f')
			value = value * 16 + (uint32_t)(lower - 'a' + 10);
		else
			break;
	}
	return value;
}

/* One escape from behind its backslash; returns what follows it. */
static const char *add_escape(struct buf *buf, const char *at, const char *end)
{
	static const char NAMES[] = "nrt0\\\"'", VALUES[] = "\n\r\t\0\\\"'";
	char c = *at++;
	const char *name = strchr(NAMES, c);

	if (c == '\n' || c == '\r') {
		while (at < end && strchr(" \t\r\n", *at))
			at++;
	} else if (c == 'x') {
		add_scalar(buf, hexadecimal(&at, end, 2));
	} else if (c == 'u' && at < end && *at == '{') {
		at++;
		add_scalar(buf, hexadecimal(&at, end, 8));
		at += at < end && *at == '}';
	} else if (name) {
		add_scalar(buf, (unsigned char)VALUES[name - NAMES]);
	} else {
		buf_add_char(buf, '\\');
		buf_add_char(buf, c);
	}
	return at;
}

char *notebook_string_value(const char *text, const struct notebook_token *token)
{
	AUTO_BUF struct buf buf = BUF_INIT;
	const char *at = text + token->start, *end = text + token->end;
	bool raw = false;

	for (; at < end && *at != '"'; at++)
		raw = raw || *at == 'r';
	at += at < end;
	while (end > at && end[-1] == '#')
		end--;
	end -= end > at;
	if (raw) {
		buf_add(&buf, at, (size_t)(end - at));
		return buf_take(&buf);
	}
	while (at < end) {
		if (*at == '\\' && at + 1 < end)
			at = add_escape(&buf, at + 1, end);
		else
			buf_add_char(&buf, *at++);
	}
	return buf_take(&buf);
}
