#include "tests/unit/notebook/parsed.h"

/* Text that is refused, lines, places and offsets. */

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		size_t length;
		const char *place;
	} rows[] = {
	    {"a\0b", 3, "line 1, column 2: the notebook holds a NUL"},
	    {"\xff", 1, "line 1, column 1: the notebook is not UTF-8"},
	    {"ok\n\xc3\xa9\x80", 6, "line 2, column 2: the notebook is not UTF-8 text (byte 0x80)"},
	    {"\xc0\x80", 2, "column 1"},
	    {"\xe0\x80\x80", 3, "column 1"},
	    {"\xed\xa0\x80", 3, "column 1"},
	    {"\xf4\x90\x80\x80", 4, "column 1"},
	    {"\xf5\x80\x80\x80", 4, "column 1"},
	    {"x\xe2\x82", 3, "column 2"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct notebook *notebook = NULL;
		struct err err = {0};

		assert_int_equal(notebook_parse(rows[i].text, rows[i].length, &notebook, &err), -1);
		assert_null(notebook);
		assert_int_equal(err.code, ERR_INVALID);
		assert_non_null(strstr(err.message, rows[i].place));
	}
}

static void test_too_long(void **state)
{
	size_t length = (size_t)NOTEBOOK_SOURCE_MAX_BYTES + 1;
	AUTO_FREE char *text = mem_alloc(length);
	struct notebook *notebook = NULL;
	struct err err = {0};

	(void)state;
	memset(text, ' ', length);
	assert_int_equal(notebook_parse(text, length, &notebook, &err), -1);
	assert_int_equal(err.code, ERR_FULL);
	assert_null(notebook);
}

static void test_empty(void **state)
{
	static const char *const rows[] = {
	    "", " ", "\n", "\r\n", "\xef\xbb\xbf", "#!", "#!/x", "\t\n\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		AUTO_NOTEBOOK struct notebook *notebook = parsed(rows[i]);

		assert_clean(notebook);
		assert_string_equal(notebook->source, rows[i]);
		assert_int_equal(notebook->block_count, 0);
		assert_string_equal(notebook->title, "");
	}
}

static void test_line_ends(void **state)
{
	static const struct {
		const char *text;
		bool crlf;
		size_t lines;
	} rows[] = {
	    {"use a;", false, 1},
	    {"use a;\n", false, 2},
	    {"use a;\r\nuse b;\n", true, 3},
	    {"use a;\nuse b;\r\n", false, 3},
	    {"\r\n", true, 2},
	    {"\xef\xbb\xbfuse a;\r\n", true, 2},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		AUTO_NOTEBOOK struct notebook *notebook = parsed(rows[i].text);

		assert_clean(notebook);
		assert_int_equal(notebook->crlf, rows[i].crlf);
		assert_int_equal(notebook->line_count, rows[i].lines);
	}
}

static void test_places(void **state)
{
	/* Offsets:            0  3  5 (é is two bytes)   8 (CR LF)   10      12 (an emoji is four
	 * bytes) */
	AUTO_NOTEBOOK struct notebook *notebook =
	    parsed("//a\xc3\xa9zb\r\n//\xf0\x9f\x98\x80x\n\n//");
	static const struct {
		uint32_t offset, line, column;
	} rows[] = {{0, 1, 1}, {3, 1, 4}, {5, 1, 5}, {7, 1, 7}, {9, 2, 1}, {11, 2, 3}, {15, 2, 4},
	    {16, 2, 5}, {17, 3, 1}, {18, 4, 1}, {20, 4, 3}, {99, 4, 3}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct notebook_place place = notebook_place_of(notebook, rows[i].offset);

		assert_int_equal(place.line, rows[i].line);
		assert_int_equal(place.column, rows[i].column);
		if (rows[i].offset <= notebook->length)
			assert_int_equal(notebook_offset_of(notebook, place), rows[i].offset);
	}
	assert_int_equal(notebook_offset_of(notebook, (struct notebook_place){1, 99}), 7);
	assert_int_equal(notebook_offset_of(notebook, (struct notebook_place){2, 99}), 16);
	assert_int_equal(notebook_offset_of(notebook, (struct notebook_place){3, 2}), 17);
	assert_int_equal(notebook_offset_of(notebook, (struct notebook_place){9, 1}), 20);
	assert_int_equal(notebook_offset_of(notebook, (struct notebook_place){0, 0}), 0);
}

static void test_byte_order_mark(void **state)
{
	AUTO_NOTEBOOK struct notebook *notebook = parsed("\xef\xbb\xbfuse a;\nuse b;");
	AUTO_FREE char *line = notebook_line_text(notebook, 1);

	(void)state;
	assert_int_equal(notebook_place_of(notebook, 3).column, 1);
	assert_int_equal(notebook_place_of(notebook, 0).column, 1);
	assert_int_equal(notebook_place_of(notebook, 7).column, 5);
	assert_int_equal(notebook_offset_of(notebook, (struct notebook_place){1, 1}), 3);
	assert_int_equal(notebook->items[0].item.start, 3);
	assert_string_equal(line, "use a;");
}

static void test_line_text(void **state)
{
	AUTO_NOTEBOOK struct notebook *notebook = parsed("use a;\r\n\r\nuse b;\nuse c;");
	static const char *const lines[] = {"", "use a;", "", "use b;", "use c;", ""};

	(void)state;
	for (uint32_t i = 0; i < ARRAY_LENGTH(lines); i++) {
		AUTO_FREE char *line = notebook_line_text(notebook, i);

		assert_string_equal(line, lines[i]);
	}
}

static void test_text(void **state)
{
	AUTO_NOTEBOOK struct notebook *notebook = parsed("use a;");
	AUTO_FREE char *part = notebook_text(notebook, (struct notebook_range){4, 5});
	AUTO_FREE char *beyond = notebook_text(notebook, (struct notebook_range){5, 99});
	AUTO_FREE char *reversed = notebook_text(notebook, (struct notebook_range){5, 2});

	(void)state;
	assert_string_equal(part, "a");
	assert_string_equal(beyond, ";");
	assert_string_equal(reversed, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_too_long),
	    cmocka_unit_test(test_empty),
	    cmocka_unit_test(test_line_ends),
	    cmocka_unit_test(test_places),
	    cmocka_unit_test(test_byte_order_mark),
	    cmocka_unit_test(test_line_text),
	    cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
