#include "venusd/build/rust_text_internal.h"

#include <locale.h>
#include <stdarg.h>
#include <string.h>
#include <wchar.h>

#include "common/mem.h"

/* Generated text and its map: pieces in the order of the text, found again by offset. */

struct rust_map {
	char *text;
	size_t length;
	struct rust_piece *pieces;
	size_t piece_count;
};

void rust_out_fini(struct rust_out *out)
{
	buf_fini(&out->text);
	free(out->pieces);
	out->pieces = NULL;
	out->piece_count = 0;
}

static void piece(struct rust_out *out, struct rust_piece value)
{
	value.start = (uint32_t)out->text.length;
	*MEM_PUSH(out->pieces, out->piece_count) = value;
}

void rust_out_source(
    struct rust_out *out, struct notebook_range range, enum rust_owner owner, size_t index)
{
	if (range.start >= range.end)
		return;
	piece(out, (struct rust_piece){
		       .owner = owner, .verbatim = true, .source = range.start, .index = index});
	buf_add(&out->text, out->notebook->source + range.start, range.end - range.start);
}

void rust_out_blank(struct rust_out *out, struct notebook_range range)
{
	piece(out, (struct rust_piece){.owner = RUST_OWNER_NONE});
	for (uint32_t at = range.start; at < range.end; at++) {
		char c = out->notebook->source[at];
		if (c == '\n' || c == '\r')
			buf_add_char(&out->text, c);
		else if (((unsigned char)c & 0xc0) != 0x80)
			buf_add_char(&out->text, ' ');
	}
}

void rust_out_for(struct rust_out *out, const char *text, enum rust_owner owner, size_t index,
    size_t param, uint32_t source)
{
	piece(out,
	    (struct rust_piece){.owner = owner, .source = source, .index = index, .param = param});
	buf_add_text(&out->text, text);
}

void rust_out_text(struct rust_out *out, const char *text)
{
	rust_out_for(out, text, RUST_OWNER_NONE, 0, 0, 0);
}

void rust_out_printf(struct rust_out *out, const char *format, ...)
{
	AUTO_FREE char *text = NULL;
	va_list arguments;
	va_start(arguments, format);
	int length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length < 0)
		abort();
	rust_out_text(out, text);
}

uint32_t rust_out_line(const struct rust_out *out)
{
	uint32_t line = 1;
	for (size_t i = 0; i < out->text.length; i++)
		line += out->text.data[i] == '\n';
	return line;
}

struct rust_file rust_out_finish(struct rust_out *out, char *name)
{
	struct rust_map *map = mem_alloc(sizeof *map);
	struct rust_file file = {.name = name, .length = out->text.length, .map = map};
	map->length = out->text.length;
	file.text = buf_take(&out->text);
	map->text = mem_strndup(file.text, file.length);
	map->pieces = TAKE_PTR(out->pieces);
	map->piece_count = out->piece_count;
	out->piece_count = 0;
	return file;
}

void rust_map_free(struct rust_map *map)
{
	if (!map)
		return;
	free(map->text);
	free(map->pieces);
	free(map);
}

/* Offset of a line's first byte. False: there is no such line. */
static bool line_start(const struct rust_map *map, uint32_t line, size_t *ret_offset)
{
	size_t at = 0;
	for (uint32_t n = 1; n < line; n++) {
		const char *end = memchr(map->text + at, '\n', map->length - at);
		if (!end)
			return false;
		at = (size_t)(end - map->text) + 1;
	}
	*ret_offset = at;
	return true;
}

static size_t scalar_end(const struct rust_map *map, size_t at)
{
	do
		at++;
	while (at < map->length && ((unsigned char)map->text[at] & 0xc0) == 0x80);
	return at;
}

/* Offset of a place; past a line's end it is the end. False: there is no such line. */
static bool offset_of(
    const struct rust_map *map, uint32_t line, uint32_t column, uint32_t *ret_offset)
{
	size_t at;
	if (!line_start(map, line, &at))
		return false;
	for (uint32_t n = 1; n < column && at < map->length && map->text[at] != '\n'; n++)
		at = scalar_end(map, at);
	*ret_offset = (uint32_t)at;
	return true;
}

/* How many columns rustc counts for a scalar where it writes a place into the code: as on a screen,
 * and four for a tab. */
static uint32_t shown_width(const char *bytes, size_t length)
{
	mbstate_t state = {0};
	wchar_t wide;
	if (*bytes == '\t')
		return 4;
	if (mbrtowc(&wide, bytes, length, &state) > length)
		return 1;
	int width = wcwidth(wide);
	return width < 0 ? 1 : (uint32_t)width;
}

uint32_t rust_map_column(const struct rust_map *map, uint32_t line, uint32_t shown)
{
	locale_t unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	uint32_t column = 1, reached = 1;
	size_t at;
	if (!unicode)
		return shown;
	locale_t before = uselocale(unicode);
	if (line_start(map, line, &at))
		while (at < map->length && map->text[at] != '\n') {
			size_t end = scalar_end(map, at);
			uint32_t width = shown_width(map->text + at, end - at);
			if (reached >= shown && width > 0)
				break;
			reached += width;
			column++;
			at = end;
		}
	(void)uselocale(before);
	freelocale(unicode);
	return column;
}

bool rust_map_place(const struct notebook *notebook, const struct rust_map *map, uint32_t line,
    uint32_t column, struct rust_origin *ret_origin)
{
	uint32_t offset;
	if (!map || line == 0 || column == 0 || !offset_of(map, line, column, &offset))
		return false;
	size_t low = 0, high = map->piece_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (map->pieces[middle].start <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return false;
	const struct rust_piece *found = &map->pieces[low - 1];
	/* The end of a span stands just behind the last character of what was written. */
	if (found->owner == RUST_OWNER_NONE && found->start == offset && low > 1)
		found = &map->pieces[low - 2];
	if (found->owner == RUST_OWNER_NONE)
		return false;
	*ret_origin = (struct rust_origin){
	    .owner = found->owner, .index = found->index, .param = found->param};
	ret_origin->offset = found->source + (found->verbatim ? offset - found->start : 0);
	ret_origin->place = notebook_place_of(notebook, ret_origin->offset);
	return true;
}

void rust_edits_fini(struct rust_edits *edits)
{
	for (size_t i = 0; i < edits->count; i++)
		free(edits->at[i].text);
	free(edits->at);
	*edits = (struct rust_edits){0};
}

static void edit(
    struct rust_edits *edits, uint32_t start, uint32_t end, const char *text, bool mapped)
{
	struct rust_edit *new = MEM_PUSH(edits->at, edits->count);
	*new = (struct rust_edit){start, end, mem_strdup(text), mapped, edits->count};
}

void rust_edit_insert(struct rust_edits *edits, uint32_t at, const char *text, bool mapped)
{
	edit(edits, at, at, text, mapped);
}

void rust_edit_replace(struct rust_edits *edits, uint32_t start, uint32_t end, const char *text)
{
	edit(edits, start, end, text, true);
}

void rust_edit_cut(struct rust_edits *edits, uint32_t start, uint32_t end)
{
	edit(edits, start, end, NULL, false);
}

static int by_start(const void *a, const void *b)
{
	const struct rust_edit *x = a, *y = b;
	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

void rust_out_edited(struct rust_out *out, struct notebook_range range, struct rust_edits *edits,
    bool blank, enum rust_owner owner, size_t index)
{
	uint32_t at = range.start;
	if (edits->count)
		qsort(edits->at, edits->count, sizeof *edits->at, by_start);
	for (size_t i = 0; i < edits->count; i++) {
		const struct rust_edit *change = &edits->at[i];
		if (change->start < at || change->end > range.end)
			continue;
		rust_out_source(out, (struct notebook_range){at, change->start}, owner, index);
		if (change->text && change->mapped)
			rust_out_for(out, change->text, owner, index, 0, change->start);
		else if (change->text)
			rust_out_text(out, change->text);
		else if (blank)
			rust_out_blank(out, (struct notebook_range){change->start, change->end});
		at = change->end;
	}
	rust_out_source(out, (struct notebook_range){at, range.end}, owner, index);
}
