#include <stdlib.h>
#include <string.h>

#include "venusd/notebook/notebook_internal.h"

/* Edges, names that are taken twice, and names that nobody has. */

#define SUGGESTIONS_MAX 200000u /* names compared for suggestions, a notebook */

struct named {
	const char *name; /* without r# */
	size_t index;
};

struct names {
	struct named *entries; /* sorted by name, then index */
	size_t count;
};

const char *notebook_bare_name(const char *name)
{
	return strncmp(name, "r#", 2) == 0 ? name + 2 : name;
}

static int compare_named(const void *a, const void *b)
{
	const struct named *left = a, *right = b;
	int order = strcmp(left->name, right->name);

	return order ? order : (left->index > right->index) - (left->index < right->index);
}

static struct names names_of_cells(const struct notebook *notebook)
{
	struct names names = {mem_realloc_array(NULL, notebook->cell_count, sizeof *names.entries),
	    notebook->cell_count};

	for (size_t i = 0; i < names.count; i++)
		names.entries[i] = (struct named){notebook_bare_name(notebook->cells[i].name), i};
	if (names.count > 0)
		qsort(names.entries, names.count, sizeof *names.entries, compare_named);
	return names;
}

/* Position of the first entry with this name, or -1. */
static int names_find(const struct names *names, const char *name)
{
	size_t low = 0, high = names->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(names->entries[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < names->count && strcmp(names->entries[low].name, name) == 0 ? (int)low : -1;
}

static int producer_of(const struct names *names, const char *param)
{
	const char *name = notebook_bare_name(param);
	int found = names_find(names, name);

	if (found < 0 && name[0] == '_')
		found = names_find(names, notebook_bare_name(name + 1));
	return found < 0 ? -1 : (int)names->entries[found].index;
}

static void unknown_param(
    struct notebook_reader *reader, size_t cell, const struct notebook_param *param, size_t *budget)
{
	const struct notebook *notebook = reader->notebook;
	const char *nearest = NULL;

	if (*budget >= notebook->cell_count) {
		*budget -= notebook->cell_count;
		nearest = notebook_cell_nearest(notebook, param->name);
	}
	if (nearest && strcmp(nearest, notebook->cells[cell].name) == 0)
		nearest = NULL; /* a cell cannot be its own input */
	if (nearest)
		notebook_problem_add(reader, NOTEBOOK_GRAPH, (int)cell, param->range,
		    "`%.80s` needs `%.80s`, and no cell has that name: did you mean `%.80s`?",
		    notebook->cells[cell].name, param->name, nearest);
	else
		notebook_problem_add(reader, NOTEBOOK_GRAPH, (int)cell, param->range,
		    "`%.80s` needs `%.80s`, and no cell has that name: a parameter is named like "
		    "the cell it takes its value from",
		    notebook->cells[cell].name, param->name);
}

static void edges_find(struct notebook_reader *reader, const struct names *names)
{
	struct notebook *notebook = reader->notebook;
	size_t budget = SUGGESTIONS_MAX;

	for (size_t i = 0; i < notebook->cell_count; i++)
		for (size_t k = 0; k < notebook->cells[i].param_count; k++) {
			struct notebook_param *param = &notebook->cells[i].params[k];

			param->producer = producer_of(names, param->name);
			if (param->producer < 0)
				unknown_param(reader, i, param, &budget);
		}
}

static void duplicates_find(struct notebook_reader *reader, const struct names *names)
{
	const struct notebook *notebook = reader->notebook;
	size_t first = 0;

	for (size_t i = 1; i < names->count; i++) {
		const struct notebook_cell *one = &notebook->cells[names->entries[first].index];
		const struct notebook_cell *other = &notebook->cells[names->entries[i].index];

		if (strcmp(names->entries[first].name, names->entries[i].name) != 0) {
			first = i;
			continue;
		}
		if (i == first + 1)
			notebook_problem_add(reader, NOTEBOOK_GRAPH,
			    (int)names->entries[first].index, one->name_range,
			    "two cells are named `%.80s`, in lines %u and %u: rename one",
			    one->name, one->line, other->line);
		notebook_problem_add(reader, NOTEBOOK_GRAPH, (int)names->entries[i].index,
		    other->name_range,
		    "two cells are named `%.80s`, in lines %u and %u: rename one", one->name,
		    one->line, other->line);
	}
}

/* An item under `#[cfg(…)]` may not be there when the cell is. */
static bool is_conditional(const struct notebook *notebook, const struct notebook_item *item)
{
	struct notebook_lexer lexer = {notebook->source, item->item.start, item->body.start};
	struct notebook_token last = {0}, token;

	while ((token = notebook_lex_code(&lexer)).kind != NOTEBOOK_TOKEN_END) {
		if (notebook_token_is(notebook->source, &token, "cfg") &&
		    last.kind == NOTEBOOK_TOKEN_OPEN)
			return true;
		last = token;
	}
	return false;
}

/* Functions, constants and statics share one space of names. */
static void definitions_check(struct notebook_reader *reader, const struct names *names)
{
	const struct notebook *notebook = reader->notebook;

	for (size_t i = 0; i < notebook->item_count; i++) {
		const struct notebook_item *item = &notebook->items[i];
		int found = -1;

		if (item->kind == NOTEBOOK_FN || item->kind == NOTEBOOK_CONST ||
		    item->kind == NOTEBOOK_STATIC)
			found = names_find(names, notebook_bare_name(item->name));
		if (found < 0 || is_conditional(notebook, item))
			continue;
		for (size_t k = (size_t)found;
		     k < names->count &&
		     strcmp(names->entries[k].name, names->entries[found].name) == 0;
		     k++) {
			const struct notebook_cell *cell =
			    &notebook->cells[names->entries[k].index];

			notebook_problem_add(reader, NOTEBOOK_GRAPH, (int)names->entries[k].index,
			    cell->name_range,
			    "the cell `%.80s` in line %u is named like the %s in line %u: rename "
			    "one",
			    cell->name, cell->line, notebook_item_kind_name(item->kind),
			    item->line);
		}
	}
}

void notebook_graph_finish(struct notebook_reader *reader)
{
	struct names names = names_of_cells(reader->notebook);

	edges_find(reader, &names);
	duplicates_find(reader, &names);
	definitions_check(reader, &names);
	free(names.entries);
	notebook_cycles_find(reader);
	notebook_order_find(reader->notebook);
}
