#ifndef VENUSD_NOTEBOOK_LEX_INTERNAL_H
#define VENUSD_NOTEBOOK_LEX_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Rust's tokens, as far as is needed to know what is code and what is a comment, a string or a
 * bracket, and to read attributes and the heads of items that do not parse. Linear, no memory; any
 * bytes give tokens that cover the text in order.
 */

enum notebook_token_kind {
	NOTEBOOK_TOKEN_END,
	NOTEBOOK_TOKEN_COMMENT, /* one whole `//` line without its line end, or one block comment */
	NOTEBOOK_TOKEN_STRING,	/* every kind of string, with prefix and quotes */
	NOTEBOOK_TOKEN_CHAR,
	NOTEBOOK_TOKEN_LIFETIME,
	NOTEBOOK_TOKEN_WORD, /* identifiers (raw ones too), keywords */
	NOTEBOOK_TOKEN_NUMBER,
	NOTEBOOK_TOKEN_OPEN, /* one of ( [ { */
	NOTEBOOK_TOKEN_CLOSE,
	NOTEBOOK_TOKEN_ARROW, /* -> or => */
	NOTEBOOK_TOKEN_PUNCT  /* any other single character */
};

struct notebook_token {
	enum notebook_token_kind kind;
	uint32_t start, end;
	bool unclosed; /* a string or comment that runs to the end of the text */
};

struct notebook_lexer {
	const char *text;
	uint32_t at, end;
};

struct notebook_token notebook_lex(struct notebook_lexer *lexer);
/* As notebook_lex, passing over comments. */
struct notebook_token notebook_lex_code(struct notebook_lexer *lexer);
bool notebook_token_is(const char *text, const struct notebook_token *token, const char *word);

/* What kind of comment stands at `start`: documentation of what follows, of what it stands in, or
 * neither. */
enum notebook_comment { NOTEBOOK_COMMENT_PLAIN, NOTEBOOK_COMMENT_OUTER, NOTEBOOK_COMMENT_INNER };
enum notebook_comment notebook_comment_kind(const char *text, uint32_t start, uint32_t end);

#endif
