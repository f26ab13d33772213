#ifndef VENUSD_NOTEBOOK_INTERNAL_H
#define VENUSD_NOTEBOOK_INTERNAL_H

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/mem.h"
#include "venusd/notebook/lex_internal.h"
#include "venusd/notebook/notebook.h"

#define NOTEBOOK_TOKENS_MAX 1000000u /* more would cost the parser hundreds of megabytes */
#define NOTEBOOK_PARTS_MAX  100000u  /* definitions and pieces of markdown */
#define NOTEBOOK_COMMENTS_MAX                                                                      \
	4096u /* more are left out of a tree that is put together from regions */
#define NOTEBOOK_PROBLEMS_MAX 30000u

/* An attribute or doc comment whose item has not come yet. */
struct notebook_lead {
	struct notebook_range range;
	bool doc;
};

/* `//!` or `//` lines that may become markdown. */
struct notebook_run {
	bool open, inner, block;
	uint32_t start, end;
	uint32_t row;	    /* last line of the text */
	uint32_t chain_row; /* last line that still hangs together with it */
};

/* A `type` definition, or (with `lifetimes` alone of use) any other type that borrows. */
struct notebook_type {
	const char *name; /* borrowed from the item */
	TSNode node;
};

/* One parse going on. What it makes goes into `notebook`; the rest is working memory. */
struct notebook_reader {
	struct notebook *notebook;
	char *view; /* the source with what the grammar does not know blanked out, byte for byte */
	TSParser *parser;
	TSTree **trees; /* they keep the nodes below alive */
	size_t tree_count;
	TSNode *functions; /* one a cell; null when it does not parse */
	size_t function_count;
	struct notebook_type *types;
	size_t type_count;
	struct notebook_lead *leads;
	size_t lead_count;
	struct notebook_run run;
	uint32_t stopped_at; /* where the last parse that was not to recover met its first error */
	const char *why;     /* what is wrong with the text being taken, NULL: it is found out */
	bool cells_full, parts_full;
};

/* text.c: lines, places, texts */
void notebook_lines_find(struct notebook *notebook);
uint32_t notebook_line_of(const struct notebook *notebook, uint32_t offset);
int notebook_text_check(const char *text, size_t length, struct err *err);
/* The value of a string literal, owned by the caller; what is no legal escape stays as it is. */
char *notebook_string_value(const char *text, const struct notebook_token *token);

/* problem.c */
/* A problem of a cell breaks it. */
void notebook_problem_add(struct notebook_reader *reader, enum notebook_problem_kind kind, int cell,
    struct notebook_range range, const char *format, ...) __attribute__((format(printf, 5, 6)));
void notebook_problems_finish(struct notebook *notebook);
/* Says what is wrong with text that does not parse, as a problem of `cell`. */
void notebook_problem_syntax(struct notebook_reader *reader, int cell, struct notebook_range range);

/* syntax.c: tree-sitter */
void notebook_view_make(struct notebook_reader *reader);
void notebook_view_blank_comments(struct notebook_reader *reader);
/* A tree of some ranges of the source, owned by the reader. Without `recover`, NULL at the first
 * error. */
TSTree *notebook_tree_parse(struct notebook_reader *reader, const struct notebook_range *ranges,
    size_t count, bool recover);
bool notebook_node_is(TSNode node, const char *type);
struct notebook_range notebook_node_range(TSNode node);

/* region.c: where a text can be taken apart */
struct notebook_region {
	uint32_t start, end;
	bool clean;	  /* every bracket has its partner, and nothing is open */
	bool open;	  /* a string or comment has no end */
	bool deep;	  /* nested too deeply to be parsed */
	uint32_t suspect; /* a line that looks like the next item though something before it is
			     open; 0: none */
	size_t tokens, comments;
};
struct notebook_region notebook_region_find(
    const char *text, struct notebook_range range, uint32_t least_bytes, size_t *budget);
/* The first bracket, string or comment without a partner. False if all have one. */
bool notebook_region_unpaired(const char *text, struct notebook_range range,
    struct notebook_range *ret_range, const char **ret_why);

/* recover.c: the way through a text that does not parse as a whole */
void notebook_recover(struct notebook_reader *reader);

/* item.c: from nodes to parts */
void notebook_comment_take(struct notebook_reader *reader, struct notebook_range range);
void notebook_attribute_take(struct notebook_reader *reader, struct notebook_range range);
/* Takes a tree's top-level nodes. With `broken`, ends at the first that is no item and returns its
 * start; else returns UINT32_MAX. */
uint32_t notebook_nodes_take(struct notebook_reader *reader, TSTree *tree, bool broken);
/* An item that does not parse; `name` is "" if it cannot be read. Takes what leads to it. */
void notebook_broken_take(struct notebook_reader *reader, enum notebook_item_kind kind,
    struct notebook_range name, struct notebook_range body);
/* The text ends: nothing follows that a comment or an attribute could belong to. */
void notebook_parts_finish(struct notebook_reader *reader);

/* cell.c */
#define NOTEBOOK_CELL_DROPPED (-1) /* one too many */
#define NOTEBOOK_CELL_NONE    (-2) /* its leads hold no cell attribute: they are left */
/* Takes the leads, and the function if they make it a cell. Its index, or one of the above.
 * `function` may be null. */
int notebook_cell_take(struct notebook_reader *reader, TSNode function, struct notebook_range name,
    struct notebook_range body);

/* signature.c */
/* Parameters and return types of all cells, once all definitions are known. */
void notebook_signatures_read(struct notebook_reader *reader);

/* alias.c */
/* Sorts what notebook_type_find searches. */
void notebook_types_sort(struct notebook_reader *reader);
/* The definition of a type by its name. NULL if there is none. */
const struct notebook_type *notebook_type_find(
    const struct notebook_reader *reader, const char *name);
bool notebook_type_has_lifetime(const struct notebook_type *type);
/* Fills passing and pointee of a parameter. */
void notebook_passing_find(
    const struct notebook_reader *reader, TSNode type, struct notebook_param *param);
TSNode notebook_node_field(TSNode node, const char *name);

/* attribute.c */
struct notebook_marks {
	bool cell, hidden, conditional;
	struct notebook_range cell_range;
	struct buf docs;
};
/* What the attributes and doc comments in front of an item say. `marks` is to be finished by
 * notebook_marks_fini. */
void notebook_marks_read(const struct notebook *notebook, const struct notebook_lead *leads,
    size_t count, struct notebook_marks *ret_marks);
static inline void notebook_marks_fini(struct notebook_marks *marks)
{
	buf_fini(&marks->docs);
}
/* True if an attribute says `#[cell]` or `#[venus::cell]`. */
bool notebook_attribute_is_cell(const char *text, struct notebook_range range);
void notebook_options_read(
    struct notebook_reader *reader, size_t cell, struct notebook_range attribute);

/* markdown.c */
/* The text of `//`, `///` or `//!` lines, or of one block comment, without its marks. */
void notebook_comment_text(const char *text, struct notebook_range range, struct buf *buf);
/* First heading, without the #s. NULL if there is none; owned by the caller. */
char *notebook_heading(const char *markdown);
/* Title and cargo block. */
void notebook_markdown_finish(struct notebook_reader *reader);

/* graph.c, cycle.c */
void notebook_graph_finish(struct notebook_reader *reader);
void notebook_cycles_find(struct notebook_reader *reader);
void notebook_order_find(struct notebook *notebook);
/* An identifier without `r#`. */
const char *notebook_bare_name(const char *name);

/* nearest.c: the candidate most like `name`; -1 if none is near. */
int notebook_nearest(const char *name, const char *const *candidates, size_t count);

#endif
