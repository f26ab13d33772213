#include <string.h>

#include "venusd/notebook/notebook_internal.h"

/* A cell's function line: its parameters, its return type, and the forms that a cell cannot have.
 */

static void reject(struct notebook_reader *reader, size_t cell, TSNode node, const char *what)
{
	notebook_problem_add(
	    reader, NOTEBOOK_SYNTAX, (int)cell, notebook_node_range(node), "%s", what);
}

static const struct {
	const char *word, *what;
} MODIFIERS[] = {
    {"async", "a cell cannot be async: block on the future inside it"},
    {"unsafe", "a cell cannot be unsafe: put an `unsafe` block inside it"},
    {"extern_modifier",
	"a cell cannot be extern: remove the `extern`, or call the extern function from a cell"},
    {"default", "a cell cannot be `default`: remove the word"},
};

static void check_modifiers(struct notebook_reader *reader, size_t cell, TSNode modifiers)
{
	for (uint32_t i = 0; i < ts_node_child_count(modifiers) && i < 8; i++)
		for (size_t k = 0; k < ARRAY_LENGTH(MODIFIERS); k++)
			if (notebook_node_is(ts_node_child(modifiers, i), MODIFIERS[k].word))
				reject(
				    reader, cell, ts_node_child(modifiers, i), MODIFIERS[k].what);
}

/* Lifetimes are no choice that a caller makes; types and constants are. */
static void check_generics(struct notebook_reader *reader, size_t cell, TSNode parameters)
{
	TSTreeCursor cursor = ts_tree_cursor_new(parameters);
	bool more = ts_tree_cursor_goto_first_child(&cursor);

	for (; more; more = ts_tree_cursor_goto_next_sibling(&cursor)) {
		TSNode node = ts_tree_cursor_current_node(&cursor);

		if (notebook_node_is(node, "type_parameter") ||
		    notebook_node_is(node, "const_parameter") ||
		    notebook_node_is(node, "metavariable")) {
			reject(reader, cell, node,
			    "a cell cannot be generic: write the type that it is to run with");
			break;
		}
	}
	ts_tree_cursor_delete(&cursor);
}

/*
 * Calls `visit` for a node and all below it until it returns false; where it clears `*enter`, what
 * is below is left out. Iterative: types nest as deep as their writer likes.
 */
struct visit {
	struct notebook_reader *reader;
	size_t cell;
	uint32_t checked_at; /* a type's name that was seen together with its arguments */
};

static bool walk(TSNode top, struct visit *visit,
    bool (*look)(struct visit *visit, TSNode node, const char *field, bool *enter))
{
	TSTreeCursor cursor = ts_tree_cursor_new(top);
	uint32_t depth = 0;
	bool going = true;

	for (;;) {
		bool enter = true;

		/* A cursor forgets what its first node is called where it stands. */
		going = look(visit, depth == 0 ? top : ts_tree_cursor_current_node(&cursor),
		    ts_tree_cursor_current_field_name(&cursor), &enter);
		if (!going)
			break;
		if (enter && ts_tree_cursor_goto_first_child(&cursor)) {
			depth++;
			continue;
		}
		while (depth > 0 && !ts_tree_cursor_goto_next_sibling(&cursor)) {
			(void)ts_tree_cursor_goto_parent(
			    &cursor); /* there is one: depth counts them */
			depth--;
		}
		if (depth == 0)
			break;
	}
	ts_tree_cursor_delete(&cursor);
	return going;
}

static bool is_static(const struct visit *visit, TSNode lifetime)
{
	struct notebook_range range = notebook_node_range(lifetime);

	return range.end - range.start == 7 &&
	       memcmp(visit->reader->notebook->source + range.start, "'static", 7) == 0;
}

static TSNode child_lifetime(TSNode node)
{
	for (uint32_t i = 0; i < ts_node_named_child_count(node) && i < 8; i++)
		if (notebook_node_is(ts_node_named_child(node, i), "lifetime"))
			return ts_node_named_child(node, i);
	return (TSNode){0};
}

/* A type of the notebook's that has a lifetime, named without one. */
static bool hides_lifetime(const struct visit *visit, TSNode name)
{
	AUTO_FREE char *text = notebook_text(visit->reader->notebook, notebook_node_range(name));
	const struct notebook_type *type = notebook_node_is(name, "type_identifier")
					       ? notebook_type_find(visit->reader, text)
					       : NULL;

	return type && notebook_type_has_lifetime(type);
}

/* False at the first part of a return type that borrows or that no value can be kept of. */
static bool look_at_return(struct visit *visit, TSNode node, const char *field, bool *enter)
{
	static const char BORROW[] = "a cell cannot return a borrow of its inputs: return an owned "
				     "value (String, Vec<T>), or a `&'static` one";
	bool borrows = false;

	if (notebook_node_is(node, "abstract_type")) {
		reject(visit->reader, visit->cell, node,
		    "a cell cannot return `impl Trait`: name the type, or return a Box<dyn Trait>");
		return false;
	}
	if (notebook_node_is(node, "function_type") ||
	    notebook_node_is(node, "higher_ranked_trait_bound")) {
		*enter = false; /* what a function type borrows is its caller's */
	} else if (notebook_node_is(node, "reference_type")) {
		TSNode lifetime = child_lifetime(node);

		borrows = ts_node_is_null(lifetime) || !is_static(visit, lifetime);
	} else if (notebook_node_is(node, "lifetime")) {
		borrows = !is_static(visit, node);
	} else if (notebook_node_is(node, "generic_type")) {
		TSNode name = notebook_node_field(node, "type"),
		       arguments = notebook_node_field(node, "type_arguments");

		borrows = ts_node_is_null(child_lifetime(arguments)) && hides_lifetime(visit, name);
		visit->checked_at = ts_node_start_byte(name);
	} else if (notebook_node_is(node, "type_identifier") &&
		   ts_node_start_byte(node) != visit->checked_at) {
		borrows = !(field && strcmp(field, "name") == 0) && hides_lifetime(visit, node);
	}
	if (borrows)
		reject(visit->reader, visit->cell, node, BORROW);
	return !borrows;
}

static bool look_at_param(struct visit *visit, TSNode node, const char *field, bool *enter)
{
	(void)field;
	*enter = !notebook_node_is(node, "function_type");
	if (!notebook_node_is(node, "abstract_type"))
		return true;
	reject(visit->reader, visit->cell, node,
	    "a cell cannot be generic, and `impl Trait` makes it so: write the cell's type");
	return false;
}

static void param_add(struct notebook_reader *reader, size_t index, TSNode name, TSNode type)
{
	struct notebook_cell *cell = &reader->notebook->cells[index];
	struct notebook_param *param = MEM_PUSH(cell->params, cell->param_count);
	struct visit visit = {.reader = reader, .cell = index};

	param->name = notebook_text(reader->notebook, notebook_node_range(name));
	param->type_range = notebook_node_range(type);
	param->type = notebook_text(reader->notebook, param->type_range);
	param->range = (struct notebook_range){ts_node_start_byte(name), param->type_range.end};
	param->producer = -1;
	notebook_passing_find(reader, type, param);
	(void)walk(type, &visit, look_at_param); /* what it finds is a problem already */
}

static void param_read(struct notebook_reader *reader, size_t cell, TSNode node)
{
	const char *source = reader->notebook->source;
	TSNode pattern, type;

	if (notebook_node_is(node, "attribute_item")) {
		struct notebook_range range = notebook_node_range(node);
		const struct notebook_lead lead = {range, false};
		struct notebook_marks marks;

		notebook_marks_read(reader->notebook, &lead, 1, &marks);
		if (marks.conditional)
			reject(reader, cell, node,
			    "a cell's parameter cannot depend on `cfg`: write two cells");
		notebook_marks_fini(&marks);
		return;
	}
	if (ts_node_is_extra(node) || (!ts_node_is_named(node) && !notebook_node_is(node, "_")))
		return;
	pattern = notebook_node_field(node, "pattern");
	type = notebook_node_field(node, "type");
	if (notebook_node_is(node, "self_parameter") || notebook_node_is(pattern, "self"))
		reject(reader, cell, node,
		    "a cell cannot take `self`: it is a function of its own, its parameters name "
		    "cells");
	else if (notebook_node_is(node, "variadic_parameter"))
		reject(
		    reader, cell, node, "a cell cannot be variadic: each parameter names a cell");
	else if (!notebook_node_is(node, "parameter") || ts_node_is_null(type))
		reject(reader, cell, node,
		    "a cell's parameter needs a name, that of a cell, and a type: `name: &Type`");
	else if (!notebook_node_is(pattern, "identifier") ||
		 source[ts_node_start_byte(pattern)] == '$')
		reject(reader, cell, pattern,
		    "a cell's parameter must be a plain name, that of a cell: take it apart with "
		    "`let` in the body");
	else
		param_add(reader, cell, pattern, type);
}

static void params_read(struct notebook_reader *reader, size_t cell, TSNode parameters)
{
	TSTreeCursor cursor = ts_tree_cursor_new(parameters);
	bool more = ts_tree_cursor_goto_first_child(&cursor);

	for (; more; more = ts_tree_cursor_goto_next_sibling(&cursor))
		param_read(reader, cell, ts_tree_cursor_current_node(&cursor));
	ts_tree_cursor_delete(&cursor);
}

static void return_read(struct notebook_reader *reader, size_t index, TSNode type)
{
	struct notebook_cell *cell = &reader->notebook->cells[index];
	struct visit visit = {.reader = reader, .cell = index};

	free(cell->return_type);
	cell->return_type = notebook_text(reader->notebook, notebook_node_range(type));
	(void)walk(type, &visit, look_at_return); /* what it finds is a problem already */
}

static void signature_read(struct notebook_reader *reader, size_t cell, TSNode function)
{
	TSNode parameters = notebook_node_field(function, "parameters"),
	       type = notebook_node_field(function, "return_type");
	TSNode generics = notebook_node_field(function, "type_parameters");

	for (uint32_t i = 0; i < ts_node_named_child_count(function) && i < 8; i++)
		if (notebook_node_is(ts_node_named_child(function, i), "function_modifiers"))
			check_modifiers(reader, cell, ts_node_named_child(function, i));
	if (!ts_node_is_null(generics))
		check_generics(reader, cell, generics);
	if (!ts_node_is_null(parameters) && !ts_node_has_error(parameters))
		params_read(reader, cell, parameters);
	if (!ts_node_is_null(type) && !ts_node_has_error(type))
		return_read(reader, cell, type);
}

void notebook_signatures_read(struct notebook_reader *reader)
{
	notebook_types_sort(reader);
	for (size_t i = 0; i < reader->function_count; i++)
		if (!ts_node_is_null(reader->functions[i]))
			signature_read(reader, i, reader->functions[i]);
}
