#include <stdio.h>
#include <string.h>

#include "venusd/notebook/notebook_internal.h"

/*
 * The way to tree-sitter. Its error recovery is not for hostile text: it takes quadratic time, and
 * an error node with more than 65535 children corrupts memory (runtime 0.20). So every parse of
 * unknown text ends at its first error: the parser's own log tells of it ("resume": there is no way
 * to go on but recovery), and from then on the text it reads has ended. (Its cancellation flag is
 * no way: a parse that is cancelled behind a doc comment crashes.) Recovery is used only for small
 * texts. Nesting is bounded before (region.c), since the runtime recurses here and there.
 */

#define PIECE_BYTES                                                                                \
	2048u /* what the parser is given at a time, and may go on with behind an error */

/* A text up to this size is first parsed without looking at the log, which costs four fifths of the
 * time: it cannot hold an error node of 65535 children, and the square of its size is not much. */
#define UNWATCHED_MAX_BYTES (48u * 1024)

const TSLanguage *tree_sitter_rust(void);

struct watch {
	const char *text;
	uint32_t length;
	bool stopped;
	char last[96]; /* last step before the error; its end is "row:N, col:N" */
};

static void watch_log(void *payload, TSLogType type, const char *message)
{
	struct watch *watch = payload;

	if (type != TSLogTypeParse || watch->stopped)
		return;
	if (strncmp(message, "process", 7) == 0)
		(void)snprintf(watch->last, sizeof watch->last, "%s", message);
	else if (strncmp(message, "resume", 6) == 0)
		watch->stopped = true;
}

static const char *watch_read(void *payload, uint32_t offset, TSPoint point, uint32_t *ret_bytes)
{
	const struct watch *watch = payload;

	(void)point;
	*ret_bytes = 0;
	if (watch->stopped || offset >= watch->length)
		return "";
	*ret_bytes = watch->length - offset < PIECE_BYTES ? watch->length - offset : PIECE_BYTES;
	return watch->text + offset;
}

static uint32_t stopped_at(const struct notebook *notebook, const struct watch *watch)
{
	const char *row = strstr(watch->last, "row:");
	unsigned line = 0, bytes = 0;
	uint32_t offset;

	if (!row || sscanf(row, "row:%u, col:%u", &line, &bytes) != 2 ||
	    line >= notebook->line_count)
		return 0;
	offset = notebook->line_starts[line] + bytes;
	return offset <= notebook->length ? offset : 0;
}

static TSPoint point_of(const struct notebook *notebook, uint32_t offset)
{
	uint32_t row = notebook_line_of(notebook, offset) - 1;

	return (TSPoint){.row = row, .column = offset - notebook->line_starts[row]};
}

static const TSRange EVERYTHING = {{0, 0}, {UINT32_MAX, UINT32_MAX}, 0, UINT32_MAX};

TSTree *notebook_tree_parse(
    struct notebook_reader *reader, const struct notebook_range *ranges, size_t count, bool recover)
{
	struct notebook *notebook = reader->notebook;
	AUTO_FREE TSRange *included = mem_realloc_array(NULL, count, sizeof *included);
	struct watch watch = {.text = reader->view, .length = (uint32_t)notebook->length};
	const TSInput input = {
	    .payload = &watch, .read = watch_read, .encoding = TSInputEncodingUTF8};
	TSTree *tree;

	for (size_t i = 0; i < count; i++)
		included[i] = (TSRange){.start_point = point_of(notebook, ranges[i].start),
		    .end_point = point_of(notebook, ranges[i].end),
		    .start_byte = ranges[i].start,
		    .end_byte = ranges[i].end};
	if (!ts_parser_set_included_ranges(
		reader->parser, count ? included : &EVERYTHING, count ? (uint32_t)count : 1))
		return NULL;
	if (!recover && notebook->length <= UNWATCHED_MAX_BYTES) {
		tree = ts_parser_parse(reader->parser, NULL, input);
		ts_parser_reset(reader->parser);
		if (tree && !ts_node_has_error(ts_tree_root_node(tree))) {
			*MEM_PUSH(reader->trees, reader->tree_count) = tree;
			return tree;
		}
		ts_tree_delete(tree);
	}
	if (!recover)
		ts_parser_set_logger(
		    reader->parser, (TSLogger){.payload = &watch, .log = watch_log});
	tree = ts_parser_parse(reader->parser, NULL, input);
	ts_parser_set_logger(reader->parser, (TSLogger){0});
	ts_parser_reset(reader->parser);
	if (tree && !recover && (watch.stopped || ts_node_has_error(ts_tree_root_node(tree)))) {
		ts_tree_delete(tree);
		tree = NULL;
	}
	if (!tree)
		reader->stopped_at = stopped_at(notebook, &watch);
	else
		*MEM_PUSH(reader->trees, reader->tree_count) = tree;
	return tree;
}

bool notebook_node_is(TSNode node, const char *type)
{
	return !ts_node_is_null(node) && strcmp(ts_node_type(node), type) == 0;
}

struct notebook_range notebook_node_range(TSNode node)
{
	return (struct notebook_range){ts_node_start_byte(node), ts_node_end_byte(node)};
}

static void blank(struct notebook_reader *reader, uint32_t start, uint32_t end)
{
	memset(reader->view + start, ' ', end - start);
}

/* Rust's rule: `#!` begins a script's first line unless it begins an inner attribute. */
static void blank_shebang(struct notebook_reader *reader, uint32_t start)
{
	struct notebook *notebook = reader->notebook;
	struct notebook_lexer lexer = {notebook->source, start + 2, (uint32_t)notebook->length};
	const char *newline;
	struct notebook_token token;

	if (notebook->length - start < 2 || memcmp(notebook->source + start, "#!", 2) != 0)
		return;
	token = notebook_lex_code(&lexer);
	if (token.kind == NOTEBOOK_TOKEN_OPEN && notebook->source[token.start] == '[')
		return;
	newline = memchr(notebook->source + start, '\n', notebook->length - start);
	blank(reader, start,
	    newline ? (uint32_t)(newline - notebook->source) : (uint32_t)notebook->length);
}

static bool is_any(const char *text, const struct notebook_token *token, const char *const *words)
{
	for (; *words; words++)
		if (notebook_token_is(text, token, *words))
			return true;
	return false;
}

/*
 * Words of newer Rust that the grammar does not know and that change nothing for a notebook's
 * structure: `#[unsafe(no_mangle)]`, `unsafe extern "C" {`, and `safe fn` inside such a block.
 */
static void blank_new_words(struct notebook_reader *reader)
{
	static const char *const AFTER_SAFE[] = {"fn", "static", NULL};
	const char *text = reader->notebook->source;
	struct notebook_lexer lexer = {reader->view, 0, (uint32_t)reader->notebook->length};
	struct notebook_token before = {0}, last = {0}, token;
	uint32_t block = 0; /* where an `unsafe` stands whose `extern` has come */

	while ((token = notebook_lex_code(&lexer)).kind != NOTEBOOK_TOKEN_END) {
		bool unsafe = notebook_token_is(text, &last, "unsafe");

		if (token.kind == NOTEBOOK_TOKEN_OPEN && text[token.start] == '(' && unsafe &&
		    before.kind == NOTEBOOK_TOKEN_OPEN && text[before.start] == '[')
			reader->view[last.start] = '_';
		else if (last.kind == NOTEBOOK_TOKEN_WORD &&
			 notebook_token_is(text, &last, "safe") && is_any(text, &token, AFTER_SAFE))
			blank(reader, last.start, last.end);
		else if (token.kind == NOTEBOOK_TOKEN_OPEN && text[token.start] == '{' && block)
			blank(reader, block - 1, block + 5);
		if (unsafe && notebook_token_is(text, &token, "extern"))
			block = last.start + 1;
		else if (token.kind != NOTEBOOK_TOKEN_STRING)
			block = 0;
		before = last;
		last = token;
	}
}

void notebook_view_blank_comments(struct notebook_reader *reader)
{
	struct notebook_lexer lexer = {reader->view, 0, (uint32_t)reader->notebook->length};
	struct notebook_token token;

	while ((token = notebook_lex(&lexer)).kind != NOTEBOOK_TOKEN_END)
		if (token.kind == NOTEBOOK_TOKEN_COMMENT)
			blank(reader, token.start, token.end);
}

void notebook_view_make(struct notebook_reader *reader)
{
	const struct notebook *notebook = reader->notebook;
	uint32_t start =
	    notebook->length >= 3 && memcmp(notebook->source, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

	reader->view = mem_dup(notebook->source, notebook->length);
	blank(reader, 0, start);
	blank_shebang(reader, start);
	blank_new_words(reader);
}
