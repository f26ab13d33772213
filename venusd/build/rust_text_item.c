#include "venusd/build/rust_text_internal.h"

#include <string.h>

#include "common/file.h"
#include "common/mem.h"

/*
 * Rewriting definitions. The universe is a crate of its own, so that what is private at the
 * notebook's root must become public for the cells to see it; what is private inside a `mod` was
 * never visible to a cell and stays so, but for `pub(crate)` and its like. All of it is done by
 * inserting and cutting at token positions: the text between stays as it was written.
 */

static bool any_of(const struct rust_tokens *tokens, size_t i, const char *const *names)
{
	for (; *names; names++)
		if (rust_is(tokens, i, *names))
			return true;
	return false;
}

static const char *const MODIFIERS[] = {"default", "unsafe", "async", "safe", "auto", NULL};
static const char *const KEYWORDS[] = {"fn", "struct", "enum", "union", "trait", "impl", "mod",
    "use", "type", "const", "static", "extern", "macro_rules", NULL};

/* The keyword that says what the item is: `fn` of `pub const unsafe extern "C" fn`. */
static size_t find_keyword(const struct rust_tokens *tokens, size_t i, size_t end)
{
	for (;;) {
		bool literal = rust_is_kind(tokens, i + 1, RUST_LITERAL);
		size_t next = i + 1 + literal;
		if (i + 1 >= end)
			return i;
		if (any_of(tokens, i, MODIFIERS) && rust_is_kind(tokens, i + 1, RUST_IDENT))
			i++;
		else if (rust_is(tokens, i, "const") &&
			 (rust_is(tokens, i + 1, "fn") || any_of(tokens, i + 1, MODIFIERS) ||
			     rust_is(tokens, i + 1, "extern")))
			i++;
		else if (rust_is(tokens, i, "extern") && rust_is(tokens, next, "fn"))
			i = next;
		else
			return i;
	}
}

static void find_end(const struct rust_tokens *tokens, struct rust_item *item, size_t end)
{
	bool ends_at_brace =
	    !rust_is(tokens, item->keyword, "use") && !rust_is(tokens, item->keyword, "type") &&
	    !rust_is(tokens, item->keyword, "const") && !rust_is(tokens, item->keyword, "static");
	size_t i = item->keyword + 1;
	for (; i < end && !rust_is(tokens, i, ";"); i = rust_after(tokens, i)) {
		/* `Matrix<{ N }>` is no body. */
		if (!ends_at_brace || !rust_is(tokens, i, "{") || rust_is(tokens, i - 1, "<"))
			continue;
		item->open = i;
		item->close = tokens->at[i].match == RUST_NO_MATCH ? end : tokens->at[i].match;
		break;
	}
	item->end = item->open < end ? item->close + 1 : i + 1;
	if (item->end > end)
		item->end = end;
}

/* `name! { … }` or `path::name!(…);` */
static bool macro_call(
    const struct rust_tokens *tokens, size_t i, size_t end, struct rust_item *item)
{
	size_t k = i;
	while (k < end && (rust_is(tokens, k, ":") || rust_is_kind(tokens, k, RUST_IDENT)))
		k++;
	if (k == i || !rust_is(tokens, k, "!"))
		return false;
	item->name = k - 1;
	item->open = rust_is_kind(tokens, k + 1, RUST_IDENT) ? k + 2 : k + 1;
	if (rust_is(tokens, i, "macro_rules"))
		item->name = k + 1;
	if (!rust_is_kind(tokens, item->open, RUST_OPEN) ||
	    tokens->at[item->open].match == RUST_NO_MATCH)
		return false;
	item->close = tokens->at[item->open].match;
	item->end = item->close + 1 + (rust_is(tokens, item->close + 1, ";") ? 1 : 0);
	if (item->end > end)
		item->end = end;
	return true;
}

struct rust_item rust_item_at(const struct rust_tokens *tokens, size_t i, size_t end)
{
	struct rust_item item = {
	    .attributes = i, .name = end, .open = end, .close = end, .end = i + 1};
	item.start = rust_skip_attributes(tokens, i, end);
	item.head = rust_skip_visibility(tokens, item.start, end);
	item.keyword = item.head;
	if (item.head >= end) {
		item.end = end;
		return item;
	}
	item.keyword = find_keyword(tokens, item.head, end);
	bool known =
	    any_of(tokens, item.keyword, KEYWORDS) && !rust_is(tokens, item.keyword + 1, "!");
	if (!known && macro_call(tokens, item.keyword, end, &item))
		return item;
	size_t name = item.keyword + 1;
	if (rust_is(tokens, name, "mut") || rust_is(tokens, name, "ref") ||
	    rust_is(tokens, name, "crate"))
		name++;
	if (name < end)
		item.name = name;
	find_end(tokens, &item, end);
	return item;
}

bool rust_has_macro(const struct notebook *notebook, const char *name)
{
	for (size_t i = 0; i < notebook->item_count; i++)
		if (notebook->items[i].kind == NOTEBOOK_MACRO &&
		    strcmp(notebook->items[i].name, name) == 0)
			return true;
	return false;
}

static uint32_t start_of(const struct rust_rewrite *rewrite, size_t i)
{
	return rewrite->tokens->at[i].start;
}

static uint32_t end_of(const struct rust_rewrite *rewrite, size_t i)
{
	return rewrite->tokens->at[i].end;
}

/* Makes what starts at `i` public. */
static void publish(const struct rust_rewrite *rewrite, size_t i, size_t head)
{
	if (head == i)
		rust_edit_insert(rewrite->edits, start_of(rewrite, i), "pub ", true);
	else if (head > i + 1)
		rust_edit_replace(
		    rewrite->edits, start_of(rewrite, i), end_of(rewrite, head - 1), "pub");
}

/* `$vis`, a fragment that the macro's pattern declares as a visibility. */
static bool is_vis_fragment(const struct rust_tokens *tokens, size_t i)
{
	if (!rust_is(tokens, i, "$") || !rust_is_kind(tokens, i + 1, RUST_IDENT))
		return false;
	AUTO_FREE char *name = rust_tokens_text(tokens, i + 1, i + 2);
	for (size_t k = 0; k + 3 < tokens->count; k++)
		if (rust_is(tokens, k, "$") && rust_is(tokens, k + 1, name) &&
		    rust_is(tokens, k + 2, ":") && rust_is(tokens, k + 3, "vis"))
			return true;
	return false;
}

/* Behind `$( … ) sep *`; `i` is at the `$`. */
static size_t after_repetition(const struct rust_tokens *tokens, size_t i, size_t end)
{
	i = rust_after(tokens, i + 1);
	while (i < end && !rust_is(tokens, i, "*") && !rust_is(tokens, i, "+") &&
	       !rust_is(tokens, i, "?"))
		i++;
	return i < end ? i + 1 : end;
}

/* Fields between braces or parentheses. */
static void publish_fields(const struct rust_rewrite *rewrite, size_t i, size_t end)
{
	const struct rust_tokens *tokens = rewrite->tokens;
	while ((i = rust_skip_attributes(tokens, i, end)) < end) {
		if (rust_is(tokens, i, "$") && rust_is(tokens, i + 1, "(")) {
			publish_fields(rewrite, i + 2, rust_after(tokens, i + 1) - 1);
			i = after_repetition(tokens, i, end);
			if (rust_is(tokens, i, ",") && i < end)
				i++;
			continue;
		}
		if (is_vis_fragment(tokens, i))
			rust_edit_replace(
			    rewrite->edits, start_of(rewrite, i), end_of(rewrite, i + 1), "pub");
		else
			publish(rewrite, i, rust_skip_visibility(tokens, i, end));
		i = rust_find(tokens, i, end, ',') + 1;
	}
}

static bool is_trait_impl(const struct rust_tokens *tokens, const struct rust_item *item)
{
	for (size_t i = item->keyword + 1; i < item->open; i = rust_after(tokens, i)) {
		/* `for<'a>` binds lifetimes and says nothing of a trait. */
		bool binder =
		    rust_is(tokens, i + 1, "<") &&
		    (rust_is_kind(tokens, i + 2, RUST_LIFETIME) || rust_is(tokens, i + 2, ">"));
		if (rust_is(tokens, i, "for") && !binder)
			return true;
	}
	return false;
}

/* `use name;` or `use name as other;` of a root macro: such a name cannot leave its crate. */
static bool is_macro_use(const struct rust_rewrite *rewrite, const struct rust_item *item)
{
	if (!rust_is(rewrite->tokens, item->keyword, "use") ||
	    !(rust_is(rewrite->tokens, item->name + 1, ";") ||
		rust_is(rewrite->tokens, item->name + 1, "as")))
		return false;
	AUTO_FREE char *name = rust_tokens_text(rewrite->tokens, item->name, item->name + 1);
	return rust_has_macro(rewrite->notebook, name);
}

/* Macros whose items are known to be written as in the language. */
static const char *const ITEM_MACROS[] = {"thread_local", "lazy_static", "bitflags", NULL};

static void publish_tuple(const struct rust_rewrite *rewrite, const struct rust_item *item)
{
	const struct rust_tokens *tokens = rewrite->tokens;
	size_t i = item->name + 1;
	if (rust_is(tokens, i, "<"))
		i = rust_angle_end(tokens, i, item->end);
	if (i < item->end && rust_is(tokens, i, "(") && tokens->at[i].match != RUST_NO_MATCH)
		publish_fields(rewrite, i + 1, tokens->at[i].match);
}

static void publish_list(const struct rust_rewrite *rewrite, size_t i, size_t end, bool shallow);

static void publish_item(
    const struct rust_rewrite *rewrite, const struct rust_item *item, bool shallow)
{
	const struct rust_tokens *tokens = rewrite->tokens;
	size_t kw = item->keyword;
	bool is_extern = rust_is(tokens, kw, "extern") && !rust_is(tokens, kw + 1, "crate");
	if (rust_is(tokens, kw, "impl")) {
		if (item->open < item->close && !is_trait_impl(tokens, item))
			publish_list(rewrite, item->open + 1, item->close, false);
		return;
	}
	if (is_extern) {
		if (item->open < item->close)
			publish_list(rewrite, item->open + 1, item->close, false);
		return;
	}
	if (!any_of(tokens, kw, KEYWORDS) || rust_is(tokens, kw, "macro_rules")) {
		if (any_of(tokens, item->name, ITEM_MACROS) && item->open < item->close)
			publish_list(rewrite, item->open + 1, item->close, true);
		return;
	}
	bool nameless = rust_is(tokens, kw, "const") && rust_is(tokens, item->name, "_");
	if (!nameless && !is_macro_use(rewrite, item))
		publish(rewrite, item->start, item->head);
	if (shallow || (!rust_is(tokens, kw, "struct") && !rust_is(tokens, kw, "union")))
		return;
	if (item->open < item->close)
		publish_fields(rewrite, item->open + 1, item->close);
	else
		publish_tuple(rewrite, item);
}

/* Also what a macro makes: `$(…)*` is a list of its own, `$vis` a visibility. */
static void publish_list(const struct rust_rewrite *rewrite, size_t i, size_t end, bool shallow)
{
	const struct rust_tokens *tokens = rewrite->tokens;
	while (i < end) {
		size_t at = rust_skip_attributes(tokens, i, end);
		if (at >= end)
			return;
		if (rust_is(tokens, at, "$") && rust_is(tokens, at + 1, "(")) {
			publish_list(rewrite, at + 2, rust_after(tokens, at + 1) - 1, shallow);
			i = after_repetition(tokens, at, end);
			continue;
		}
		bool fragment = is_vis_fragment(tokens, at);
		if (fragment)
			rust_edit_replace(
			    rewrite->edits, start_of(rewrite, at), end_of(rewrite, at + 1), "pub");
		struct rust_item item = rust_item_at(tokens, fragment ? at + 2 : at, end);
		if (item.head < end) {
			if (fragment)
				item.head = item.start + 1; /* it is public by now */
			publish_item(rewrite, &item, shallow);
		}
		i = item.end > i ? item.end : i + 1;
	}
}

void rust_rewrite_macro(const struct rust_rewrite *rewrite, size_t i, size_t end)
{
	const struct rust_tokens *tokens = rewrite->tokens;
	struct rust_item item = rust_item_at(tokens, i, end);
	if (item.open >= item.close)
		return;
	for (size_t k = item.open + 1; k < item.close;) {
		/* (pattern) => {text}; */
		size_t text = rust_after(tokens, k) + 2;
		if (!rust_is(tokens, text - 2, "=") || text >= item.close ||
		    tokens->at[text].match == RUST_NO_MATCH)
			return;
		publish_list(rewrite, text + 1, tokens->at[text].match, false);
		k = rust_after(tokens, text) + 1;
	}
}

bool rust_has_attribute(
    const struct rust_tokens *tokens, const struct rust_item *item, const char *name)
{
	for (size_t i = item->attributes; i < item->start; i++)
		if (rust_is(tokens, i, "[") && rust_is(tokens, i + 1, name))
			return true;
	return false;
}

/* `mod x;` whose file the language looks for; one with a path has it made absolute where attributes
 * are rewritten. */
static bool is_outline_mod(const struct rust_tokens *tokens, const struct rust_item *item)
{
	return rust_is(tokens, item->keyword, "mod") && item->open >= item->close &&
	       rust_is_kind(tokens, item->name, RUST_IDENT) &&
	       rust_is(tokens, item->name + 1, ";") && item->end == item->name + 2 &&
	       !rust_has_attribute(tokens, item, "path");
}

/* `mod x;` is looked for beside the file that says it, which is not where the notebook is: a folder
 * module in between says where, and looks on into it as the file would have found its root. */
static void outline_mod(const struct rust_rewrite *rewrite, const struct rust_item *item)
{
	const struct rust_tokens *tokens = rewrite->tokens;
	const char *attributes =
	    rust_has_attribute(tokens, item, "macro_use") ? "#[macro_use] " : "";
	AUTO_FREE char *name = rust_tokens_text(tokens, item->name, item->name + 1);
	const char *plain = strncmp(name, "r#", 2) == 0 ? name + 2 : name;
	AUTO_FREE char *folder = rust_quoted(rewrite->settings->folder);
	AUTO_BUF struct buf text = BUF_INIT;
	buf_printf(&text,
	    "#[path = %s] mod __venus_folder_%s { #[allow(unused_imports)] use super::*; %spub "
	    "mod ",
	    folder, plain, attributes);
	rust_edit_insert(rewrite->edits, start_of(rewrite, item->start), text.data, false);
	if (item->name > item->start)
		rust_edit_cut(
		    rewrite->edits, start_of(rewrite, item->start), start_of(rewrite, item->name));
	buf_clear(&text);
	buf_printf(
	    &text, " } #[allow(unused_imports)] pub use __venus_folder_%s::%s;", plain, name);
	rust_edit_insert(rewrite->edits, end_of(rewrite, item->end - 1), text.data, false);
}

/* Whether a `mod x;` stands somewhere in [i, end). */
static bool has_outline_mod(const struct rust_tokens *tokens, size_t i, size_t end)
{
	for (; i < end; i++)
		if (rust_is(tokens, i, "mod") && rust_is(tokens, i + 2, ";"))
			return true;
	return false;
}

static void rewrite_mod(const struct rust_rewrite *rewrite, const struct rust_item *item, bool root)
{
	const struct rust_tokens *tokens = rewrite->tokens;
	if (root && is_outline_mod(tokens, item))
		outline_mod(rewrite, item);
	if (item->open >= item->close || !rust_is_kind(tokens, item->name, RUST_IDENT))
		return;
	if (root && has_outline_mod(tokens, item->open, item->close)) {
		AUTO_FREE char *name = rust_tokens_text(tokens, item->name, item->name + 1);
		AUTO_FREE char *folder = file_join(rewrite->settings->folder, name);
		AUTO_FREE char *quoted = rust_quoted(folder);
		AUTO_FREE char *text = mem_printf("#[path = %s] ", quoted);
		rust_edit_insert(rewrite->edits, start_of(rewrite, item->start), text, false);
	}
	for (size_t i = item->open + 1; (rewrite->flags & RUST_REACH) && i < item->close; i++) {
		size_t after = rust_skip_visibility(tokens, i, item->close);
		if (after > i + 1 && !rust_is(tokens, i + 2, "self"))
			rust_edit_replace(rewrite->edits, start_of(rewrite, i),
			    end_of(rewrite, after - 1), "pub");
	}
}

static void rewrite_list(const struct rust_rewrite *rewrite, size_t i, size_t end, bool root)
{
	const struct rust_tokens *tokens = rewrite->tokens;
	while (i < end) {
		struct rust_item item = rust_item_at(tokens, i, end);
		if (item.head < end) {
			if (rust_is(tokens, item.keyword, "mod")) {
				rewrite_mod(rewrite, &item, root);
				rewrite_list(rewrite, item.open + 1, item.close, false);
			}
			if (root && !is_outline_mod(tokens, &item) && (rewrite->flags & RUST_REACH))
				publish_item(rewrite, &item, false);
			AUTO_FREE char *codec =
			    (rewrite->flags & RUST_CODECS) ? rust_codec_text(tokens, &item) : NULL;
			if (codec)
				rust_edit_insert(
				    rewrite->edits, end_of(rewrite, item.end - 1), codec, false);
		}
		i = item.end > i ? item.end : i + 1;
	}
}

void rust_rewrite_items(const struct rust_rewrite *rewrite, size_t i, size_t end)
{
	rewrite_list(rewrite, i, end, true);
}
