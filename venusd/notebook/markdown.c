#include <string.h>

#include "venusd/notebook/notebook_internal.h"

/* Comments as markdown: their text, the first heading, the cargo block. */

struct line {
	const char *start, *end; /* without the line end */
};

/* The next line; false at the end. `*at` may become NULL behind the last one. */
static bool next_line(const char **at, const char *end, struct line *ret_line)
{
	const char *newline;

	if (!*at)
		return false;
	newline = memchr(*at, '\n', (size_t)(end - *at));
	ret_line->start = *at;
	ret_line->end = newline ? newline : end;
	*at = newline ? newline + 1 : NULL;
	if (ret_line->end > ret_line->start && ret_line->end[-1] == '\r')
		ret_line->end--;
	return true;
}

static const char *skip_blanks(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	return at;
}

static void line_comments_text(const char *at, const char *end, size_t mark, struct buf *buf)
{
	struct line line;
	bool first = true;

	while (next_line(&at, end, &line)) {
		const char *text = skip_blanks(line.start, line.end);

		text += (size_t)(line.end - text) < mark ? (size_t)(line.end - text) : mark;
		text += text < line.end && *text == ' ';
		if (!first)
			buf_add_char(buf, '\n');
		buf_add(buf, text, (size_t)(line.end - text));
		first = false;
	}
}

/* What the lines after a block comment's first have in common before their text: blanks, or a star
 * in each. */
struct margin {
	bool stars;
	size_t blanks;
};

static struct margin find_margin(const char *at, const char *end)
{
	struct margin margin = {.stars = true, .blanks = SIZE_MAX};
	struct line line;
	bool first = true;

	while (next_line(&at, end, &line)) {
		const char *text = skip_blanks(line.start, line.end);

		if (!first && text < line.end) {
			margin.stars = margin.stars && *text == '*';
			if ((size_t)(text - line.start) < margin.blanks)
				margin.blanks = (size_t)(text - line.start);
		}
		first = false;
	}
	margin.stars = margin.stars && margin.blanks != SIZE_MAX;
	return margin;
}

static void block_comment_text(const char *at, const char *end, struct buf *buf)
{
	struct margin margin = find_margin(at, end);
	size_t pending =
	    0; /* line ends that are written only when text follows: none at either end */
	struct line line;
	bool first = true, any = false;

	while (next_line(&at, end, &line)) {
		const char *text = skip_blanks(line.start, line.end);

		if (!first && margin.stars && text < line.end) {
			text++;
			text += text < line.end && *text == ' ';
		} else if (!first && (size_t)(line.end - line.start) > margin.blanks) {
			text = line.start + margin.blanks;
		}
		while (line.end > text && (line.end[-1] == ' ' || line.end[-1] == '\t'))
			line.end--;
		first = false;
		if (text < line.end) {
			for (; any && pending > 0; pending--)
				buf_add_char(buf, '\n');
			buf_add(buf, text, (size_t)(line.end - text));
			any = true;
			pending = 0;
		}
		pending++;
	}
}

void notebook_comment_text(const char *text, struct notebook_range range, struct buf *buf)
{
	const char *at = text + range.start, *end = text + range.end;
	bool plain = notebook_comment_kind(text, range.start, range.end) == NOTEBOOK_COMMENT_PLAIN;

	if (at[1] == '*') {
		at += plain ? 2 : 3;
		end -= end - at >= 2 && end[-1] == '/' && end[-2] == '*' ? 2 : 0;
		block_comment_text(at, end, buf);
	} else {
		line_comments_text(at, end, plain ? 2 : 3, buf);
	}
}

/* A fenced block of code that is open. */
struct fence {
	char mark; /* 0: none */
	size_t length;
};

/* True if a line opens or closes a fence; `ret_info` is what stands behind an opening one. */
static bool fence_step(struct fence *fence, const struct line *line, struct line *ret_info)
{
	const char *text = line->start;
	size_t length = 0;

	while (text < line->end && *text == ' ')
		text++;
	if (text - line->start > 3 || text == line->end || (*text != '`' && *text != '~'))
		return false;
	while (text + length < line->end && text[length] == *text)
		length++;
	*ret_info = (struct line){skip_blanks(text + length, line->end), line->end};
	if (fence->mark) {
		if (fence->mark != *text || length < fence->length || ret_info->start != line->end)
			return false;
		fence->mark = 0;
		return true;
	}
	if (length < 3 ||
	    (*text == '`' && memchr(ret_info->start, '`', (size_t)(line->end - ret_info->start))))
		return false;
	*fence = (struct fence){*text, length};
	return true;
}

/* "## Title ##" is "Title". NULL if the line is no heading. */
static char *heading_of(const struct line *line)
{
	const char *text = line->start, *end = line->end;
	size_t marks = 0;

	while (text < end && *text == ' ' && text - line->start < 3)
		text++;
	while (text + marks < end && text[marks] == '#')
		marks++;
	if (marks < 1 || marks > 6 ||
	    (text + marks < end && text[marks] != ' ' && text[marks] != '\t'))
		return NULL;
	text = skip_blanks(text + marks, end);
	while (end > text && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	line = &(struct line){text, end};
	while (end > text && end[-1] == '#')
		end--;
	/* Closing #s stand apart from the text: "C#" keeps its own. */
	if (end > text && end[-1] != ' ' && end[-1] != '\t')
		end = line->end;
	while (end > text && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return end > text ? mem_dup(text, (size_t)(end - text)) : NULL;
}

char *notebook_heading(const char *markdown)
{
	const char *at = markdown, *end = markdown + strlen(markdown);
	struct fence fence = {0};
	struct line line, info;

	while (next_line(&at, end, &line)) {
		char *heading;

		if (fence_step(&fence, &line, &info) || fence.mark)
			continue;
		heading = heading_of(&line);
		if (heading)
			return heading;
	}
	return NULL;
}

/* True if the first word behind a fence is `cargo`. */
static bool names_cargo(const struct line *info)
{
	size_t length = (size_t)(info->end - info->start);

	return length >= 5 && strncmp(info->start, "cargo", 5) == 0 &&
	       (length == 5 || strchr(" \t,{", info->start[5]));
}

static void cargo_problem(struct notebook_reader *reader, uint32_t line, const char *what)
{
	const struct notebook *notebook = reader->notebook;
	uint32_t start = notebook_offset_of(notebook, (struct notebook_place){line, 1});
	uint32_t end = notebook_offset_of(notebook, (struct notebook_place){line, UINT32_MAX});

	notebook_problem_add(
	    reader, NOTEBOOK_SYNTAX, -1, (struct notebook_range){start, end}, "%s", what);
}

/* Takes the cargo blocks of one run of `//!` lines, in which a line of text is a line of the
 * source. */
static void cargo_find(struct notebook_reader *reader, const struct notebook_markdown *markdown)
{
	struct notebook *notebook = reader->notebook;
	const char *at = markdown->text, *end = at + strlen(at);
	AUTO_BUF struct buf block = BUF_INIT;
	uint32_t number = markdown->line,
		 opened = 0; /* line of the fence, 0: not in a cargo block */
	struct fence fence = {0};
	struct line line, info;

	for (; next_line(&at, end, &line); number++) {
		bool was_open = fence.mark, is_fence = fence_step(&fence, &line, &info);

		if (is_fence && !was_open && names_cargo(&info)) {
			if (notebook->cargo)
				cargo_problem(reader, number,
				    "a notebook has one cargo block and this is a second one: join "
				    "them");
			else
				opened = number;
		} else if (is_fence && was_open && opened) {
			notebook->cargo = buf_take(&block);
			notebook->cargo_line = opened + 1;
			opened = 0;
		} else if (opened) {
			buf_add(&block, line.start, (size_t)(line.end - line.start));
			buf_add_char(&block, '\n');
		}
	}
	if (!opened)
		return;
	cargo_problem(reader, opened,
	    "this cargo block is never closed: add a line with ``` (a line without `//!` ends it)");
	notebook->cargo = buf_take(&block);
	notebook->cargo_line = opened + 1;
}

void notebook_markdown_finish(struct notebook_reader *reader)
{
	struct notebook *notebook = reader->notebook;

	for (size_t i = 0; i < notebook->markdown_count; i++) {
		const struct notebook_markdown *markdown = &notebook->markdown[i];

		if (!notebook->title)
			notebook->title = notebook_heading(markdown->text);
		if (markdown->inner && notebook->source[markdown->range.start + 1] == '/')
			cargo_find(reader, markdown);
	}
	if (!notebook->title)
		notebook->title = mem_strdup("");
}
