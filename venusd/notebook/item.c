#include <string.h>

#include "venusd/notebook/notebook_internal.h"

/*
 * From the syntax tree's top-level nodes to cells, definitions and markdown, in file order.
 * Attributes and doc comments are nodes of their own: they wait as leads for the item that follows.
 * `//` lines wait as a run until it is known whether an item hangs on them.
 */

static void block_add(struct notebook *notebook, enum notebook_block_kind kind, size_t index)
{
	struct notebook_block *last = notebook->block_count
					  ? &notebook->blocks[notebook->block_count - 1]
					  : NULL,
			      *block;

	if (last && kind == NOTEBOOK_BLOCK_DEFINITIONS && last->kind == kind) {
		last->count++;
		return;
	}
	block = MEM_PUSH(notebook->blocks, notebook->block_count);
	*block = (struct notebook_block){.kind = kind, .first = index, .count = 1};
}

/* False, with one problem for all, when the notebook is full. */
static bool part_fits(struct notebook_reader *reader, struct notebook_range range)
{
	if (reader->notebook->item_count + reader->notebook->markdown_count < NOTEBOOK_PARTS_MAX)
		return true;
	if (!reader->parts_full)
		notebook_problem_add(reader, NOTEBOOK_SYNTAX, -1,
		    (struct notebook_range){range.start, range.start},
		    "a notebook has at most %u definitions and markdown blocks, and what follows "
		    "is not read: split it",
		    NOTEBOOK_PARTS_MAX);
	reader->parts_full = true;
	return false;
}

static void run_emit(struct notebook_reader *reader)
{
	struct notebook *notebook = reader->notebook;
	const struct notebook_run *run = &reader->run;
	const struct notebook_range range = {run->start, run->end};
	AUTO_BUF struct buf text = BUF_INIT;
	struct notebook_markdown *markdown;

	if (run->open && part_fits(reader, range)) {
		notebook_comment_text(notebook->source, range, &text);
		markdown = MEM_PUSH(notebook->markdown, notebook->markdown_count);
		markdown->text = buf_take(&text);
		markdown->range = range;
		markdown->line = notebook_line_of(notebook, run->start);
		markdown->inner = run->inner;
		block_add(notebook, NOTEBOOK_BLOCK_MARKDOWN, notebook->markdown_count - 1);
	}
	reader->run.open = false;
}

/* Something of an item stands at `start`: `//` lines right above it are the item's. */
static void run_end(struct notebook_reader *reader, uint32_t start)
{
	struct notebook_run *run = &reader->run;

	if (run->open && !run->inner &&
	    notebook_line_of(reader->notebook, start) <= run->chain_row + 1)
		run->open = false;
	run_emit(reader);
}

static bool first_on_line(const struct notebook *notebook, uint32_t at)
{
	uint32_t line_start = notebook->line_starts[notebook_line_of(notebook, at) - 1];

	while (at > line_start &&
	       (notebook->source[at - 1] == ' ' || notebook->source[at - 1] == '\t'))
		at--;
	return at == line_start ||
	       (line_start == 0 && at == 3 && strncmp(notebook->source, "\xef\xbb\xbf", 3) == 0);
}

static void lead_add(struct notebook_reader *reader, struct notebook_range range, bool doc)
{
	run_end(reader, range.start);
	*MEM_PUSH(reader->leads, reader->lead_count) = (struct notebook_lead){range, doc};
}

void notebook_attribute_take(struct notebook_reader *reader, struct notebook_range range)
{
	lead_add(reader, range, false);
}

void notebook_comment_take(struct notebook_reader *reader, struct notebook_range range)
{
	const struct notebook *notebook = reader->notebook;
	enum notebook_comment kind =
	    notebook_comment_kind(notebook->source, range.start, range.end);
	bool block = notebook->source[range.start + 1] == '*',
	     inner = kind == NOTEBOOK_COMMENT_INNER;
	struct notebook_run *run = &reader->run;
	uint32_t row = notebook_line_of(notebook, range.start),
		 last_row = notebook_line_of(notebook, range.end);

	if (kind == NOTEBOOK_COMMENT_OUTER) {
		lead_add(reader, range, true);
		return;
	}
	/* Comments between an attribute and its item are the item's. */
	if (reader->lead_count > 0 || !first_on_line(notebook, range.start))
		return;
	if (block && !inner) {
		if (run->open && row <= run->chain_row + 1)
			run->chain_row = last_row;
		return;
	}
	if (run->open && !block && !run->block && inner == run->inner && row == run->row + 1 &&
	    run->row == run->chain_row) {
		run->end = range.end;
		run->row = run->chain_row = row;
		return;
	}
	run_emit(reader);
	*run = (struct notebook_run){.open = true,
	    .inner = inner,
	    .block = block,
	    .start = range.start,
	    .end = range.end,
	    .row = last_row,
	    .chain_row = last_row};
}

/* Nodes that a statement list may hold and a notebook's top level may not have their reason here.
 */
static const struct node_kind {
	const char *type;
	enum notebook_item_kind kind;
	const char *wrong;
} NODE_KINDS[] = {
    {"function_item", NOTEBOOK_FN, NULL},
    {"struct_item", NOTEBOOK_STRUCT, NULL},
    {"use_declaration", NOTEBOOK_USE, NULL},
    {"const_item", NOTEBOOK_CONST, NULL},
    {"impl_item", NOTEBOOK_IMPL, NULL},
    {"enum_item", NOTEBOOK_ENUM, NULL},
    {"union_item", NOTEBOOK_UNION, NULL},
    {"type_item", NOTEBOOK_TYPE, NULL},
    {"static_item", NOTEBOOK_STATIC, NULL},
    {"trait_item", NOTEBOOK_TRAIT, NULL},
    {"mod_item", NOTEBOOK_MOD, NULL},
    {"macro_definition", NOTEBOOK_MACRO, NULL},
    {"macro_invocation", NOTEBOOK_MACRO_CALL, NULL},
    {"extern_crate_declaration", NOTEBOOK_EXTERN_CRATE, NULL},
    {"foreign_mod_item", NOTEBOOK_EXTERN_BLOCK, NULL},
    {"inner_attribute_item", NOTEBOOK_INNER_ATTRIBUTE, NULL},
    {"function_signature_item", NOTEBOOK_FN, "a function needs a body: `{ … }` instead of `;`"},
    {"associated_type", NOTEBOOK_TYPE, "a type needs a meaning: `type Name = …;`"},
    {"let_declaration", NOTEBOOK_OTHER,
	"`let` cannot stand outside a function: use `const`, `static` or a cell"},
    {"empty_statement", NOTEBOOK_OTHER, "`;` is not expected here: remove it"},
};

static const struct node_kind *node_kind_find(TSNode node)
{
	for (size_t i = 0; i < ARRAY_LENGTH(NODE_KINDS); i++)
		if (notebook_node_is(node, NODE_KINDS[i].type))
			return &NODE_KINDS[i];
	return NULL;
}

/* `thread_local! { … }` and `thread_local!(…);` are one item each, whatever the grammar calls them.
 */
static TSNode statement_macro(TSNode node)
{
	TSNode inner;

	if (!notebook_node_is(node, "expression_statement"))
		return node;
	inner = ts_node_named_child(node, 0);
	return notebook_node_is(inner, "macro_invocation") ? inner : node;
}

/* The node that names an item; of an impl, its type's own name. */
static TSNode name_node(TSNode node, enum notebook_item_kind kind)
{
	TSNode name = notebook_node_field(node, kind == NOTEBOOK_IMPL	      ? "type"
						: kind == NOTEBOOK_MACRO_CALL ? "macro"
									      : "name");

	for (int i = 0; i < 16 && !ts_node_is_null(name); i++) {
		const char *inner = notebook_node_is(name, "generic_type") ||
					    notebook_node_is(name, "reference_type")
					? "type"
				    : notebook_node_is(name, "scoped_type_identifier") ||
					    notebook_node_is(name, "scoped_identifier")
					? "name"
				    : notebook_node_is(name, "dynamic_type") ? "trait"
									     : NULL;
		if (!inner)
			break;
		name = notebook_node_field(name, inner);
	}
	return name;
}

/* Clears the leads; the range then begins with the first of them. */
static struct notebook_range with_leads(struct notebook_reader *reader, struct notebook_range body)
{
	if (reader->lead_count && reader->leads[0].range.start < body.start)
		body.start = reader->leads[0].range.start;
	reader->lead_count = 0;
	return body;
}

static struct notebook_item *item_add(struct notebook_reader *reader, enum notebook_item_kind kind,
    struct notebook_range name, struct notebook_range body)
{
	struct notebook *notebook = reader->notebook;
	struct notebook_marks marks;
	struct notebook_item *item;

	run_end(reader, reader->lead_count ? reader->leads[0].range.start : body.start);
	if (!part_fits(reader, body)) {
		reader->lead_count = 0;
		return NULL;
	}
	notebook_marks_read(notebook, reader->leads, reader->lead_count, &marks);
	if (marks.cell && kind != NOTEBOOK_FN && kind != NOTEBOOK_OTHER)
		notebook_problem_add(reader, NOTEBOOK_SYNTAX, -1, marks.cell_range,
		    "only a function can be a cell, this is %s: remove the attribute, or write a "
		    "function that returns it",
		    notebook_item_kind_name(kind));
	item = MEM_PUSH(notebook->items, notebook->item_count);
	item->kind = kind;
	item->name = notebook_text(notebook, name);
	item->body = body;
	item->item = with_leads(reader, body);
	item->line = notebook_line_of(notebook, body.start);
	item->hidden = marks.hidden;
	notebook_marks_fini(&marks);
	block_add(notebook, NOTEBOOK_BLOCK_DEFINITIONS, notebook->item_count - 1);
	return item;
}

/* The first place in a node where the parser had to recover. */
static uint32_t first_error(TSNode node)
{
	TSTreeCursor cursor = ts_tree_cursor_new(node);
	uint32_t at = ts_node_start_byte(node);
	bool more = true;

	while (more) {
		TSNode here = ts_tree_cursor_current_node(&cursor);

		at = ts_node_start_byte(here);
		if (ts_node_is_missing(here) || notebook_node_is(here, "ERROR"))
			break;
		more = ts_node_has_error(here) ? ts_tree_cursor_goto_first_child(&cursor)
					       : ts_tree_cursor_goto_next_sibling(&cursor);
	}
	ts_tree_cursor_delete(&cursor);
	return at;
}

static void note_error(struct notebook_reader *reader, TSNode node, int cell)
{
	struct notebook_range range = notebook_node_range(node);

	if (!ts_node_has_error(node))
		return;
	if (reader->stopped_at < range.start || reader->stopped_at > range.end)
		reader->stopped_at = first_error(node);
	notebook_problem_syntax(reader, cell, range);
}

/* `unsafe` before an extern block was hidden from the grammar. */
static uint32_t unsafe_before(const struct notebook_reader *reader, uint32_t start)
{
	uint32_t at = start;

	while (at > 0 && strchr(" \t\r\n", reader->notebook->source[at - 1]))
		at--;
	if (at < 6 || memcmp(reader->notebook->source + at - 6, "unsafe", 6) != 0 ||
	    reader->view[at - 1] != ' ')
		return start;
	return at - 6;
}

/* Types whose meaning signatures need: aliases, and what has lifetimes. */
static void remember_type(
    struct notebook_reader *reader, const struct notebook_item *item, TSNode node)
{
	if (item->kind == NOTEBOOK_TYPE || item->kind == NOTEBOOK_STRUCT ||
	    item->kind == NOTEBOOK_ENUM)
		*MEM_PUSH(reader->types, reader->type_count) =
		    (struct notebook_type){item->name, node};
}

/* Several expressions and stray signs in a row are one piece of nonsense with one problem. */
static void other_add(struct notebook_reader *reader, struct notebook_range body, const char *wrong)
{
	struct notebook *notebook = reader->notebook;
	struct notebook_item *last =
	    notebook->item_count ? &notebook->items[notebook->item_count - 1] : NULL;
	const struct notebook_block *block =
	    notebook->block_count ? &notebook->blocks[notebook->block_count - 1] : NULL;

	if (last && block->kind == NOTEBOOK_BLOCK_DEFINITIONS && last->kind == NOTEBOOK_OTHER &&
	    reader->lead_count == 0 && !reader->run.open) {
		last->item.end = last->body.end = body.end;
		return;
	}
	last =
	    item_add(reader, NOTEBOOK_OTHER, (struct notebook_range){body.start, body.start}, body);
	if (!last)
		return;
	last->broken = true;
	notebook_problem_add(reader, NOTEBOOK_SYNTAX, -1, body, "%s", wrong);
}

static const char *place_name(TSNode item)
{
	return notebook_node_is(item, "impl_item")	 ? "an impl (a method cannot be a cell)"
	       : notebook_node_is(item, "trait_item")	 ? "a trait (a method cannot be a cell)"
	       : notebook_node_is(item, "mod_item")	 ? "a module"
	       : notebook_node_is(item, "function_item") ? "a function"
							 : "another item";
}

/* Cells where none can be: in modules, impls, traits, functions. */
static void find_inner_cells(struct notebook_reader *reader, TSNode item)
{
	TSTreeCursor cursor = ts_tree_cursor_new(item);
	struct notebook_range attribute = {0, 0};
	uint32_t depth = ts_tree_cursor_goto_first_child(&cursor), attribute_depth = 0;

	while (depth > 0) {
		TSNode node = ts_tree_cursor_current_node(&cursor);

		if (notebook_node_is(node, "attribute_item")) {
			struct notebook_range range = notebook_node_range(node);

			if (notebook_attribute_is_cell(reader->notebook->source, range)) {
				attribute = range;
				attribute_depth = depth;
			}
		} else if (depth == attribute_depth && !ts_node_is_extra(node)) {
			if (notebook_node_is(node, "function_item") ||
			    notebook_node_is(node, "function_signature_item"))
				notebook_problem_add(reader, NOTEBOOK_SYNTAX, -1, attribute,
				    "a cell must stand at the top level, not inside %s: move the "
				    "function out of it",
				    place_name(item));
			attribute_depth = 0;
		}
		if (ts_tree_cursor_goto_first_child(&cursor)) {
			depth++;
			continue;
		}
		while (depth > 0 && !ts_tree_cursor_goto_next_sibling(&cursor)) {
			(void)ts_tree_cursor_goto_parent(
			    &cursor); /* there is one: depth counts them */
			depth--;
		}
	}
	ts_tree_cursor_delete(&cursor);
}

static void item_take(struct notebook_reader *reader, TSNode node, const struct node_kind *kind)
{
	struct notebook_range body = notebook_node_range(node);
	TSNode name = name_node(node, kind->kind);
	struct notebook_range name_range = {body.start, body.start};
	struct notebook_item *item;
	int cell = NOTEBOOK_CELL_NONE;

	if (!ts_node_is_null(name))
		name_range = notebook_node_range(name);
	if (kind->kind == NOTEBOOK_EXTERN_BLOCK)
		body.start = unsafe_before(reader, body.start);
	if (kind->kind == NOTEBOOK_FN)
		cell = notebook_cell_take(reader, node, name_range, body);
	if (cell != NOTEBOOK_CELL_NONE) {
		if (kind->wrong)
			notebook_problem_add(
			    reader, NOTEBOOK_SYNTAX, cell, body, "%s", kind->wrong);
		note_error(reader, node, cell);
		find_inner_cells(reader, node);
		return;
	}
	item = item_add(reader, kind->kind, name_range, body);
	if (!item)
		return;
	remember_type(reader, item, node);
	if (kind->wrong)
		notebook_problem_add(reader, NOTEBOOK_SYNTAX, -1, body, "%s", kind->wrong);
	item->broken = kind->wrong || ts_node_has_error(node);
	note_error(reader, node, -1);
	find_inner_cells(reader, node);
}

/* The `;` behind a macro call is the call's. */
static bool ends_macro_call(struct notebook_reader *reader, TSNode node)
{
	struct notebook *notebook = reader->notebook;
	struct notebook_item *item =
	    notebook->item_count ? &notebook->items[notebook->item_count - 1] : NULL;

	if (!notebook_node_is(node, "empty_statement") || !item || reader->lead_count ||
	    reader->run.open || item->kind != NOTEBOOK_MACRO_CALL ||
	    item->item.end > ts_node_start_byte(node) ||
	    notebook->source[item->item.end - 1] == ';' ||
	    notebook->source[item->item.end - 1] == '}' ||
	    notebook->blocks[notebook->block_count - 1].kind != NOTEBOOK_BLOCK_DEFINITIONS)
		return false;
	item->item.end = item->body.end = ts_node_end_byte(node);
	return true;
}

static struct notebook_range comment_range(const struct notebook *notebook, TSNode node)
{
	struct notebook_range range = notebook_node_range(node);

	/* The grammar gives the line end to a doc comment. */
	while (range.end > range.start &&
	       (notebook->source[range.end - 1] == '\n' || notebook->source[range.end - 1] == '\r'))
		range.end--;
	return range;
}

/* False if the node is no item. */
static bool node_take(struct notebook_reader *reader, TSNode node, bool broken)
{
	const struct node_kind *kind;
	TSNode inner;

	if (notebook_node_is(node, "line_comment") || notebook_node_is(node, "block_comment")) {
		notebook_comment_take(reader, comment_range(reader->notebook, node));
		return true;
	}
	if (broken && (notebook_node_is(node, "ERROR") || ts_node_is_missing(node)))
		return false;
	if (notebook_node_is(node, "attribute_item") && !ts_node_has_error(node)) {
		notebook_attribute_take(reader, notebook_node_range(node));
		return true;
	}
	if (ends_macro_call(reader, node))
		return true;
	inner = statement_macro(node);
	kind = node_kind_find(inner);
	if (broken && (!kind || kind->kind == NOTEBOOK_OTHER))
		return false;
	if (!kind || kind->kind == NOTEBOOK_OTHER) {
		other_add(reader, notebook_node_range(node),
		    kind ? kind->wrong
			 : "an expression cannot stand outside a function: put it into a cell");
		return true;
	}
	item_take(reader, inner, kind);
	if (!ts_node_eq(inner, node) && reader->notebook->item_count) {
		struct notebook_item *item =
		    &reader->notebook->items[reader->notebook->item_count - 1];

		if (item->body.start == ts_node_start_byte(inner))
			item->item.end = item->body.end = ts_node_end_byte(node);
	}
	return true;
}

uint32_t notebook_nodes_take(struct notebook_reader *reader, TSTree *tree, bool broken)
{
	TSTreeCursor cursor = ts_tree_cursor_new(ts_tree_root_node(tree));
	uint32_t garbage = UINT32_MAX;
	bool more = ts_tree_cursor_goto_first_child(&cursor);

	for (; more; more = ts_tree_cursor_goto_next_sibling(&cursor)) {
		TSNode node = ts_tree_cursor_current_node(&cursor);

		if (!node_take(reader, node, broken)) {
			garbage = ts_node_start_byte(node);
			break;
		}
	}
	ts_tree_cursor_delete(&cursor);
	return garbage;
}

void notebook_broken_take(struct notebook_reader *reader, enum notebook_item_kind kind,
    struct notebook_range name, struct notebook_range body)
{
	struct notebook_item *item;
	int cell = kind == NOTEBOOK_FN ? notebook_cell_take(reader, (TSNode){0}, name, body)
				       : NOTEBOOK_CELL_NONE;

	if (cell != NOTEBOOK_CELL_NONE) {
		notebook_problem_syntax(
		    reader, cell, cell >= 0 ? reader->notebook->cells[cell].item : body);
		return;
	}
	item = item_add(reader, kind, name, body);
	if (!item)
		return;
	item->broken = true;
	notebook_problem_syntax(reader, -1, item->item);
}

void notebook_parts_finish(struct notebook_reader *reader)
{
	run_emit(reader);
	if (reader->lead_count > 0) {
		const struct notebook_range last = reader->leads[reader->lead_count - 1].range;
		bool doc = reader->leads[reader->lead_count - 1].doc;
		struct notebook_item *item =
		    item_add(reader, NOTEBOOK_OTHER, (struct notebook_range){last.end, last.end},
			(struct notebook_range){last.end, last.end});

		if (!item)
			return;
		item->broken = true;
		notebook_problem_add(reader, NOTEBOOK_SYNTAX, -1, last, "%s",
		    doc ? "this comment documents nothing: write the item below it, or use `//`"
			: "this attribute belongs to nothing: write the item below it, or remove "
			  "it");
	}
}
