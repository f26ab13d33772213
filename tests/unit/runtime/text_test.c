#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "venusd/runtime/text.h"

static void check_copy(const char *bytes, size_t length, size_t limit, const char *expected)
{
	AUTO_FREE char *exact =
	    malloc(length ? length : 1); /* so that a read past the end is seen */
	AUTO_FREE char *copy = NULL;

	memcpy(exact, bytes, length);
	copy = text_copy(exact, length, limit);
	assert_string_equal(copy, expected);
}

static void test_well_formed(void **state)
{
	static const char *const texts[] = {"", "plain", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80",
	    "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
	    "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x8d\x95"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
		assert_true(text_is_utf8(texts[i], strlen(texts[i])));
		check_copy(texts[i], strlen(texts[i]), 100, texts[i]);
	}
}

static void test_malformed(void **state)
{
	/* A lone or missing continuation, overlong forms, surrogates, past the last character,
	 * bytes that never occur. */
	static const char *const texts[] = {"\x80", "\xc3", "\xc3(", "\xc0\x80", "\xc1\xbf",
	    "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe2\x82", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
	    "\xf5\x80\x80\x80", "\xfe", "\xff", "\xf0\x9f\x8d"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
		size_t length = strlen(texts[i]);
		AUTO_FREE char *copy = text_copy(texts[i], length, 100);

		assert_false(text_is_utf8(texts[i], length));
		assert_int_equal(strlen(copy), length);
		assert_int_equal(copy[0], '?');
		assert_true(text_is_utf8(copy, length));
	}
	assert_false(text_is_utf8("a\0b", 3));
	check_copy("a\0b\xff\xc3\xa9", 6, 100, "a?b?\xc3\xa9");
}

static void test_cut(void **state)
{
	(void)state;
	check_copy("abc", 3, 3, "abc");
	check_copy("abc", 3, 2, "ab");
	check_copy("a\xc3\xa9", 3, 2, "a");
	check_copy("a\xc3\xa9", 3, 3, "a\xc3\xa9");
	check_copy("\xf0\x9f\x8d\x95", 4, 3, "");
	check_copy("\xf0\x9f\x8d\x95", 3, 3, "???");
	check_copy("abc", 3, 0, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_well_formed),
	    cmocka_unit_test(test_malformed),
	    cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
