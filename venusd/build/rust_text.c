#include "venusd/build/rust_text.h"

#include <string.h>

#include "common/mem.h"
#include "venusd/build/rust_text_internal.h"

/*
 * The crates. Everything here is a walk over the notebook's items and cells that copies text, and
 *writes down where each piece came from:
 *
 *	rust_text_lex.c        tokens of a part of the notebook
 *	rust_text_item.c       where an item's parts are; making it reachable
 *	rust_text_attribute.c  venus's own attributes, relative paths
 *	rust_text_codec.c      the codec behind each type
 *	rust_text_cell.c       a cell's file: function and wrapper; symbols
 *	rust_text_map.c        pieces, changes, and the way back
 *
 * The universe lets the definitions follow each other wherever they stand in the notebook, so that
 *a new paragraph or cell does not change it. Only a definition that tells its own place is moved
 *down to its line; since each item starts on a line of its own at most when it does so in the
 * notebook, and what venus adds stands at the end, no item is ever past its line.
 */

void rust_file_fini(struct rust_file *file)
{
	free(file->name);
	free(file->text);
	rust_map_free(file->map);
	*file = (struct rust_file){0};
}

void rust_crate_fini(struct rust_crate *crate)
{
	for (size_t i = 0; i < crate->file_count; i++)
		rust_file_fini(&crate->files[i]);
	free(crate->files);
	*crate = (struct rust_crate){0};
}

struct digest rust_crate_digest(const struct rust_crate *crate)
{
	struct digest_stream *stream = digest_stream_new();
	for (size_t i = 0; i < crate->file_count; i++) {
		digest_stream_add_text(stream, crate->files[i].name);
		digest_stream_add_text(stream, crate->files[i].text);
	}
	return digest_stream_finish(stream);
}

static void crate_add(struct rust_crate *crate, struct rust_file file)
{
	*MEM_PUSH(crate->files, crate->file_count) = file;
}

/* Inner attributes that mean something in a crate that venus makes. A denied lint would kill
 * generated text: it warns. */
static bool inner_attribute(
    const struct rust_tokens *tokens, size_t name, struct rust_edits *edits, bool same_width)
{
	static const char *const KEPT[] = {
	    "allow", "warn", "feature", "recursion_limit", "type_length_limit", NULL};
	for (size_t i = 0; KEPT[i]; i++)
		if (rust_is(tokens, name, KEPT[i]))
			return true;
	bool forbid = rust_is(tokens, name, "forbid");
	if (!forbid && !rust_is(tokens, name, "deny"))
		return false;
	rust_edit_replace(edits, tokens->at[name].start, tokens->at[name].end,
	    forbid && same_width ? "warn  " : "warn");
	return true;
}

/* `#![…]` as far as it is kept; with `blank` the rest is spaces. */
static void out_inner_attribute(struct rust_out *out, size_t index, bool blank)
{
	const struct notebook *notebook = out->notebook;
	const struct notebook_item *item = &notebook->items[index];
	AUTO_TOKENS struct rust_tokens tokens = {0};
	AUTO_EDITS struct rust_edits edits = {0};
	rust_lex(notebook->source, item->body, &tokens);
	bool kept = rust_is(&tokens, 0, "#") && rust_is(&tokens, 1, "!") &&
		    inner_attribute(&tokens, 3, &edits, blank);
	if (kept)
		rust_out_edited(out, item->body, &edits, blank, RUST_OWNER_ITEM, index);
	else if (blank)
		rust_out_blank(out, item->body);
}

static void out_inner_attributes(struct rust_out *out)
{
	for (size_t i = 0; i < out->notebook->item_count; i++) {
		if (out->notebook->items[i].kind != NOTEBOOK_INNER_ATTRIBUTE)
			continue;
		out_inner_attribute(out, i, false);
		rust_out_text(out, " ");
	}
}

/* Whether a root macro is invoked at the root, so that what it makes are items of the notebook. */
static bool makes_items(const struct notebook *notebook, const char *name)
{
	for (size_t i = 0; i < notebook->item_count; i++) {
		if (notebook->items[i].kind != NOTEBOOK_MACRO_CALL)
			continue;
		AUTO_TOKENS struct rust_tokens tokens = {0};
		rust_lex(notebook->source, notebook->items[i].body, &tokens);
		struct rust_item item = rust_item_at(&tokens, 0, tokens.count);
		if (rust_is(&tokens, item.name, name))
			return true;
	}
	return false;
}

static bool is_main(const struct notebook_item *item)
{
	return item->kind == NOTEBOOK_FN && strcmp(item->name, "main") == 0;
}

/* Line ends until the item can begin on a line of its own, or on its own line if it tells it. */
static void out_line_break(
    struct rust_out *out, const struct rust_tokens *tokens, uint32_t start, uint32_t *last_line)
{
	uint32_t line = notebook_place_of(out->notebook, start).line;
	rust_out_text(out, line > *last_line && out->text.length ? "\n" : " ");
	for (uint32_t at = rust_tells_place(tokens) ? rust_out_line(out) : line; at < line; at++)
		rust_out_text(out, "\n");
}

/* First token that is no doc comment: those are not part of what is compiled. */
static uint32_t code_start(const struct rust_tokens *tokens, struct notebook_range range)
{
	size_t i = 0;
	while (i < tokens->count && tokens->at[i].kind == RUST_DOC)
		i++;
	return i < tokens->count ? tokens->at[i].start : range.start;
}

/* A macro that was copied is not exported, and one that makes items makes them public. */
static void out_item(
    struct rust_out *out, const struct rust_settings *settings, size_t index, uint32_t *last_line)
{
	const struct notebook *notebook = out->notebook;
	const struct notebook_item *item = &notebook->items[index];
	AUTO_TOKENS struct rust_tokens tokens = {0};
	AUTO_EDITS struct rust_edits edits = {0};
	rust_lex(notebook->source, item->item, &tokens);
	const struct rust_rewrite rewrite = {
	    notebook, settings, &tokens, &edits, RUST_REACH | RUST_CODECS};
	rust_rewrite_tokens(&rewrite);
	if (item->kind == NOTEBOOK_MACRO && makes_items(notebook, item->name))
		rust_rewrite_macro(&rewrite, 0, tokens.count);
	else if (item->kind != NOTEBOOK_MACRO)
		rust_rewrite_items(&rewrite, 0, tokens.count);
	struct notebook_range range = {code_start(&tokens, item->item), item->item.end};
	out_line_break(out, &tokens, range.start, last_line);
	rust_out_edited(out, range, &edits, false, RUST_OWNER_ITEM, index);
	*last_line = notebook_place_of(notebook, range.end).line;
}

int rust_universe_generate(const struct notebook *notebook, const struct rust_settings *settings,
    const char *const *crates, size_t crate_count, struct rust_crate *ret_crate, struct err *err)
{
	(void)err; /* every notebook has a universe; the compiler says what is wrong with it */
	AUTO_OUT struct rust_out out = {.notebook = notebook};
	uint32_t last_line = 0;
	out_inner_attributes(&out);
	for (size_t i = 0; i < notebook->item_count; i++)
		if (notebook->items[i].kind != NOTEBOOK_INNER_ATTRIBUTE &&
		    !is_main(&notebook->items[i]))
			out_item(&out, settings, i, &last_line);
	rust_out_text(&out, "\n#[allow(unused_imports)] pub use ::venus::prelude::*;\n");
	for (size_t i = 0; i < crate_count; i++)
		rust_out_printf(&out, "#[allow(unused_imports)] pub use ::%s as _;\n", crates[i]);
	*ret_crate = (struct rust_crate){0};
	crate_add(ret_crate, rust_out_finish(&out, mem_strdup("universe.rs")));
	return 0;
}

/* A macro as it was written: cells use it by name, wherever its own names lead. */
static void out_macro(struct rust_out *out, const struct rust_settings *settings, size_t index,
    struct notebook_range range)
{
	AUTO_TOKENS struct rust_tokens tokens = {0};
	AUTO_EDITS struct rust_edits edits = {0};
	rust_lex(out->notebook->source, range, &tokens);
	const struct rust_rewrite rewrite = {out->notebook, settings, &tokens, &edits, RUST_REACH};
	rust_rewrite_tokens(&rewrite);
	rust_out_text(out, "#[allow(unused_macros)] ");
	range.start = code_start(&tokens, range);
	rust_out_edited(out, range, &edits, false, RUST_OWNER_ITEM, index);
	rust_out_text(out, "\n");
}

/* Those of a module in a file of its own: the file is read once more, its other items are not used.
 */
static void out_file_macros(
    struct rust_out *out, const struct rust_settings *settings, size_t index)
{
	const struct notebook_item *item = &out->notebook->items[index];
	AUTO_TOKENS struct rust_tokens tokens = {0};
	AUTO_EDITS struct rust_edits edits = {0};
	rust_lex(out->notebook->source, item->item, &tokens);
	const struct rust_rewrite rewrite = {out->notebook, settings, &tokens, &edits, 0};
	rust_rewrite_tokens(&rewrite);
	rust_rewrite_items(&rewrite, 0, tokens.count);
	rust_out_printf(out,
	    "#[allow(warnings)] #[macro_use] mod __venus_macros_%s { use ::" RUST_UNIVERSE_CRATE
	    "::*; ",
	    item->name);
	rust_out_edited(out,
	    (struct notebook_range){code_start(&tokens, item->item), item->item.end}, &edits, false,
	    RUST_OWNER_ITEM, index);
	rust_out_text(out, " }\n");
}

/* The macros of a `#[macro_use] mod` reach past its end. */
static void out_mod_macros(struct rust_out *out, const struct rust_settings *settings, size_t index)
{
	const struct notebook_item *item = &out->notebook->items[index];
	AUTO_TOKENS struct rust_tokens tokens = {0};
	rust_lex(out->notebook->source, item->item, &tokens);
	struct rust_item mod = rust_item_at(&tokens, 0, tokens.count);
	bool macro_use = rust_has_attribute(&tokens, &mod, "macro_use");
	if (macro_use && mod.open >= mod.close)
		out_file_macros(out, settings, index);
	for (size_t i = mod.open + 1; macro_use && i < mod.close;) {
		struct rust_item inner = rust_item_at(&tokens, i, mod.close);
		if (inner.head < mod.close && rust_is(&tokens, inner.keyword, "macro_rules"))
			out_macro(out, settings, index,
			    (struct notebook_range){
				tokens.at[inner.attributes].start, tokens.at[inner.end - 1].end});
		i = inner.end > i ? inner.end : i + 1;
	}
}

/* `#[macro_use] extern crate x;` again, for its macros. */
static void out_macro_crate(struct rust_out *out, size_t index)
{
	const struct notebook_item *item = &out->notebook->items[index];
	AUTO_TOKENS struct rust_tokens tokens = {0};
	rust_lex(out->notebook->source, item->item, &tokens);
	for (size_t i = 0; i < tokens.count; i++) {
		if (!rust_is(&tokens, i, "macro_use"))
			continue;
		rust_out_text(out, "#[allow(unused_imports)] ");
		rust_out_source(out,
		    (struct notebook_range){code_start(&tokens, item->item), item->item.end},
		    RUST_OWNER_ITEM, index);
		rust_out_text(out, "\n");
		return;
	}
}

/* What stands above the cells: macros, and all of the universe. */
static void out_batch_head(struct rust_out *out, const struct rust_settings *settings)
{
	const struct notebook *notebook = out->notebook;
	out_inner_attributes(out);
	rust_out_text(out, "\n");
	for (size_t i = 0; i < notebook->item_count; i++) {
		if (notebook->items[i].kind == NOTEBOOK_MACRO)
			out_macro(out, settings, i, notebook->items[i].item);
		else if (notebook->items[i].kind == NOTEBOOK_MOD)
			out_mod_macros(out, settings, i);
		else if (notebook->items[i].kind == NOTEBOOK_EXTERN_CRATE)
			out_macro_crate(out, i);
	}
	rust_out_text(out, "#[allow(unused_imports)] use ::" RUST_UNIVERSE_CRATE "::*;\n");
}

/* A cell stands in a module of its own: it must not see the other cells of its batch, which would
 * not be there were it compiled alone. */
int rust_batch_generate(const struct notebook *notebook, const struct rust_settings *settings,
    const size_t *cells, size_t cell_count, struct rust_crate *ret_crate, struct err *err)
{
	AUTO_OUT struct rust_out out = {.notebook = notebook};
	AUTO(rust_crate_fini) struct rust_crate crate = {0};
	(void)MEM_PUSH(crate.files, crate.file_count);
	out_batch_head(&out, settings);
	for (size_t i = 0; i < cell_count; i++) {
		struct rust_file file = {0};
		if (rust_cell_generate(notebook, settings, cells[i], &file, err))
			return -1;
		rust_out_printf(&out,
		    "mod __venus_%.*s { #[allow(unused_imports)] use ::" RUST_UNIVERSE_CRATE
		    "::*; include!(\"%s\"); }\n",
		    (int)(strlen(file.name) - strlen(".rs")), file.name, file.name);
		crate_add(&crate, file);
	}
	crate.files[0] = rust_out_finish(&out, mem_strdup("batch.rs"));
	*ret_crate = crate;
	crate = (struct rust_crate){0};
	return 0;
}

/* Types that are written differently may have the same glue. */
static void out_glue_once(struct rust_out *out, const struct rust_settings *settings,
    const char *const *types, size_t count)
{
	AUTO_BUF struct buf done = BUF_INIT;
	for (size_t i = 0; i < count; i++) {
		AUTO_FREE char *symbol = rust_glue_symbol(types[i]);
		if (done.data && strstr(done.data, symbol))
			continue;
		rust_out_glue(out, settings, types[i]);
		buf_add_text(&done, symbol);
	}
}

int rust_glue_generate(const struct notebook *notebook, const struct rust_settings *settings,
    const char *const *types, size_t type_count, struct rust_crate *ret_crate, struct err *err)
{
	(void)err; /* any text can be put into a glue; the compiler knows whether it is a type */
	AUTO_OUT struct rust_out out = {.notebook = notebook};
	out_inner_attributes(&out);
	rust_out_text(&out, "\n#[allow(unused_imports)] use ::" RUST_UNIVERSE_CRATE "::*;\n");
	out_glue_once(&out, settings, types, type_count);
	*ret_crate = (struct rust_crate){0};
	crate_add(ret_crate, rust_out_finish(&out, mem_strdup("glue.rs")));
	return 0;
}

/* A public cell that gives a private type is an error to older compilers; nobody outside calls it
 * by name. */
static void cut_visibility(const struct rust_tokens *tokens, struct rust_edits *edits)
{
	size_t start = rust_skip_attributes(tokens, 0, tokens->count);
	size_t end = rust_skip_visibility(tokens, start, tokens->count);
	if (end > start)
		rust_edit_cut(edits, tokens->at[start].start, tokens->at[end - 1].end);
}

/* A part of the notebook where it stands: what is cut becomes spaces. */
static void out_in_place(struct rust_out *out, const struct rust_settings *settings,
    struct notebook_range range, enum rust_owner owner, size_t index, unsigned flags)
{
	AUTO_TOKENS struct rust_tokens tokens = {0};
	AUTO_EDITS struct rust_edits edits = {0};
	rust_lex(out->notebook->source, range, &tokens);
	const struct rust_rewrite rewrite = {out->notebook, settings, &tokens, &edits, flags};
	rust_rewrite_tokens(&rewrite);
	if (owner == RUST_OWNER_ITEM)
		rust_rewrite_items(&rewrite, 0, tokens.count);
	else
		cut_visibility(&tokens, &edits);
	rust_out_edited(out, range, &edits, true, owner, index);
}

struct part {
	struct notebook_range range;
	enum rust_owner owner;
	size_t index;
};

static int by_place(const void *a, const void *b)
{
	const struct part *x = a, *y = b;
	return x->range.start < y->range.start ? -1 : x->range.start > y->range.start;
}

/* Items and the cells asked for, in file order. Owned by the caller. */
static struct part *plain_parts(
    const struct notebook *notebook, const size_t *cells, size_t cell_count, size_t *ret_count)
{
	struct part *parts = NULL;
	size_t count = 0;
	for (size_t i = 0; i < notebook->item_count; i++)
		if (!is_main(&notebook->items[i]))
			*MEM_PUSH(parts, count) =
			    (struct part){notebook->items[i].item, RUST_OWNER_ITEM, i};
	for (size_t i = 0; i < cell_count; i++)
		*MEM_PUSH(parts, count) =
		    (struct part){notebook->cells[cells[i]].item, RUST_OWNER_CELL, cells[i]};
	if (count)
		qsort(parts, count, sizeof *parts, by_place);
	*ret_count = count;
	return parts;
}

static void out_plain_source(struct rust_out *out, const struct rust_settings *settings,
    const size_t *cells, size_t cell_count)
{
	const struct notebook *notebook = out->notebook;
	size_t count = 0;
	AUTO_FREE struct part *parts = plain_parts(notebook, cells, cell_count, &count);
	uint32_t at = 0;
	for (size_t i = 0; i < count; i++) {
		if (parts[i].range.start < at)
			continue;
		rust_out_blank(out, (struct notebook_range){at, parts[i].range.start});
		bool item = parts[i].owner == RUST_OWNER_ITEM;
		if (item && notebook->items[parts[i].index].kind == NOTEBOOK_INNER_ATTRIBUTE) {
			rust_out_blank(out, (struct notebook_range){parts[i].range.start,
						notebook->items[parts[i].index].body.start});
			out_inner_attribute(out, parts[i].index, true);
		} else {
			bool macro = item && notebook->items[parts[i].index].kind == NOTEBOOK_MACRO;
			out_in_place(out, settings, parts[i].range, parts[i].owner, parts[i].index,
			    macro ? 0 : RUST_CODECS);
		}
		at = parts[i].range.end;
	}
	rust_out_blank(out, (struct notebook_range){at, (uint32_t)notebook->length});
}

/* Glue of the types that these cells give and take, each once. */
static void out_plain_glue(struct rust_out *out, const struct rust_settings *settings,
    const size_t *cells, size_t cell_count)
{
	AUTO_FREE bool *wanted = mem_alloc(out->notebook->cell_count + 1);
	for (size_t i = 0; i < cell_count; i++) {
		const struct notebook_cell *cell = &out->notebook->cells[cells[i]];
		wanted[cells[i]] = true;
		for (size_t k = 0; k < cell->param_count; k++)
			wanted[cell->params[k].producer] = true;
	}
	AUTO_FREE const char **types =
	    mem_realloc_array(NULL, out->notebook->cell_count + 1, sizeof *types);
	size_t count = 0;
	for (size_t i = 0; i < out->notebook->cell_count; i++)
		if (wanted[i])
			types[count++] = out->notebook->cells[i].return_type;
	out_glue_once(out, settings, types, count);
}

/* With `use venus::prelude::*` in the notebook a second one would make that one unused. */
static bool has_prelude(const struct notebook *notebook)
{
	for (size_t i = 0; i < notebook->item_count; i++) {
		if (notebook->items[i].kind != NOTEBOOK_USE)
			continue;
		AUTO_TOKENS struct rust_tokens tokens = {0};
		rust_lex(notebook->source, notebook->items[i].body, &tokens);
		size_t use = rust_skip_visibility(&tokens, 0, tokens.count);
		AUTO_FREE char *text = rust_tokens_text(&tokens, use, tokens.count);
		if (strcmp(text, "use venus::prelude::*;") == 0)
			return true;
	}
	return false;
}

int rust_plain_generate(const struct notebook *notebook, const struct rust_settings *settings,
    const size_t *cells, size_t cell_count, struct rust_crate *ret_crate, struct err *err)
{
	AUTO_OUT struct rust_out out = {.notebook = notebook};
	out_plain_source(&out, settings, cells, cell_count);
	if (!has_prelude(notebook))
		rust_out_text(&out, "\n#[allow(unused_imports)] use ::venus::prelude::*;\n");
	for (size_t i = 0; i < cell_count; i++) {
		struct rust_file file = {0};
		if (rust_cell_generate(notebook, settings, cells[i], &file, err))
			return -1;
		rust_file_fini(&file);
		AUTO_FREE char *symbol = rust_cell_symbol(notebook, settings, cells[i]);
		rust_out_cell(&out, settings, cells[i], symbol, true);
	}
	out_plain_glue(&out, settings, cells, cell_count);
	*ret_crate = (struct rust_crate){0};
	crate_add(ret_crate, rust_out_finish(&out, mem_strdup("plain.rs")));
	return 0;
}

static bool in_first_file(const struct notebook *notebook, struct rust_crate *crate, uint32_t line,
    uint32_t column, struct rust_origin *ret_origin)
{
	const struct rust_map *map = crate->files[0].map;
	bool found =
	    rust_map_place(notebook, map, line, rust_map_column(map, line, column), ret_origin);
	rust_crate_fini(crate);
	return found;
}

bool rust_file_place(const struct notebook *notebook, const struct rust_settings *settings,
    size_t cell, const char *file, uint32_t line, uint32_t column, struct rust_origin *ret_origin)
{
	const char *slash = strrchr(file, '/');
	const char *name = slash ? slash + 1 : file;
	struct rust_crate crate = {0};
	struct err err;
	if (strcmp(name, "universe.rs") == 0)
		return rust_universe_generate(notebook, settings, NULL, 0, &crate, &err) == 0 &&
		       in_first_file(notebook, &crate, line, column, ret_origin);
	if (strcmp(name, "plain.rs") == 0) {
		AUTO_FREE size_t *all =
		    mem_realloc_array(NULL, notebook->cell_count + 1, sizeof *all);
		size_t count = 0;
		for (size_t i = 0; i < notebook->cell_count; i++)
			if (!notebook->cells[i].broken)
				all[count++] = i;
		return rust_plain_generate(notebook, settings, all, count, &crate, &err) == 0 &&
		       in_first_file(notebook, &crate, line, column, ret_origin);
	}
	struct rust_file text = {0};
	if (strncmp(name, "cell_", 5) != 0 ||
	    rust_cell_generate(notebook, settings, cell, &text, &err))
		return false;
	bool found = strcmp(text.name, name) == 0 &&
		     rust_map_place(notebook, text.map, line,
			 rust_map_column(text.map, line, column), ret_origin);
	rust_file_fini(&text);
	return found;
}

bool rust_split_suspect(const char *code)
{
	/* Names that are not found or not visible, impls for types of another crate, names that are
	 * there twice. */
	static const char *const CODES[] = {"E0116", "E0117", "E0118", "E0210", "E0255", "E0364",
	    "E0365", "E0405", "E0407", "E0412", "E0423", "E0425", "E0428", "E0432", "E0433",
	    "E0446", "E0451", "E0532", "E0574", "E0603", "E0616", "E0624", "E0639", "E0659"};
	for (size_t i = 0; code && i < ARRAY_LENGTH(CODES); i++)
		if (strcmp(code, CODES[i]) == 0)
			return true;
	return false;
}
