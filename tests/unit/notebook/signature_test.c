#include "tests/unit/notebook/parsed.h"

/* Parameters, return types, and the forms that a cell cannot have. */

/* Every row's cell is followed by a cell `in1`, so that a parameter of that name has a producer. */
#define TAIL "\n#[cell]\nfn in1() -> i32 { 1 }\n"

static void test_passing(void **state)
{
	static const struct {
		const char *type, *pointee;
		enum notebook_passing passing;
	} rows[] = {
	    {"i32", "i32", NOTEBOOK_BY_VALUE},
	    {"&i32", "i32", NOTEBOOK_BY_REF},
	    {"&mut Vec<i32>", "Vec<i32>", NOTEBOOK_BY_MUT},
	    {"&[f64]", "[f64]", NOTEBOOK_BY_REF},
	    {"&str", "str", NOTEBOOK_BY_REF},
	    {"& 'static  str", "str", NOTEBOOK_BY_REF},
	    {"&'_ mut (i32, &str)", "(i32, &str)", NOTEBOOK_BY_MUT},
	    {"&(dyn Fn(i32) -> i32 + Send)", "(dyn Fn(i32) -> i32 + Send)", NOTEBOOK_BY_REF},
	    {"&&i32", "&i32", NOTEBOOK_BY_REF},
	    {"Option<&'static str>", "Option<&'static str>", NOTEBOOK_BY_VALUE},
	    {"[u8; 4]", "[u8; 4]", NOTEBOOK_BY_VALUE},
	    {"R", "Foo", NOTEBOOK_BY_REF},
	    {"R<'_>", "Foo", NOTEBOOK_BY_REF},
	    {"crate::R<'_>", "Foo", NOTEBOOK_BY_REF},
	    {"other::R<'_>", "other::R<'_>", NOTEBOOK_BY_VALUE},
	    {"M<i32>", "Vec<i32>", NOTEBOOK_BY_MUT},
	    {"Chain<u8>", "Vec<(u8, u8)>", NOTEBOOK_BY_MUT},
	    {"Borrowed", "View<'_>", NOTEBOOK_BY_REF},
	    {"Borrowed<'static>", "View<'static>", NOTEBOOK_BY_REF},
	    {"Plain", "Plain", NOTEBOOK_BY_VALUE},
	    {"Endless", "Endless", NOTEBOOK_BY_VALUE},
	    {"Defaulted", "[u16]", NOTEBOOK_BY_REF},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		AUTO_FREE char *text = mem_printf("#[cell]\nfn a(in1: %s) {}" TAIL
						  "type R<'a> = &'a Foo;\ntype M<'a, T> = &'a mut "
						  "Vec<T>;\ntype Chain<'x, X> = M<'x, (X, X)>;\n"
						  "type Borrowed<'a> = &'a View<'a>;\ntype Plain = "
						  "i32;\ntype Endless = Endless;\n"
						  "type Defaulted<'a, T = u16> = &'a [T];\n",
		    rows[i].type);
		AUTO_NOTEBOOK struct notebook *notebook = parsed(text);

		assert_clean(notebook);
		assert_int_equal(notebook->cells[0].param_count, 1);
		assert_string_equal(notebook->cells[0].params[0].type, rows[i].type);
		assert_string_equal(notebook->cells[0].params[0].pointee, rows[i].pointee);
		assert_int_equal(notebook->cells[0].params[0].passing, rows[i].passing);
	}
}

static void test_param_ranges(void **state)
{
	AUTO_NOTEBOOK struct notebook *notebook =
	    parsed("#[cell] fn a() {}\n#[cell] fn b() {}\n#[cell]\nfn c(\n\t#[allow(x)] mut a : "
		   "Vec<i32>, // why\n\t_b: &mut str,\n) {}\n");
	const struct notebook_param *params = notebook->cells[2].params;

	(void)state;
	assert_clean(notebook);
	assert_int_equal(notebook->cells[2].param_count, 2);
	assert_string_equal(params[0].name, "a");
	assert_range_text(notebook, params[0].range, "a : Vec<i32>");
	assert_range_text(notebook, params[0].type_range, "Vec<i32>");
	assert_int_equal(params[0].producer, 0);
	assert_string_equal(params[1].name, "_b");
	assert_range_text(notebook, params[1].range, "_b: &mut str");
	assert_int_equal(params[1].producer, 1);
}

static void test_return_types(void **state)
{
	static const char *const rows[] = {"i32", "()", "Result<Vec<f64>, String>", "&'static str",
	    "Option<&'static [u8]>", "Box<dyn Fn(&str) -> &str>", "fn(&u8) -> &u8",
	    "Box<dyn for<'a> Fn(&'a str) -> &'a str + Send>", "View<'static>", "[&'static str; 2]",
	    "Plain<i32>", "!"};
	AUTO_NOTEBOOK struct notebook *none = parsed("#[cell]\nfn a() {}");

	(void)state;
	assert_string_equal(none->cells[0].return_type, "()");
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		AUTO_FREE char *text = mem_printf("#[cell]\nfn a(in1: &str) -> %s { x }\nstruct "
						  "View<'a>(&'a str);\nstruct Plain<T>(T);" TAIL,
		    rows[i]);
		AUTO_NOTEBOOK struct notebook *notebook = parsed(text);

		assert_clean(notebook);
		assert_string_equal(notebook->cells[0].return_type, rows[i]);
	}
}

static void test_borrowing_returns(void **state)
{
	static const struct {
		const char *type;
		uint32_t column;
	} rows[] = {{"&str", 23}, {"&'a str", 23}, {"Vec<&str>", 27}, {"View<'_>", 28},
	    {"View<'a>", 28}, {"View", 23}, {"Option<View>", 30}, {"Two<i32>", 23}, {"Alias", 23},
	    {"Box<dyn Tr + 'a>", 36}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		AUTO_FREE char *text = mem_printf("#[cell]\nfn a(in1: &'a i32) -> %s { x }\nstruct "
						  "View<'a>(&'a str);\nenum Two<'a, T> { A(&'a "
						  "T) }\ntype Alias<'x> = &'x str;" TAIL,
		    rows[i].type);
		AUTO_NOTEBOOK struct notebook *notebook = parsed(text);

		assert_int_equal(notebook->problem_count, 1);
		assert_true(has_problem(notebook, 0, 2, rows[i].column, "cannot return a borrow"));
		assert_true(notebook->cells[0].broken);
		assert_false(notebook->cells[1].broken);
		assert_string_equal(notebook->cells[0].return_type, rows[i].type);
	}
}

static void test_rejected_forms(void **state)
{
	static const struct {
		const char *function;
		uint32_t column;
		const char *message;
	} rows[] = {
	    {"fn a<T>(in1: T) {}", 6, "cannot be generic"},
	    {"fn a<'x, const N: usize>(in1: &'x [u8; N]) {}", 10, "cannot be generic"},
	    {"fn a(in1: impl Fn()) {}", 11, "cannot be generic"},
	    {"fn a(in1: &[impl Fn()]) {}", 13, "cannot be generic"},
	    {"async fn a() {}", 1, "cannot be async"},
	    {"pub async fn a() {}", 5, "cannot be async"},
	    {"unsafe fn a() {}", 1, "cannot be unsafe"},
	    {"extern \"C\" fn a() {}", 1, "cannot be extern"},
	    {"fn a() -> impl Iterator<Item = i32> { x }", 11, "cannot return `impl Trait`"},
	    {"fn a() -> Vec<impl Clone> { x }", 15, "cannot return `impl Trait`"},
	    {"fn a(&self) {}", 6, "cannot take `self`"},
	    {"fn a(self: Box<Self>) {}", 6, "cannot take `self`"},
	    {"fn a((x, y): (i32, i32)) {}", 6, "plain name"},
	    {"fn a(_: i32) {}", 6, "plain name"},
	    {"fn a(ref in1: i32) {}", 6, "plain name"},
	    {"fn a(&in1: &i32) {}", 6, "plain name"},
	    {"fn a(Point { x }: Point) {}", 6, "plain name"},
	    {"fn a(in1: i32, ...) {}", 16, "variadic"},
	    {"fn a(Foo) {}", 6, "needs a name"},
	    {"fn a(#[cfg(x)] in1: i32) {}", 6, "cannot depend on `cfg`"},
	    {"fn a();", 1, "needs a body"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		AUTO_FREE char *text = mem_printf("#[cell]\n%s" TAIL, rows[i].function);
		AUTO_NOTEBOOK struct notebook *notebook = parsed(text);

		assert_int_equal(notebook->cell_count, 2);
		assert_true(has_problem(notebook, 0, 2, rows[i].column, rows[i].message));
		assert_int_equal(notebook->problem_count, 1);
		assert_true(notebook->cells[0].broken);
		assert_false(notebook->cells[1].broken);
	}
}

static void test_cells_elsewhere(void **state)
{
	static const struct {
		const char *text;
		uint32_t line, column;
		const char *message;
	} rows[] = {
	    {"impl A {\n    #[venus::cell]\n    pub fn m(&self) {}\n}", 2, 5,
		"a method cannot be a cell"},
	    {"trait T {\n#[allow(x)] #[cell]\n#[inline]\nfn m(); }", 2, 13,
		"a method cannot be a cell"},
	    {"mod m {\n    mod n {\n        #[cell] // why\n        fn f() {}\n    }\n}", 3, 9,
		"a module"},
	    {"fn f() {\n    #[cell]\n    fn g() {}\n}", 2, 5, "a function"},
	    {"#[cell]\nstruct S;", 1, 1, "only a function can be a cell, this is struct"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		AUTO_FREE char *text = mem_printf("%s" TAIL, rows[i].text);
		AUTO_NOTEBOOK struct notebook *notebook = parsed(text);

		assert_int_equal(notebook->cell_count, 1);
		assert_int_equal(notebook->item_count, 1);
		assert_int_equal(notebook->problem_count, 1);
		assert_true(
		    has_problem(notebook, -1, rows[i].line, rows[i].column, rows[i].message));
		assert_false(notebook->items[0].broken);
		assert_false(notebook->cells[0].broken);
	}
}

static void test_marked_twice(void **state)
{
	AUTO_NOTEBOOK struct notebook *notebook =
	    parsed("#[cell]\n#[venus::cell(volatile)]\nfn a() {}");
	/* An attribute of a derive macro may have any name. */
	AUTO_NOTEBOOK struct notebook *field =
	    parsed("#[derive(Table)]\nstruct A {\n    #[cell]\n    x: i32,\n}");

	(void)state;
	assert_true(has_problem(notebook, 0, 2, 1, "twice"));
	assert_clean(field);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_passing),
	    cmocka_unit_test(test_param_ranges),
	    cmocka_unit_test(test_return_types),
	    cmocka_unit_test(test_borrowing_returns),
	    cmocka_unit_test(test_rejected_forms),
	    cmocka_unit_test(test_cells_elsewhere),
	    cmocka_unit_test(test_marked_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
