#include <stdlib.h>
#include <string.h>

#include "venusd/notebook/notebook_internal.h"

/* What a type's name stands for: `type R<'a, T> = &'a T` makes `R<Foo>` a reference to `Foo`. Only
 * the notebook's own definitions are known. */

#define ALIAS_STEPS_MAX	   16 /* aliases of aliases */
#define EXPANDED_MAX_BYTES 1024u
#define PARAMETERS_MAX	   64u

/* A parameter of an alias and what it stands for. */
struct binding {
	struct notebook_range name;
	char *text;
};

struct bindings {
	struct binding *entries;
	size_t count;
};

static void bindings_fini(struct bindings *bindings)
{
	for (size_t i = 0; i < bindings->count; i++)
		free(bindings->entries[i].text);
	free(bindings->entries);
	*bindings = (struct bindings){0};
}

TSNode notebook_node_field(TSNode node, const char *name)
{
	return ts_node_child_by_field_name(node, name, (uint32_t)strlen(name));
}

static int compare_types(const void *a, const void *b)
{
	const struct notebook_type *left = a, *right = b;
	int order = strcmp(left->name, right->name);

	if (order != 0)
		return order;
	return ts_node_start_byte(left->node) < ts_node_start_byte(right->node) ? -1 : 1;
}

void notebook_types_sort(struct notebook_reader *reader)
{
	if (reader->type_count > 0)
		qsort(reader->types, reader->type_count, sizeof *reader->types, compare_types);
}

const struct notebook_type *notebook_type_find(
    const struct notebook_reader *reader, const char *name)
{
	size_t low = 0, high = reader->type_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(reader->types[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < reader->type_count && strcmp(reader->types[low].name, name) == 0
		   ? &reader->types[low]
		   : NULL;
}

bool notebook_type_has_lifetime(const struct notebook_type *type)
{
	TSNode parameters = notebook_node_field(type->node, "type_parameters");

	/* Lifetimes stand before all other parameters. */
	return !ts_node_is_null(parameters) &&
	       notebook_node_is(ts_node_named_child(parameters, 0), "lifetime_parameter");
}

static bool same_text(const char *text, struct notebook_range a, struct notebook_range b)
{
	return a.end - a.start == b.end - b.start &&
	       memcmp(text + a.start, text + b.start, a.end - a.start) == 0;
}

/* The text of a type with the bindings put in. NULL if it becomes too long. */
static char *expand(const char *text, TSNode node, const struct bindings *bindings)
{
	struct notebook_range range = notebook_node_range(node);
	struct notebook_lexer lexer = {text, range.start, range.end};
	AUTO_BUF struct buf buf = BUF_INIT;
	uint32_t done = range.start;

	for (;;) {
		struct notebook_token token = notebook_lex_code(&lexer);

		if (token.kind == NOTEBOOK_TOKEN_END)
			break;
		for (size_t i = 0; i < bindings->count; i++) {
			if (!same_text(text, bindings->entries[i].name,
				(struct notebook_range){token.start, token.end}))
				continue;
			buf_add(&buf, text + done, token.start - done);
			buf_add_text(&buf, bindings->entries[i].text);
			done = token.end;
			break;
		}
		if (buf.length > EXPANDED_MAX_BYTES)
			return NULL;
	}
	buf_add(&buf, text + done, range.end - done);
	return buf.length > EXPANDED_MAX_BYTES ? NULL : buf_take(&buf);
}

/* The named children of `node` that are, or are not, lifetimes, one after the other; null at the
 * end. */
static TSNode next_child(TSNode node, uint32_t *index, const char *lifetime, bool wanted)
{
	uint32_t count = ts_node_is_null(node) ? 0 : ts_node_named_child_count(node);

	if (count > PARAMETERS_MAX)
		count = PARAMETERS_MAX;

	while (*index < count) {
		TSNode child = ts_node_named_child(node, (*index)++);

		if (!ts_node_is_extra(child) && notebook_node_is(child, lifetime) == wanted)
			return child;
	}
	return (TSNode){0};
}

static TSNode parameter_name(TSNode parameter)
{
	TSNode name = notebook_node_field(parameter, "name");

	return ts_node_is_null(name) ? parameter : name;
}

/* Binds an alias's lifetimes, or its other parameters, to the arguments given for it. False if that
 * becomes too long. */
static bool bind(const char *text, TSNode parameters, TSNode arguments, bool lifetimes,
    const struct bindings *outer, struct bindings *ret_bindings)
{
	uint32_t parameter_index = 0, argument_index = 0;

	for (;;) {
		TSNode parameter =
		    next_child(parameters, &parameter_index, "lifetime_parameter", lifetimes);
		TSNode argument = next_child(arguments, &argument_index, "lifetime", lifetimes);
		struct binding *binding;
		char *value;

		if (ts_node_is_null(parameter))
			return true;
		if (ts_node_is_null(argument) && !lifetimes)
			argument = notebook_node_field(parameter, "default_type");
		value = !ts_node_is_null(argument) ? expand(text, argument, outer)
						   : mem_strdup(lifetimes ? "'_" : "_");
		if (!value)
			return false;
		binding = MEM_PUSH(ret_bindings->entries, ret_bindings->count);
		binding->name = notebook_node_range(parameter_name(parameter));
		binding->text = value;
	}
}

/* The alias that a type names, with its arguments; NULL if it names none. */
static const struct notebook_type *alias_of(
    const struct notebook_reader *reader, TSNode node, TSNode *ret_arguments)
{
	const struct notebook_type *type;
	AUTO_FREE char *name = NULL;

	*ret_arguments = (TSNode){0};
	if (notebook_node_is(node, "generic_type")) {
		*ret_arguments = notebook_node_field(node, "type_arguments");
		node = notebook_node_field(node, "type");
	}
	if (notebook_node_is(node, "scoped_type_identifier")) {
		TSNode path = notebook_node_field(node, "path");

		if (!notebook_node_is(path, "crate") && !notebook_node_is(path, "self"))
			return NULL;
		node = notebook_node_field(node, "name");
	}
	if (!notebook_node_is(node, "type_identifier"))
		return NULL;
	name = notebook_text(reader->notebook, notebook_node_range(node));
	type = notebook_type_find(reader, name);
	return type && notebook_node_is(type->node, "type_item") ? type : NULL;
}

static enum notebook_passing passing_of(TSNode reference)
{
	for (uint32_t i = 0; i < ts_node_named_child_count(reference) && i < 8; i++)
		if (notebook_node_is(ts_node_named_child(reference, i), "mutable_specifier"))
			return NOTEBOOK_BY_MUT;
	return NOTEBOOK_BY_REF;
}

void notebook_passing_find(
    const struct notebook_reader *reader, TSNode type, struct notebook_param *param)
{
	const char *text = reader->notebook->source;
	struct bindings bindings = {0};

	param->passing = NOTEBOOK_BY_VALUE;
	for (int step = 0; step < ALIAS_STEPS_MAX; step++) {
		struct bindings inner = {0};
		const struct notebook_type *alias;
		TSNode arguments, parameters;
		bool fits;

		if (notebook_node_is(type, "reference_type")) {
			param->pointee = expand(text, notebook_node_field(type, "type"), &bindings);
			if (param->pointee)
				param->passing = passing_of(type);
			break;
		}
		alias = alias_of(reader, type, &arguments);
		if (!alias)
			break;
		parameters = notebook_node_field(alias->node, "type_parameters");
		fits = bind(text, parameters, arguments, true, &bindings, &inner) &&
		       bind(text, parameters, arguments, false, &bindings, &inner);
		bindings_fini(&bindings);
		bindings = inner;
		if (!fits)
			break;
		type = notebook_node_field(alias->node, "type");
	}
	bindings_fini(&bindings);
	if (!param->pointee)
		param->pointee = mem_strdup(param->type);
}
