#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "venusd/plan/plan_internal.h"

/* Nodes that count as a whole; nothing below them is looked at. */
static const struct {
	const char *type;
	bool comment;
} span_types[] = {
    {"line_comment", true},
    {"block_comment", true},
    {"string_literal", false},
    {"raw_string_literal", false},
    {"char_literal", false},
};

static int span_type(const char *type)
{
	for (size_t i = 0; i < ARRAY_LENGTH(span_types); i++)
		if (strcmp(span_types[i].type, type) == 0)
			return (int)i;
	return -1;
}

void code_text_init(struct code_text *text, const struct notebook *notebook)
{
	TSTreeCursor cursor = ts_tree_cursor_new(ts_tree_root_node(notebook->tree));

	*text = (struct code_text){.notebook = notebook};
	for (;;) {
		TSNode node = ts_tree_cursor_current_node(&cursor);
		int type = span_type(ts_node_type(node));

		if (type >= 0)
			*MEM_PUSH(text->spans, text->span_count) =
			    (struct code_span){{ts_node_start_byte(node), ts_node_end_byte(node)},
				span_types[type].comment};
		else if (ts_tree_cursor_goto_first_child(&cursor))
			continue;
		while (!ts_tree_cursor_goto_next_sibling(&cursor))
			if (!ts_tree_cursor_goto_parent(&cursor)) {
				ts_tree_cursor_delete(&cursor);
				return;
			}
	}
}

void code_text_fini(struct code_text *text)
{
	free(text->spans);
}

/* What makes code depend on where it stands or how it is laid out. */
static bool asks_for_place(const char *text, size_t length)
{
	static const char *const words[] = {"line!", "column!", "file!", "dbg!", "stringify!"};

	for (size_t i = 0; i < ARRAY_LENGTH(words); i++)
		if (memmem(text, length, words[i], strlen(words[i])))
			return true;
	return false;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void write_folded(struct buf *buf, size_t first, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (!is_space(text[i]))
			buf_add_char(buf, text[i]);
		else if (buf->length > first && buf->data[buf->length - 1] != ' ')
			buf_add_char(buf, ' ');
	}
}

static size_t first_span(const struct code_text *text, uint32_t offset)
{
	size_t low = 0, high = text->span_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (text->spans[middle].range.end <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void code_text_write(const struct code_text *text, struct notebook_range range, struct buf *buf)
{
	const char *source = text->notebook->source;
	size_t first = buf->length;
	uint32_t at = range.start;

	if (asks_for_place(source + range.start, range.end - range.start)) {
		struct notebook_place place = notebook_place_of(text->notebook, range.start);

		buf_printf(buf, "@%u:%u ", place.line, place.column);
		buf_add(buf, source + range.start, range.end - range.start);
		return;
	}
	for (size_t i = first_span(text, at);
	     i < text->span_count && text->spans[i].range.start < range.end; i++) {
		const struct code_span *span = &text->spans[i];

		if (span->range.start < at || span->range.end > range.end)
			continue;
		write_folded(buf, first, source + at, span->range.start - at);
		if (span->comment)
			write_folded(buf, first, " ", 1);
		else
			buf_add(
			    buf, source + span->range.start, span->range.end - span->range.start);
		at = span->range.end;
	}
	write_folded(buf, first, source + at, range.end - at);
	while (buf->length > first && buf->data[buf->length - 1] == ' ')
		buf->data[--buf->length] = 0;
}
