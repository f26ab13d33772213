#include "venusd/notebook/notebook_internal.h"

/*
 * The way through a text that does not parse as a whole. It is cut where a line begins an item
 * while nothing is open, and each region is parsed on its own. A region that does not parse ends at
 * the first line that looks like the next item although something is still open (a brace that was
 * forgotten), so that one broken cell costs that cell only; if closing brackets do come later and
 * all that is between parses, then the line was inside a string, a comment or a block, and the
 * region is whole.
 *
 * Regions that parse go through the same code as a whole tree does. Of one that does not, its head
 * is read by tokens: what kind of item it would have been, and its name.
 *
 * All work is linear: looking past suspicious lines has a budget, so has parsing with recovery, and
 * after too many broken regions the rest is one broken piece.
 */

#define STRETCH_BYTES	    8192u /* regions are parsed together while that goes well */
#define RECOVER_BYTES	    8192u /* the largest region that tree-sitter recovers in */
#define RECOVER_TOTAL_BYTES 65536u
#define NEAR_BYTES	    65536u
#define BROKEN_MAX	    1000u
#define LOOKAHEAD_FACTOR    8u

struct recovery {
	struct notebook_reader *reader;
	size_t lookahead; /* bytes that may still be read beyond suspicious lines */
	size_t recoverable;
	size_t tokens, comments, broken;
	struct notebook_range *good; /* regions that parse, neighbours joined */
	size_t good_count;
};

static void good_add(struct recovery *recovery, uint32_t start, uint32_t end)
{
	struct notebook_range *last =
	    recovery->good_count ? &recovery->good[recovery->good_count - 1] : NULL;

	if (last && last->end == start)
		last->end = end;
	else
		*MEM_PUSH(recovery->good, recovery->good_count) =
		    (struct notebook_range){start, end};
}

static bool take_good(struct recovery *recovery, const struct notebook_region *region)
{
	const struct notebook_range range = {region->start, region->end};
	TSTree *tree;

	if (region->open || region->deep || (region->suspect && !region->clean))
		return false;
	if (region->suspect) {
		/* It is read again if it does not parse. */
		if (recovery->lookahead < region->end - region->start)
			return false;
		recovery->lookahead -= region->end - region->start;
	}
	tree = notebook_tree_parse(recovery->reader, &range, 1, false);
	if (!tree)
		return false;
	(void)notebook_nodes_take(
	    recovery->reader, tree, false); /* UINT32_MAX: all of it was taken */
	good_add(recovery, region->start, region->end);
	recovery->tokens += region->tokens;
	recovery->comments += region->comments;
	return true;
}

/* `pub(crate) unsafe extern "C" …`: passes over what may stand before an item's keyword; `token` is
 * the first and then the keyword. */
static void skip_modifiers(
    const char *text, struct notebook_lexer *lexer, struct notebook_token *token)
{
	for (;;) {
		struct notebook_lexer ahead = *lexer;
		struct notebook_token next = notebook_lex_code(&ahead);
		bool visible = notebook_token_is(text, token, "pub");
		bool external = notebook_token_is(text, token, "extern");
		bool constant = notebook_token_is(text, token, "const");

		if (visible && next.kind == NOTEBOOK_TOKEN_OPEN && text[next.start] == '(') {
			while (next.kind != NOTEBOOK_TOKEN_CLOSE && next.kind != NOTEBOOK_TOKEN_END)
				next = notebook_lex_code(&ahead);
			next = notebook_lex_code(&ahead);
		} else if (external && next.kind == NOTEBOOK_TOKEN_STRING) {
			next = notebook_lex_code(&ahead);
		} else if (constant || external) {
			if (!notebook_token_is(text, &next, "fn") &&
			    !notebook_token_is(text, &next, "unsafe") &&
			    !notebook_token_is(text, &next, "async") &&
			    !notebook_token_is(text, &next, "extern"))
				return;
		} else if (!visible && !notebook_token_is(text, token, "unsafe") &&
			   !notebook_token_is(text, token, "async")) {
			return;
		}
		*lexer = ahead;
		*token = next;
	}
}

static const struct {
	const char *word;
	enum notebook_item_kind kind;
} KEYWORDS[] = {
    {"fn", NOTEBOOK_FN},
    {"struct", NOTEBOOK_STRUCT},
    {"enum", NOTEBOOK_ENUM},
    {"union", NOTEBOOK_UNION},
    {"type", NOTEBOOK_TYPE},
    {"const", NOTEBOOK_CONST},
    {"static", NOTEBOOK_STATIC},
    {"trait", NOTEBOOK_TRAIT},
    {"impl", NOTEBOOK_IMPL},
    {"mod", NOTEBOOK_MOD},
    {"use", NOTEBOOK_USE},
    {"macro_rules", NOTEBOOK_MACRO},
    {"extern", NOTEBOOK_EXTERN_BLOCK},
};

/* Kind and name of an item by its first tokens. */
static bool read_head(const char *text, struct notebook_range body,
    enum notebook_item_kind *ret_kind, struct notebook_range *ret_name)
{
	struct notebook_lexer lexer = {text, body.start, body.end};
	struct notebook_token token = notebook_lex_code(&lexer);

	skip_modifiers(text, &lexer, &token);
	for (size_t i = 0; i < ARRAY_LENGTH(KEYWORDS); i++) {
		if (token.kind != NOTEBOOK_TOKEN_WORD ||
		    !notebook_token_is(text, &token, KEYWORDS[i].word))
			continue;
		*ret_kind = KEYWORDS[i].kind;
		*ret_name = (struct notebook_range){body.start, body.start};
		token = notebook_lex_code(&lexer);
		if (*ret_kind == NOTEBOOK_MACRO ||
		    (*ret_kind == NOTEBOOK_STATIC && notebook_token_is(text, &token, "mut")))
			token = notebook_lex_code(&lexer);
		if (token.kind == NOTEBOOK_TOKEN_WORD && *ret_kind != NOTEBOOK_USE &&
		    *ret_kind != NOTEBOOK_IMPL)
			*ret_name = (struct notebook_range){token.start, token.end};
		return true;
	}
	return false;
}

/*
 * The end of the attribute that begins at `start`; only square brackets count, so that a wrong one
 * of another kind does no harm. One that is never closed ends where an item begins after all, or
 * with the text if it begins a line; in the middle of one it is taken for none, which gives
 * `start`.
 */
static uint32_t attribute_end(const char *text, uint32_t start, uint32_t end)
{
	struct notebook_lexer lexer = {text, start, end};
	uint32_t depth = 0, item = 0, last_end = start;

	for (;;) {
		struct notebook_token token = notebook_lex_code(&lexer);

		if (token.kind == NOTEBOOK_TOKEN_END)
			return item				       ? item
			       : start == 0 || text[start - 1] == '\n' ? last_end
								       : start;
		if (token.kind == NOTEBOOK_TOKEN_OPEN && text[token.start] == '[')
			depth++;
		if (token.kind == NOTEBOOK_TOKEN_CLOSE && text[token.start] == ']' && --depth == 0)
			return token.end;
		if (!item && (notebook_token_is(text, &token, "pub") ||
				 notebook_token_is(text, &token, "fn")))
			item = last_end;
		last_end = token.end;
	}
}

/* Gives comments and attributes at the head of a text to the reader; returns where the first other
 * token stands. */
static uint32_t take_leads(struct notebook_reader *reader, struct notebook_range range)
{
	const char *text = reader->view;
	struct notebook_lexer lexer = {text, range.start, range.end};

	for (;;) {
		struct notebook_token first = notebook_lex(&lexer), second;

		if (first.kind == NOTEBOOK_TOKEN_COMMENT && !first.unclosed) {
			notebook_comment_take(
			    reader, (struct notebook_range){first.start, first.end});
			continue;
		}
		if (first.kind != NOTEBOOK_TOKEN_PUNCT || text[first.start] != '#')
			return first.start;
		second = notebook_lex_code(&lexer);
		if (second.kind != NOTEBOOK_TOKEN_OPEN || text[second.start] != '[')
			return first.start;
		lexer.at = attribute_end(text, first.start, range.end);
		if (lexer.at == first.start)
			return first.start;
		notebook_attribute_take(reader, (struct notebook_range){first.start, lexer.at});
	}
}

static uint32_t trimmed_end(const char *text, struct notebook_range range)
{
	while (range.end > range.start &&
	       (text[range.end - 1] == ' ' ||
		   (text[range.end - 1] >= '\t' && text[range.end - 1] <= '\r')))
		range.end--;
	return range.end;
}

/* The last part, if it stands in the region: what follows it and is no item of its own belongs to
 * it. */
static bool extend_last(struct notebook_reader *reader, uint32_t region_start, uint32_t end)
{
	struct notebook *notebook = reader->notebook;
	const struct notebook_block *block =
	    notebook->block_count ? &notebook->blocks[notebook->block_count - 1] : NULL;

	if (!block || block->kind == NOTEBOOK_BLOCK_MARKDOWN)
		return false;
	if (block->kind == NOTEBOOK_BLOCK_CELL) {
		struct notebook_cell *cell = &notebook->cells[block->first];

		if (cell->function.start < region_start)
			return false;
		cell->item.end = cell->function.end = end;
		notebook_problem_syntax(reader, (int)block->first, cell->item);
	} else {
		struct notebook_item *item = &notebook->items[block->first + block->count - 1];

		if (item->body.start < region_start)
			return false;
		item->item.end = item->body.end = end;
		item->broken = true;
		notebook_problem_syntax(reader, -1, item->item);
	}
	return true;
}

/* What of a region is no item: reads its head by tokens. False if it is nothing but attributes,
 * which belong to what follows. */
static bool take_rest(
    struct notebook_reader *reader, struct notebook_range rest, uint32_t region_start)
{
	const char *text = reader->view;
	enum notebook_item_kind kind = NOTEBOOK_OTHER;
	struct notebook_range name, body;
	bool readable;

	body.start = take_leads(reader, rest);
	body.end = trimmed_end(text, (struct notebook_range){body.start, rest.end});
	if (body.start == body.end && reader->lead_count > 0 && rest.end < reader->notebook->length)
		return false;
	if (body.start == body.end && reader->lead_count == 0)
		return true;
	name = (struct notebook_range){body.start, body.start};
	readable = read_head(text, body, &kind, &name);
	if (!readable && reader->lead_count == 0 && !reader->run.open &&
	    extend_last(reader, region_start, body.end))
		return true;
	notebook_broken_take(reader, kind, name, body);
	return true;
}

/* Where a comment that is never closed begins, or the end. The grammar takes such a comment for a
 * whole one. */
static uint32_t open_comment(const char *text, struct notebook_range range)
{
	struct notebook_lexer lexer = {text, range.start, range.end};
	struct notebook_token token;

	while ((token = notebook_lex(&lexer)).kind != NOTEBOOK_TOKEN_END)
		if (token.kind == NOTEBOOK_TOKEN_COMMENT && token.unclosed)
			return token.start;
	return range.end;
}

/* A tree of a small broken region, errors and all. NULL when it is not small, or there were too
 * many. */
static TSTree *broken_tree(struct recovery *recovery, struct notebook_range range)
{
	uint32_t size = range.end - range.start;

	if (size == 0 || size > RECOVER_BYTES || size > recovery->recoverable)
		return NULL;
	recovery->recoverable -= size;
	return notebook_tree_parse(recovery->reader, &range, 1, true);
}

static void take_broken(struct recovery *recovery, struct notebook_region *region)
{
	struct notebook_reader *reader = recovery->reader;
	struct notebook_range rest = {region->start, region->end};
	struct notebook_range code = {rest.start, open_comment(reader->view, rest)};
	TSTree *tree = region->deep ? NULL : broken_tree(recovery, code);

	recovery->tokens += region->tokens;
	recovery->comments += region->comments;
	if (tree && code.end == rest.end && !ts_node_has_error(ts_tree_root_node(tree))) {
		/* The brackets looked wrong, and the parser knows better. */
		(void)notebook_nodes_take(
		    reader, tree, false); /* UINT32_MAX: all of it was taken */
		good_add(recovery, rest.start, rest.end);
		return;
	}
	recovery->broken++;
	reader->why =
	    region->deep
		? "this is nested too deeply, or too long in one piece, to be read: split it"
		: NULL;
	if (tree)
		rest.start = notebook_nodes_take(reader, tree, true);
	if (rest.start == UINT32_MAX)
		rest.start = code.end;
	while (rest.start < rest.end && !take_rest(reader, rest, region->start)) {
		const struct notebook_range after = {rest.end, (uint32_t)reader->notebook->length};
		struct notebook_region next =
		    notebook_region_find(reader->view, after, 1, &recovery->lookahead);

		rest.start = rest.end;
		rest.end = next.suspect && !next.clean ? next.suspect : next.end;
	}
	region->end = rest.end;
	reader->why = NULL;
}

/* How far to look for a region's end: when the budget is used up, strings without end must not be
 * read to the end again and again. */
static uint32_t near_end(const struct recovery *recovery, struct notebook_range range)
{
	if (recovery->lookahead > 0 || range.end - range.start <= NEAR_BYTES)
		return range.end;
	range.end = range.start + NEAR_BYTES;
	while (((unsigned char)recovery->reader->view[range.end] & 0xc0) == 0x80)
		range.end++;
	return range.end;
}

static void recover_regions(struct recovery *recovery)
{
	struct notebook_reader *reader = recovery->reader;
	const struct notebook *notebook = reader->notebook;
	struct notebook_range range = {0, (uint32_t)notebook->length};
	uint32_t single_until = 0; /* up to here a stretch did not parse: region by region */

	while (range.start < range.end) {
		bool single = range.start < single_until;
		struct notebook_range near = {range.start, near_end(recovery, range)};
		struct notebook_region region = notebook_region_find(
		    reader->view, near, single ? 1 : STRETCH_BYTES, &recovery->lookahead);

		if (recovery->broken >= BROKEN_MAX ||
		    recovery->tokens + region.tokens > NOTEBOOK_TOKENS_MAX) {
			struct notebook_range rest = {
			    range.start, trimmed_end(notebook->source, range)};

			reader->why = "the rest of the notebook is not read: it is too long, or "
				      "too much of it does not parse";
			notebook_broken_take(reader, NOTEBOOK_OTHER,
			    (struct notebook_range){rest.start, rest.start}, rest);
			reader->why = NULL;
			return;
		}
		if (!take_good(recovery, &region)) {
			if (!single) {
				single_until = region.end - range.start > 2 * STRETCH_BYTES
						   ? range.start + 2 * STRETCH_BYTES
						   : region.end;
				continue;
			}
			if (region.suspect)
				region.end = region.suspect;
			take_broken(recovery, &region);
		}
		range.start = region.end;
	}
}

void notebook_recover(struct notebook_reader *reader)
{
	struct notebook *notebook = reader->notebook;
	static const struct notebook_range NOTHING = {0, 0};
	struct recovery recovery = {.reader = reader,
	    .lookahead = LOOKAHEAD_FACTOR * notebook->length + 1,
	    .recoverable = RECOVER_TOTAL_BYTES};
	AUTO_FREE struct notebook_range *good = NULL;
	TSTree *tree = NULL;

	recover_regions(&recovery);
	good = recovery.good;
	if (recovery.comments > NOTEBOOK_COMMENTS_MAX)
		notebook_view_blank_comments(reader);
	if (recovery.good_count)
		tree = notebook_tree_parse(reader, good, recovery.good_count, false);
	if (!tree)
		tree = notebook_tree_parse(reader, &NOTHING, 1, true);
	notebook->tree = ts_tree_copy(tree);
}
