#include "venusd/build/rust_text_internal.h"

#include <string.h>

#include "common/file.h"
#include "common/mem.h"

/* What is changed wherever it stands: attributes and derives that only venus reads, and paths that
 * start from the notebook's folder. */

static bool path_is(const struct rust_tokens *tokens, size_t i, const char *name)
{
	if (rust_is(tokens, i, "venus") && rust_is(tokens, i + 1, ":") &&
	    rust_is(tokens, i + 2, ":"))
		i += 3;
	if (rust_is(tokens, i, "prelude") && rust_is(tokens, i + 1, ":") &&
	    rust_is(tokens, i + 2, ":"))
		i += 3;
	return rust_is(tokens, i, name);
}

/* A notebook that uses the crate rkyv itself means its derives. */
static bool uses_rkyv(const struct notebook *notebook)
{
	for (size_t i = 0; i < notebook->item_count; i++) {
		const struct notebook_item *item = &notebook->items[i];
		if (item->kind != NOTEBOOK_USE && item->kind != NOTEBOOK_EXTERN_CRATE)
			continue;
		AUTO_TOKENS struct rust_tokens tokens = {0};
		rust_lex(notebook->source, item->body, &tokens);
		for (size_t k = 0; k < tokens.count; k++)
			if (rust_is(&tokens, k, "rkyv"))
				return true;
	}
	return false;
}

static const char *const DERIVES[] = {"Archive", "RkyvSerialize", "RkyvDeserialize"};
static const char *const HELPERS[] = {"rkyv", "archive", "archive_attr"};

static bool is_our_derive(const struct rust_tokens *tokens, size_t i)
{
	for (size_t k = 0; k < ARRAY_LENGTH(DERIVES); k++)
		if (path_is(tokens, i, DERIVES[k]))
			return true;
	return false;
}

/* `#[derive(Debug, Archive)]`: each of ours is cut with its comma. */
static void rewrite_derive(const struct rust_rewrite *rewrite, size_t open)
{
	const struct rust_tokens *tokens = rewrite->tokens;
	size_t close = tokens->at[open].match;
	for (size_t i = open + 1; close != RUST_NO_MATCH && i < close;) {
		size_t end = rust_find(tokens, i, close, ',');
		if (is_our_derive(tokens, i))
			rust_edit_cut(rewrite->edits, tokens->at[i].start,
			    end < close ? tokens->at[end].end : tokens->at[close].start);
		i = end + 1;
	}
}

/* Replaces a literal that is a relative path by the absolute one. */
static void make_absolute(const struct rust_rewrite *rewrite, size_t literal)
{
	AUTO_FREE char *value = rust_literal_value(rewrite->tokens, literal);
	if (!value || !*value || *value == '/')
		return;
	AUTO_FREE char *path = file_join(rewrite->settings->folder, value);
	AUTO_FREE char *text = rust_quoted(path);
	rust_edit_replace(rewrite->edits, rewrite->tokens->at[literal].start,
	    rewrite->tokens->at[literal].end, text);
}

static bool is_cut(const struct rust_rewrite *rewrite, size_t name, bool rkyv)
{
	const struct rust_tokens *tokens = rewrite->tokens;
	if (path_is(tokens, name, "hide") || path_is(tokens, name, "cell"))
		return true;
	for (size_t i = 0; !rkyv && i < ARRAY_LENGTH(HELPERS); i++)
		if (rust_is(tokens, name, HELPERS[i]))
			return true;
	return (rewrite->flags & RUST_REACH) &&
	       (rust_is(tokens, name, "non_exhaustive") || rust_is(tokens, name, "macro_export"));
}

static void rewrite_attribute(const struct rust_rewrite *rewrite, size_t hash, size_t open)
{
	const struct rust_tokens *tokens = rewrite->tokens;
	size_t close = tokens->at[open].match, name = open + 1;
	if (close == RUST_NO_MATCH)
		return;
	bool rkyv = uses_rkyv(rewrite->notebook);
	if (is_cut(rewrite, name, rkyv))
		rust_edit_cut(rewrite->edits, tokens->at[hash].start, tokens->at[close].end);
	else if (rust_is(tokens, name, "derive") && rust_is(tokens, name + 1, "(") && !rkyv)
		rewrite_derive(rewrite, name + 1);
	else if (rust_is(tokens, name, "path") && rust_is(tokens, name + 1, "="))
		make_absolute(rewrite, name + 2);
}

static bool is_include(const struct rust_tokens *tokens, size_t i)
{
	return (rust_is(tokens, i, "include") || rust_is(tokens, i, "include_str") ||
		   rust_is(tokens, i, "include_bytes")) &&
	       rust_is(tokens, i + 1, "!") && rust_is_kind(tokens, i + 2, RUST_OPEN) &&
	       (rust_is_kind(tokens, i + 4, RUST_CLOSE) || rust_is(tokens, i + 4, ","));
}

void rust_rewrite_tokens(const struct rust_rewrite *rewrite)
{
	const struct rust_tokens *tokens = rewrite->tokens;
	for (size_t i = 0; i < tokens->count; i++) {
		if (rust_is(tokens, i, "#") && rust_is(tokens, i + 1, "["))
			rewrite_attribute(rewrite, i, i + 1);
		else if (is_include(tokens, i))
			make_absolute(rewrite, i + 3);
	}
}

bool rust_tells_place(const struct rust_tokens *tokens)
{
	static const char *const MACROS[] = {"line", "column", "file", "dbg"};
	for (size_t i = 0; i < tokens->count; i++) {
		if (rust_is(tokens, i, "Location") || rust_is(tokens, i, "track_caller"))
			return true;
		for (size_t k = 0; k < ARRAY_LENGTH(MACROS); k++)
			if (rust_is(tokens, i, MACROS[k]) && rust_is(tokens, i + 1, "!"))
				return true;
	}
	return false;
}
