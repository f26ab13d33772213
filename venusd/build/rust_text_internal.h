#ifndef VENUSD_RUST_TEXT_INTERNAL_H
#define VENUSD_RUST_TEXT_INTERNAL_H

#include "common/buf.h"
#include "common/cleanup.h"
#include "venusd/build/rust_text.h"

/*
 * Tokens. Comments and white space are between tokens, punctuation is one character a token, a raw
 * identifier or a literal is one token.
 */
enum rust_token_kind {
	RUST_IDENT,
	RUST_LIFETIME,
	RUST_LITERAL,
	RUST_PUNCT,
	RUST_OPEN,
	RUST_CLOSE,
	RUST_DOC /* outer doc comment */
};

#define RUST_NO_MATCH SIZE_MAX

struct rust_token {
	enum rust_token_kind kind;
	uint32_t start, end; /* in the text */
	size_t match;	     /* of an open delimiter its close one, and back; RUST_NO_MATCH */
};

/* Text, which is borrowed, and the tokens of a part of it. */
struct rust_tokens {
	const char *text;
	struct rust_token *at;
	size_t count;
};

void rust_lex(const char *text, struct notebook_range range, struct rust_tokens *ret_tokens);
void rust_tokens_fini(struct rust_tokens *tokens);
#define AUTO_TOKENS AUTO(rust_tokens_fini)

/* True if token `i` exists and is this identifier, keyword or punctuation. */
bool rust_is(const struct rust_tokens *tokens, size_t i, const char *text);
bool rust_is_kind(const struct rust_tokens *tokens, size_t i, enum rust_token_kind kind);
/* The token after token `i`, with a delimited group being one. Always above `i`. */
size_t rust_after(const struct rust_tokens *tokens, size_t i);
/* The first of [i, end) that is this punctuation outside of groups and angle brackets, or `end`. */
size_t rust_find(const struct rust_tokens *tokens, size_t i, size_t end, char wanted);
/* Behind the `>` that closes the `<` at `i`; `end` if nothing does. */
size_t rust_angle_end(const struct rust_tokens *tokens, size_t i, size_t end);
/* Behind the attributes and doc comments at `i`. */
size_t rust_skip_attributes(const struct rust_tokens *tokens, size_t i, size_t end);
/* Behind the visibility at `i`, or `i`. */
size_t rust_skip_visibility(const struct rust_tokens *tokens, size_t i, size_t end);
/* Text of tokens [i, j) without comments. Owned by the caller. */
char *rust_tokens_text(const struct rust_tokens *tokens, size_t i, size_t j);
/* The string that a plain or raw literal stands for, NULL if it is none or has escapes other than
 * those of quote and backslash. Owned by the caller. */
char *rust_literal_value(const struct rust_tokens *tokens, size_t i);
/* A literal that stands for `value`. Owned by the caller. */
char *rust_quoted(const char *value);
/* A type's text, on one line, as it can stand in a function's body that is no part of the cell: its
 * named lifetimes are 'static. With `elide` they are '_. Owned by the caller. */
char *rust_type_text(const char *type, bool elide);

/*
 * Generated text, with where each piece of it comes from.
 */
struct rust_piece {
	uint32_t start; /* in the generated text; it lasts to the next piece */
	enum rust_owner owner;
	bool verbatim; /* character for character from `source` on; else all of it stands for
			  `source` */
	uint32_t source;
	size_t index, param;
};

struct rust_out {
	const struct notebook *notebook;
	struct buf text;
	struct rust_piece *pieces;
	size_t piece_count;
};

void rust_out_fini(struct rust_out *out);
#define AUTO_OUT AUTO(rust_out_fini)
void rust_out_source(
    struct rust_out *out, struct notebook_range range, enum rust_owner owner, size_t index);
/* Spaces for characters, line ends kept. */
void rust_out_blank(struct rust_out *out, struct notebook_range range);
/* Text that nobody wrote. */
void rust_out_text(struct rust_out *out, const char *text);
void rust_out_printf(struct rust_out *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Text that stands for the notebook's place `source`. */
void rust_out_for(struct rust_out *out, const char *text, enum rust_owner owner, size_t index,
    size_t param, uint32_t source);
/* Lines until now, from 1. */
uint32_t rust_out_line(const struct rust_out *out);
/* Makes a file and leaves `out` empty. `name` is taken. */
struct rust_file rust_out_finish(struct rust_out *out, char *name);
void rust_map_free(struct rust_map *map);

/*
 * Changes to a part of the notebook's text, in any order; of two that overlap, the first to begin
 * counts.
 */
struct rust_edit {
	uint32_t start, end;
	char *text;  /* owned; NULL cuts */
	bool mapped; /* the text stands for what is at `start` */
	size_t order;
};

struct rust_edits {
	struct rust_edit *at;
	size_t count;
};

void rust_edits_fini(struct rust_edits *edits);
#define AUTO_EDITS AUTO(rust_edits_fini)
void rust_edit_insert(struct rust_edits *edits, uint32_t at, const char *text, bool mapped);
void rust_edit_replace(struct rust_edits *edits, uint32_t start, uint32_t end, const char *text);
void rust_edit_cut(struct rust_edits *edits, uint32_t start, uint32_t end);
/* The range with the changes. With `blank`, what is cut becomes spaces. */
void rust_out_edited(struct rust_out *out, struct notebook_range range, struct rust_edits *edits,
    bool blank, enum rust_owner owner, size_t index);

/*
 * What is done to definitions. RUST_REACH makes private parts reachable and cuts what keeps others
 * out; without it an item means what it meant.
 */
enum { RUST_REACH = 1, RUST_CODECS = 2 };

struct rust_rewrite {
	const struct notebook *notebook;
	const struct rust_settings *settings;
	const struct rust_tokens *tokens;
	struct rust_edits *edits;
	unsigned flags;
};

/* Everywhere in the tokens: attributes that only venus reads, and paths relative to the notebook's
 * folder. */
void rust_rewrite_tokens(const struct rust_rewrite *rewrite);
/* The items of [i, end). */
void rust_rewrite_items(const struct rust_rewrite *rewrite, size_t i, size_t end);
/* Inside a macro_rules! item that is invoked at the root: items that it makes become reachable. */
void rust_rewrite_macro(const struct rust_rewrite *rewrite, size_t i, size_t end);
/* True if the text tells its own place: line!, column!, file!, dbg!, Location. */
bool rust_tells_place(const struct rust_tokens *tokens);
/* Whether the notebook has a root macro of this name. */
bool rust_has_macro(const struct notebook *notebook, const char *name);

/* Where an item's parts are. Indexes of tokens; `name`, `open` are `end` where there is none. */
struct rust_item {
	size_t start;	/* visibility or first keyword */
	size_t head;	/* first keyword behind the visibility */
	size_t keyword; /* fn, struct, impl … */
	size_t name;
	size_t open, close; /* the body's delimiters */
	size_t end;
	size_t attributes; /* first of them */
};
/* The item at `i`, attributes included. Always advances. */
struct rust_item rust_item_at(const struct rust_tokens *tokens, size_t i, size_t end);

/* Whether one of the item's attributes begins with this name. */
bool rust_has_attribute(
    const struct rust_tokens *tokens, const struct rust_item *item, const char *name);

/* The codec of a struct or enum, as text of one line to stand behind it; NULL where it gets none.
 * Owned by the caller. */
char *rust_codec_text(const struct rust_tokens *tokens, const struct rust_item *item);

/* Appends a cell's function and wrapper. `in_place`: only the wrapper. */
void rust_out_cell(struct rust_out *out, const struct rust_settings *settings, size_t cell,
    const char *symbol, bool in_place);
/* Appends the glue of a type. */
void rust_out_glue(struct rust_out *out, const struct rust_settings *settings, const char *type);
const char *rust_no_mangle(const struct rust_settings *settings);

#endif
