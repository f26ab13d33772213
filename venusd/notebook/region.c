#include <string.h>

#include "venusd/notebook/notebook_internal.h"

#define DEPTH_MAX 256u	/* open brackets */
#define CHAIN_MAX 4096u /* tokens that may nest without brackets, over all open brackets */

/*
 * How deep a syntax tree may become. Brackets nest, and so do operators, `else if`s, types and
 * closures without any bracket: each token since the last one that surely ends such a chain counts
 * as a level. A comma ends one unless a `<` or a closure's `|` is open.
 */
struct level {
	char open;
	bool bars;
	uint32_t chain, angles, at;
};

struct nesting {
	struct level levels[DEPTH_MAX + 1];
	uint32_t depth; /* may exceed DEPTH_MAX, what is beyond is only counted */
	uint32_t chain;
	bool after_brace, deep, unpaired, never_closed;
	uint32_t wrong; /* the bracket that has no partner; UINT32_MAX: none */
};

static struct level *level_of(struct nesting *nesting)
{
	return &nesting->levels[nesting->depth < DEPTH_MAX ? nesting->depth : DEPTH_MAX];
}

static void end_chain(struct nesting *nesting, struct level *level)
{
	nesting->chain -= level->chain;
	level->chain = level->angles = 0;
	level->bars = false;
}

static void nesting_open(struct nesting *nesting, char c, uint32_t at)
{
	nesting->depth++;
	if (nesting->depth > DEPTH_MAX)
		nesting->deep = true;
	else
		*level_of(nesting) = (struct level){.open = c, .at = at};
}

static char opener_of(char close)
{
	return close == ')' ? '(' : close == ']' ? '[' : '{';
}

static void nesting_close(struct nesting *nesting, char c, uint32_t at)
{
	uint32_t partner = nesting->depth;

	if (nesting->depth > DEPTH_MAX) {
		nesting->depth--;
		return;
	}
	while (partner > 0 && nesting->levels[partner].open != opener_of(c))
		partner--;
	if (partner != nesting->depth || partner == 0) {
		nesting->unpaired = true;
		if (nesting->wrong == UINT32_MAX) {
			nesting->never_closed = partner > 0;
			nesting->wrong = partner > 0 ? nesting->levels[nesting->depth].at : at;
		}
	}
	/* A bracket without a partner may still close an outer one: then what is between was never
	 * closed. */
	while (partner > 0 && nesting->depth >= partner) {
		end_chain(nesting, level_of(nesting));
		nesting->depth--;
	}
	nesting->after_brace = c == '}';
}

/* What may follow a closing brace and carry on the same expression does not end a chain. */
static bool starts_anew(const char *text, const struct notebook_token *token)
{
	switch (token->kind) {
	case NOTEBOOK_TOKEN_WORD:
		return !notebook_token_is(text, token, "else") &&
		       !notebook_token_is(text, token, "as");
	case NOTEBOOK_TOKEN_NUMBER:
	case NOTEBOOK_TOKEN_STRING:
	case NOTEBOOK_TOKEN_CHAR:
	case NOTEBOOK_TOKEN_LIFETIME: return true;
	case NOTEBOOK_TOKEN_OPEN: return text[token->start] == '{';
	default: return text[token->start] == '#';
	}
}

static void nesting_token(
    struct nesting *nesting, const char *text, const struct notebook_token *token)
{
	struct level *level = level_of(nesting);
	char c = text[token->start];

	if (nesting->after_brace && starts_anew(text, token))
		end_chain(nesting, level);
	nesting->after_brace = false;
	if (token->kind == NOTEBOOK_TOKEN_OPEN) {
		nesting_open(nesting, c, token->start);
		return;
	}
	if (token->kind == NOTEBOOK_TOKEN_CLOSE) {
		nesting_close(nesting, c, token->start);
		return;
	}
	level->chain++;
	nesting->chain++;
	nesting->deep = nesting->deep || nesting->chain > CHAIN_MAX;
	if (token->kind != NOTEBOOK_TOKEN_PUNCT)
		return;
	if (c == ';' || (c == ',' && level->angles == 0 && !level->bars))
		end_chain(nesting, level);
	else if (c == '<')
		level->angles++;
	else if (c == '>' && level->angles > 0)
		level->angles--;
	else if (c == '|')
		level->bars = !level->bars;
}

/* Comments stay beside what they stand in until it is complete, and count as its tokens. */
static void nesting_comment(struct nesting *nesting)
{
	level_of(nesting)->chain++;
	nesting->chain++;
	nesting->deep = nesting->deep || nesting->chain > CHAIN_MAX;
}

static bool word_at(const char *at, size_t left, const char *word)
{
	size_t length = strlen(word);
	char next;

	if (left < length || memcmp(at, word, length) != 0)
		return false;
	next = left > length ? at[length] : ' ';
	return next == ' ' || next == '\t' || next == '\r' || next == '\n' || next == '(' ||
	       next == '!' || next == '{' || next == '<' || next == '"' || next == '/';
}

/* True if a line that begins so very probably begins an item. */
static bool begins_item(const char *text, uint32_t at, uint32_t end)
{
	static const char *const WORDS[] = {"pub", "fn", "struct", "enum", "union", "type", "const",
	    "static", "trait", "impl", "mod", "use", "macro_rules", "extern", "unsafe", "async"};
	size_t left = end - at;

	/* A bare `#[` is more often half a word than the head of an attribute. */
	if (left > 2 && text[at] == '#')
		return (text[at + 1] == '[' || text[at + 1] == '!') && text[at + 2] != '\n' &&
		       text[at + 2] != '\r';
	for (size_t i = 0; i < ARRAY_LENGTH(WORDS); i++)
		if (word_at(text + at, left, WORDS[i]))
			return true;
	return false;
}

/* The comments right above a line belong to it. Goes back from `at`, not before `floor`. */
static uint32_t with_comments_above(const char *text, uint32_t at, uint32_t floor)
{
	uint32_t best = at;

	while (at > floor) {
		uint32_t line = at - 1;

		while (line > floor && text[line - 1] != '\n')
			line--;
		if (line <= floor)
			break;
		if (text[line] == '/' && text[line + 1] == '/')
			best = line;
		else if (text[line] != '\n' && !(text[line] == '\r' && text[line + 1] == '\n'))
			break;
		at = line;
	}
	return best;
}

static bool at_line_start(const char *text, uint32_t at)
{
	return at == 0 || text[at - 1] == '\n';
}

/* First line inside a string or comment that looks like an item; 0 if there is none. */
static uint32_t item_line_inside(const char *text, const struct notebook_token *token, uint32_t end)
{
	const char *newline = text + token->start;

	while ((newline = memchr(newline, '\n', (size_t)(text + token->end - newline)))) {
		uint32_t line = (uint32_t)(++newline - text);

		if (line < token->end && begins_item(text, line, end))
			return line;
	}
	return 0;
}

/* True if what came before may be a complete statement. */
static bool may_end_item(const char *text, const struct notebook_token *last)
{
	return last->kind == NOTEBOOK_TOKEN_END || text[last->end - 1] == ';' ||
	       text[last->end - 1] == '}' || text[last->end - 1] == ']';
}

/* Nothing carries on an item after its closing brace: what begins a line there is another one, or
 * half of one. */
static bool ends_body(const char *text, const struct notebook_token *last)
{
	return last->kind == NOTEBOOK_TOKEN_CLOSE && text[last->start] == '}';
}

struct notebook_region notebook_region_find(
    const char *text, struct notebook_range range, uint32_t least_bytes, size_t *budget)
{
	struct notebook_lexer lexer = {text, range.start, range.end};
	struct notebook_region region = {.start = range.start, .end = range.end};
	struct nesting nesting = {.wrong = UINT32_MAX};
	struct notebook_token last = {.kind = NOTEBOOK_TOKEN_END}, token;

	while ((token = notebook_lex(&lexer)).kind != NOTEBOOK_TOKEN_END) {
		bool comment = token.kind == NOTEBOOK_TOKEN_COMMENT;
		uint32_t suspect = 0;

		if (at_line_start(text, token.start) && token.start > range.start &&
		    (comment || begins_item(text, token.start, range.end) ||
			(nesting.depth == 0 && ends_body(text, &last)))) {
			if (nesting.depth == 0 && may_end_item(text, &last)) {
				if (token.start - range.start >= least_bytes) {
					region.end = token.start;
					break;
				}
			} else if (!comment) {
				suspect = token.start;
			}
		}
		if (!suspect && (token.kind == NOTEBOOK_TOKEN_STRING || comment) && !region.suspect)
			suspect = item_line_inside(text, &token, range.end);
		if (suspect && !region.suspect)
			region.suspect = with_comments_above(text, suspect, range.start);
		region.open = region.open || token.unclosed;
		if (region.suspect) {
			*budget -=
			    *budget < token.end - token.start ? *budget : token.end - token.start;
			if (*budget == 0) {
				region.open = true;
				break;
			}
		}
		region.tokens++;
		if (comment) {
			region.comments++;
			nesting_comment(&nesting);
			continue;
		}
		nesting_token(&nesting, text, &token);
		last = token;
	}
	region.clean = nesting.depth == 0 && !nesting.unpaired && !region.open;
	region.deep = nesting.deep;
	return region;
}

bool notebook_region_unpaired(const char *text, struct notebook_range range,
    struct notebook_range *ret_range, const char **ret_why)
{
	struct notebook_lexer lexer = {text, range.start, range.end};
	struct nesting nesting = {.wrong = UINT32_MAX};
	struct notebook_token token;

	while ((token = notebook_lex(&lexer)).kind != NOTEBOOK_TOKEN_END) {
		if (token.unclosed) {
			*ret_range = (struct notebook_range){token.start, token.start + 1};
			*ret_why = token.kind == NOTEBOOK_TOKEN_COMMENT
				       ? "this comment is never closed: add `*/`"
				       : "this string is never closed: add the closing quote";
			return true;
		}
		if (token.kind == NOTEBOOK_TOKEN_COMMENT)
			continue;
		nesting_token(&nesting, text, &token);
		if (nesting.depth > DEPTH_MAX)
			return false;
		if (nesting.wrong != UINT32_MAX)
			break;
	}
	if (nesting.wrong == UINT32_MAX && nesting.depth > 0) {
		nesting.never_closed = true;
		nesting.wrong = nesting.levels[nesting.depth].at;
	}
	if (nesting.wrong == UINT32_MAX)
		return false;
	*ret_range = (struct notebook_range){nesting.wrong, nesting.wrong + 1};
	*ret_why = nesting.never_closed
		       ? "this bracket is never closed: close it"
		       : "this closing bracket has no partner: remove it, or open what it closes";
	return true;
}
