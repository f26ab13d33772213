#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "venusd/notebook/notebook_internal.h"

/* Attributes are read by tokens, so that those of a broken item are understood too. */

struct attribute {
	struct notebook_lexer lexer; /* behind the path */
	struct notebook_token next;  /* first token behind the path */
	char path[32];		     /* "venus::cell"; cut when longer than any known one */
};

static void path_add(
    struct attribute *attribute, const char *text, const struct notebook_token *token)
{
	size_t used = strlen(attribute->path), more = token->end - token->start;

	if (used + more >= sizeof attribute->path)
		more = sizeof attribute->path - 1 - used;
	memcpy(attribute->path + used, text + token->start, more);
	attribute->path[used + more] = 0;
}

static struct attribute attribute_open(const char *text, struct notebook_range range)
{
	struct attribute attribute = {.lexer = {text, range.start, range.end}};
	struct notebook_token *token = &attribute.next;

	(void)notebook_lex_code(&attribute.lexer); /* # */
	(void)notebook_lex_code(&attribute.lexer); /* [ */
	*token = notebook_lex_code(&attribute.lexer);
	while (token->kind == NOTEBOOK_TOKEN_WORD ||
	       (token->kind == NOTEBOOK_TOKEN_PUNCT && text[token->start] == ':')) {
		path_add(&attribute, text, token);
		*token = notebook_lex_code(&attribute.lexer);
	}
	return attribute;
}

static bool path_is(const struct attribute *attribute, const char *name)
{
	const char *path = attribute->path;

	if (strncmp(path, "::", 2) == 0)
		path += 2;
	if (strncmp(path, "venus::", 7) == 0)
		path += 7;
	return strcmp(path, name) == 0;
}

bool notebook_attribute_is_cell(const char *text, struct notebook_range range)
{
	struct attribute attribute = attribute_open(text, range);

	return path_is(&attribute, "cell");
}

static void doc_line_break(struct buf *docs)
{
	if (docs->length > 0)
		buf_add_char(docs, '\n');
}

void notebook_marks_read(const struct notebook *notebook, const struct notebook_lead *leads,
    size_t count, struct notebook_marks *ret_marks)
{
	const char *text = notebook->source;

	*ret_marks = (struct notebook_marks){.docs = BUF_INIT};
	for (size_t i = 0; i < count; i++) {
		struct attribute attribute;

		if (leads[i].doc) {
			doc_line_break(&ret_marks->docs);
			notebook_comment_text(text, leads[i].range, &ret_marks->docs);
			continue;
		}
		attribute = attribute_open(text, leads[i].range);
		if (path_is(&attribute, "cell") && !ret_marks->cell) {
			ret_marks->cell = true;
			ret_marks->cell_range = leads[i].range;
		} else if (path_is(&attribute, "hide")) {
			ret_marks->hidden = true;
		} else if (strncmp(attribute.path, "cfg", 3) == 0) {
			ret_marks->conditional = true;
		} else if (strcmp(attribute.path, "doc") == 0 &&
			   attribute.next.kind == NOTEBOOK_TOKEN_PUNCT &&
			   text[attribute.next.start] == '=') {
			struct notebook_token value = notebook_lex_code(&attribute.lexer);

			if (value.kind == NOTEBOOK_TOKEN_STRING) {
				AUTO_FREE char *line = notebook_string_value(text, &value);

				doc_line_break(&ret_marks->docs);
				buf_add_text(&ret_marks->docs, line);
			}
		}
	}
}

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit TIME_UNITS[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"min", 60000}, {"h", 3600000}, {NULL, 0}};
static const struct unit SIZE_UNITS[] = {{"K", 1ull << 10}, {"KB", 1ull << 10}, {"KiB", 1ull << 10},
    {"M", 1ull << 20}, {"MB", 1ull << 20}, {"MiB", 1ull << 20}, {"G", 1ull << 30},
    {"GB", 1ull << 30}, {"GiB", 1ull << 30}, {"T", 1ull << 40}, {"TB", 1ull << 40},
    {"TiB", 1ull << 40}, {NULL, 0}};

#define TIMEOUT_MAX_MS	 (30ull * 24 * 3600 * 1000)
#define MEMORY_MIN_BYTES (1ull << 20)
#define MEMORY_MAX_BYTES (1ull << 46)

/* "5s", "1.5h": digits, perhaps a fraction, a unit. False if it is not so, or over the limit. */
static bool amount(const char *text, const struct unit *units, uint64_t limit, uint64_t *ret_value)
{
	const char *at = text;
	uint64_t whole = 0;
	double fraction = 0, place = 0.1;

	if (*at < '0' || *at > '9')
		return false;
	for (; *at >= '0' && *at <= '9'; at++) {
		whole = whole * 10 + (uint64_t)(*at - '0');
		if (whole > limit)
			return false;
	}
	if (*at == '.') {
		if (at[1] < '0' || at[1] > '9')
			return false;
		for (at++; *at >= '0' && *at <= '9'; at++, place /= 10)
			fraction += (*at - '0') * place;
	}
	while (*at == ' ')
		at++;
	for (; units->name; units++)
		if (strcmp(at, units->name) == 0)
			break;
	if (!units->name || whole > limit / units->factor)
		return false;
	*ret_value = whole * units->factor + (uint64_t)(fraction * (double)units->factor + 0.5);
	return *ret_value <= limit;
}

static const char *set_volatile(struct notebook_cell *cell, const char *value)
{
	(void)value; /* a flag has none */
	cell->is_volatile = true;
	return NULL;
}

static const char *set_cache(struct notebook_cell *cell, const char *value)
{
	(void)value; /* a flag has none */
	cell->is_cache = true;
	return NULL;
}

static const char *set_timeout(struct notebook_cell *cell, const char *value)
{
	if (!amount(value, TIME_UNITS, TIMEOUT_MAX_MS, &cell->timeout_ms) || cell->timeout_ms == 0)
		return "must be a time like \"500ms\", \"5s\", \"2m\" or \"1h\", at most 30 days";
	return NULL;
}

static const char *set_memory(struct notebook_cell *cell, const char *value)
{
	if (!amount(value, SIZE_UNITS, MEMORY_MAX_BYTES, &cell->memory_bytes) ||
	    cell->memory_bytes < MEMORY_MIN_BYTES)
		return "must be a size like \"512M\" or \"2G\", at least \"1M\"";
	return NULL;
}

static const struct option {
	const char *name;
	bool has_value;
	const char *(*set)(struct notebook_cell *cell,
	    const char *value); /* NULL, or what is wrong with the value */
} OPTIONS[] = {
    {"volatile", false, set_volatile},
    {"cache", false, set_cache},
    {"timeout", true, set_timeout},
    {"memory", true, set_memory},
};
static const char *const OPTION_NAMES[] = {"volatile", "cache", "timeout", "memory"};
static_assert(ARRAY_LENGTH(OPTIONS) == ARRAY_LENGTH(OPTION_NAMES),
    "every option has its name in both tables");

static void unknown_option(
    struct notebook_reader *reader, int cell, const char *name, struct notebook_range range)
{
	int nearest = notebook_nearest(name, OPTION_NAMES, ARRAY_LENGTH(OPTION_NAMES));

	if (nearest >= 0)
		notebook_problem_add(reader, NOTEBOOK_SYNTAX, cell, range,
		    "a cell has no option `%.40s`: did you mean `%s`?", name,
		    OPTION_NAMES[nearest]);
	else
		notebook_problem_add(reader, NOTEBOOK_SYNTAX, cell, range,
		    "a cell has no option `%.40s`: there are volatile, cache, timeout = \"5s\" and "
		    "memory = \"512M\"",
		    name);
}

/* One option from its name on; returns the token behind it. */
static struct notebook_token option_read(struct notebook_reader *reader, size_t index,
    struct notebook_lexer *lexer, struct notebook_token name, uint32_t *seen)
{
	const char *text = lexer->text, *wrong = NULL;
	struct notebook_cell *cell = &reader->notebook->cells[index];
	struct notebook_range range = {name.start, name.end};
	AUTO_FREE char *word = notebook_text(reader->notebook, range);
	AUTO_FREE char *value = NULL;
	struct notebook_token next = notebook_lex_code(lexer);
	size_t i = 0;

	if (next.kind == NOTEBOOK_TOKEN_PUNCT && text[next.start] == '=') {
		next = notebook_lex_code(lexer);
		range.end = next.end;
		value = next.kind == NOTEBOOK_TOKEN_STRING ? notebook_string_value(text, &next)
							   : mem_strdup("");
		if (next.kind != NOTEBOOK_TOKEN_CLOSE && next.kind != NOTEBOOK_TOKEN_END)
			next = notebook_lex_code(lexer);
	}
	while (i < ARRAY_LENGTH(OPTIONS) && strcmp(OPTIONS[i].name, word) != 0)
		i++;
	if (i == ARRAY_LENGTH(OPTIONS)) {
		unknown_option(reader, (int)index, word, range);
		return next;
	}
	if (*seen & 1u << i)
		wrong = "is given twice: keep one";
	else if (OPTIONS[i].has_value && !value)
		wrong = "needs a value: write it as timeout = \"5s\" or memory = \"512M\"";
	else if (!OPTIONS[i].has_value && value)
		wrong = "takes no value: write the word alone";
	else
		wrong = OPTIONS[i].set(cell, value);
	*seen |= 1u << i;
	if (wrong)
		notebook_problem_add(reader, NOTEBOOK_SYNTAX, (int)index, range,
		    "the cell's option `%s` %s", word, wrong);
	return next;
}

void notebook_options_read(struct notebook_reader *reader, size_t cell, struct notebook_range range)
{
	const char *text = reader->notebook->source;
	struct attribute attribute = attribute_open(text, range);
	struct notebook_token token = attribute.next;
	uint32_t seen = 0;

	if (token.kind == NOTEBOOK_TOKEN_CLOSE || token.kind == NOTEBOOK_TOKEN_END)
		return;
	if (token.kind != NOTEBOOK_TOKEN_OPEN || text[token.start] != '(') {
		notebook_problem_add(reader, NOTEBOOK_SYNTAX, (int)cell, range,
		    "a cell's options stand in parentheses: #[venus::cell(volatile, timeout = "
		    "\"5s\")]");
		return;
	}
	token = notebook_lex_code(&attribute.lexer);
	while (token.kind != NOTEBOOK_TOKEN_CLOSE && token.kind != NOTEBOOK_TOKEN_END) {
		if (token.kind == NOTEBOOK_TOKEN_WORD)
			token = option_read(reader, cell, &attribute.lexer, token, &seen);
		if (token.kind == NOTEBOOK_TOKEN_CLOSE || token.kind == NOTEBOOK_TOKEN_END)
			break;
		if (text[token.start] != ',') {
			notebook_problem_add(reader, NOTEBOOK_SYNTAX, (int)cell,
			    (struct notebook_range){token.start, token.end},
			    "this is no option of a cell: there are volatile, cache, timeout = "
			    "\"5s\" and memory = \"512M\", with commas between");
			return;
		}
		token = notebook_lex_code(&attribute.lexer);
	}
	if (reader->notebook->cells[cell].is_volatile && reader->notebook->cells[cell].is_cache)
		notebook_problem_add(reader, NOTEBOOK_SYNTAX, (int)cell, range,
		    "`volatile` (run always) and `cache` (reuse always) contradict each other: "
		    "keep one");
}
