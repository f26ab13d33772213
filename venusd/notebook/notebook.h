#ifndef VENUSD_NOTEBOOK_H
#define VENUSD_NOTEBOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tree_sitter/api.h>

#include "common/err.h"

/*
 * A notebook's source text, understood: cells, edges, definitions, markdown and what is wrong.
 * Pure: text in, structure out; no files, no clock. The format is that of ml-rust/venus with the
 * rules of the manual's page on notebooks. Any thread; a parsed notebook never changes. All strings
 * are UTF-8, NUL-terminated, and owned by the notebook unless said otherwise.
 *
 * Offsets are bytes of `source`. Lines count from 1, columns are Unicode scalars from 1.
 */

#define NOTEBOOK_SOURCE_MAX_BYTES (16u * 1024 * 1024)
#define NOTEBOOK_CELLS_MAX	  10000u

struct notebook_range {
	uint32_t start, end; /* [start, end) */
};

struct notebook_place {
	uint32_t line, column;
};

enum notebook_passing { NOTEBOOK_BY_REF, NOTEBOOK_BY_VALUE, NOTEBOOK_BY_MUT };

struct notebook_param {
	char *name;    /* as written: "_config" */
	char *type;    /* as written, whole: "&[f64]", "Config", "&mut Vec<T>" */
	char *pointee; /* type without the reference, its lifetime and mut: "[f64]", "Config" */
	enum notebook_passing passing; /* type aliases that hide a reference are resolved */
	int producer;		       /* index of the cell it names, -1 when there is none */
	struct notebook_range range;   /* name through type */
	struct notebook_range type_range;
};

struct notebook_cell {
	char *name;	    /* as written: "total", "r#type"; look-ups and edges pass over the r# */
	char *display_name; /* first heading of the description, else the name */
	char *description;  /* markdown of the `///` lines, "" if none */
	char *return_type;  /* as written; "()" when there is none */
	struct notebook_param *params;
	size_t param_count;
	struct notebook_range item;	/* first attribute or doc comment to closing brace */
	struct notebook_range function; /* `pub`, `fn` … to closing brace: what a key is made of */
	struct notebook_range name_range;
	uint32_t line;	  /* of the function's name */
	bool hidden;	  /* #[venus::hide] */
	bool is_volatile; /* options of the attribute */
	bool is_cache;
	uint64_t timeout_ms;   /* 0: none */
	uint64_t memory_bytes; /* 0: none */
	bool broken;	       /* has a problem of its own: it cannot run */
};

enum notebook_item_kind {
	NOTEBOOK_USE,
	NOTEBOOK_STRUCT,
	NOTEBOOK_ENUM,
	NOTEBOOK_UNION,
	NOTEBOOK_TYPE,
	NOTEBOOK_CONST,
	NOTEBOOK_STATIC,
	NOTEBOOK_TRAIT,
	NOTEBOOK_IMPL,
	NOTEBOOK_FN,
	NOTEBOOK_MOD,
	NOTEBOOK_MACRO,	     /* macro_rules! */
	NOTEBOOK_MACRO_CALL, /* thread_local! { … }, a macro invoked at the top level */
	NOTEBOOK_EXTERN_CRATE,
	NOTEBOOK_EXTERN_BLOCK,
	NOTEBOOK_INNER_ATTRIBUTE,
	NOTEBOOK_OTHER,
	NOTEBOOK_ITEM_KIND_COUNT
};

/*
 * A definition: any top-level item that is no cell. Stray text that is no item at all is one too,
 * of kind NOTEBOOK_OTHER and broken.
 */
struct notebook_item {
	enum notebook_item_kind kind;
	char *name; /* "" where there is none (impl, use); of an impl, the type's name */
	struct notebook_range item; /* first attribute or doc comment to end */
	struct notebook_range body; /* without attributes and doc comments */
	uint32_t line;		    /* of body */
	bool hidden;
	bool broken; /* holds a syntax error; a problem in an item that is not broken (a cell inside
			a module) stops nothing else */
};

/* A run of `//!` lines or of free-standing `//` lines. */
struct notebook_markdown {
	char *text; /* without the comment marks, LF between lines */
	struct notebook_range range;
	uint32_t line;
	bool inner; /* `//!` */
};

/* What people are shown, in file order. Neighbouring definitions form one block. */
enum notebook_block_kind {
	NOTEBOOK_BLOCK_CELL,
	NOTEBOOK_BLOCK_DEFINITIONS,
	NOTEBOOK_BLOCK_MARKDOWN
};

struct notebook_block {
	enum notebook_block_kind kind;
	size_t first, count; /* indexes into cells, items or markdown */
};

enum notebook_problem_kind { NOTEBOOK_SYNTAX, NOTEBOOK_GRAPH };

struct notebook_problem {
	enum notebook_problem_kind kind;
	int cell;      /* index of the cell it keeps from running, -1: none or all definitions */
	char *message; /* one line for people */
	struct notebook_range range;
	struct notebook_place start, end;
};

struct notebook {
	char *source; /* as given */
	size_t length;
	bool crlf;   /* lines end in CRLF (the first one does) */
	char *title; /* first heading of the markdown, "" if none */
	char *cargo; /* text of the ```cargo block, which stays in the markdown too; NULL if there
			is none */
	uint32_t cargo_line; /* of its first line of text */
	/*
	 * Syntax tree, in offsets of `source`. Of a text with syntax errors it holds what is not
	 * broken, at its places, and no error nodes. What the grammar does not know is not in it: a
	 * byte order mark, a `#!` line, `unsafe` of `unsafe extern {`, `safe` before `fn`;
	 * `unsafe(…)` in an attribute has a path in its place.
	 */
	TSTree *tree;
	struct notebook_cell *cells; /* in file order */
	size_t cell_count;
	struct notebook_item *items; /* in file order */
	size_t item_count;
	struct notebook_markdown *markdown;
	size_t markdown_count;
	struct notebook_block *blocks;
	size_t block_count;
	struct notebook_problem *problems; /* in file order */
	size_t problem_count;
	size_t *order; /* indexes of the cells that can be ordered (in no cycle, nor below one),
			  inputs first, ties in file order */
	size_t order_count;
	uint32_t *line_starts; /* offsets; [0] is 0 */
	size_t line_count;
};

/*
 * Understands a source text. Text that is not UTF-8, holds a NUL, or is over
 * NOTEBOOK_SOURCE_MAX_BYTES is ERR_INVALID or ERR_FULL with a one-line message (which has the line
 * and column of the first bad byte). Everything else succeeds: what is wrong is in `problems`, and
 * what it touches is `broken`.
 */
int notebook_parse(
    const char *text, size_t length, struct notebook **ret_notebook, struct err *err);
void notebook_free(struct notebook *notebook);

static inline void notebook_free_p(struct notebook **notebook)
{
	notebook_free(*notebook);
}

/* Index of a cell by its function name; display names count where no function has the name. -1 when
 * there is none. */
int notebook_cell_find(const struct notebook *notebook, const char *name);
/* The existing cell name nearest to `name`, NULL when none is near. */
const char *notebook_cell_nearest(const struct notebook *notebook, const char *name);
struct notebook_place notebook_place_of(const struct notebook *notebook, uint32_t offset);
/* Offset of a place; past the end of a line gives the line's end. */
uint32_t notebook_offset_of(const struct notebook *notebook, struct notebook_place place);
/* A line's text without its line end. Owned by the caller. */
char *notebook_line_text(const struct notebook *notebook, uint32_t line);
/* Text of a range. Owned by the caller. */
char *notebook_text(const struct notebook *notebook, struct notebook_range range);
const char *notebook_item_kind_name(enum notebook_item_kind kind);

#endif
