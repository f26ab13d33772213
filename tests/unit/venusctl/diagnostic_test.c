#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "venusctl/diagnostic.h"
#include "venusctl/text_safe.h"

static char *text(const char *constant) /* messages are read only, and their fields not const */
{
	static char kept[16][1024];
	static size_t next;
	char *place = kept[next++ % 16];

	assert_true(strlen(constant) < sizeof kept[0]);
	return strcpy(place, constant);
}

static void check(const Venus__V1__Problem *problem, const char *expected)
{
	AUTO_BUF struct buf buf = BUF_INIT;

	diagnostic_add(&buf, problem, "nb.rs", false);
	assert_string_equal(buf.data, expected);
}

static Venus__V1__Problem make(const char *line, uint32_t column, uint32_t end_column)
{
	Venus__V1__Problem problem = VENUS__V1__PROBLEM__INIT;

	problem.kind = VENUS__V1__PROBLEM__KIND__COMPILE;
	problem.message = text("bad");
	problem.line = problem.end_line = 7;
	problem.column = column;
	problem.end_column = end_column;
	problem.source_line = text(line);
	return problem;
}

static void test_whole(void **state)
{
	Venus__V1__Problem problem = make("    let x: u32 = \"a\";", 18, 21);
	Venus__V1__Note note = VENUS__V1__NOTE__INIT, help = VENUS__V1__NOTE__INIT;
	Venus__V1__Note *notes[] = {&note, &help};

	(void)state;
	problem.code = text("E0308");
	problem.message = text("mismatched types");
	problem.label = text("expected `u32`, found `&str`");
	note.level = text("note");
	note.message = text("declared here");
	note.line = 120;
	note.column = 1;
	note.end_column = 3;
	note.label = text("this");
	note.source_line = text("fn f() {}");
	help.level = text("help");
	help.message = text("try\nagain");
	problem.notes = notes;
	problem.n_notes = 2;
	check(&problem, "error[E0308]: mismatched types\n"
			"   --> nb.rs:7:18\n"
			"    |\n"
			"  7 |     let x: u32 = \"a\";\n"
			"    |                  ^^^ expected `u32`, found `&str`\n"
			"note: declared here\n"
			"   --> nb.rs:120:1\n"
			"    |\n"
			"120 | fn f() {}\n"
			"    | -- this\n"
			"    = help: try\n"
			"            again\n");
}

/* The place of the underline, for a line in which the place is the word "BAD". */
static void check_caret(const char *line, uint32_t column)
{
	Venus__V1__Problem problem = make(line, column, column + 3);
	AUTO_BUF struct buf buf = BUF_INIT, before = BUF_INIT;
	char *source, *marks, *bad;

	diagnostic_add(&buf, &problem, "nb.rs", false);
	source = strstr(buf.data, "7 | ");
	assert_non_null(source);
	marks = strchr(source, '\n') + 1;
	*strchr(source, '\n') = 0;
	bad = strstr(source, "BAD");
	assert_non_null(bad);
	assert_non_null(strstr(marks, "^^^\n"));
	assert_null(strstr(marks, "^^^^"));
	buf_add(&before, source, (size_t)(bad - source));
	assert_int_equal(text_width(before.data), strcspn(marks, "^"));
}

static void test_carets(void **state)
{
	(void)state;
	check_caret("BAD", 1);
	check_caret("x BAD", 3);
	check_caret("\t\tBAD", 3);
	check_caret("a\tBAD", 3);
	check_caret("日本BAD", 3);
	check_caret("e\xcc\x81"
		    "e\xcc\x81 BAD",
	    6);
	check_caret("\x1b[31mBAD", 6);
	check_caret("\xe2\x80\xae"
		    "BAD",
	    2);
	check_caret("\xff\xff BAD", 4);
	check_caret("let s = \"grüß\"; BAD\r", 17);
}

static void test_long_line(void **state)
{
	char line[1001];
	uint32_t columns[] = {2, 100, 500, 990};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(columns); i++) {
		memset(line, 'x', 1000);
		line[1000] = 0;
		memcpy(line + columns[i] - 1, "BAD", 3);
		check_caret(line, columns[i]);
	}
}

static void test_odd_places(void **state)
{
	Venus__V1__Problem problem = make("short", 3, 3); /* an empty range is one caret */

	(void)state;
	check(&problem, "error: bad\n --> nb.rs:7:3\n  |\n7 | short\n  |   ^\n");
	problem = make("short", 4000000000U, 4000000001U); /* behind the end */
	check(&problem, "error: bad\n --> nb.rs:7:4000000000\n  |\n7 | short\n  |      ^\n");
	problem = make("short", 2, 1);
	problem.end_line = 9; /* to the end of the line */
	check(&problem, "error: bad\n --> nb.rs:7:2\n  |\n7 | short\n  |  ^^^^\n");
	problem = make("short", 0, 0);
	check(&problem, "error: bad\n --> nb.rs:7\n  |\n7 | short\n");
	problem.line = 0;
	check(&problem, "error: bad\n");
}

static void test_hostile_texts(void **state)
{
	Venus__V1__Problem problem = make("x", 1, 2);

	(void)state;
	problem.message = text("a\x1b[2Jb\rc");
	problem.code = text("\x1b]0;");
	problem.label = text("two\nlines\x9b");
	check(&problem, "error[\\x1b]0;]: a\\x1b[2Jb\\rc\n --> nb.rs:7:1\n  |\n7 | x\n  | ^ "
			"two\\nlines\\x9b\n");
}

static void test_kinds(void **state)
{
	Venus__V1__Problem problem = VENUS__V1__PROBLEM__INIT;

	(void)state;
	assert_string_equal(diagnostic_kind_name(VENUS__V1__PROBLEM__KIND__COMPILE), "compile");
	assert_string_equal(diagnostic_kind_name(VENUS__V1__PROBLEM__KIND__CANCEL), "cancel");
	assert_string_equal(diagnostic_kind_name((Venus__V1__Problem__Kind)9999), "internal");
	problem.kind = VENUS__V1__PROBLEM__KIND__WARNING;
	problem.message = text("unused");
	check(&problem, "warning: unused\n");
}

static void test_color(void **state)
{
	Venus__V1__Problem problem = VENUS__V1__PROBLEM__INIT;
	AUTO_BUF struct buf buf = BUF_INIT;

	(void)state;
	problem.kind = VENUS__V1__PROBLEM__KIND__PANIC;
	problem.message = text("no");
	diagnostic_add(&buf, &problem, "nb.rs", true);
	assert_string_equal(buf.data, "\x1b[1;31mpanic\x1b[0m: no\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_whole),
	    cmocka_unit_test(test_carets),
	    cmocka_unit_test(test_long_line),
	    cmocka_unit_test(test_odd_places),
	    cmocka_unit_test(test_hostile_texts),
	    cmocka_unit_test(test_kinds),
	    cmocka_unit_test(test_color),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
