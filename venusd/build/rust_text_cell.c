#include "venusd/build/rust_text_internal.h"

#include <string.h>

#include "common/digest.h"
#include "common/mem.h"

/*
 * Cells. A cell's file has its function and a wrapper that venus-worker calls through the runtime
 *crate:
 *
 *	#[allow(warnings)] #[no_mangle] pub unsafe fn __venus_c_…(__f: &mut ::venus::__rt::Frame) {
 *		let __a0 = &*(__f.borrow(0) as *const Config);
 *		let __b0: &Config = __a0;
 *		__f.begin(); let __v = total(__b0, ); __f.end();
 *		__f.value = ::std::boxed::Box::into_raw(::std::boxed::Box::new(__v)) as *mut u8;
 *	}
 *
 * The producer's return type is spelled in it, so that a parameter of another type is the
 * compiler's own error at `__a0`, which the map turns into the parameter. A producer that may
 * return a Result is fed by type (__rt::F), all others are not, since that costs compile time.
 */

#define RT "::venus::__rt::"

const char *rust_no_mangle(const struct rust_settings *settings)
{
	return settings->edition >= 2024 ? "#[unsafe(no_mangle)]" : "#[no_mangle]";
}

static const char *const NO_RESULTS[] = {"bool", "char", "str", "String", "u8", "u16", "u32", "u64",
    "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize", "f32", "f64", "Vec", "Box",
    "Option", "HashMap", "HashSet", "BTreeMap", "BTreeSet", "VecDeque", "Rc", "Arc", "PathBuf"};

/* The name that a path type ends with, before its arguments: `Vec` of `std::vec::Vec<f64>`. NULL
 * for other types. Owned by the caller. */
static char *head_name(const struct rust_tokens *tokens)
{
	size_t name = SIZE_MAX;
	for (size_t i = 0; i < tokens->count && !rust_is(tokens, i, "<"); i++) {
		if (rust_is_kind(tokens, i, RUST_IDENT))
			name = i;
		else if (!rust_is(tokens, i, ":"))
			return NULL;
	}
	return name == SIZE_MAX ? NULL : rust_tokens_text(tokens, name, name + 1);
}

/* Whether a type may be a Result under some name. */
static bool may_be_result(const struct notebook *notebook, const char *type)
{
	AUTO_TOKENS struct rust_tokens tokens = {0};
	rust_lex(type, (struct notebook_range){0, (uint32_t)strlen(type)}, &tokens);
	if (rust_is_kind(&tokens, 0, RUST_OPEN) || rust_is(&tokens, 0, "&"))
		return false;
	AUTO_FREE char *name = head_name(&tokens);
	if (!name)
		return true;
	bool known = false;
	for (size_t i = 0; i < notebook->item_count; i++) {
		const struct notebook_item *item = &notebook->items[i];
		if (strcmp(item->name, name) != 0)
			continue;
		if (item->kind == NOTEBOOK_TYPE)
			return true;
		known |= item->kind == NOTEBOOK_STRUCT || item->kind == NOTEBOOK_ENUM ||
			 item->kind == NOTEBOOK_UNION;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(NO_RESULTS) && !known; i++)
		known = strcmp(name, NO_RESULTS[i]) == 0;
	return !known;
}

/* `F::<Producer, Parameter>::NEW`, which knows what to give. */
static char *feed_text(const char *producer, const char *pointee)
{
	AUTO_FREE char *wanted = rust_type_text(pointee, true);
	bool named = strstr(wanted, "impl ") == NULL;
	return mem_printf("(&&&" RT "F::<%s, %s>::NEW)", producer, named ? wanted : "_");
}

static void out_argument(struct rust_out *out, const struct notebook_cell *cell, size_t k)
{
	const struct notebook_param *param = &cell->params[k];
	const struct notebook *notebook = out->notebook;
	const char *type = notebook->cells[param->producer].return_type;
	AUTO_FREE char *producer = rust_type_text(type, false);
	bool typed = may_be_result(notebook, type);
	AUTO_FREE char *feed = typed ? feed_text(producer, param->pointee) : NULL;
	if (typed)
		rust_out_printf(out, "use " RT "{FeedAny as _, FeedOk as _, FeedWhole as _}; ");
	if (param->passing == NOTEBOOK_BY_REF) {
		if (typed)
			rust_out_printf(
			    out, "let __a%zu = %s.borrow(__f.borrow(%zu)); ", k, feed, k);
		else
			rust_out_printf(
			    out, "let __a%zu = &*(__f.borrow(%zu) as *const %s); ", k, k, producer);
		return;
	}
	const char *mutable = param->passing == NOTEBOOK_BY_MUT ? "mut " : "";
	if (typed)
		rust_out_printf(out, "let %s__a%zu = %s.own(__f.own(%zu, \"%s\")); ", mutable, k,
		    feed, k, param->name);
	else
		rust_out_printf(out,
		    "let %s__a%zu = *::std::boxed::Box::from_raw(__f.own(%zu, \"%s\") as *mut "
		    "%s); ",
		    mutable, k, k, param->name, producer);
}

/* To the parameter's type, one at a time: of a call with two wrong arguments the compiler would
 * only say that they are wrong. */
static void out_coercion(struct rust_out *out, size_t index, size_t k)
{
	const struct notebook_param *param = &out->notebook->cells[index].params[k];
	AUTO_FREE char *type = rust_type_text(param->type, true);
	bool named = strstr(type, "impl ") == NULL;
	AUTO_FREE char *argument =
	    mem_printf("%s__a%zu", param->passing == NOTEBOOK_BY_MUT ? "&mut " : "", k);
	rust_out_printf(out, "let __b%zu%s%s = ", k, named ? ": " : "", named ? type : "");
	rust_out_for(out, argument, RUST_OWNER_PARAM, index, k, param->type_range.start);
	rust_out_text(out, "; ");
}

static void out_wrapper(
    struct rust_out *out, const struct rust_settings *settings, size_t index, const char *symbol)
{
	const struct notebook_cell *cell = &out->notebook->cells[index];
	rust_out_printf(out,
	    "\n#[allow(warnings)] %s pub unsafe fn %s(__f: &mut " RT "Frame<'_>) { ",
	    rust_no_mangle(settings), symbol);
	for (size_t k = 0; k < cell->param_count; k++)
		out_argument(out, cell, k);
	for (size_t k = 0; k < cell->param_count; k++)
		out_coercion(out, index, k);
	rust_out_text(out, "__f.begin(); let __v = ");
	rust_out_for(out, cell->name, RUST_OWNER_CELL, index, 0, cell->name_range.start);
	rust_out_text(out, "(");
	for (size_t k = 0; k < cell->param_count; k++)
		rust_out_printf(out, "__b%zu, ", k);
	rust_out_text(out,
	    "); __f.end(); __f.value = "
	    "::std::boxed::Box::into_raw(::std::boxed::Box::new(__v)) as *mut u8; }\n");
}

/* The attributes that are not venus's, then the function. */
static void out_function(struct rust_out *out, const struct rust_settings *settings, size_t index)
{
	const struct notebook *notebook = out->notebook;
	const struct notebook_cell *cell = &notebook->cells[index];
	AUTO_TOKENS struct rust_tokens tokens = {0};
	AUTO_EDITS struct rust_edits edits = {0};
	rust_lex(notebook->source, cell->item, &tokens);
	const struct rust_rewrite rewrite = {notebook, settings, &tokens, &edits, 0};
	rust_rewrite_tokens(&rewrite);
	if (rust_tells_place(&tokens)) {
		uint32_t line = notebook_place_of(notebook, cell->function.start).line;
		for (uint32_t at = rust_out_line(out); at < line; at++)
			rust_out_text(out, "\n");
	}
	for (size_t i = 0; i < tokens.count && tokens.at[i].start < cell->function.start;) {
		size_t end = rust_is(&tokens, i, "#") ? rust_after(&tokens, i + 1) : i + 1;
		if (rust_is(&tokens, i, "#") && end <= tokens.count) {
			rust_out_edited(out,
			    (struct notebook_range){tokens.at[i].start, tokens.at[end - 1].end},
			    &edits, false, RUST_OWNER_CELL, index);
			rust_out_text(out, " ");
		}
		i = end;
	}
	rust_out_edited(out, cell->function, &edits, false, RUST_OWNER_CELL, index);
}

void rust_out_cell(struct rust_out *out, const struct rust_settings *settings, size_t cell,
    const char *symbol, bool in_place)
{
	if (!in_place)
		out_function(out, settings, cell);
	out_wrapper(out, settings, cell, symbol);
}

void rust_out_glue(struct rust_out *out, const struct rust_settings *settings, const char *type)
{
	AUTO_FREE char *symbol = rust_glue_symbol(type);
	AUTO_FREE char *text = rust_type_text(type, false);
	rust_out_printf(out,
	    "#[allow(warnings)] %s pub static %s: " RT "Glue = ::venus::__glue!(%s);\n",
	    rust_no_mangle(settings), symbol, text);
}

static char *symbol_of(const char *prefix, const void *bytes, size_t length)
{
	char hex[DIGEST_HEX + 1];
	struct digest digest = digest_of(bytes, length);
	digest_to_hex(&digest, hex);
	return mem_printf("%s%.32s", prefix, hex);
}

char *rust_glue_symbol(const char *type)
{
	AUTO_FREE char *text = rust_type_text(type, false);
	return symbol_of("__venus_t_", text, strlen(text));
}

char *rust_cell_symbol(
    const struct notebook *notebook, const struct rust_settings *settings, size_t cell)
{
	AUTO_OUT struct rust_out out = {.notebook = notebook};
	rust_out_cell(&out, settings, cell, "", false);
	return symbol_of("__venus_c_", out.text.data, out.text.length);
}

/* The letters and digits of a cell's name that any file system takes, and what tells it from others
 * of the same. */
static char *file_name(const struct notebook_cell *cell, const char *symbol)
{
	AUTO_BUF struct buf name = BUF_INIT;
	buf_add_text(&name, "cell_");
	for (const char *c = cell->name; *c && name.length < 64; c++)
		if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
		    (*c >= '0' && *c <= '9') || *c == '_')
			buf_add_char(&name, *c);
	buf_printf(&name, "_%.8s.rs", symbol + strlen("__venus_c_"));
	return buf_take(&name);
}

int rust_cell_generate(const struct notebook *notebook, const struct rust_settings *settings,
    size_t cell, struct rust_file *ret_file, struct err *err)
{
	if (cell >= notebook->cell_count)
		return err_set(
		    err, ERR_INTERNAL, "cell number %zu of %zu", cell, notebook->cell_count);
	const struct notebook_cell *it = &notebook->cells[cell];
	for (size_t k = 0; k < it->param_count; k++)
		if (it->params[k].producer < 0 ||
		    (size_t)it->params[k].producer >= notebook->cell_count)
			return err_set(err, ERR_INVALID,
			    "cell `%s`: no cell gives its parameter `%s`", it->name,
			    it->params[k].name);
	AUTO_OUT struct rust_out out = {.notebook = notebook};
	AUTO_FREE char *symbol = rust_cell_symbol(notebook, settings, cell);
	rust_out_cell(&out, settings, cell, symbol, false);
	*ret_file = rust_out_finish(&out, file_name(it, symbol));
	return 0;
}
