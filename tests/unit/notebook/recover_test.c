#include "tests/unit/notebook/parsed.h"
#include "venusd/notebook/lex_internal.h"

/* Texts that do not parse: what is broken costs itself only, and nothing takes too long or too
 * deep. */

static int cell_named(const struct notebook *notebook, const char *name)
{
	for (size_t i = 0; i < notebook->cell_count; i++)
		if (strcmp(notebook->cells[i].name, name) == 0)
			return (int)i;
	return -1;
}

/* A broken function between two good cells, with a definition and markdown around it. */
static void test_one_broken_cell(void **state)
{
	static const struct {
		const char *function;
		uint32_t line, column;
		const char *message;
	} rows[] = {
	    {"pub fn bad() -> i32 { if true { 1 }", 7, 21, "never closed"},
	    {"pub fn bad() -> i32 { let s = \"abc; 1 }", 7, 31, "string is never closed"},
	    {"pub fn bad() -> i32 { let s = r#\"abc\"; 1 }", 7, 31, "string is never closed"},
	    {"pub fn bad() -> i32 { /* 1 }", 7, 23, "comment is never closed"},
	    {"pub fn bad() -> i32 { 1 } }", 7, 27, "no partner"},
	    {"pub fn bad() -> i32 { (1 }", 7, 23, "never closed"},
	    {"pub fn bad() -> i32 1 }", 7, 23, "no partner"},
	    {"pub fn bad( -> i32 { 1 }", 7, 11, "never closed"},
	    {"pub fn bad() -> { 1 }", 7, 17, "`{` is not expected here"},
	    {"pub fn bad() { let x = ; }", 7, 24, "`;` is not expected here"},
	    {"pub fn bad() { let x y = 1; }", 7, 22, "`y` is not expected here"},
	    {"pub fn bad() { 1 2 }", 7, 18, "`2` is not expected here"},
	    {"pub fn bad(x) {}", 7, 0, ""},
	    {"fn bad", 7, 7, "ends too early"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		AUTO_FREE char *text =
		    mem_printf("#[venus::cell]\npub fn before() -> i32 { 1 }\n\n// # "
			       "Free\n\n#[venus::cell]\n%s\n\n"
			       "//! # Below\nconst K: i32 = 1;\n/// # After\n#[venus::cell]\npub "
			       "fn after(bad: &i32) -> "
			       "i32 { *bad }\n",
			rows[i].function);
		AUTO_NOTEBOOK struct notebook *notebook = parsed(text);
		int bad = cell_named(notebook, "bad"), after = cell_named(notebook, "after");

		assert_int_equal(notebook->cell_count, 3);
		assert_int_equal(cell_named(notebook, "before"), 0);
		assert_int_equal(bad, 1);
		assert_int_equal(after, 2);
		assert_true(notebook->cells[1].broken);
		assert_false(notebook->cells[0].broken);
		assert_false(notebook->cells[2].broken);
		assert_int_equal(notebook->cells[2].params[0].producer, 1);
		assert_string_equal(notebook->cells[2].display_name, "After");
		assert_int_equal(notebook->item_count, 1);
		assert_false(notebook->items[0].broken);
		assert_int_equal(notebook->markdown_count, 2);
		assert_int_equal(notebook->order_count, 3);
		if (rows[i].column)
			assert_true(has_problem(
			    notebook, 1, rows[i].line, rows[i].column, rows[i].message));
	}
}

static void test_broken_definitions(void **state)
{
	static const struct {
		const char *text;
		enum notebook_item_kind kind;
		const char *name;
	} rows[] = {
	    {"struct A { x: i32", NOTEBOOK_STRUCT, "A"},
	    {"pub(crate) struct A { x i32 }", NOTEBOOK_STRUCT, "A"},
	    {"impl A { fn f( }", NOTEBOOK_IMPL, ""},
	    {"static mut S: = 1;", NOTEBOOK_STATIC, "S"},
	    {"const unsafe fn f( {}", NOTEBOOK_FN, "f"},
	    {"use a::{b;", NOTEBOOK_USE, ""},
	    {"macro_rules! m { ( => }", NOTEBOOK_MACRO, "m"},
	    {"1 + 1;", NOTEBOOK_OTHER, ""},
	    {"let x = 1;", NOTEBOOK_OTHER, ""},
	    {";;;", NOTEBOOK_OTHER, ""},
	    {"}", NOTEBOOK_OTHER, ""},
	    {"/* open", NOTEBOOK_OTHER, ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		AUTO_FREE char *text =
		    mem_printf("#[cell]\nfn a() {}\n\n%s\n\n#[cell]\nfn b() {}\n", rows[i].text);
		AUTO_NOTEBOOK struct notebook *notebook = parsed(text);

		assert_int_equal(notebook->cell_count, 2);
		assert_false(notebook->cells[1].broken);
		if (notebook->cells[0].broken)
			continue; /* what is no item of its own belongs to what stands before it */
		assert_int_equal(notebook->item_count, 1);
		assert_true(notebook->items[0].broken);
		assert_int_equal(notebook->items[0].kind, rows[i].kind);
		if (rows[i].name[0])
			assert_string_equal(notebook->items[0].name, rows[i].name);
		assert_int_equal(notebook->problem_count, 1);
		assert_int_equal(notebook->problems[0].start.line, 4);
	}
}

static void test_broken_attribute(void **state)
{
	AUTO_NOTEBOOK struct notebook *notebook =
	    parsed("#[cell(\nfn a() {}\n#[cell]\nfn b() {}\n#[cell)]\nfn c() "
		   "{}\n#[derive(Debug]\nstruct D;\n#[cell]\nfn e() {}\n");

	(void)state;
	assert_int_equal(cell_named(notebook, "a"), 0);
	assert_int_equal(cell_named(notebook, "b"), 1);
	assert_int_equal(cell_named(notebook, "c"), 2);
	assert_int_equal(cell_named(notebook, "e"), 3);
	assert_true(notebook->cells[0].broken);
	assert_false(notebook->cells[1].broken);
	assert_true(notebook->cells[2].broken);
	assert_false(notebook->cells[3].broken);
	assert_int_equal(notebook->item_count, 1);
	assert_string_equal(notebook->items[0].name, "D");
	assert_true(notebook->items[0].broken);
}

static void test_dangling(void **state)
{
	AUTO_NOTEBOOK struct notebook *doc = parsed("use a;\n/// of nothing\n");
	AUTO_NOTEBOOK struct notebook *attribute = parsed("use a;\n#[cell]\n// end");

	(void)state;
	assert_true(has_problem(doc, -1, 2, 1, "documents nothing"));
	assert_true(has_problem(attribute, -1, 2, 1, "belongs to nothing"));
	assert_true(doc->items[1].broken);
}

/* A broken cell's parameters are known when its head parses: the graph keeps its shape while
 * somebody types. */
static void test_edges_of_broken(void **state)
{
	AUTO_NOTEBOOK struct notebook *notebook =
	    parsed("#[cell]\nfn a() {}\n#[cell]\nfn b(a: &i32) -> i32 { let x = ; 1 }\n");

	(void)state;
	assert_true(notebook->cells[1].broken);
	assert_int_equal(notebook->cells[1].param_count, 1);
	assert_int_equal(notebook->cells[1].params[0].producer, 0);
	assert_int_equal(notebook->problem_count, 1);
}

/* Good items are in the tree at their places though others do not parse. */
static void test_tree_of_the_rest(void **state)
{
	AUTO_NOTEBOOK struct notebook *notebook =
	    parsed("struct A;\n#[cell]\nfn bad( {}\nstruct B;\n");
	TSNode root = ts_tree_root_node(notebook->tree);
	TSNode node = ts_node_named_descendant_for_byte_range(
	    root, notebook->items[1].body.start, notebook->items[1].body.end);

	(void)state;
	assert_false(ts_node_has_error(root));
	assert_string_equal(ts_node_type(node), "struct_item");
	assert_int_equal(ts_node_start_byte(node), notebook->items[1].body.start);
	assert_int_equal(ts_node_end_byte(node), notebook->items[1].body.end);
}

const TSLanguage *tree_sitter_rust(void);

static const char SAMPLE[] =
    "//! # Title\n//! text\n\nuse venus::prelude::*;\n\n// note\n\n#[derive(Debug, Clone)]\nstruct "
    "Config { n: usize, name: "
    "&'static str }\nconst C: char = '}';\n\n/// # Settings\n#[venus::cell(timeout = \"5s\")]\npub "
    "fn config() -> Config {\n    "
    "Config { n: 10, name: \"x { y\" }\n}\n\n#[cell]\nfn total(config: &Config, _rate: f64) -> "
    "Result<f64, String> {\n    let v: "
    "Vec<f64> = (0..config.n).map(|i| i as f64 * rate).collect();\n    match v.first() {\n        "
    "Some(x) if *x < 1.0 => "
    "Ok(*x),\n        _ => Err(format!(r#\"none \"of\" {}\"#, v.len())), // no\n    "
    "}\n}\n\n#[venus::cell] fn rate() -> f64 { 0.5 "
    "}\n\nimpl Config {\n    fn twice(&self) -> usize { self.n * 2 }\n}\n";

/* True if the grammar by itself finds nothing wrong. */
static bool parses(const char *text)
{
	TSParser *parser = ts_parser_new();
	TSTree *tree;
	bool clean;

	assert_true(ts_parser_set_language(parser, tree_sitter_rust()));
	tree = ts_parser_parse_string(parser, NULL, text, (uint32_t)strlen(text));
	clean = !ts_node_has_error(ts_tree_root_node(tree));
	ts_tree_delete(tree);
	ts_parser_delete(parser);
	return clean;
}

static void check_edited(const char *replacement, const struct notebook_token *token, bool keep)
{
	AUTO_BUF struct buf text = BUF_INIT;
	AUTO_NOTEBOOK struct notebook *notebook = NULL;
	int broken = -1;

	buf_add(&text, SAMPLE, keep ? token->end : token->start);
	buf_add_text(&text, replacement);
	buf_add_text(&text, SAMPLE + token->end);
	notebook = parsed(text.data);
	if (!parses(text.data))
		assert_true(notebook->problem_count > 0);
	for (size_t i = 0; i < notebook->problem_count; i++)
		assert_in_range(notebook->problems[i].start.line, 1, notebook->line_count);
	assert_in_range(notebook->cell_count, 2, 3);
	/* One token breaks the syntax of one cell. */
	for (size_t i = 0; i < notebook->problem_count; i++) {
		const struct notebook_problem *problem = &notebook->problems[i];

		if (problem->kind != NOTEBOOK_SYNTAX || problem->cell < 0)
			continue;
		assert_true(broken < 0 || broken == problem->cell);
		broken = problem->cell;
	}
}

/* Every token of the sample deleted, doubled, and replaced. */
static void test_every_token(void **state)
{
	struct notebook_lexer lexer = {SAMPLE, 0, sizeof SAMPLE - 1};
	struct notebook_token token;
	AUTO_NOTEBOOK struct notebook *notebook = parsed(SAMPLE);

	(void)state;
	assert_clean(notebook);
	assert_int_equal(notebook->cell_count, 3);
	while ((token = notebook_lex(&lexer)).kind != NOTEBOOK_TOKEN_END) {
		AUTO_FREE char *same =
		    mem_printf(" %.*s", (int)(token.end - token.start), SAMPLE + token.start);
		static const char *const REPLACEMENTS[] = {"", "}", "\"", "/*", "#["};

		for (size_t i = 0; i < ARRAY_LENGTH(REPLACEMENTS); i++)
			check_edited(REPLACEMENTS[i], &token, false);
		check_edited(same, &token, true);
	}
}

/* The text cut off everywhere, as while it is typed. */
static void test_every_prefix(void **state)
{
	(void)state;
	for (size_t length = 0; length < sizeof SAMPLE; length += 7) {
		AUTO_NOTEBOOK struct notebook *notebook = parsed_bytes(SAMPLE, length);

		assert_true(notebook->cell_count <= 3);
	}
}

static void repeat(struct buf *text, const char *part, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buf_add_text(text, part);
}

/* Texts that are slow or deadly for a parser that recovers from them as a whole. */
static void test_hostile(void **state)
{
	static const struct {
		const char *before, *part, *after;
		size_t count;
	} rows[] = {
	    {"", "(", "", 70000},
	    {"fn a() ", "{", "", 25000},
	    {"", "fn a() {\n", "", 20000},
	    {"", "#[cell]\nfn a() {\n", "", 20000},
	    {"fn f(", "&", "x: u8) {}", 25000},
	    {"fn f(x: ", "A<B, ", "C", 20000},
	    {"const X: i32 = ", "|a, b| ", "1;", 20000},
	    {"const X: i32 = ", "1 + ", "1;", 25000},
	    {"const X: i32 = ", "-", "1;", 50000},
	    {"fn f() { ", "if a {} else ", "{} }", 20000},
	    {"fn f() { x", ".a()", " }", 20000},
	    {"fn f() { x", "[0]", " }", 20000},
	    {"", "} a b 1 ", "", 25000},
	    {"", "r##\" ", "", 25000},
	    {"", "r##\"\nfn a() {}\n", "", 20000},
	    {"", "\"\nfn a() {}\n", "", 20000},
	    {"", "/*", "", 75000},
	    {"", "/* */ ", "", 25000},
	    {"", ";", "", 75000},
	    {"", "#", "", 75000},
	    {"", "#[", "", 25000},
	    {"", "#[cell]", "", 70000},
	    {"", "'", "", 50000},
	    {"", "\xf0\x9f\x98\x80", "", 25000},
	    {"", "mod m {", "", 20000},
	    {"", "use a;\n", "", 101000},
	    {"", "//! a\n\n", "", 101000},
	    {"", "/// a\n", "", 70000},
	    {"", "fn f(\n", "", 20000},
	    {"", "#[cell(\n", "", 20000},
	    {"type A<'a, T> = (T, T);\n#[cell] fn f(a: ", "A<'a, ", "u8", 3000},
	    {"mod m { ", "#[cell] fn a() {} ", "}", 3000},
	    {"", "thread_local!(a)", ";", 20000},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		AUTO_BUF struct buf text = BUF_INIT;
		AUTO_NOTEBOOK struct notebook *notebook = NULL;

		buf_add_text(&text, rows[i].before);
		repeat(&text, rows[i].part, rows[i].count);
		buf_add_text(&text, rows[i].after);
		buf_add_text(&text, "\n#[cell]\nfn last() {}\n");
		notebook = parsed(text.data);
		assert_int_equal(notebook->length, text.length);
	}
}

static void test_deep_but_legal(void **state)
{
	AUTO_BUF struct buf text = BUF_INIT;
	AUTO_NOTEBOOK struct notebook *notebook = NULL;

	(void)state;
	buf_add_text(&text, "#[cell]\nfn a() -> i32 { ");
	repeat(&text, "(", 100);
	buf_add_text(&text, "1");
	repeat(&text, ")", 100);
	buf_add_text(&text, " }\nconst T: &[[i32; 2]] = &[");
	repeat(&text, "[1, 2], ", 20000);
	buf_add_text(&text, "];\n#[cell]\nfn b() -> i32 { 1");
	repeat(&text, " + 1", 1000);
	buf_add_text(&text, " }\n");
	notebook = parsed(text.data);
	assert_clean(notebook);
	assert_int_equal(notebook->cell_count, 2);
	assert_int_equal(notebook->item_count, 1);
}

static void test_too_deep(void **state)
{
	AUTO_BUF struct buf text = BUF_INIT;
	AUTO_NOTEBOOK struct notebook *notebook = NULL;

	(void)state;
	buf_add_text(&text, "#[cell]\nfn a() -> i32 { ");
	repeat(&text, "(", 300);
	repeat(&text, ")", 300);
	buf_add_text(&text, " }\n#[cell]\nfn b() {}\n");
	notebook = parsed(text.data);
	assert_int_equal(notebook->cell_count, 2);
	assert_true(has_problem(notebook, 0, 1, 1, "nested too deeply"));
	assert_false(notebook->cells[1].broken);
}

/* A broken cell far down a large notebook. */
static void test_large(void **state)
{
	AUTO_BUF struct buf text = BUF_INIT;
	AUTO_NOTEBOOK struct notebook *notebook = NULL;

	(void)state;
	for (int i = 0; i < 3000; i++)
		buf_printf(&text,
		    "// # Number %d\n\n/// doc\n#[cell]\npub fn c%d() -> Vec<String> {\n    "
		    "vec![format!(\"{}\", %d)]%s\n\n",
		    i, i, i, i == 2000 ? "" : "\n}");
	notebook = parsed(text.data);
	assert_int_equal(notebook->cell_count, 3000);
	assert_int_equal(notebook->markdown_count, 3000);
	assert_int_equal(notebook->problem_count, 1);
	assert_int_equal(notebook->problems[0].cell, 2000);
	assert_string_equal(notebook->cells[2001].return_type, "Vec<String>");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_one_broken_cell),
	    cmocka_unit_test(test_broken_definitions),
	    cmocka_unit_test(test_broken_attribute),
	    cmocka_unit_test(test_dangling),
	    cmocka_unit_test(test_edges_of_broken),
	    cmocka_unit_test(test_tree_of_the_rest),
	    cmocka_unit_test(test_every_token),
	    cmocka_unit_test(test_every_prefix),
	    cmocka_unit_test(test_hostile),
	    cmocka_unit_test(test_deep_but_legal),
	    cmocka_unit_test(test_too_deep),
	    cmocka_unit_test(test_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
