#include "tests/unit/notebook/parsed.h"

/* Edges, order, and what is wrong with the whole. */

static void assert_order(const struct notebook *notebook, const char *names)
{
	AUTO_BUF struct buf found = BUF_INIT;

	for (size_t i = 0; i < notebook->order_count; i++)
		buf_printf(&found, "%s ", notebook->cells[notebook->order[i]].name);
	assert_string_equal(found.length ? found.data : "", names);
}

static void test_order(void **state)
{
	static const char *const rows[][2] = {
	    {"", ""},
	    {"#[cell] fn c() {}\n#[cell] fn a() {}\n#[cell] fn b() {}", "c a b "},
	    {"#[cell] fn c(b: &()) {}\n#[cell] fn a() {}\n#[cell] fn b(a: ()) {}\n#[cell] fn d() "
	     "{}",
		"a b c d "},
	    {"#[cell] fn top(x: (), y: ()) {}\n#[cell] fn y(base: ()) {}\n#[cell] fn x(base: ()) "
	     "{}\n#[cell] fn base() {}",
		"base y x top "},
	    {"#[cell] fn a(b: (), _b: (), b2: ()) {}\n#[cell] fn b() {}\n#[cell] fn b2() {}",
		"b b2 a "},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		AUTO_NOTEBOOK struct notebook *notebook = parsed(rows[i][0]);

		assert_clean(notebook);
		assert_order(notebook, rows[i][1]);
	}
}

static void test_underscore(void **state)
{
	AUTO_NOTEBOOK struct notebook *notebook = parsed(
	    "#[cell] fn a() {}\n#[cell] fn _b() {}\n#[cell] fn b() {}\n#[cell] fn r#type() {}\n"
	    "#[cell] fn c(_a: (), _b: (), b: (), _type: (), r#type: ()) {}\n");
	const struct notebook_param *params = notebook->cells[4].params;

	(void)state;
	assert_clean(notebook);
	assert_int_equal(params[0].producer, 0);
	assert_int_equal(params[1].producer, 1);
	assert_int_equal(params[2].producer, 2);
	assert_int_equal(params[3].producer, 3);
	assert_int_equal(params[4].producer, 3);
}

static void test_unknown(void **state)
{
	AUTO_NOTEBOOK struct notebook *notebook =
	    parsed("#[cell]\nfn config() {}\n#[cell]\nfn total(confg: &i32) {}\n"
		   "#[cell]\nfn other(quixotic: i32) {}\n#[cell]\nfn below(total: ()) {}\n"
		   "#[cell]\nfn lead(__config: i32) {}\n#[cell]\nfn _self(_slf: i32) {}\n");

	(void)state;
	assert_true(has_problem(notebook, 1, 4, 10,
	    "`total` needs `confg`, and no cell has that name: did you mean `config`?"));
	assert_true(
	    has_problem(notebook, 2, 6, 10, "no cell has that name: a parameter is named like"));
	assert_true(has_problem(notebook, 4, 10, 9, "did you mean `config`?"));
	assert_true(notebook->cells[1].broken);
	assert_false(notebook->cells[0].broken);
	assert_false(notebook->cells[3].broken);
	assert_int_equal(notebook->problems[0].kind, NOTEBOOK_GRAPH);
	assert_int_equal(notebook->problems[0].end.column, 21);
	assert_int_equal(notebook->order_count, 6);
}

static void test_cycles(void **state)
{
	AUTO_NOTEBOOK struct notebook *two =
	    parsed("#[cell]\nfn a(b: ()) {}\n#[cell]\nfn b(a: ()) {}\n#[cell]\nfn c(b: ()) "
		   "{}\n#[cell]\nfn d() {}");
	AUTO_NOTEBOOK struct notebook *one = parsed("#[cell]\nfn a(_a: ()) {}");
	AUTO_NOTEBOOK struct notebook *three = parsed(
	    "#[cell] fn a(b: (), x: ()) {}\n#[cell] fn b(c: ()) {}\n#[cell] fn c(a: (), b: ()) {}\n"
	    "#[cell] fn x() {}\n");

	(void)state;
	assert_true(has_problem(two, 0, 2, 4, "a -> b -> a"));
	assert_true(has_problem(two, 1, 4, 4, "b -> a -> b"));
	assert_int_equal(two->problem_count, 2);
	assert_false(two->cells[2].broken);
	assert_order(two, "d ");
	assert_true(has_problem(one, 0, 2, 4, "a -> a"));
	assert_order(one, "");
	assert_true(has_problem(three, 0, 1, 12, "a -> b -> c -> a"));
	assert_true(has_problem(three, 1, 2, 12, "b -> c -> b"));
	assert_true(has_problem(three, 2, 3, 12, "c -> b -> c"));
	assert_order(three, "x ");
}

static void test_long_cycle(void **state)
{
	AUTO_BUF struct buf text = BUF_INIT;
	AUTO_NOTEBOOK struct notebook *notebook = NULL;

	(void)state;
	for (int i = 0; i < 3000; i++)
		buf_printf(&text, "#[cell] fn c%d(c%d: ()) {}\n", i, (i + 1) % 3000);
	notebook = parsed(text.data);
	assert_int_equal(notebook->problem_count, 3000);
	assert_int_equal(notebook->order_count, 0);
	assert_true(has_problem(notebook, 0, 1, 12, "c0 -> c1 -> c2"));
	assert_true(has_problem(notebook, 0, 1, 12, "more … -> c2995"));
	for (size_t i = 0; i < notebook->problem_count; i++)
		assert_true(strlen(notebook->problems[i].message) < 1000);
}

static void test_deep_chain(void **state)
{
	AUTO_BUF struct buf text = BUF_INIT;
	AUTO_NOTEBOOK struct notebook *notebook = NULL;

	(void)state;
	for (int i = 0; i < 5000; i++)
		buf_printf(&text, "#[cell] fn c%d(c%d: ()) {}\n", i, i + 1);
	buf_printf(&text, "#[cell] fn c5000() {}\n");
	notebook = parsed(text.data);
	assert_clean(notebook);
	assert_int_equal(notebook->order_count, 5001);
	assert_int_equal(notebook->order[0], 5000);
	assert_int_equal(notebook->order[5000], 0);
}

static void test_duplicates(void **state)
{
	AUTO_NOTEBOOK struct notebook *notebook =
	    parsed("#[cell]\nfn a() {}\n#[cell]\nfn b(a: ()) {}\n#[cell]\nfn a() {}\n#[cell]\nfn "
		   "r#a() {}\n");

	(void)state;
	assert_true(has_problem(notebook, 0, 2, 4, "two cells are named `a`, in lines 2 and 6"));
	assert_true(has_problem(notebook, 2, 6, 4, "two cells are named `a`, in lines 2 and 6"));
	assert_true(has_problem(notebook, 3, 8, 4, "in lines 2 and 8"));
	assert_false(notebook->cells[1].broken);
	assert_int_equal(notebook->problem_count, 3);
	assert_int_equal(notebook->order_count, 4);
}

static void test_definition_names(void **state)
{
	AUTO_NOTEBOOK struct notebook *notebook = parsed(
	    "#[cell]\nfn a() {}\n\n/// doc\nfn a() {}\n#[cell]\nfn b() {}\nconst b: i32 = 1;\n"
	    "#[cell] fn c() {}\n#[cfg(test)]\nfn c() {}\nmod c {}\n");

	(void)state;
	assert_true(has_problem(
	    notebook, 0, 2, 4, "the cell `a` in line 2 is named like the function in line 5"));
	assert_true(has_problem(notebook, 1, 7, 4, "is named like the const in line 8"));
	assert_int_equal(notebook->problem_count, 2);
	assert_false(notebook->items[0].broken);
}

static void test_find(void **state)
{
	AUTO_NOTEBOOK struct notebook *notebook =
	    parsed("/// # Shown\n#[cell]\nfn hidden_name() {}\n/// # hidden_name\n#[cell]\nfn "
		   "other() {}\n#[cell]\nfn r#type() {}\n");

	(void)state;
	assert_int_equal(notebook_cell_find(notebook, "hidden_name"), 0);
	assert_int_equal(notebook_cell_find(notebook, "Shown"), 0);
	assert_int_equal(notebook_cell_find(notebook, "other"), 1);
	assert_int_equal(notebook_cell_find(notebook, "type"), 2);
	assert_int_equal(notebook_cell_find(notebook, "r#type"), 2);
	assert_int_equal(notebook_cell_find(notebook, "nothing"), -1);
	assert_string_equal(notebook_cell_nearest(notebook, "hiden_name"), "hidden_name");
	assert_string_equal(notebook_cell_nearest(notebook, "ohter"), "other");
	assert_null(notebook_cell_nearest(notebook, "zzzzzzzz"));
	assert_null(notebook_cell_nearest(notebook, ""));
}

static void test_too_many_cells(void **state)
{
	AUTO_BUF struct buf text = BUF_INIT;
	AUTO_NOTEBOOK struct notebook *notebook = NULL;

	(void)state;
	for (unsigned i = 0; i < NOTEBOOK_CELLS_MAX + 2; i++)
		buf_printf(&text, "#[cell] fn c%u() {}\n", i);
	notebook = parsed(text.data);
	assert_int_equal(notebook->cell_count, NOTEBOOK_CELLS_MAX);
	assert_int_equal(notebook->problem_count, 1);
	assert_true(has_problem(notebook, -1, NOTEBOOK_CELLS_MAX + 1, 12, "at most 10000 cells"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_order),
	    cmocka_unit_test(test_underscore),
	    cmocka_unit_test(test_unknown),
	    cmocka_unit_test(test_cycles),
	    cmocka_unit_test(test_long_cycle),
	    cmocka_unit_test(test_deep_chain),
	    cmocka_unit_test(test_duplicates),
	    cmocka_unit_test(test_definition_names),
	    cmocka_unit_test(test_find),
	    cmocka_unit_test(test_too_many_cells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
