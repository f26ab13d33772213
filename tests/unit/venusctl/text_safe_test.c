#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "venusctl/text_safe.h"

#define ROW(in, line, lines)                                                                       \
	{                                                                                          \
		in, sizeof in - 1, line, lines                                                     \
	}

/* What came in, and how it is shown as one line and as lines. */
static const struct {
	const char *in;
	size_t length;
	const char *line, *lines;
} rows[] = {
    ROW("plain", "plain", "plain"),
    ROW("a\nb\tc", "a\\nb c", "a\nb\tc"),
    ROW("a\r\nb", "a\\r\\nb", "a\nb"),
    ROW("50%\rdone", "50%\\rdone", "50%\\rdone"),
    ROW("\x1b[2J", "\\x1b[2J", "\\x1b[2J"),
    ROW("\x1b]0;title\a", "\\x1b]0;title\\x07", "\\x1b]0;title\\x07"),
    ROW("a\0b", "a\\x00b", "a\\x00b"),
    ROW("\x7f\b\f\v", "\\x7f\\x08\\x0c\\x0b", "\\x7f\\x08\\x0c\\x0b"),
    ROW("\xc2\x9b"
	"31m",
	"\\u{9b}31m", "\\u{9b}31m"), /* CSI as a C1 character */
    ROW("\x9b"
	"31m",
	"\\x9b31m", "\\x9b31m"), /* CSI as a bare byte */
    ROW("a\xe2\x80\xae"
	"b",
	"a\\u{202e}b", "a\\u{202e}b"), /* right-to-left override */
    ROW("\xe2\x81\xa6x\xe2\x81\xa9", "\\u{2066}x\\u{2069}", "\\u{2066}x\\u{2069}"),
    ROW("\xd8\x9c\xe2\x80\x8f", "\\u{61c}\\u{200f}", "\\u{61c}\\u{200f}"),
    ROW("\xe2\x80\xa8", "\\u{2028}", "\\u{2028}"),
    ROW("\xf3\xa0\x81\xa1", "\\u{e0061}", "\\u{e0061}"), /* invisible tag letter */
    ROW("\xff\xfe", "\\xff\\xfe", "\\xff\\xfe"),
    ROW("\xe2\x82", "\\xe2\\x82", "\\xe2\\x82"),	       /* cut inside a character */
    ROW("\xc0\xaf", "\\xc0\\xaf", "\\xc0\\xaf"),	       /* overlong '/' */
    ROW("\xed\xa0\x80", "\\xed\\xa0\\x80", "\\xed\\xa0\\x80"), /* surrogate */
    ROW("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "\\xf4\\x90\\x80\\x80"), /* over U+10FFFF */
    ROW("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x8c\x9f", "grüß € 🌟", "grüß € 🌟"),
};

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		AUTO_BUF struct buf line = BUF_INIT, lines = BUF_INIT;

		text_add_safe(&line, rows[i].in, rows[i].length, TEXT_LINE);
		text_add_safe(&lines, rows[i].in, rows[i].length, TEXT_LINES);
		assert_string_equal(line.data, rows[i].line);
		assert_string_equal(lines.data, rows[i].lines);
	}
}

/* Whatever the bytes, what comes out is UTF-8 without a character that is unsafe. */
static void test_any_bytes(void **state)
{
	uint32_t seed = 12345;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		AUTO_BUF struct buf safe = BUF_INIT;
		char bytes[64];

		for (size_t i = 0; i < sizeof bytes; i++) {
			seed = seed * 1664525 + 1013904223;
			bytes[i] = (char)(seed >> 24 | (round % 2 ? 0x80 : 0));
		}
		text_add_safe(&safe, bytes, sizeof bytes, TEXT_LINE);
		for (size_t i = 0; i < safe.length;) {
			uint32_t scalar = 0;
			size_t bad = 0,
			       used = text_decode(safe.data + i, safe.length - i, &scalar, &bad);

			assert_true(used > 0);
			assert_false(text_is_unsafe(scalar));
			assert_int_not_equal(scalar, '\n');
			i += used;
		}
	}
}

static void test_utf8(void **state)
{
	AUTO_BUF struct buf buf = BUF_INIT;

	(void)state;
	text_add_utf8(&buf, "a\xff\xe2\x82z\x1b", 6);
	assert_string_equal(buf.data, "a\xef\xbf\xbd\xef\xbf\xbdz\x1b");
}

static void test_incomplete_tail(void **state)
{
	(void)state;
	assert_int_equal(text_incomplete_tail("", 0), 0);
	assert_int_equal(text_incomplete_tail("abc", 3), 0);
	assert_int_equal(text_incomplete_tail("a\xe2\x82", 3), 2);
	assert_int_equal(text_incomplete_tail("a\xe2\x82\xac", 4), 0);
	assert_int_equal(text_incomplete_tail("\xf0\x9f\x8c", 3), 3);
	assert_int_equal(text_incomplete_tail("\xc3", 1), 1);
	assert_int_equal(text_incomplete_tail("\xff", 1), 0);
	assert_int_equal(
	    text_incomplete_tail("\xe0\x80", 2), 0); /* no next byte makes that a character */
	assert_int_equal(text_incomplete_tail("\x80\x80\x80\x80", 4), 0);
}

static void test_width(void **state)
{
	(void)state;
	assert_int_equal(text_width("abc"), 3);
	assert_int_equal(text_width("日本"), 4);
	assert_int_equal(text_width("e\xcc\x81"), 1); /* combining acute accent */
	assert_int_equal(text_width("grüß"), 4);
}

static void check_fitted(const char *text, size_t columns, const char *expected)
{
	AUTO_BUF struct buf buf = BUF_INIT;

	text_add_fitted(&buf, text, columns);
	assert_string_equal(buf.data ? buf.data : "", expected);
}

static void test_fitted(void **state)
{
	(void)state;
	check_fitted("abcdef", 6, "abcdef");
	check_fitted("abcdef", 5, "abcd…");
	check_fitted("日本語", 5, "日本…");
	check_fitted("日本語", 4, "日…");
	check_fitted("abc", 0, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_any_bytes),
	    cmocka_unit_test(test_utf8),
	    cmocka_unit_test(test_incomplete_tail),
	    cmocka_unit_test(test_width),
	    cmocka_unit_test(test_fitted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
