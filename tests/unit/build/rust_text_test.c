#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above first */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "venusd/build/rust_text.h"

/* The text itself, and the way back from it. That it compiles and runs is rust_text_run_test's
 * affair. */

static const struct rust_settings SETTINGS = {"/books", 2021};

static struct notebook *parse(const char *source)
{
	struct notebook *notebook = NULL;
	struct err err;
	if (notebook_parse(source, strlen(source), &notebook, &err))
		fail_msg("%s", err.message);
	return notebook;
}

static char *universe(const char *source)
{
	AUTO(notebook_free_p) struct notebook *notebook = parse(source);
	AUTO(rust_crate_fini) struct rust_crate crate = {0};
	struct err err;
	assert_int_equal(rust_universe_generate(notebook, &SETTINGS, NULL, 0, &crate, &err), 0);
	assert_int_equal(crate.file_count, 1);
	assert_string_equal(crate.files[0].name, "universe.rs");
	return mem_strdup(crate.files[0].text);
}

static char *cell(const char *source, const char *name)
{
	AUTO(notebook_free_p) struct notebook *notebook = parse(source);
	AUTO(rust_file_fini) struct rust_file file = {0};
	struct err err;
	int index = notebook_cell_find(notebook, name);
	assert_true(index >= 0);
	assert_int_equal(rust_cell_generate(notebook, &SETTINGS, (size_t)index, &file, &err), 0);
	return mem_strdup(file.text);
}

struct rewriting {
	const char *from, *to;
};

/* What a definition becomes at the universe's root; codecs stand behind it and are not compared
 * here. */
static const struct rewriting REWRITINGS[] = {
    {"fn f() {}", "pub fn f() {}"},
    {"pub(crate) fn f() {}", "pub fn f() {}"},
    {"pub(in crate::a) const fn f() {}", "pub const fn f() {}"},
    {"unsafe extern \"C\" fn f() {}", "pub unsafe extern \"C\" fn f() {}"},
    {"const A: [u8; { 1 }] = [0];", "pub const A: [u8; { 1 }] = [0];"},
    {"const _: () = ();", "const _: () = ();"},
    {"static mut A: u8 = 0;", "pub static mut A: u8 = 0;"},
    {"struct A { a: u8, pub(crate) b: Map<u8, u8>, /* c */ c: u8 }",
	"pub struct A { pub a: u8, pub b: Map<u8, u8>, /* c */ pub c: u8 }"},
    {"struct A(u8, pub B, (C, D));", "pub struct A(pub u8, pub B, pub (C, D));"},
    {"struct A<T>(pub (T, T)) where T: Copy;", "pub struct A<T>(pub (T, T)) where T: Copy;"},
    {"#[non_exhaustive] enum A { B(u8), C { d: u8 } }", " pub enum A { B(u8), C { d: u8 } }"},
    {"union A { a: u8, b: u8 }", "pub union A { pub a: u8, pub b: u8 }"},
    {"impl A { fn f() {} const C: u8 = 1; pub fn g() {} }",
	"impl A { pub fn f() {} pub const C: u8 = 1; pub fn g() {} }"},
    {"impl<T> B for A<T> where for<'a> T: C<'a> { fn f() {} }",
	"impl<T> B for A<T> where for<'a> T: C<'a> { fn f() {} }"},
    {"impl<T> A<T> where for<'a> T: C<'a> { fn f() {} }",
	"impl<T> A<T> where for<'a> T: C<'a> { pub fn f() {} }"},
    {"trait A { fn f(); }", "pub trait A { fn f(); }"},
    {"use a::{b, c as d};", "pub use a::{b, c as d};"},
    {"mod m { fn f() {} pub(super) fn g() {} pub(self) fn h() {} struct S(pub (crate::A, u8)); }",
	"pub mod m { fn f() {} pub fn g() {} pub(self) fn h() {} struct S(pub (crate::A, u8));"},
    {"extern \"C\" { fn a(); static b: u8; }", "extern \"C\" { pub fn a(); pub static b: u8; }"},
    {"extern crate a as b;", "pub extern crate a as b;"},
    {"thread_local! { static A: u8 = 1; pub(crate) static B: u8 = 2 }",
	"thread_local! { pub static A: u8 = 1; pub static B: u8 = 2 }"},
    {"#[derive(Debug, Archive, Clone, venus::RkyvSerialize)] struct A;",
	"#[derive(Debug,  Clone, )] pub struct A;"},
    {"fn f() -> &'static str { include_str!(\"a.txt\") }",
	"pub fn f() -> &'static str { include_str!(\"/books/a.txt\") }"},
    {"fn f() { g(include_bytes!(r\"/b\"), \"include_str!(\\\"a\\\")\") }",
	"pub fn f() { g(include_bytes!(r\"/b\"), \"include_str!(\\\"a\\\")\") }"},
    {"#[path = \"x/y.rs\"] mod a;", "#[path = \"/books/x/y.rs\"] pub mod a;"},
    {"#[path = \"b.rs\"] mod a;", "#[path = \"/books/b.rs\"] pub mod a;"},
    {"mod a { mod b; }", "#[path = \"/books/a\"] pub mod a { mod b; }"},
    {"pub(crate) mod a;", "#[path = \"/books\"] mod __venus_folder_a { #[allow(unused_imports)] "
			  "use super::*; pub mod a; } "},
    {"fn main() { f(); }", "\n#[allow(unused_imports)] pub use ::venus::prelude::*;"},
    {"/// words\n#[venus::hide]\ntype A = u8;", "\npub type A = u8;"},
};

static void test_rewritings(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(REWRITINGS); i++) {
		AUTO_FREE char *text = universe(REWRITINGS[i].from);
		const char *start = text + strspn(text, " ");
		const char *to = REWRITINGS[i].to + strspn(REWRITINGS[i].to, " ");
		if (strncmp(start, to, strlen(to)) != 0)
			fail_msg(
			    "%s\nbecame %s\nnot    %s", REWRITINGS[i].from, text, REWRITINGS[i].to);
	}
}

static void test_macros_that_make_items(void **state)
{
	(void)state;
	AUTO_FREE char *text =
	    universe("macro_rules! m { ($v:vis $n:ident $($f:ident),*) => { $v struct $n { $($f: "
		     "u8),* } impl $n { fn f() {} } }; }\nm!{A a}\n");
	assert_non_null(
	    strstr(text, "{ pub struct $n { $(pub $f: u8),* } impl $n { pub fn f() {} } }"));
	AUTO_FREE char *unused =
	    universe("macro_rules! m { () => { struct A; } }\nfn f() { m!{} }\n");
	assert_non_null(strstr(unused, "{ struct A; }"));
}

static void test_codecs(void **state)
{
	(void)state;
	AUTO_FREE char *text = universe("struct A<'a, T: B = u8, const N: usize = 1> where T: C { "
					"long: &'a [T; N], b: u8, aa: u8 }");
	assert_non_null(strstr(text, "impl<'a, T: B, const N: usize> ::venus::__rt::Enc for A<'a, "
				     "T, N> where T: C, T: ::venus::__rt::Enc + "));
	const char *b = strstr(text, "__w.text(\"b\")"), *aa = strstr(text, "__w.text(\"aa\")"),
		   *l = strstr(text, "__w.text(\"long\")");
	assert_true(b && b < aa && aa < l);
	static const char *const WITHOUT[] = {"#[repr(packed)] struct A { a: u8 }",
	    "struct A<T: ?Sized>(Box<T>);", "struct A([u8]);", "struct A { a: u8, b: dyn B }",
	    "struct A { #[cfg(x)] a: u8 }", "union A { a: u8 }", "trait A {}"};
	for (size_t i = 0; i < ARRAY_LENGTH(WITHOUT); i++) {
		AUTO_FREE char *none = universe(WITHOUT[i]);
		assert_null(strstr(none, "::venus::__rt::Enc"));
	}
}

static void test_universe_is_only_the_definitions(void **state)
{
	(void)state;
	AUTO_FREE char *a = universe(
	    "//! # A\n\nconst A: u8 = 1;\n\n#[venus::cell]\nfn c() -> u8 { A }\n\nfn f() {}\n");
	AUTO_FREE char *b = universe("const A: u8 = 1;\n// words\n\n/// more\nfn f() "
				     "{}\n\n\n#[venus::cell]\nfn c() -> u16 { 2 }\n");
	assert_string_equal(a, b);
	AUTO_FREE char *c = universe("const A: u8 = 2;\nfn f() {}\n");
	assert_string_not_equal(a, c);
	AUTO_FREE char *d = universe("\n\nconst A: u32 = 1;\n\n\nfn f() -> u32 { line!() }\n");
	const char *f = strstr(d, "pub fn f");
	size_t lines = 1;
	for (const char *at = d; at < f; at++)
		lines += *at == '\n';
	assert_int_equal(lines, 6);
}

static void test_cell_text_stands_alone(void **state)
{
	(void)state;
	AUTO_FREE char *a = cell(
	    "#[venus::cell] fn x() -> u8 { 1 }\n#[venus::cell] fn c(x: &u8) -> u8 { *x }\n", "c");
	AUTO_FREE char *b =
	    cell("//! words\n\nconst B: u8 = 1;\n/// # C\n#[venus::cell(cache)]\nfn c(x: &u8) -> "
		 "u8 { *x }\n#[venus::cell] fn x() -> u8 { 7 }\n",
		"c");
	assert_string_equal(a, b);
	assert_non_null(strstr(a, "let __a0 = &*(__f.borrow(0) as *const u8);"));
	AUTO_FREE char *other = cell(
	    "#[venus::cell] fn x() -> u16 { 1 }\n#[venus::cell] fn c(x: &u8) -> u8 { *x }\n", "c");
	assert_string_not_equal(a, other);
	AUTO_FREE char *line = cell("\n\n#[venus::cell]\nfn c() -> u32 { line!() }\n", "c");
	assert_memory_equal(line, "\n\n\n fn c()", 9 - 1);
	AUTO_FREE char *kept =
	    cell("#[venus::cell]\n#[allow(dead_code)] #[cell(cache)] /// words\nfn c() {}\n", "c");
	assert_true(strncmp(kept, " #[allow(dead_code)]  fn c() {}\n", 30) == 0);
}

static void test_feeding(void **state)
{
	(void)state;
	const char *source =
	    "type R = Result<u8, ()>;\nstruct S;\n#[venus::cell] fn r() -> R { Ok(1) "
	    "}\n#[venus::cell] fn s() -> S { S }\n"
	    "#[venus::cell] fn io() -> std::io::Result<u8> { Ok(1) }\n#[venus::cell] fn v() -> "
	    "Vec<Result<u8, ()>> { vec![] }\n"
	    "#[venus::cell] fn c(r: u8, s: &mut S, io: &u8, v: &[Result<u8, ()>]) {}\n";
	AUTO_FREE char *text = cell(source, "c");
	assert_non_null(
	    strstr(text, "let __a0 = (&&&::venus::__rt::F::<R, u8>::NEW).own(__f.own(0, \"r\"));"));
	assert_non_null(strstr(
	    text, "let mut __a1 = *::std::boxed::Box::from_raw(__f.own(1, \"s\") as *mut S);"));
	assert_non_null(strstr(text, "let __a2 = (&&&::venus::__rt::F::<std::io::Result<u8>, "
				     "u8>::NEW).borrow(__f.borrow(2));"));
	assert_non_null(
	    strstr(text, "let __a3 = &*(__f.borrow(3) as *const Vec<Result<u8, ()>>);"));
	assert_non_null(strstr(text, "let __b0: u8 = __a0; let __b1: &mut S = &mut __a1; "));
	assert_non_null(strstr(text, "= c(__b0, __b1, __b2, __b3, );"));
}

static void test_symbols(void **state)
{
	(void)state;
	AUTO_FREE char *a = rust_glue_symbol("Box<dyn for<'a> Fn(&'a str) -> View<'b>>"),
		       *b = rust_glue_symbol("Box<dyn for<'a> Fn(&'a str) -> View<'static>>");
	assert_string_equal(a, b);
	AUTO_FREE char *c = rust_glue_symbol("Vec<u8>"), *d = rust_glue_symbol("Vec<u16>");
	assert_string_not_equal(c, d);
	assert_int_equal(strlen(c), strlen("__venus_t_") + 32);
	AUTO(notebook_free_p)
	struct notebook *notebook = parse("#[venus::cell] fn a() {}\n#[venus::cell] fn b() {}\n");
	AUTO_FREE char *e = rust_cell_symbol(notebook, &SETTINGS, 0),
		       *f = rust_cell_symbol(notebook, &SETTINGS, 1);
	assert_string_not_equal(e, f);
	AUTO_FREE char *text = cell("#[venus::cell] fn a() {}\n", "a");
	assert_non_null(strstr(text, e));
}

/* Line and column of the first `needle` behind `skip` occurrences. */
static void place_in(const char *text, const char *needle, uint32_t *ret_line, uint32_t *ret_column)
{
	const char *at = strstr(text, needle);
	assert_non_null(at);
	*ret_line = *ret_column = 1;
	for (const char *c = text; c < at; c++) {
		if (*c == '\n') {
			++*ret_line;
			*ret_column = 1;
		} else if (((unsigned char)*c & 0xc0) != 0x80) {
			++*ret_column;
		}
	}
}

static void check_origin(const struct notebook *notebook, const struct rust_file *file,
    const char *needle, enum rust_owner owner, uint32_t line, uint32_t column)
{
	struct rust_origin origin = {0};
	uint32_t from_line, from_column;
	place_in(file->text, needle, &from_line, &from_column);
	assert_true(rust_map_place(notebook, file->map, from_line, from_column, &origin));
	assert_int_equal(origin.owner, owner);
	assert_int_equal(origin.place.line, line);
	assert_int_equal(origin.place.column, column);
}

static const char MAPPED[] = "//! # T\n\nstruct A { ß: u8, b: u8 }\nfn f() { g() "
			     "}\n\n#[venus::cell]\npub fn x() -> u8 { 1 }\n"
			     "#[venus::cell] fn y(x: &u8) -> u8 { let ü = 2; boom(ü) }\n";

static void test_map_back(void **state)
{
	(void)state;
	AUTO(notebook_free_p) struct notebook *notebook = parse(MAPPED);
	AUTO(rust_crate_fini) struct rust_crate crate = {0}, plain = {0};
	AUTO(rust_file_fini) struct rust_file file = {0};
	struct err err;
	assert_int_equal(rust_universe_generate(notebook, &SETTINGS, NULL, 0, &crate, &err), 0);
	check_origin(notebook, &crate.files[0], "pub struct", RUST_OWNER_ITEM, 3, 1);
	check_origin(notebook, &crate.files[0], "struct", RUST_OWNER_ITEM, 3, 1);
	check_origin(notebook, &crate.files[0], "b: u8", RUST_OWNER_ITEM, 3, 19);
	check_origin(notebook, &crate.files[0], "g()", RUST_OWNER_ITEM, 4, 10);
	struct rust_origin origin;
	uint32_t line, column;
	place_in(crate.files[0].text, "__w.map", &line, &column);
	assert_false(rust_map_place(notebook, crate.files[0].map, line, column, &origin));
	assert_false(rust_map_place(notebook, crate.files[0].map, 1000, 1, &origin));
	assert_int_equal(rust_cell_generate(notebook, &SETTINGS, 1, &file, &err), 0);
	check_origin(notebook, &file, "boom", RUST_OWNER_CELL, 8, 48);
	check_origin(notebook, &file, "__a0; __f", RUST_OWNER_PARAM, 8, 24);
	place_in(file.text, "__f.begin", &line, &column);
	assert_false(rust_map_place(notebook, file.map, line, column, &origin));
	const size_t both[] = {0, 1};
	assert_int_equal(rust_plain_generate(notebook, &SETTINGS, both, 2, &plain, &err), 0);
	check_origin(notebook, &plain.files[0], "boom", RUST_OWNER_CELL, 8, 48);
	place_in(plain.files[0].text, "boom", &line, &column);
	assert_int_equal(line, 8);
	assert_int_equal(column, 48);
}

static void test_file_places(void **state)
{
	(void)state;
	AUTO(notebook_free_p) struct notebook *notebook = parse(MAPPED);
	AUTO(rust_file_fini) struct rust_file file = {0};
	struct rust_origin origin;
	struct err err;
	uint32_t line, column;
	assert_int_equal(rust_cell_generate(notebook, &SETTINGS, 1, &file, &err), 0);
	place_in(file.text, "boom", &line, &column);
	AUTO_FREE char *path = mem_printf("/scratch/%s", file.name);
	assert_true(rust_file_place(notebook, &SETTINGS, 1, path, line, column, &origin));
	assert_int_equal(origin.place.line, 8);
	assert_false(rust_file_place(notebook, &SETTINGS, 0, path, line, column, &origin));
	assert_true(rust_file_place(notebook, &SETTINGS, 1, "plain.rs", 8, 48, &origin));
	assert_int_equal(origin.place.column, 48);
	assert_true(rust_file_place(notebook, &SETTINGS, 1, "D/universe.rs", 2, 5, &origin));
	assert_int_equal(origin.place.line, 4);
	assert_false(rust_file_place(notebook, &SETTINGS, 1, "/rustc/std/vec.rs", 8, 1, &origin));
}

/* Columns in compiled code are those of a screen. */
static void test_file_places_of_wide_text(void **state)
{
	(void)state;
	static const char TEXT[] =
	    "#[venus::cell]\nfn x() -> u8 {\n\t\tlet s = \"日本e\xcc\x81\"; boom(s) }\n";
	AUTO(notebook_free_p) struct notebook *notebook = parse(TEXT);
	struct rust_origin origin;
	assert_true(rust_file_place(notebook, &SETTINGS, 0, "plain.rs", 3, 26, &origin));
	assert_int_equal(origin.place.line, 3);
	assert_int_equal(origin.place.column, 19);
	assert_true(rust_file_place(notebook, &SETTINGS, 0, "plain.rs", 3, 9, &origin));
	assert_int_equal(origin.place.column, 3);
}

static void test_batch(void **state)
{
	(void)state;
	AUTO(notebook_free_p)
	struct notebook *notebook =
	    parse("#![deny(unused)]\n#![no_std]\n#[macro_export]\nmacro_rules! m { () => { 1 } "
		  "}\n#[macro_use] mod n { macro_rules! k { () => { 2 } } }\n"
		  "#[venus::cell] fn a() -> u8 { m!() }\n#[venus::cell] fn b() -> u8 { k!() }\n");
	AUTO(rust_crate_fini) struct rust_crate crate = {0};
	struct err err;
	const size_t one[] = {1};
	assert_int_equal(rust_batch_generate(notebook, &SETTINGS, one, 1, &crate, &err), 0);
	assert_int_equal(crate.file_count, 2);
	const char *root = crate.files[0].text;
	assert_true(strncmp(root, "#![warn(unused)]", 16) == 0);
	assert_null(strstr(root, "no_std"));
	assert_null(strstr(root, "macro_export"));
	assert_non_null(strstr(root, "macro_rules! m { () => { 1 } }\n"));
	assert_non_null(strstr(root, "macro_rules! k { () => { 2 } }\n"));
	AUTO_FREE char *include = mem_printf("include!(\"%s\");", crate.files[1].name);
	assert_non_null(strstr(root, include));
}

static void test_missing_producer(void **state)
{
	(void)state;
	AUTO(notebook_free_p)
	struct notebook *notebook = parse("#[venus::cell] fn a(nobody: &u8) -> u8 { 1 }\n");
	struct rust_file file = {0};
	struct err err;
	assert_int_equal(rust_cell_generate(notebook, &SETTINGS, 0, &file, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_string_equal(err.message, "cell `a`: no cell gives its parameter `nobody`");
}

/* Damaged definitions are generated all the same: every prefix, every text without one character.
 */
static void test_damage(void **state)
{
	(void)state;
	static const char SOURCE[] = "#[derive(A)] struct A<'a, T: B<{ 1 }>> { a: &'a T, b: [u8; "
				     "2] }\nenum E { A(u8), B { c: u8 } = 3 }\n"
				     "impl<T> A<T> { fn f() -> u8 { r#\"x\"# } }\nmacro_rules! m { "
				     "($v:vis $($n:ident)*) => { $v struct $($n)*; } }\nm!{A}\n"
				     "mod n { mod o; pub(super) fn g() {} }\n#[venus::cell] fn c() "
				     "-> &'static str { '\\'' }\n#[venus::cell] fn d(c: &str) {}\n";
	for (size_t i = 0; i < 2 * (sizeof SOURCE - 1); i++) {
		AUTO_FREE char *text = mem_strdup(SOURCE);
		size_t at = i / 2;
		if (i % 2)
			memmove(text + at, text + at + 1, strlen(text + at));
		else
			text[at] = '\0';
		AUTO(notebook_free_p) struct notebook *notebook = parse(text);
		AUTO(rust_crate_fini) struct rust_crate crate = {0}, plain = {0};
		struct err err;
		assert_int_equal(
		    rust_universe_generate(notebook, &SETTINGS, NULL, 0, &crate, &err), 0);
		for (size_t k = 0; k < notebook->cell_count; k++) {
			struct rust_file file = {0};
			if (!notebook->cells[k].broken)
				assert_int_equal(
				    rust_cell_generate(notebook, &SETTINGS, k, &file, &err), 0);
			rust_file_fini(&file);
		}
		assert_int_equal(
		    rust_plain_generate(notebook, &SETTINGS, NULL, 0, &plain, &err), 0);
	}
}

static void test_split_suspects(void **state)
{
	(void)state;
	assert_true(rust_split_suspect("E0425"));
	assert_true(rust_split_suspect("E0117"));
	assert_false(rust_split_suspect("E0308"));
	assert_false(rust_split_suspect(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rewritings),
	    cmocka_unit_test(test_macros_that_make_items),
	    cmocka_unit_test(test_codecs),
	    cmocka_unit_test(test_universe_is_only_the_definitions),
	    cmocka_unit_test(test_cell_text_stands_alone),
	    cmocka_unit_test(test_feeding),
	    cmocka_unit_test(test_symbols),
	    cmocka_unit_test(test_map_back),
	    cmocka_unit_test(test_file_places),
	    cmocka_unit_test(test_file_places_of_wide_text),
	    cmocka_unit_test(test_batch),
	    cmocka_unit_test(test_missing_producer),
	    cmocka_unit_test(test_damage),
	    cmocka_unit_test(test_split_suspects),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
