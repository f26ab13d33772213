#include "venusctl/options.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/mem.h"

#define DURATION_MAX_MS	 (1000ULL * 3600 * 1000)
#define LINES_DEFAULT	 100 /* of the log */
#define NAME_MAX_COMPARE 32  /* longer words are not compared with names */

struct parser {
	struct options *options;
	const struct option_table *tables;
	size_t table_count;
	int argc;
	char *const *argv;
	int index; /* of the next word */
};

void options_init(struct options *options)
{
	memset(options, 0, sizeof *options);
	options->lines = LINES_DEFAULT;
}

void options_fini(struct options *options)
{
	free(options->cells.items);
	free(options->settings.items);
	free(options->arguments.items);
}

static void list_add(struct option_list *list, char *item)
{
	*MEM_PUSH(list->items, list->count) = item;
}

/* ---- nearest name ---- */

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Edits (insert, delete, replace, swap of neighbours) that turn one word into the other: the
 * optimal string alignment distance, three rows kept. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t rows[3][NAME_MAX_COMPARE + 1];
	size_t a_length = strlen(a), b_length = strlen(b);

	if (a_length > NAME_MAX_COMPARE || b_length > NAME_MAX_COMPARE)
		return NAME_MAX_COMPARE;
	for (size_t j = 0; j <= b_length; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		size_t *now = rows[i % 3];
		const size_t *before = rows[(i + 2) % 3], *two_before = rows[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			size_t replace = before[j - 1] + (a[i - 1] != b[j - 1]);

			now[j] = min3(before[j] + 1, now[j - 1] + 1, replace);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    two_before[j - 2] + 1 < now[j])
				now[j] = two_before[j - 2] + 1;
		}
	}
	return rows[a_length % 3][b_length];
}

const char *options_nearest(const char *name, const char *const *names)
{
	size_t best = strlen(name) <= 3 ? 2 : 3; /* this many edits are too many */
	const char *nearest = NULL;

	for (; *names; names++) {
		size_t distance = edit_distance(name, *names);

		if (distance < best) {
			best = distance;
			nearest = *names;
		}
	}
	return nearest;
}

/* ---- values ---- */

int options_parse_duration(const char *text, uint64_t *ret_ms, struct err *err)
{
	static const struct {
		const char *name;
		double ms;
	} units[] = {{"ms", 1}, {"s", 1e3}, {"", 1e3}, {"m", 6e4}, {"min", 6e4}, {"h", 3.6e6}};
	char *end = NULL;
	double number = -1;

	if (text[0] >= '0' && text[0] <= '9' && text[1] != 'x' && text[1] != 'X')
		number = strtod(text, &end);
	for (size_t i = 0; number >= 0 && i < ARRAY_LENGTH(units); i++) {
		if (strcmp(end, units[i].name) != 0)
			continue;
		number *= units[i].ms;
		if (number > (double)DURATION_MAX_MS)
			return err_set(err, ERR_INVALID, "%s is longer than 1000 hours", text);
		*ret_ms = (uint64_t)(number + 0.5);
		return 0;
	}
	return err_set(
	    err, ERR_INVALID, "%s is not a duration: write it as 500ms, 30s, 5m or 2h", text);
}

static int parse_number(const char *text, uint64_t *ret_number, struct err *err)
{
	char *end = NULL;
	unsigned long long number;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno)
		return err_set(err, ERR_INVALID, "%s is not a number", text);
	*ret_number = number;
	return 0;
}

static int parse_choice(
    const struct option_row *row, const char *text, unsigned *ret_choice, struct err *err)
{
	for (unsigned i = 0; row->choices[i]; i++) {
		if (strcmp(row->choices[i], text) == 0) {
			*ret_choice = i;
			return 0;
		}
	}
	return err_set(err, ERR_INVALID, "%s is not one of %s", text, row->value);
}

static int store_value(
    const struct option_row *row, struct options *options, char *text, struct err *err)
{
	void *member = (char *)options + row->offset;

	switch (row->kind) {
	case OPTION_FLAG: *(bool *)member = true; return 0;
	case OPTION_TEXT: *(const char **)member = text; return 0;
	case OPTION_LIST: list_add(member, text); return 0;
	case OPTION_NUMBER: return parse_number(text, member, err);
	case OPTION_DURATION: return options_parse_duration(text, member, err);
	case OPTION_CHOICE: return parse_choice(row, text, member, err);
	case OPTION_REFUSED: break; /* never gets here: refused when its name is found */
	}
	assert(!"a kind of option without a case");
	return -1;
}

/* ---- names ---- */

static bool row_has_name(const struct option_row *row, const char *name, size_t length)
{
	size_t own = strlen(row->name);

	if (row->kind == OPTION_REFUSED && row->name[own - 1] == '-')
		return length >= own && strncmp(row->name, name, own) == 0;
	return own == length && strncmp(row->name, name, length) == 0;
}

static const struct option_row *find_row(
    const struct parser *p, const char *name, size_t length, char letter)
{
	for (size_t t = 0; t < p->table_count; t++) {
		for (size_t i = 0; i < p->tables[t].count; i++) {
			const struct option_row *row = &p->tables[t].rows[i];

			if (name ? row_has_name(row, name, length) : row->letter == letter)
				return row;
		}
	}
	return NULL;
}

static int fail_unknown(const struct parser *p, const char *word, size_t length, struct err *err)
{
	AUTO_FREE const char **names = NULL;
	AUTO_FREE char *name = mem_strndup(word + 2, length - 2);
	size_t count = 0;
	const char *nearest;

	for (size_t t = 0; t < p->table_count; t++)
		for (size_t i = 0; i < p->tables[t].count; i++)
			if (p->tables[t].rows[i].kind != OPTION_REFUSED)
				*MEM_PUSH(names, count) = p->tables[t].rows[i].name;
	*MEM_PUSH(names, count) = NULL;
	nearest = options_nearest(name, names);
	if (nearest)
		return err_set(
		    err, ERR_INVALID, "unknown option --%s: did you mean --%s?", name, nearest);
	return err_set(err, ERR_INVALID, "unknown option --%s: see --help", name);
}

static int fail_refused(const struct option_row *row, const char *word, struct err *err)
{
	return err_set(err, ERR_INVALID, "%s: %s", word, row->help);
}

static int take_value(
    struct parser *p, const struct option_row *row, const char *shown, char *text, struct err *err)
{
	if (!text && p->index >= p->argc)
		return err_set(
		    err, ERR_INVALID, "%s needs a value: %s %s", shown, shown, row->value);
	if (!text)
		text = p->argv[p->index++];
	if (store_value(row, p->options, text, err) < 0)
		return err_prefix(err, "%s", shown);
	return 0;
}

static int parse_long(struct parser *p, char *word, struct err *err)
{
	char *equals = strchr(word, '=');
	size_t length = equals ? (size_t)(equals - word) : strlen(word);
	const struct option_row *row = find_row(p, word + 2, length - 2, 0);
	AUTO_FREE char *shown = mem_strndup(word, length);

	if (!row)
		return fail_unknown(p, word, length, err);
	if (row->kind == OPTION_REFUSED)
		return fail_refused(row, shown, err);
	if (row->kind != OPTION_FLAG)
		return take_value(p, row, shown, equals ? equals + 1 : NULL, err);
	if (equals)
		return err_set(err, ERR_INVALID, "%s takes no value", shown);
	return store_value(row, p->options, NULL, err);
}

static int parse_short(struct parser *p, char *word, struct err *err)
{
	for (char *letter = word + 1; *letter; letter++) {
		const struct option_row *row = find_row(p, NULL, 0, *letter);
		char shown[3] = {'-', *letter, 0};

		if (!row)
			return err_set(err, ERR_INVALID, "unknown option -%c: see --help", *letter);
		if (row->kind != OPTION_FLAG)
			return take_value(p, row, shown, letter[1] ? letter + 1 : NULL, err);
		if (store_value(row, p->options, NULL, err) < 0)
			return -1;
	}
	return 0;
}

int options_parse(struct options *options, const struct option_table *tables, size_t table_count,
    int argc, char *const argv[], int *index, bool stop_at_word, struct err *err)
{
	struct parser p = {options, tables, table_count, argc, argv, *index};
	bool only_words = false;
	int result = 0;

	while (result == 0 && p.index < argc) {
		char *word = argv[p.index];

		if (only_words || word[0] != '-' || !word[1]) {
			if (stop_at_word)
				break;
			list_add(&options->arguments, word);
			p.index++;
			continue;
		}
		p.index++;
		if (strcmp(word, "--") == 0)
			only_words = true;
		else
			result =
			    word[1] == '-' ? parse_long(&p, word, err) : parse_short(&p, word, err);
	}
	*index = p.index;
	return result;
}
