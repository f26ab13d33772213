/*
 * Which definitions a cell reaches. By word: a definition is reached when its name occurs anywhere
 * in what is reached, strings included; an impl or trait also by the names of what it holds; a
 * blanket impl always. What cannot be decided by words (a glob import of something other than the
 * standard library, a macro called at the top level) makes every cell reach everything: unsure
 * means all.
 */

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "venusd/plan/plan_internal.h"

struct reach_item {
	struct word_set names, words;
	bool always;
};

static bool word_occurs(const char *text, const char *word)
{
	struct word_set whole = {0}, one = {0};
	bool met;

	word_set_add_text(&whole, text, strlen(text));
	word_set_add_text(&one, word, strlen(word));
	word_set_seal(&whole);
	word_set_seal(&one);
	met = word_set_meets(&whole, &one);
	word_set_fini(&whole);
	word_set_fini(&one);
	return met;
}

/* A use declaration's text, without attributes. */
static const char *use_path(const char *text)
{
	const char *use = text[0] == '#' ? strstr(text, "] ") : text;

	use = use ? strstr(use, "use ") : NULL;
	return use ? use + 4 : text;
}

static bool is_foreign_glob(const char *text)
{
	static const char *const known[] = {
	    "venus::", "std::", "core::", "alloc::", "::std::", "::core::", "::alloc::"};
	const char *path = use_path(text);

	if (!strchr(path, '*'))
		return false;
	for (size_t i = 0; i < ARRAY_LENGTH(known); i++)
		if (strncmp(path, known[i], strlen(known[i])) == 0)
			return false;
	return true;
}

/* The names that an item's text declares with `fn`, `const`, `type` or `static`: what a trait or an
 * impl can be reached by. */
static void add_held_names(struct word_set *names, const char *text)
{
	static const char *const keywords[] = {"fn ", "const ", "type ", "static "};

	for (size_t i = 0; i < ARRAY_LENGTH(keywords); i++)
		for (const char *at = text; (at = strstr(at, keywords[i]));) {
			at += strlen(keywords[i]);
			word_set_add_text(names, at, strcspn(at, " (<:;={"));
		}
}

/* impl<T> Trait for T: reached by everything. */
static bool is_blanket(const char *text)
{
	const char *impl = strstr(text, "impl"), *target, *end;
	size_t length;

	if (!impl || (impl[4] != '<' && strncmp(impl + 4, " <", 2) != 0) ||
	    !(target = strstr(impl, " for ")))
		return false;
	target += strlen(" for ");
	while (*target == '&' || *target == ' ')
		target++;
	length = strcspn(target, " {<,");
	end = strchr(impl, '>');
	for (const char *at = impl + 1; length && end && at + length <= end; at++)
		if (strncmp(at, target, length) == 0 && strchr("< ,", at[-1]) &&
		    strchr(":> ,=", at[length]))
			return true;
	return false;
}

/* Words that are in every impl and use would tie everything to everything. */
static void drop_common(struct word_set *names)
{
	static const char common_words[] = "impl for where dyn mut pub crate self super std core "
					   "alloc venus use as fn Self unsafe const "
					   "static type fmt String Vec Option Result";
	struct word_set common = {0};
	size_t kept = 0;

	word_set_add_text(&common, common_words, strlen(common_words));
	word_set_seal(&common);
	for (size_t i = 0; i < names->count; i++) {
		struct word_set one = {.hashes = &names->hashes[i], .count = 1};

		if (!word_set_meets(&one, &common))
			names->hashes[kept++] = names->hashes[i];
	}
	names->count = kept;
	word_set_fini(&common);
}

static void describe(struct reach_item *reach, const struct notebook_item *item, const char *text)
{
	word_set_add_text(&reach->words, text, strlen(text));
	switch (item->kind) {
	case NOTEBOOK_USE:
		word_set_add_text(&reach->names, use_path(text), strlen(use_path(text)));
		drop_common(&reach->names);
		break;
	case NOTEBOOK_IMPL:
		word_set_add_text(&reach->names, text, strcspn(text, "{"));
		drop_common(&reach->names);
		add_held_names(&reach->names, text);
		reach->always = is_blanket(text);
		break;
	case NOTEBOOK_TRAIT:
	case NOTEBOOK_EXTERN_BLOCK:
	case NOTEBOOK_MACRO_CALL: add_held_names(&reach->names, text); break;
	case NOTEBOOK_INNER_ATTRIBUTE:
	case NOTEBOOK_OTHER: reach->always = true; break;
	default: break;
	}
	/* Its own name counts, whatever it is. */
	word_set_add_text(&reach->names, item->name, strlen(item->name));
	word_set_seal(&reach->names);
	word_set_seal(&reach->words);
}

static bool unsure(const struct notebook *notebook, const struct plan_code *code)
{
	for (size_t i = 0; i < notebook->item_count; i++) {
		const struct notebook_item *item = &notebook->items[i];

		if (item->kind == NOTEBOOK_USE && is_foreign_glob(code->items[i].text))
			return true;
		if (item->kind == NOTEBOOK_MACRO_CALL &&
		    !word_occurs(code->items[i].text, "thread_local"))
			return true;
		if (item->broken)
			return true;
	}
	return false;
}

static void reach_from(
    struct plan_code *code, size_t cell, const struct reach_item *items, bool all)
{
	size_t count = code->notebook->item_count, front = 0;
	AUTO_FREE bool *reached = mem_alloc(count * sizeof *reached);
	AUTO_FREE size_t *queue = mem_alloc((count + 1) * sizeof *queue);
	struct word_set own = {0};
	size_t queued = 0;

	word_set_add_text(&own, code->cells[cell].text, strlen(code->cells[cell].text));
	word_set_seal(&own);
	queue[queued++] = SIZE_MAX; /* the cell itself */
	while (front < queued) {
		size_t from = queue[front++];
		const struct word_set *words = from == SIZE_MAX ? &own : &items[from].words;

		for (size_t i = 0; i < count; i++)
			if (!reached[i] &&
			    (all || items[i].always || word_set_meets(words, &items[i].names))) {
				reached[i] = true;
				queue[queued++] = i;
			}
	}
	word_set_fini(&own);
	for (size_t i = 0; i < count; i++)
		if (reached[i])
			*MEM_PUSH(code->reached[cell].items, code->reached[cell].count) = i;
}

/* An import that no text names is there for its methods (a trait): it counts for every cell. */
static void mark_method_imports(const struct plan_code *code, struct reach_item *items)
{
	const struct notebook *notebook = code->notebook;

	for (size_t i = 0; i < notebook->item_count; i++) {
		bool named = false;

		if (notebook->items[i].kind != NOTEBOOK_USE)
			continue;
		for (size_t k = 0; !named && k < notebook->cell_count; k++) {
			struct word_set words = {0};

			word_set_add_text(&words, code->cells[k].text, strlen(code->cells[k].text));
			word_set_seal(&words);
			named = word_set_meets(&words, &items[i].names);
			word_set_fini(&words);
		}
		for (size_t k = 0; !named && k < notebook->item_count; k++)
			named = k != i && notebook->items[k].kind != NOTEBOOK_USE &&
				word_set_meets(&items[k].words, &items[i].names);
		if (!named)
			items[i].always = !strchr(use_path(code->items[i].text), '*');
	}
}

void reach_find(struct plan_code *code)
{
	const struct notebook *notebook = code->notebook;
	AUTO_FREE struct reach_item *items = mem_alloc(notebook->item_count * sizeof *items);
	bool all = unsure(notebook, code);

	for (size_t i = 0; i < notebook->item_count; i++)
		describe(&items[i], &notebook->items[i], code->items[i].text);
	mark_method_imports(code, items);
	for (size_t i = 0; i < notebook->cell_count; i++)
		reach_from(code, i, items, all);
	for (size_t i = 0; i < notebook->item_count; i++) {
		word_set_fini(&items[i].names);
		word_set_fini(&items[i].words);
	}
}
