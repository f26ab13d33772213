#include "venusd/notebook/notebook.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "venusd/notebook/notebook_internal.h"

/*
 * How a text becomes a notebook, in this order:
 *
 *   text.c       checks that it is UTF-8, finds the lines
 *   region.c     looks at brackets, strings and comments: is it fit for the parser as a whole?
 *   syntax.c     tree-sitter, up to the first error
 *   recover.c    only when there is an error: cuts the text into regions that parse and regions
 * that do not item.c       top-level nodes become cells, definitions, markdown and blocks cell.c
 * name, description, options (attribute.c), hidden signature.c  parameters and return types, with
 * the notebook's own type aliases (alias.c) graph.c      edges, duplicate and unknown names
 * (nearest.c); cycle.c: cycles, order markdown.c   title, cargo block problem.c    everything that
 * is wrong, in file order with its places
 *
 * The notebook owns all that it points to. A reader holds what is needed only while this goes on.
 */

static void reader_fini(struct notebook_reader *reader)
{
	for (size_t i = 0; i < reader->tree_count; i++)
		ts_tree_delete(reader->trees[i]);
	if (reader->parser)
		ts_parser_delete(reader->parser);
	free(reader->trees);
	free(reader->functions);
	free(reader->types);
	free(reader->leads);
	free(reader->view);
}

/* Top-level nodes, from one tree if the text parses, else from many. */
static void read_parts(struct notebook_reader *reader)
{
	struct notebook *notebook = reader->notebook;
	const struct notebook_range everything = {0, (uint32_t)notebook->length};
	size_t budget = SIZE_MAX;
	struct notebook_region whole;
	TSTree *tree = NULL;

	/* Never ending at a boundary: the least size is more than there is. */
	whole = notebook_region_find(reader->view, everything, UINT32_MAX, &budget);
	if (!whole.open && !whole.deep && whole.tokens <= NOTEBOOK_TOKENS_MAX)
		tree = notebook_tree_parse(reader, NULL, 0, false);
	if (tree) {
		notebook->tree = ts_tree_copy(tree);
		(void)notebook_nodes_take(
		    reader, tree, false); /* UINT32_MAX: all of it was taken */
	} else {
		notebook_recover(reader);
	}
	notebook_parts_finish(reader);
}

static void read_notebook(struct notebook_reader *reader)
{
	notebook_view_make(reader);
	read_parts(reader);
	notebook_signatures_read(reader);
	notebook_graph_finish(reader);
	notebook_markdown_finish(reader);
	notebook_problems_finish(reader->notebook);
}

const TSLanguage *tree_sitter_rust(void);

int notebook_parse(const char *text, size_t length, struct notebook **ret_notebook, struct err *err)
{
	struct notebook_reader reader = {0};

	if (notebook_text_check(text, length, err) < 0)
		return -1;
	reader.parser = ts_parser_new();
	if (!reader.parser || !ts_parser_set_language(reader.parser, tree_sitter_rust())) {
		reader_fini(&reader);
		return err_set(err, ERR_INTERNAL,
		    "the Rust grammar does not fit the tree-sitter runtime: install matching "
		    "versions");
	}
	reader.notebook = mem_alloc(sizeof *reader.notebook);
	reader.notebook->source = mem_dup(text, length);
	reader.notebook->length = length;
	notebook_lines_find(reader.notebook);
	read_notebook(&reader);
	*ret_notebook = reader.notebook;
	reader_fini(&reader);
	return 0;
}

static void cell_fini(struct notebook_cell *cell)
{
	for (size_t i = 0; i < cell->param_count; i++) {
		free(cell->params[i].name);
		free(cell->params[i].type);
		free(cell->params[i].pointee);
	}
	free(cell->params);
	free(cell->name);
	free(cell->display_name);
	free(cell->description);
	free(cell->return_type);
}

void notebook_free(struct notebook *notebook)
{
	if (!notebook)
		return;
	for (size_t i = 0; i < notebook->cell_count; i++)
		cell_fini(&notebook->cells[i]);
	for (size_t i = 0; i < notebook->item_count; i++)
		free(notebook->items[i].name);
	for (size_t i = 0; i < notebook->markdown_count; i++)
		free(notebook->markdown[i].text);
	for (size_t i = 0; i < notebook->problem_count; i++)
		free(notebook->problems[i].message);
	if (notebook->tree)
		ts_tree_delete(notebook->tree);
	free(notebook->cells);
	free(notebook->items);
	free(notebook->markdown);
	free(notebook->problems);
	free(notebook->blocks);
	free(notebook->order);
	free(notebook->line_starts);
	free(notebook->title);
	free(notebook->cargo);
	free(notebook->source);
	free(notebook);
}

int notebook_cell_find(const struct notebook *notebook, const char *name)
{
	for (size_t i = 0; i < notebook->cell_count; i++)
		if (strcmp(notebook_bare_name(notebook->cells[i].name), notebook_bare_name(name)) ==
		    0)
			return (int)i;
	for (size_t i = 0; i < notebook->cell_count; i++)
		if (strcmp(notebook->cells[i].display_name, name) == 0)
			return (int)i;
	return -1;
}

const char *notebook_cell_nearest(const struct notebook *notebook, const char *name)
{
	AUTO_FREE const char **names = mem_realloc_array(NULL, notebook->cell_count, sizeof *names);
	const char *sought = notebook_bare_name(name);
	int nearest;

	for (size_t i = 0; i < notebook->cell_count; i++)
		names[i] = notebook_bare_name(notebook->cells[i].name);
	nearest = notebook_nearest(
	    sought[0] == '_' && sought[1] ? sought + 1 : sought, names, notebook->cell_count);
	return nearest < 0 ? NULL : notebook->cells[nearest].name;
}

const char *notebook_item_kind_name(enum notebook_item_kind kind)
{
	static const char *const NAMES[] = {"use", "struct", "enum", "union", "type", "const",
	    "static", "trait", "impl", "function", "module", "macro", "macro call", "extern crate",
	    "extern block", "inner attribute", "item"};

	static_assert(
	    ARRAY_LENGTH(NAMES) == NOTEBOOK_ITEM_KIND_COUNT, "every kind of item has its name");
	return kind < NOTEBOOK_ITEM_KIND_COUNT ? NAMES[kind] : "item";
}
