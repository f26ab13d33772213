#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/text.h"

struct sample {
	const char *bytes;
	size_t length;
};
#define SAMPLE(text)                                                                               \
	{                                                                                          \
		text, sizeof text - 1                                                              \
	}

static void test_well_formed(void **state)
{
	static const struct sample samples[] = {
	    SAMPLE(""),
	    SAMPLE("plain"),
	    SAMPLE("a\0b"),
	    SAMPLE("\xc2\x80"),
	    SAMPLE("\xdf\xbf"),
	    SAMPLE("\xe0\xa0\x80"),
	    SAMPLE("\xed\x9f\xbf"),
	    SAMPLE("\xee\x80\x80"),
	    SAMPLE("\xef\xbf\xbf"),
	    SAMPLE("\xf0\x90\x80\x80"),
	    SAMPLE("\xf4\x8f\xbf\xbf"),
	    SAMPLE("x\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(samples); i++)
		if (!text_is_utf8(samples[i].bytes, samples[i].length))
			fail_msg("sample %zu is refused", i);
	assert_true(text_is_utf8(NULL, 0));
}

static void test_malformed(void **state)
{
	static const struct sample samples[] = {
	    SAMPLE("\x80"),
	    SAMPLE("\xbf"),
	    SAMPLE("\xc0\x80"),
	    SAMPLE("\xc1\xbf"),
	    SAMPLE("\xc3"),
	    SAMPLE("\xc3("),
	    SAMPLE("\xe0\x9f\xbf"),
	    SAMPLE("\xe2\x82"),
	    SAMPLE("\xe2\x28\xa1"),
	    SAMPLE("\xe2\x82\x28"),
	    SAMPLE("\xed\xa0\x80"),
	    SAMPLE("\xed\xbf\xbf"),
	    SAMPLE("\xf0\x8f\xbf\xbf"),
	    SAMPLE("\xf0\x90\x80"),
	    SAMPLE("\xf0\x90\x80\x28"),
	    SAMPLE("\xf4\x90\x80\x80"),
	    SAMPLE("\xf5\x80\x80\x80"),
	    SAMPLE("\xff"),
	    SAMPLE("good until here \xfe"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(samples); i++)
		if (text_is_utf8(samples[i].bytes, samples[i].length))
			fail_msg("sample %zu is accepted", i);
}

/* Every code point, encoded by the definition, and each of its encodings cut short. */
static void test_all(void **state)
{
	(void)state;
	for (uint32_t code = 0; code <= 0x10ffff; code++) {
		char bytes[4];
		size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
		static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
		uint32_t left = code;
		int surrogate = code >= 0xd800 && code <= 0xdfff;

		for (size_t i = length - 1; i > 0; i--, left >>= 6)
			bytes[i] = (char)(0x80 | (left & 0x3f));
		bytes[0] = (char)(lead[length] | left);
		if (text_is_utf8(bytes, length) == surrogate)
			fail_msg("U+%04X", code);
		if (length > 1 && text_is_utf8(bytes, length - 1))
			fail_msg("U+%04X cut short", code);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_well_formed),
	    cmocka_unit_test(test_malformed),
	    cmocka_unit_test(test_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
