#include "venusd/build/rust_text_internal.h"

#include <assert.h>
#include <string.h>

#include "common/mem.h"

/*
 * A lexer for rewriting: it must know exactly where strings, characters, lifetimes and comments
 * end, and how delimiters match, and nothing else. Unclosed ones end with the text. Delimiters that
 * do not match stay RUST_NO_MATCH, which every user takes as "no group".
 */

#define DEPTH_MAX 4096

struct lexer {
	const char *text;
	uint32_t at, end;
};

static char peek(const struct lexer *lexer, uint32_t ahead)
{
	return lexer->end - lexer->at > ahead ? lexer->text[lexer->at + ahead] : '\0';
}

static bool ident_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (unsigned char)c >= 0x80;
}

static bool ident_part(char c)
{
	return ident_start(c) || (c >= '0' && c <= '9');
}

static void advance(struct lexer *lexer, uint32_t count)
{
	lexer->at = lexer->end - lexer->at > count ? lexer->at + count : lexer->end;
}

static void skip_line(struct lexer *lexer)
{
	while (lexer->at < lexer->end && lexer->text[lexer->at] != '\n')
		lexer->at++;
}

static void skip_block(struct lexer *lexer)
{
	uint32_t depth = 0;
	do {
		if (peek(lexer, 0) == '/' && peek(lexer, 1) == '*') {
			depth++;
			advance(lexer, 2);
		} else if (peek(lexer, 0) == '*' && peek(lexer, 1) == '/') {
			depth--;
			advance(lexer, 2);
		} else {
			advance(lexer, 1);
		}
	} while (depth && lexer->at < lexer->end);
}

static void skip_quoted(struct lexer *lexer, char quote)
{
	advance(lexer, 1);
	while (lexer->at < lexer->end && lexer->text[lexer->at] != quote)
		advance(lexer, lexer->text[lexer->at] == '\\' ? 2 : 1);
	advance(lexer, 1);
}

/* At the first `#` or the quote of a raw string; false if it is none. */
static bool skip_raw(struct lexer *lexer)
{
	uint32_t hashes = 0;
	while (peek(lexer, hashes) == '#')
		hashes++;
	if (peek(lexer, hashes) != '"')
		return false;
	advance(lexer, hashes + 1);
	while (lexer->at < lexer->end) {
		bool quote = lexer->text[lexer->at++] == '"';
		uint32_t seen = 0;
		while (quote && seen < hashes && peek(lexer, seen) == '#')
			seen++;
		if (quote && seen == hashes) {
			advance(lexer, hashes);
			break;
		}
	}
	return true;
}

/* b"", c"", r"", br"", b'x', r#name. True if a literal was taken. */
static bool skip_prefixed(struct lexer *lexer)
{
	uint32_t length = 0;
	while (length < 3 && strchr("brc", peek(lexer, length)) && peek(lexer, length))
		length++;
	char next = peek(lexer, length);
	if (length == 0 || length > 2 || (next != '"' && next != '\'' && next != '#'))
		return false;
	struct lexer ahead = *lexer;
	bool raw = peek(lexer, length - 1) == 'r';
	advance(&ahead, length);
	if (raw) {
		if (!skip_raw(&ahead))
			return false;
	} else if (next == '"' || (next == '\'' && peek(lexer, 0) == 'b' && length == 1)) {
		skip_quoted(&ahead, next);
	} else {
		return false;
	}
	*lexer = ahead;
	return true;
}

static void skip_ident(struct lexer *lexer)
{
	while (lexer->at < lexer->end && ident_part(lexer->text[lexer->at]))
		lexer->at++;
}

/* A lifetime is a quote and a name without a closing quote behind the first character. */
static enum rust_token_kind quote(struct lexer *lexer)
{
	uint32_t width = 1;
	while (((unsigned char)peek(lexer, 1 + width) & 0xc0) == 0x80)
		width++;
	if (peek(lexer, 1) != '\\' && ident_start(peek(lexer, 1)) &&
	    peek(lexer, 1 + width) != '\'') {
		advance(lexer, 1);
		skip_ident(lexer);
		return RUST_LIFETIME;
	}
	skip_quoted(lexer, '\'');
	return RUST_LITERAL;
}

static void number(struct lexer *lexer)
{
	skip_ident(lexer);
	if (peek(lexer, 0) == '.' && peek(lexer, 1) >= '0' && peek(lexer, 1) <= '9') {
		advance(lexer, 1);
		skip_ident(lexer);
	}
}

/* Steps over white space and comments; a doc comment is left in place. */
static void skip_trivia(struct lexer *lexer)
{
	while (lexer->at < lexer->end) {
		char c = peek(lexer, 0), d = peek(lexer, 1), e = peek(lexer, 2);
		if (c == ' ' || (c >= '\t' && c <= '\r')) {
			lexer->at++;
		} else if (c == '\xef' && d == '\xbb' && e == '\xbf') {
			advance(lexer, 3);
		} else if (c == '/' && d == '/' && (e != '/' || peek(lexer, 3) == '/')) {
			skip_line(lexer);
		} else if (c == '/' && d == '*' &&
			   (e != '*' || peek(lexer, 3) == '*' || peek(lexer, 3) == '/')) {
			skip_block(lexer);
		} else {
			return;
		}
	}
}

static enum rust_token_kind take(struct lexer *lexer)
{
	char c = peek(lexer, 0);
	if (c == '/' && peek(lexer, 1) == '/') {
		skip_line(lexer);
		return RUST_DOC;
	}
	if (c == '/' && peek(lexer, 1) == '*') {
		skip_block(lexer);
		return RUST_DOC;
	}
	if (c == '"') {
		skip_quoted(lexer, '"');
		return RUST_LITERAL;
	}
	if (c == '\'')
		return quote(lexer);
	if (c >= '0' && c <= '9') {
		number(lexer);
		return RUST_LITERAL;
	}
	if (skip_prefixed(lexer))
		return RUST_LITERAL;
	if (ident_start(c)) {
		if (c == 'r' && peek(lexer, 1) == '#' && ident_start(peek(lexer, 2)))
			advance(lexer, 2);
		skip_ident(lexer);
		return RUST_IDENT;
	}
	advance(lexer, 1);
	return strchr("([{", c) ? RUST_OPEN : strchr(")]}", c) ? RUST_CLOSE : RUST_PUNCT;
}

static bool pairs(char open, char close)
{
	return (open == '(' && close == ')') || (open == '[' && close == ']') ||
	       (open == '{' && close == '}');
}

static void match_delimiters(struct rust_tokens *tokens)
{
	size_t stack[DEPTH_MAX];
	size_t depth = 0;
	for (size_t i = 0; i < tokens->count; i++) {
		struct rust_token *token = &tokens->at[i];
		if (token->kind == RUST_OPEN && depth < DEPTH_MAX) {
			stack[depth++] = i;
		} else if (token->kind == RUST_CLOSE && depth &&
			   pairs(tokens->text[tokens->at[stack[depth - 1]].start],
			       tokens->text[token->start])) {
			token->match = stack[--depth];
			tokens->at[token->match].match = i;
		}
	}
}

void rust_lex(const char *text, struct notebook_range range, struct rust_tokens *ret_tokens)
{
	struct lexer lexer = {text, range.start, range.end};
	struct rust_tokens tokens = {text, NULL, 0};
	for (skip_trivia(&lexer); lexer.at < lexer.end; skip_trivia(&lexer)) {
		uint32_t start = lexer.at;
		enum rust_token_kind kind = take(&lexer);
		assert(lexer.at > start);
		*MEM_PUSH(tokens.at, tokens.count) =
		    (struct rust_token){kind, start, lexer.at, RUST_NO_MATCH};
	}
	match_delimiters(&tokens);
	*ret_tokens = tokens;
}

void rust_tokens_fini(struct rust_tokens *tokens)
{
	free(tokens->at);
	*tokens = (struct rust_tokens){0};
}

bool rust_is(const struct rust_tokens *tokens, size_t i, const char *text)
{
	if (i >= tokens->count || tokens->at[i].kind == RUST_DOC)
		return false;
	size_t length = tokens->at[i].end - tokens->at[i].start;
	return strlen(text) == length &&
	       memcmp(tokens->text + tokens->at[i].start, text, length) == 0;
}

bool rust_is_kind(const struct rust_tokens *tokens, size_t i, enum rust_token_kind kind)
{
	return i < tokens->count && tokens->at[i].kind == kind;
}

size_t rust_after(const struct rust_tokens *tokens, size_t i)
{
	if (rust_is_kind(tokens, i, RUST_OPEN) && tokens->at[i].match != RUST_NO_MATCH)
		return tokens->at[i].match + 1;
	return i + 1;
}

/* True for the `>` of `->` and `=>`, which closes nothing. */
static bool arrow(const struct rust_tokens *tokens, size_t i)
{
	return i > 0 && (rust_is(tokens, i - 1, "-") || rust_is(tokens, i - 1, "=")) &&
	       tokens->at[i - 1].end == tokens->at[i].start;
}

size_t rust_find(const struct rust_tokens *tokens, size_t i, size_t end, char wanted)
{
	const char text[] = {wanted, '\0'};
	size_t angle = 0;
	for (; i < end; i = rust_after(tokens, i)) {
		if (angle == 0 && rust_is(tokens, i, text))
			return i;
		if (rust_is(tokens, i, "<"))
			angle++;
		else if (angle && rust_is(tokens, i, ">") && !arrow(tokens, i))
			angle--;
	}
	return end;
}

size_t rust_angle_end(const struct rust_tokens *tokens, size_t i, size_t end)
{
	size_t angle = 0;
	for (; i < end; i = rust_after(tokens, i)) {
		if (rust_is(tokens, i, "<"))
			angle++;
		else if (rust_is(tokens, i, ">") && !arrow(tokens, i) && --angle == 0)
			return i + 1;
	}
	return end;
}

size_t rust_skip_attributes(const struct rust_tokens *tokens, size_t i, size_t end)
{
	while (i < end) {
		if (rust_is_kind(tokens, i, RUST_DOC))
			i++;
		else if (rust_is(tokens, i, "#") && rust_is(tokens, i + 1, "["))
			i = rust_after(tokens, i + 1);
		else
			break;
	}
	return i < end ? i : end;
}

size_t rust_skip_visibility(const struct rust_tokens *tokens, size_t i, size_t end)
{
	if (i >= end || !rust_is(tokens, i, "pub"))
		return i;
	/* `struct S(pub (A, B));` has a type there. */
	if (rust_is(tokens, i + 1, "(") && tokens->at[i + 1].match == i + 3 &&
	    (rust_is(tokens, i + 2, "crate") || rust_is(tokens, i + 2, "super") ||
		rust_is(tokens, i + 2, "self")))
		return i + 4;
	if (rust_is(tokens, i + 1, "(") && rust_is(tokens, i + 2, "in"))
		return rust_after(tokens, i + 1);
	return i + 1;
}

char *rust_tokens_text(const struct rust_tokens *tokens, size_t i, size_t j)
{
	AUTO_BUF struct buf text = BUF_INIT;
	for (size_t k = i; k < j && k < tokens->count; k++) {
		const struct rust_token *token = &tokens->at[k];
		if (token->kind == RUST_DOC)
			continue;
		if (k > i && tokens->at[k - 1].end != token->start)
			buf_add_char(&text, ' ');
		buf_add(&text, tokens->text + token->start, token->end - token->start);
	}
	return buf_take(&text);
}

char *rust_literal_value(const struct rust_tokens *tokens, size_t i)
{
	if (!rust_is_kind(tokens, i, RUST_LITERAL))
		return NULL;
	const char *start = tokens->text + tokens->at[i].start,
		   *end = tokens->text + tokens->at[i].end;
	bool raw = *start == 'r';
	if (raw)
		start++;
	while (raw && end - start >= 2 && *start == '#' && end[-1] == '#') {
		start++;
		end--;
	}
	if (end - start < 2 || *start != '"' || end[-1] != '"')
		return NULL;
	AUTO_BUF struct buf value = BUF_INIT;
	for (start++, end--; start < end; start++) {
		if (!raw && *start == '\\') {
			start++;
			if (start == end || (*start != '"' && *start != '\\'))
				return NULL;
		}
		buf_add_char(&value, *start);
	}
	return buf_take(&value);
}

char *rust_quoted(const char *value)
{
	AUTO_BUF struct buf text = BUF_INIT;
	buf_add_char(&text, '"');
	for (const char *c = value; *c; c++) {
		if (*c == '"' || *c == '\\')
			buf_add_char(&text, '\\');
		buf_add_char(&text, *c);
	}
	buf_add_char(&text, '"');
	return buf_take(&text);
}

/* True if the lifetime at `i` is one that a `for<…>` of the type binds. */
static bool bound_by_for(const struct rust_tokens *tokens, size_t i)
{
	AUTO_FREE char *name = rust_tokens_text(tokens, i, i + 1);
	for (size_t k = 0; k + 1 < tokens->count; k++) {
		if (!rust_is(tokens, k, "for") || !rust_is(tokens, k + 1, "<"))
			continue;
		size_t end = rust_angle_end(tokens, k + 1, tokens->count);
		for (size_t m = k + 2; m < end; m++)
			if (rust_is(tokens, m, name))
				return true;
	}
	return false;
}

char *rust_type_text(const char *type, bool elide)
{
	AUTO_TOKENS struct rust_tokens tokens = {0};
	rust_lex(type, (struct notebook_range){0, (uint32_t)strlen(type)}, &tokens);
	/* Nothing has the type `!`: its box is never made, and () can be written on every
	 * toolchain. */
	if (tokens.count == 1 && rust_is(&tokens, 0, "!"))
		return mem_strdup("()");
	AUTO_BUF struct buf text = BUF_INIT;
	for (size_t i = 0; i < tokens.count; i++) {
		const struct rust_token *token = &tokens.at[i];
		if (i && tokens.at[i - 1].end != token->start)
			buf_add_char(&text, ' ');
		if (token->kind == RUST_LIFETIME && !rust_is(&tokens, i, "'static") &&
		    !rust_is(&tokens, i, "'_") && !bound_by_for(&tokens, i))
			buf_add_text(&text, elide ? "'_" : "'static");
		else if (token->kind != RUST_DOC)
			buf_add(&text, type + token->start, token->end - token->start);
	}
	return buf_take(&text);
}
