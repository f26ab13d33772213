#include "venusd/notebook/lex_internal.h"

#include <string.h>

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_word_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (unsigned char)c >= 0x80;
}

static bool is_word(char c)
{
	return is_word_start(c) || (c >= '0' && c <= '9');
}

/* The character `ahead` bytes on; NUL past the end, which no notebook holds. */
static char peek(const struct notebook_lexer *lexer, uint32_t ahead)
{
	return lexer->end - lexer->at > ahead ? lexer->text[lexer->at + ahead] : 0;
}

static void lex_line_comment(struct notebook_lexer *lexer)
{
	const char *from = lexer->text + lexer->at;
	const char *newline = memchr(from, '\n', lexer->end - lexer->at);

	lexer->at = newline ? (uint32_t)(newline - lexer->text) : lexer->end;
	if (newline && newline > from && newline[-1] == '\r')
		lexer->at--;
}

static bool lex_block_comment(struct notebook_lexer *lexer)
{
	uint32_t depth = 1;

	lexer->at += 2;
	while (lexer->at < lexer->end) {
		if (peek(lexer, 0) == '*' && peek(lexer, 1) == '/') {
			lexer->at += 2;
			if (--depth == 0)
				return true;
		} else if (peek(lexer, 0) == '/' && peek(lexer, 1) == '*') {
			lexer->at += 2;
			depth++;
		} else {
			lexer->at++;
		}
	}
	return false;
}

/* From behind the opening quote. */
static bool lex_string(struct notebook_lexer *lexer)
{
	while (lexer->at < lexer->end) {
		char c = lexer->text[lexer->at++];

		if (c == '"')
			return true;
		if (c == '\\' && lexer->at < lexer->end)
			lexer->at++;
	}
	return false;
}

/* From the first # or the quote of a raw string. */
static bool lex_raw_string(struct notebook_lexer *lexer)
{
	uint32_t hashes = 0;

	while (peek(lexer, 0) == '#') {
		hashes++;
		lexer->at++;
	}
	lexer->at++;
	while (lexer->at < lexer->end) {
		uint32_t seen = 0;

		if (lexer->text[lexer->at++] != '"')
			continue;
		while (seen < hashes && peek(lexer, 0) == '#') {
			seen++;
			lexer->at++;
		}
		if (seen == hashes)
			return true;
	}
	return false;
}

static uint32_t scalar_bytes(char first)
{
	unsigned char c = (unsigned char)first;

	return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

/* 'x', '\n', '\u{1f600}' are characters; 'a without a closing quote is a lifetime. */
static enum notebook_token_kind lex_quote(struct notebook_lexer *lexer)
{
	uint32_t width;

	lexer->at++;
	if (peek(lexer, 0) == '\\') {
		uint32_t at = lexer->at + 2;
		uint32_t limit = lexer->end - lexer->at > 16 ? lexer->at + 16 : lexer->end;

		while (at < limit && lexer->text[at] != '\'' && lexer->text[at] != '\n')
			at++;
		if (at < limit && lexer->text[at] == '\'') {
			lexer->at = at + 1;
			return NOTEBOOK_TOKEN_CHAR;
		}
		return NOTEBOOK_TOKEN_PUNCT;
	}
	width = scalar_bytes(peek(lexer, 0));
	if (peek(lexer, 0) != '\'' && peek(lexer, width) == '\'') {
		lexer->at += width + 1;
		return NOTEBOOK_TOKEN_CHAR;
	}
	if (!is_word_start(peek(lexer, 0)))
		return NOTEBOOK_TOKEN_PUNCT;
	if (peek(lexer, 0) == 'r' && peek(lexer, 1) == '#' && is_word_start(peek(lexer, 2)))
		lexer->at += 2;
	while (is_word(peek(lexer, 0)))
		lexer->at++;
	return NOTEBOOK_TOKEN_LIFETIME;
}

/* True if a raw string begins behind the hashes at the lexer's place. */
static bool raw_string_follows(const struct notebook_lexer *lexer)
{
	uint32_t ahead = 0;

	while (peek(lexer, ahead) == '#')
		ahead++;
	return peek(lexer, ahead) == '"';
}

static void lex_word(struct notebook_lexer *lexer, struct notebook_token *token)
{
	const char *word = lexer->text + lexer->at;
	uint32_t length = 0;
	bool prefix;

	while (is_word(peek(lexer, length)))
		length++;
	lexer->at += length;
	prefix = length == 1 && (*word == 'b' || *word == 'c');
	token->kind = NOTEBOOK_TOKEN_WORD;
	if ((length == 1 && *word == 'r') ||
	    (length == 2 && (*word == 'b' || *word == 'c') && word[1] == 'r')) {
		if (raw_string_follows(lexer)) {
			token->kind = NOTEBOOK_TOKEN_STRING;
			token->unclosed = !lex_raw_string(lexer);
		} else if (length == 1 && peek(lexer, 0) == '#' && is_word_start(peek(lexer, 1))) {
			lexer->at++;
			while (is_word(peek(lexer, 0)))
				lexer->at++;
		}
	} else if (prefix && peek(lexer, 0) == '"') {
		lexer->at++;
		token->kind = NOTEBOOK_TOKEN_STRING;
		token->unclosed = !lex_string(lexer);
	} else if (prefix && *word == 'b' && peek(lexer, 0) == '\'') {
		token->kind = lex_quote(lexer);
	}
}

static void lex_other(struct notebook_lexer *lexer, struct notebook_token *token)
{
	char c = peek(lexer, 0);

	if (c == '\'') {
		token->kind = lex_quote(lexer);
		return;
	}
	token->kind = NOTEBOOK_TOKEN_PUNCT;
	lexer->at++;
	if (c == '"') {
		token->kind = NOTEBOOK_TOKEN_STRING;
		token->unclosed = !lex_string(lexer);
	} else if (c == '(' || c == '[' || c == '{') {
		token->kind = NOTEBOOK_TOKEN_OPEN;
	} else if (c == ')' || c == ']' || c == '}') {
		token->kind = NOTEBOOK_TOKEN_CLOSE;
	} else if ((c == '-' || c == '=') && peek(lexer, 0) == '>') {
		token->kind = NOTEBOOK_TOKEN_ARROW;
		lexer->at++;
	} else if (c >= '0' && c <= '9') {
		token->kind = NOTEBOOK_TOKEN_NUMBER;
		while (is_word(peek(lexer, 0)))
			lexer->at++;
	}
}

struct notebook_token notebook_lex(struct notebook_lexer *lexer)
{
	struct notebook_token token = {.kind = NOTEBOOK_TOKEN_END};

	while (lexer->at < lexer->end && is_space(lexer->text[lexer->at]))
		lexer->at++;
	token.start = lexer->at;
	if (lexer->at < lexer->end) {
		char c = lexer->text[lexer->at];

		if (c == '/' && peek(lexer, 1) == '/') {
			token.kind = NOTEBOOK_TOKEN_COMMENT;
			lex_line_comment(lexer);
		} else if (c == '/' && peek(lexer, 1) == '*') {
			token.kind = NOTEBOOK_TOKEN_COMMENT;
			token.unclosed = !lex_block_comment(lexer);
		} else if (is_word_start(c)) {
			lex_word(lexer, &token);
		} else {
			lex_other(lexer, &token);
		}
	}
	/* An escape at the very end may point one past it. */
	if (lexer->at > lexer->end)
		lexer->at = lexer->end;
	token.end = lexer->at;
	return token;
}

struct notebook_token notebook_lex_code(struct notebook_lexer *lexer)
{
	struct notebook_token token;

	do {
		token = notebook_lex(lexer);
	} while (token.kind == NOTEBOOK_TOKEN_COMMENT);
	return token;
}

bool notebook_token_is(const char *text, const struct notebook_token *token, const char *word)
{
	size_t length = token->end - token->start;

	return strlen(word) == length && memcmp(text + token->start, word, length) == 0;
}

enum notebook_comment notebook_comment_kind(const char *text, uint32_t start, uint32_t end)
{
	char mark = text[start + 1], third = end - start > 2 ? text[start + 2] : 0;
	char fourth = end - start > 3 ? text[start + 3] : 0;

	if (third == '!')
		return NOTEBOOK_COMMENT_INNER;
	/* A fourth slash or a third star makes it an ordinary comment again, and so is the empty
	 * block comment. */
	if (mark == '/')
		return third == '/' && fourth != '/' ? NOTEBOOK_COMMENT_OUTER
						     : NOTEBOOK_COMMENT_PLAIN;
	return third == '*' && fourth != '*' && fourth != '/' ? NOTEBOOK_COMMENT_OUTER
							      : NOTEBOOK_COMMENT_PLAIN;
}
