#include "tests/unit/notebook/parsed.h"

/* What the parts of a notebook are: cells, options, descriptions, definitions, markdown, blocks. */

static void test_cell_forms(void **state)
{
	static const struct {
		const char *text, *name;
		const char *item, *function;
	} rows[] = {
	    {"#[venus::cell]\npub fn a() {}\n", "a", "#[venus::cell]\npub fn a() {}",
		"pub fn a() {}"},
	    {"#[cell]\nfn a() {}", "a", "#[cell]\nfn a() {}", "fn a() {}"},
	    {"#[cell] fn a() {}", "a", "#[cell] fn a() {}", "fn a() {}"},
	    {"  #[cell]\tfn a() {}  ", "a", "#[cell]\tfn a() {}", "fn a() {}"},
	    {"#[allow(x)]\n#[venus::cell]\n#[inline]\npub(crate) fn a() {}", "a",
		"#[allow(x)]\n#[venus::cell]\n#[inline]\npub(crate) fn a() {}",
		"pub(crate) fn a() {}"},
	    {"#[ venus :: cell ]\nfn a() {}", "a", "#[ venus :: cell ]\nfn a() {}", "fn a() {}"},
	    {"#[::venus::cell]\nfn a() {}", "a", "#[::venus::cell]\nfn a() {}", "fn a() {}"},
	    {"/// doc\n#[cell]\n// why\nfn a() {}", "a", "/// doc\n#[cell]\n// why\nfn a() {}",
		"fn a() {}"},
	    {"// attached\n/// doc\n#[cell]\nfn a() {}", "a", "/// doc\n#[cell]\nfn a() {}",
		"fn a() {}"},
	    {"#[cell]\nconst fn a() -> i32 { 1 }", "a", "#[cell]\nconst fn a() -> i32 { 1 }",
		"const fn a() -> i32 { 1 }"},
	    {"#[cell]\nfn r#type() {}", "r#type", "#[cell]\nfn r#type() {}", "fn r#type() {}"},
	    {"#[cell]\nfn größe() {}", "größe", "#[cell]\nfn größe() {}", "fn größe() {}"},
	    {"\xef\xbb\xbf#[cell]\nfn a() {}", "a", "#[cell]\nfn a() {}", "fn a() {}"},
	    {"#!/usr/bin/env venusctl\n#[cell]\nfn a() {}", "a", "#[cell]\nfn a() {}", "fn a() {}"},
	    {"\xef\xbb\xbf#!/x\r\n#[cell]\r\nfn a() {}", "a", "#[cell]\r\nfn a() {}", "fn a() {}"},
	    {"#![allow(unused)]\n#[cell]\nfn a() {}", "a", "#[cell]\nfn a() {}", "fn a() {}"},
	    {"#[cell]\nfn a<'x>(a2: &'x str) -> i32 { 1 }\n#[cell] fn a2() -> String { x }", "a",
		"#[cell]\nfn a<'x>(a2: &'x str) -> i32 { 1 }",
		"fn a<'x>(a2: &'x str) -> i32 { 1 }"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		AUTO_NOTEBOOK struct notebook *notebook = parsed(rows[i].text);

		assert_clean(notebook);
		assert_true(notebook->cell_count >= 1);
		assert_string_equal(notebook->cells[0].name, rows[i].name);
		assert_range_text(notebook, notebook->cells[0].item, rows[i].item);
		assert_range_text(notebook, notebook->cells[0].function, rows[i].function);
		assert_range_text(notebook, notebook->cells[0].name_range, rows[i].name);
	}
}

static void test_no_cells(void **state)
{
	static const char *const rows[] = {
	    "",
	    "\n",
	    "fn a() {}",
	    "const A: &str = \"\n#[cell]\nfn a() {}\n\";",
	    "const A: &str = r##\"\n#[cell]\nfn a() {}\n\"# \"##;",
	    "/*\n#[cell]\nfn a() {}\n*/",
	    "/* /* */\n#[cell]\nfn a() {}\n*/",
	    "// #[cell]\nfn a() {}",
	    "macro_rules! m { () => {\n#[cell]\nfn a() {}\n} }",
	    "m! {\n#[cell]\nfn a() {}\n}",
	    "#[other::cell]\nfn a() {}",
	    "#[doc = \"#[cell]\"]\nfn a() {}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		AUTO_NOTEBOOK struct notebook *notebook = parsed(rows[i]);

		assert_clean(notebook);
		assert_int_equal(notebook->cell_count, 0);
	}
}

static void test_options(void **state)
{
	static const struct {
		const char *attribute;
		bool is_volatile, is_cache;
		uint64_t timeout_ms, memory_bytes;
	} rows[] = {
	    {"#[cell()]", false, false, 0, 0},
	    {"#[venus::cell(volatile)]", true, false, 0, 0},
	    {"#[cell(cache,)]", false, true, 0, 0},
	    {"#[cell(timeout = \"5s\")]", false, false, 5000, 0},
	    {"#[cell(timeout=\"250ms\", memory=\"512M\")]", false, false, 250, 512ull << 20},
	    {"#[cell(volatile, timeout = \"1.5h\", memory = \"2GiB\")]", true, false, 5400000,
		2ull << 30},
	    {"#[cell(\n    timeout = \"2m\",\n    // a while\n    memory = r\"1024K\",\n)]", false,
		false, 120000, 1 << 20},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		AUTO_FREE char *text = mem_printf("%s\nfn a() {}\n", rows[i].attribute);
		AUTO_NOTEBOOK struct notebook *notebook = parsed(text);

		assert_clean(notebook);
		assert_int_equal(notebook->cells[0].is_volatile, rows[i].is_volatile);
		assert_int_equal(notebook->cells[0].is_cache, rows[i].is_cache);
		assert_int_equal(notebook->cells[0].timeout_ms, rows[i].timeout_ms);
		assert_int_equal(notebook->cells[0].memory_bytes, rows[i].memory_bytes);
	}
}

static void test_wrong_options(void **state)
{
	static const struct {
		const char *attribute;
		uint32_t column;
		const char *message;
	} rows[] = {
	    {"#[cell(volatil)]", 8, "did you mean `volatile`?"},
	    {"#[cell(cache, time_out = \"5s\")]", 15, "did you mean `timeout`?"},
	    {"#[cell(memroy = \"5M\")]", 8, "did you mean `memory`?"},
	    {"#[cell(quantum)]", 8, "there are volatile, cache"},
	    {"#[cell(timeout)]", 8, "needs a value"},
	    {"#[cell(timeout = 5)]", 8, "must be a time"},
	    {"#[cell(timeout = \"5\")]", 8, "must be a time"},
	    {"#[cell(timeout = \"0s\")]", 8, "must be a time"},
	    {"#[cell(timeout = \"99999999999999999999s\")]", 8, "must be a time"},
	    {"#[cell(timeout = \"-5s\")]", 8, "must be a time"},
	    {"#[cell(memory = \"512\")]", 8, "must be a size"},
	    {"#[cell(memory = \"1K\")]", 8, "must be a size"},
	    {"#[cell(memory = \"99999999T\")]", 8, "must be a size"},
	    {"#[cell(volatile = \"x\")]", 8, "takes no value"},
	    {"#[cell(volatile, volatile)]", 18, "given twice"},
	    {"#[cell(volatile, cache)]", 1, "contradict"},
	    {"#[cell(\"volatile\")]", 8, "no option"},
	    {"#[cell(volatile cache)]", 17, "commas between"},
	    {"#[cell = \"x\"]", 1, "in parentheses"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		AUTO_FREE char *text =
		    mem_printf("%s\nfn a() {}\n#[cell] fn b() {}", rows[i].attribute);
		AUTO_NOTEBOOK struct notebook *notebook = parsed(text);

		assert_int_equal(notebook->cell_count, 2);
		assert_true(has_problem(notebook, 0, 1, rows[i].column, rows[i].message));
		assert_true(notebook->cells[0].broken);
		assert_false(notebook->cells[1].broken);
	}
}

static void test_descriptions(void **state)
{
	static const struct {
		const char *docs, *description, *display_name;
	} rows[] = {
	    {"", "", "a"},
	    {"/// # Settings\n///\n/// More *text*.\n", "# Settings\n\nMore *text*.", "Settings"},
	    {"///no space\n///  two\n", "no space\n two", "a"},
	    {"/// text\n/// ## Later ##\n/// # Second\n", "text\n## Later ##\n# Second", "Later"},
	    {"/// ```\n/// # in code\n/// ```\n/// # C#\n", "```\n# in code\n```\n# C#", "C#"},
	    {"/// #hashtag\n", "#hashtag", "a"},
	    {"/** # Block */\n", "# Block", "Block"},
	    {"/**\n * # Stars\n *\n *  text\n */\n", "# Stars\n\n text", "Stars"},
	    {"/**\n    # Margin\n      deeper\n*/\n", "# Margin\n  deeper", "Margin"},
	    {"#[doc = \"# Attribute\\n\\u{e9}\\x41\"]\n",
		"# Attribute\n\xc3\xa9"
		"A",
		"Attribute"},
	    {"#[doc = r#\"# Raw \"x\"\"#]\n", "# Raw \"x\"", "Raw \"x\""},
	    {"/// one\n#[doc = \"two\"]\n#[allow(x)]\n/// three\n", "one\ntwo\nthree", "a"},
	    {"#[doc(hidden)]\n", "", "a"},
	    {"//// no doc\n", "", "a"},
	    {"/*** no doc */\n", "", "a"},
	    {"/// crlf\r\n/// # Head\r\n", "crlf\n# Head", "Head"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		AUTO_FREE char *text = mem_printf("%s#[cell]\nfn a() {}\n", rows[i].docs);
		AUTO_NOTEBOOK struct notebook *notebook = parsed(text);

		assert_clean(notebook);
		assert_string_equal(notebook->cells[0].description, rows[i].description);
		assert_string_equal(notebook->cells[0].display_name, rows[i].display_name);
		assert_int_equal(notebook->markdown_count, 0);
	}
}

static void test_definitions(void **state)
{
	static const struct {
		const char *text;
		enum notebook_item_kind kind;
		const char *name;
	} rows[] = {
	    {"use venus::prelude::*;", NOTEBOOK_USE, ""},
	    {"pub struct A { x: i32 }", NOTEBOOK_STRUCT, "A"},
	    {"struct A(i32);", NOTEBOOK_STRUCT, "A"},
	    {"enum E<T> { A(T), B }", NOTEBOOK_ENUM, "E"},
	    {"union U { a: u8, b: i8 }", NOTEBOOK_UNION, "U"},
	    {"type T = i32;", NOTEBOOK_TYPE, "T"},
	    {"const C: i32 = 1;", NOTEBOOK_CONST, "C"},
	    {"const _: () = ();", NOTEBOOK_CONST, "_"},
	    {"static mut S: i32 = 1;", NOTEBOOK_STATIC, "S"},
	    {"pub trait Tr { fn f(&self); }", NOTEBOOK_TRAIT, "Tr"},
	    {"impl A { fn f() {} }", NOTEBOOK_IMPL, "A"},
	    {"impl<T: Clone> fmt::Display for a::B<T> where T: X { }", NOTEBOOK_IMPL, "B"},
	    {"impl Tr for &'static A {}", NOTEBOOK_IMPL, "A"},
	    {"pub async fn helper<T>(x: T) -> impl Tr { x }", NOTEBOOK_FN, "helper"},
	    {"unsafe extern \"C\" fn callback(x: i32) {}", NOTEBOOK_FN, "callback"},
	    {"mod m { pub fn f() {} }", NOTEBOOK_MOD, "m"},
	    {"mod m;", NOTEBOOK_MOD, "m"},
	    {"macro_rules! mac { ($x:expr) => { $x } }", NOTEBOOK_MACRO, "mac"},
	    {"macro_rules! mac ( () => {} );", NOTEBOOK_MACRO, "mac"},
	    {"thread_local! { static A: i32 = 1 }", NOTEBOOK_MACRO_CALL, "thread_local"},
	    {"thread_local!(static A: i32 = 1);", NOTEBOOK_MACRO_CALL, "thread_local"},
	    {"a::b! [1];", NOTEBOOK_MACRO_CALL, "b"},
	    {"extern crate alloc as al;", NOTEBOOK_EXTERN_CRATE, "alloc"},
	    {"extern \"C\" { fn puts(s: *const u8) -> i32; }", NOTEBOOK_EXTERN_BLOCK, ""},
	    {"unsafe extern \"C\" { safe fn puts(s: *const u8) -> i32; }", NOTEBOOK_EXTERN_BLOCK,
		""},
	    {"#![allow(dead_code)]", NOTEBOOK_INNER_ATTRIBUTE, ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		AUTO_FREE char *text = mem_printf("\n%s\n", rows[i].text);
		AUTO_NOTEBOOK struct notebook *notebook = parsed(text);

		assert_clean(notebook);
		assert_int_equal(notebook->item_count, 1);
		assert_int_equal(notebook->items[0].kind, rows[i].kind);
		assert_string_equal(notebook->items[0].name, rows[i].name);
		assert_int_equal(notebook->items[0].line, 2);
		assert_range_text(notebook, notebook->items[0].item, rows[i].text);
		assert_range_text(notebook, notebook->items[0].body, rows[i].text);
		assert_false(notebook->items[0].broken);
	}
}

static void test_definition_ranges(void **state)
{
	AUTO_NOTEBOOK struct notebook *notebook =
	    parsed("// of A\n/// doc\n#[derive(Debug)] // why\nstruct "
		   "A;\n\n#[unsafe(no_mangle)]\npub fn f() {} // behind\n");

	(void)state;
	assert_clean(notebook);
	assert_int_equal(notebook->item_count, 2);
	assert_range_text(
	    notebook, notebook->items[0].item, "/// doc\n#[derive(Debug)] // why\nstruct A;");
	assert_range_text(notebook, notebook->items[0].body, "struct A;");
	assert_int_equal(notebook->items[0].line, 4);
	assert_range_text(notebook, notebook->items[1].item, "#[unsafe(no_mangle)]\npub fn f() {}");
	assert_int_equal(notebook->markdown_count, 0);
}

static void test_hide(void **state)
{
	AUTO_NOTEBOOK struct notebook *notebook =
	    parsed("#[venus::hide]\nuse a;\n#[hide]\n#[cell]\nfn a() {}\n#[cell] #[venus::hide] "
		   "fn b() {}\n#[cell] fn c() {}\nuse d;\n");

	(void)state;
	assert_clean(notebook);
	assert_true(notebook->items[0].hidden);
	assert_false(notebook->items[1].hidden);
	assert_true(notebook->cells[0].hidden);
	assert_true(notebook->cells[1].hidden);
	assert_false(notebook->cells[2].hidden);
}

static void test_markdown(void **state)
{
	static const struct {
		const char *text;
		size_t count;
		const char *first, *second;
		uint32_t second_line;
	} rows[] = {
	    {"//! # A\n//! b\n", 1, "# A\nb", NULL, 0},
	    {"//! a\n\n//! b\n", 2, "a", "b", 3},
	    {"//! a\n//!\n//! b\n", 1, "a\n\nb", NULL, 0},
	    {"//!a\r\n//!  b\r\n\r\n// c", 2, "a\n b", "c", 4},
	    {"// free\n// lines\n\nfn f() {}\n", 1, "free\nlines", NULL, 0},
	    {"// attached\nfn f() {}\n", 0, NULL, NULL, 0},
	    {"// attached\n#[allow(x)]\nfn f() {}\n", 0, NULL, NULL, 0},
	    {"// attached\n/// doc\nfn f() {}\n", 0, NULL, NULL, 0},
	    {"// attached\n/* too */\nfn f() {}\n", 0, NULL, NULL, 0},
	    {"// free\n\n// attached\nfn f() {}\n", 1, "free", NULL, 0},
	    {"fn f() {}\n// last", 1, "last", NULL, 0},
	    {"fn f() {} // behind\n// own line\n", 1, "own line", NULL, 0},
	    {"fn f() {} // behind\n", 0, NULL, NULL, 0},
	    {"//! a\n// b\n\nfn f() {}", 2, "a", "b", 2},
	    {"// a\n//! b\nfn f() {}", 2, "a", "b", 2},
	    {"/*! # Block\n * text\n */\nfn f() {}", 1, "# Block\ntext", NULL, 0},
	    {"/* plain */\n\nfn f() {}", 0, NULL, NULL, 0},
	    {"fn f() {\n// inside\n\n}\nmod m {\n//! inside\n}\n", 0, NULL, NULL, 0},
	    {"const A: &str = \"\n// a\n\n//! b\n\";\n", 0, NULL, NULL, 0},
	    {"/*\n// a\n\n*/\n", 0, NULL, NULL, 0},
	    {"   // indented\n\n\t//! tab\n", 2, "indented", "tab", 3},
	    {"////// bar\n\nuse a;", 1, "//// bar", NULL, 0},
	    {"#!/shebang\n//! a\n", 1, "a", NULL, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		AUTO_NOTEBOOK struct notebook *notebook = parsed(rows[i].text);

		assert_clean(notebook);
		assert_int_equal(notebook->markdown_count, rows[i].count);
		if (rows[i].first)
			assert_string_equal(notebook->markdown[0].text, rows[i].first);
		if (rows[i].second) {
			assert_string_equal(notebook->markdown[1].text, rows[i].second);
			assert_int_equal(notebook->markdown[1].line, rows[i].second_line);
		}
	}
}

static void test_markdown_ranges(void **state)
{
	AUTO_NOTEBOOK struct notebook *notebook =
	    parsed("use a;\r\n\r\n//! one\r\n//! two\r\n\r\n// three\r\n\r\nuse b;");

	(void)state;
	assert_clean(notebook);
	assert_true(notebook->crlf);
	assert_range_text(notebook, notebook->markdown[0].range, "//! one\r\n//! two");
	assert_true(notebook->markdown[0].inner);
	assert_int_equal(notebook->markdown[0].line, 3);
	assert_range_text(notebook, notebook->markdown[1].range, "// three");
	assert_false(notebook->markdown[1].inner);
}

static void test_title(void **state)
{
	static const char *const rows[][2] = {
	    {"", ""},
	    {"//! text\n", ""},
	    {"//! # Title\n// # Other\n", "Title"},
	    {"//! text\n\nuse a;\n\n// ### Below ###\n", "Below"},
	    {"//! ```\n//! # code\n//! ```\n//! #\ttab\n", "tab"},
	    {"/// # Not of a cell\n#[cell]\nfn a() {}", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		AUTO_NOTEBOOK struct notebook *notebook = parsed(rows[i][0]);

		assert_clean(notebook);
		assert_string_equal(notebook->title, rows[i][1]);
	}
}

static void test_cargo(void **state)
{
	static const struct {
		const char *text, *cargo;
		uint32_t line;
	} rows[] = {
	    {"//! # T\n//! ```cargo\n//! [dependencies]\n//! rand = \"1\"\n//! ```\n//! after\n",
		"[dependencies]\nrand = \"1\"\n", 3},
	    {"//! a\r\n\r\n//! ~~~~ cargo\r\n//!   x = { a = 1 }\r\n//!\r\n//! ~~~~\r\n",
		"  x = { a = 1 }\n\n", 4},
	    {"//! ```cargo\n//! ```\n", "", 2},
	    {"//! ```toml\n//! x\n//! ```\n", NULL, 0},
	    {"//! ````md\n//! ```cargo\n//! x\n//! ```\n//! ````\n", NULL, 0},
	    {"// ```cargo\n// x\n// ```\n", NULL, 0},
	    {"//! ```cargox\n//! x\n//! ```\n", NULL, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		AUTO_NOTEBOOK struct notebook *notebook = parsed(rows[i].text);

		assert_clean(notebook);
		if (rows[i].cargo) {
			assert_non_null(notebook->cargo);
			assert_string_equal(notebook->cargo, rows[i].cargo);
		} else {
			assert_null(notebook->cargo);
		}
		assert_int_equal(notebook->cargo_line, rows[i].line);
	}
}

static void test_wrong_cargo(void **state)
{
	AUTO_NOTEBOOK struct notebook *open = parsed("//! a\n//! ```cargo\n//! x = 1\n\nuse a;\n");
	AUTO_NOTEBOOK struct notebook *two =
	    parsed("//! ```cargo\n//! x = 1\n//! ```\n\n//! ```cargo\n//! y = 1\n//! ```\n");

	(void)state;
	assert_true(has_problem(open, -1, 2, 1, "never closed"));
	assert_string_equal(open->cargo, "x = 1\n");
	assert_true(has_problem(two, -1, 5, 1, "one cargo block"));
	assert_string_equal(two->cargo, "x = 1\n");
}

static void test_blocks(void **state)
{
	static const struct notebook_block expected[] = {{NOTEBOOK_BLOCK_MARKDOWN, 0, 1},
	    {NOTEBOOK_BLOCK_DEFINITIONS, 0, 2}, {NOTEBOOK_BLOCK_CELL, 0, 1},
	    {NOTEBOOK_BLOCK_CELL, 1, 1}, {NOTEBOOK_BLOCK_DEFINITIONS, 2, 1},
	    {NOTEBOOK_BLOCK_MARKDOWN, 1, 1}, {NOTEBOOK_BLOCK_DEFINITIONS, 3, 1}};
	AUTO_NOTEBOOK struct notebook *notebook =
	    parsed("//! m\nuse a;\n\nuse b;\n#[cell] fn c() {}\n#[cell] fn d() {}\nuse e;\n\n"
		   "// m\n\nuse f;\n");

	(void)state;
	assert_clean(notebook);
	assert_int_equal(notebook->block_count, ARRAY_LENGTH(expected));
	for (size_t i = 0; i < ARRAY_LENGTH(expected); i++) {
		assert_int_equal(notebook->blocks[i].kind, expected[i].kind);
		assert_int_equal(notebook->blocks[i].first, expected[i].first);
		assert_int_equal(notebook->blocks[i].count, expected[i].count);
	}
}

static void test_kind_names(void **state)
{
	(void)state;
	assert_string_equal(notebook_item_kind_name(NOTEBOOK_FN), "function");
	assert_string_equal(notebook_item_kind_name(NOTEBOOK_EXTERN_BLOCK), "extern block");
	assert_string_equal(notebook_item_kind_name(NOTEBOOK_OTHER), "item");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cell_forms),
	    cmocka_unit_test(test_no_cells),
	    cmocka_unit_test(test_options),
	    cmocka_unit_test(test_wrong_options),
	    cmocka_unit_test(test_descriptions),
	    cmocka_unit_test(test_definitions),
	    cmocka_unit_test(test_definition_ranges),
	    cmocka_unit_test(test_hide),
	    cmocka_unit_test(test_markdown),
	    cmocka_unit_test(test_markdown_ranges),
	    cmocka_unit_test(test_title),
	    cmocka_unit_test(test_cargo),
	    cmocka_unit_test(test_wrong_cargo),
	    cmocka_unit_test(test_blocks),
	    cmocka_unit_test(test_kind_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
