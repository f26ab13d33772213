#include "venusd/build/rust_text_internal.h"

#include <string.h>

#include "common/mem.h"

/*
 * Codecs of a notebook's types. A struct is a map of its fields' names, a tuple struct of one field
 * is that field, of more an array, a unit struct null; a variant is its name, or a map of its name
 * to its content. Keys stand in the order of their encodings (RFC 8949 §4.2.1): shorter first.
 *
 * Each field is probed inside the body: a bound on its type would not compile for recursive types,
 * and would be an error where the probe is only a "no". Type parameters are bounded. Names are
 * spelled from the crates' roots, since a notebook may have an Ok, a Vec or an Option of its own.
 */

#define RT "::venus::__rt::"

enum shape { SHAPE_UNIT, SHAPE_TUPLE, SHAPE_NAMED };

struct field {
	char *name; /* NULL in a tuple */
	char *type;
	size_t index; /* where it stands in the definition */
};

struct variant {
	char *name;
	enum shape shape;
	struct field *fields;
	size_t field_count;
};

struct model {
	char *name;
	char *parameters; /* "<'a, T: Clone, const N: usize>" without defaults */
	char *arguments;  /* "<'a, T, N>" */
	char *where;	  /* "where T: Copy," and the codec's own bounds, or "" */
	bool is_enum;
	struct variant *variants; /* a struct has one */
	size_t variant_count;
};

static void model_fini(struct model *model)
{
	for (size_t i = 0; i < model->variant_count; i++) {
		for (size_t k = 0; k < model->variants[i].field_count; k++) {
			free(model->variants[i].fields[k].name);
			free(model->variants[i].fields[k].type);
		}
		free(model->variants[i].fields);
		free(model->variants[i].name);
	}
	free(model->variants);
	free(model->name);
	free(model->parameters);
	free(model->arguments);
	free(model->where);
}

/* Attributes of a field or variant: one that is only there under a condition cannot be described.
 */
static bool conditional(const struct rust_tokens *tokens, size_t i, size_t end)
{
	for (; i < end; i++)
		if (rust_is(tokens, i, "cfg") || rust_is(tokens, i, "cfg_attr") ||
		    rust_is(tokens, i, "packed"))
			return true;
	return false;
}

static bool unsized_type(const struct rust_tokens *tokens, size_t i, size_t end)
{
	if (rust_is(tokens, i, "str") || rust_is(tokens, i, "dyn"))
		return true;
	return rust_is(tokens, i, "[") && tokens->at[i].match != RUST_NO_MATCH &&
	       rust_find(tokens, i + 1, tokens->at[i].match, ';') == tokens->at[i].match &&
	       tokens->at[i].match < end;
}

/* `name: type` or `type`, with attributes and visibility, up to each comma. */
static bool read_fields(
    const struct rust_tokens *tokens, size_t open, bool named, struct variant *variant)
{
	size_t close = tokens->at[open].match;
	if (close == RUST_NO_MATCH)
		return false;
	variant->shape = named ? SHAPE_NAMED : SHAPE_TUPLE;
	for (size_t i = open + 1; i < close;) {
		size_t start = rust_skip_attributes(tokens, i, close);
		if (start >= close)
			break;
		if (conditional(tokens, i, start))
			return false;
		start = rust_skip_visibility(tokens, start, close);
		size_t end = rust_find(tokens, start, close, ',');
		size_t type = named ? start + 2 : start;
		if (type >= end || unsized_type(tokens, type, end) ||
		    (named && !rust_is(tokens, start + 1, ":")))
			return false;
		struct field *field = MEM_PUSH(variant->fields, variant->field_count);
		field->name = named ? rust_tokens_text(tokens, start, start + 1) : NULL;
		field->type = rust_tokens_text(tokens, type, end);
		field->index = variant->field_count - 1;
		i = end + 1;
	}
	return true;
}

static bool read_variants(
    const struct rust_tokens *tokens, const struct rust_item *item, struct model *model)
{
	for (size_t i = item->open + 1; i < item->close;) {
		size_t start = rust_skip_attributes(tokens, i, item->close);
		if (start >= item->close)
			break;
		if (conditional(tokens, i, start) || !rust_is_kind(tokens, start, RUST_IDENT))
			return false;
		struct variant *variant = MEM_PUSH(model->variants, model->variant_count);
		variant->name = rust_tokens_text(tokens, start, start + 1);
		if (rust_is(tokens, start + 1, "(") &&
		    !read_fields(tokens, start + 1, false, variant))
			return false;
		if (rust_is(tokens, start + 1, "{") &&
		    !read_fields(tokens, start + 1, true, variant))
			return false;
		/* A discriminant may hold a comparison: only commas and groups count. */
		for (i = start + 1; i < item->close && !rust_is(tokens, i, ",");
		     i = rust_after(tokens, i)) {
		}
		i++;
	}
	return true;
}

static void add_separated(struct buf *list, const char *text)
{
	buf_add_text(list, list->length ? ", " : "");
	buf_add_text(list, text);
}

/* One of `<…>`; a type's name goes to `bounds` with the codec's traits. */
static void read_generic(const struct rust_tokens *tokens, size_t i, size_t end,
    struct buf *parameters, struct buf *arguments, struct buf *bounds)
{
	size_t stop = rust_find(tokens, i, end, '=');
	bool is_const = rust_is(tokens, i, "const");
	size_t name = is_const ? i + 1 : i;
	AUTO_FREE char *whole = rust_tokens_text(tokens, i, stop);
	AUTO_FREE char *argument = rust_tokens_text(tokens, name, name + 1);
	add_separated(parameters, whole);
	add_separated(arguments, argument);
	if (!is_const && rust_is_kind(tokens, i, RUST_IDENT))
		buf_printf(bounds, "%s: " RT "Enc + " RT "Dec, ", argument);
}

static bool read_generics(
    const struct rust_tokens *tokens, size_t open, size_t end, struct model *model)
{
	AUTO_BUF struct buf parameters = BUF_INIT, arguments = BUF_INIT, bounds = BUF_INIT;
	size_t close = rust_angle_end(tokens, open, end) - 1;
	for (size_t i = open + 1; i < close;) {
		i = rust_skip_attributes(tokens, i, close);
		size_t stop = rust_find(tokens, i, close, ',');
		for (size_t k = i; k < stop; k++)
			if (rust_is(tokens, k, "?"))
				return false;
		if (i < stop)
			read_generic(tokens, i, stop, &parameters, &arguments, &bounds);
		i = stop + 1;
	}
	model->parameters = mem_printf("<%s>", parameters.data ? parameters.data : "");
	model->arguments = mem_printf("<%s>", arguments.data ? arguments.data : "");
	model->where = buf_take(&bounds);
	return true;
}

/* The item's own `where`, in front of the codec's bounds. */
static void read_where(const struct rust_tokens *tokens, size_t i, size_t end, struct model *model)
{
	for (; i < end && !rust_is(tokens, i, "where"); i = rust_after(tokens, i)) {
	}
	size_t stop = i + 1;
	while (stop < end && !rust_is(tokens, stop, ";") &&
	       !(rust_is(tokens, stop, "{") && !rust_is(tokens, stop - 1, "<")))
		stop = rust_after(tokens, stop);
	AUTO_FREE char *own = i < end ? rust_tokens_text(tokens, i + 1, stop) : mem_strdup("");
	AUTO_FREE char *bounds = TAKE_PTR(model->where);
	if (!*own && (!bounds || !*bounds)) {
		model->where = mem_strdup("");
		return;
	}
	size_t length = strlen(own);
	bool comma = length && own[length - 1] != ',';
	model->where = mem_printf("where %s%s %s", own, comma ? "," : "", bounds ? bounds : "");
}

static bool read_model(
    const struct rust_tokens *tokens, const struct rust_item *item, struct model *model)
{
	model->is_enum = rust_is(tokens, item->keyword, "enum");
	if (!model->is_enum && !rust_is(tokens, item->keyword, "struct"))
		return false;
	if (!rust_is_kind(tokens, item->name, RUST_IDENT) ||
	    conditional(tokens, item->attributes, item->start))
		return false;
	model->name = rust_tokens_text(tokens, item->name, item->name + 1);
	size_t i = item->name + 1;
	if (rust_is(tokens, i, "<")) {
		if (!read_generics(tokens, i, item->end, model))
			return false;
		i = rust_angle_end(tokens, i, item->end);
	}
	read_where(tokens, i, item->end, model);
	if (model->is_enum)
		return item->open < item->close && read_variants(tokens, item, model);
	struct variant *only = MEM_PUSH(model->variants, model->variant_count);
	if (item->open < item->close)
		return read_fields(tokens, item->open, true, only);
	if (rust_is(tokens, i, "("))
		return read_fields(tokens, i, false, only);
	return true;
}

/* A raw identifier's key is its name. */
static const char *key(const char *name)
{
	return strncmp(name, "r#", 2) == 0 ? name + 2 : name;
}

static int by_key(const void *a, const void *b)
{
	const struct field *x = a, *y = b;
	size_t m = strlen(key(x->name)), n = strlen(key(y->name));
	if (m != n)
		return m < n ? -1 : 1;
	return strcmp(key(x->name), key(y->name));
}

/* The content of a struct or variant, its parts bound as __v0, __v1 … by where they stand. */
static void add_encode(struct buf *out, const struct variant *variant)
{
	if (variant->shape == SHAPE_UNIT)
		buf_add_text(out, "__w.null(); ");
	else if (variant->shape == SHAPE_NAMED)
		buf_printf(out, "__w.map(%zu); ", variant->field_count);
	else if (variant->field_count != 1)
		buf_printf(out, "__w.array(%zu); ", variant->field_count);
	for (size_t i = 0; i < variant->field_count; i++) {
		const struct field *field = &variant->fields[i];
		if (field->name)
			buf_printf(out, "__w.text(\"%s\"); ", key(field->name));
		buf_printf(out, "(&&" RT "P(__v%zu)).try_enc(__w)?; ", field->index);
	}
}

static void add_decode(struct buf *out, const struct variant *variant)
{
	if (variant->shape == SHAPE_UNIT)
		buf_add_text(out, "__r.null()?; ");
	else if (variant->shape == SHAPE_NAMED)
		buf_printf(out, "__r.map(%zu)?; ", variant->field_count);
	else if (variant->field_count != 1)
		buf_printf(out, "__r.array(%zu)?; ", variant->field_count);
	for (size_t i = 0; i < variant->field_count; i++) {
		const struct field *field = &variant->fields[i];
		if (field->name)
			buf_printf(out, "__r.key(\"%s\")?; ", key(field->name));
		buf_printf(out, "let __v%zu: %s = (&&" RT "D::<%s>::NEW).try_dec(__r)?; ",
		    field->index, field->type, field->type);
	}
}

/* `{ a: __v0, b: __v1 }`, as a pattern or an expression. */
static void add_parts(struct buf *out, const struct variant *variant, bool pattern)
{
	if (variant->shape == SHAPE_UNIT)
		return;
	buf_add_text(out, " { ");
	for (size_t i = 0; i < variant->field_count; i++) {
		const struct field *field = &variant->fields[i];
		if (field->name)
			buf_printf(out, "%s: ", field->name);
		else
			buf_printf(out, "%zu: ", field->index);
		buf_printf(out, "%s__v%zu, ", pattern ? "ref " : "", field->index);
	}
	buf_add_char(out, '}');
}

static void add_enum_encode(struct buf *out, const struct model *model)
{
	buf_add_text(out, "match *self { ");
	for (size_t i = 0; i < model->variant_count; i++) {
		const struct variant *variant = &model->variants[i];
		buf_printf(out, "%s::%s", model->name, variant->name);
		add_parts(out, variant, true);
		buf_add_text(out, " => { ");
		if (variant->shape == SHAPE_UNIT) {
			buf_printf(out, "__w.text(\"%s\"); } ", key(variant->name));
			continue;
		}
		buf_printf(out, "__w.map(1); __w.text(\"%s\"); ", key(variant->name));
		add_encode(out, variant);
		buf_add_text(out, "} ");
	}
	buf_add_text(out, "} ");
}

static void add_enum_decode(struct buf *out, const struct model *model)
{
	buf_add_text(out, "match __r.variant()? { ");
	for (size_t i = 0; i < model->variant_count; i++) {
		const struct variant *variant = &model->variants[i];
		bool unit = variant->shape == SHAPE_UNIT;
		buf_printf(out, "(\"%s\", %s) => { ", key(variant->name), unit ? "false" : "true");
		if (!unit)
			add_decode(out, variant);
		buf_printf(out, "%s::%s", model->name, variant->name);
		add_parts(out, variant, false);
		buf_add_text(out, " } ");
	}
	buf_add_text(out, "_ => return ::core::option::Option::None, }; ");
}

static void add_header(struct buf *out, const struct model *model, const char *trait)
{
	buf_printf(out, "impl%s " RT "%s for %s%s %s { ",
	    model->parameters ? model->parameters : "", trait, model->name,
	    model->arguments ? model->arguments : "", model->where);
}

static void add_struct_encode(struct buf *out, const struct model *model)
{
	buf_printf(out, "let %s", model->name);
	add_parts(out, &model->variants[0], true);
	buf_add_text(out, " = *self; ");
	add_encode(out, &model->variants[0]);
}

char *rust_codec_text(const struct rust_tokens *tokens, const struct rust_item *item)
{
	AUTO(model_fini) struct model model = {0};
	if (!read_model(tokens, item, &model))
		return NULL;
	for (size_t i = 0; i < model.variant_count; i++)
		if (model.variants[i].shape == SHAPE_NAMED && model.variants[i].field_count)
			qsort(model.variants[i].fields, model.variants[i].field_count,
			    sizeof *model.variants[i].fields, by_key);
	AUTO_BUF struct buf out = BUF_INIT;
	buf_add_text(&out, " #[allow(warnings)] const _: () = { ");
	add_header(&out, &model, "Enc");
	buf_add_text(&out, "fn enc(&self, __w: &mut " RT "Writer) -> " RT "Done { use " RT
			   "{EncNo as _, EncYes as _}; __w.enter()?; ");
	if (model.is_enum)
		add_enum_encode(&out, &model);
	else
		add_struct_encode(&out, &model);
	buf_add_text(&out, "__w.leave(); ::core::result::Result::Ok(()) } } ");
	add_header(&out, &model, "Dec");
	buf_add_text(&out,
	    "fn dec(__r: &mut " RT "Reader<'_>) -> ::core::option::Option<Self> { use " RT
	    "{DecNo as _, DecYes as _}; __r.enter()?; ");
	buf_add_text(&out, model.is_enum ? "let __v = " : "");
	if (model.is_enum) {
		add_enum_decode(&out, &model);
	} else {
		add_decode(&out, &model.variants[0]);
		buf_printf(&out, "let __v = %s", model.name);
		add_parts(&out, &model.variants[0], false);
		buf_add_text(&out, "; ");
	}
	buf_add_text(&out, "__r.leave(); ::core::option::Option::Some(__v) } } };");
	return buf_take(&out);
}
