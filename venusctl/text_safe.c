#include "venusctl/text_safe.h"

#include <locale.h>
#include <string.h>
#include <wchar.h>

/*
 * Everything that venusctl prints and did not write itself passes through here: names, messages,
 * paths, source lines and what cells print. A notebook may be somebody else's, and a terminal obeys
 * what it is sent.
 */

/* Lower and upper bound of the second byte decide overlong forms, surrogates and the end of Unicode
 * (table 3-7 of the Unicode standard, "Well-Formed UTF-8 Byte Sequences"). */
static size_t sequence_length(unsigned char first, unsigned char *ret_low, unsigned char *ret_high)
{
	*ret_low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
	*ret_high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first <= 0xdf)
		return 2;
	if (first >= 0xe0 && first <= 0xef)
		return 3;
	return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

/* How many bytes fit the form of one character, at most `expected`. */
static size_t matching_bytes(
    const char *bytes, size_t length, size_t expected, unsigned char low, unsigned char high)
{
	size_t count = 1;

	while (count < expected && count < length) {
		unsigned char c = (unsigned char)bytes[count];

		if (c < low || c > high)
			break;
		low = 0x80;
		high = 0xbf;
		count++;
	}
	return count;
}

size_t text_decode(const char *bytes, size_t length, uint32_t *ret_scalar, size_t *ret_bad)
{
	static const unsigned char first_mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	unsigned char low, high, first = (unsigned char)bytes[0];
	size_t expected = sequence_length(first, &low, &high);
	size_t count = expected ? matching_bytes(bytes, length, expected, low, high) : 1;
	uint32_t scalar = 0;

	if (!expected || count < expected) {
		*ret_bad = count;
		return 0;
	}
	scalar = first & first_mask[expected];
	for (size_t i = 1; i < expected; i++)
		scalar = scalar << 6 | ((unsigned char)bytes[i] & 0x3f);
	*ret_scalar = scalar;
	return expected;
}

size_t text_incomplete_tail(const char *bytes, size_t length)
{
	for (size_t back = 1; back <= 3 && back <= length; back++) {
		const char *start = bytes + length - back;
		unsigned char low, high;
		size_t expected = sequence_length((unsigned char)*start, &low, &high);

		if (((unsigned char)*start & 0xc0) == 0x80)
			continue;
		return expected > back && matching_bytes(start, back, expected, low, high) == back
			   ? back
			   : 0;
	}
	return 0;
}

bool text_is_unsafe(uint32_t scalar)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
	    {0x00, 0x08},	/* C0 but tab and newline */
	    {0x0b, 0x1f},	/* with ESC and CR */
	    {0x7f, 0x9f},	/* DEL and C1 */
	    {0x061c, 0x061c},	/* Arabic letter mark */
	    {0x200e, 0x200f},	/* left-to-right and right-to-left marks */
	    {0x2028, 0x202e},	/* line and paragraph separator, embeddings and overrides */
	    {0x2066, 0x2069},	/* isolates */
	    {0xe0000, 0xe007f}, /* tags: invisible text */
	};

	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
		if (scalar >= ranges[i].first && scalar <= ranges[i].last)
			return true;
	return false;
}

static void add_escaped(struct buf *buf, uint32_t scalar)
{
	if (scalar == '\r')
		buf_add_text(buf, "\\r");
	else if (scalar < 0x80)
		buf_printf(buf, "\\x%02x", (unsigned)scalar);
	else
		buf_printf(buf, "\\u{%x}", (unsigned)scalar);
}

void text_add_safe(struct buf *buf, const char *bytes, size_t length, enum text_mode mode)
{
	for (size_t i = 0; i < length;) {
		uint32_t scalar = 0;
		size_t bad = 0, used = text_decode(bytes + i, length - i, &scalar, &bad);
		bool is_crlf =
		    mode == TEXT_LINES && scalar == '\r' && i + 1 < length && bytes[i + 1] == '\n';

		for (size_t k = 0; k < bad; k++)
			buf_printf(buf, "\\x%02x", (unsigned char)bytes[i + k]);
		i += used ? used : bad;
		if (!used || is_crlf)
			continue;
		if (text_is_unsafe(scalar))
			add_escaped(buf, scalar);
		else if (mode == TEXT_LINE && scalar == '\n')
			buf_add_text(buf, "\\n");
		else if (mode == TEXT_LINE && scalar == '\t')
			buf_add_char(buf, ' ');
		else
			buf_add(buf, bytes + i - used, used);
	}
}

void text_add_safe_text(struct buf *buf, const char *text, enum text_mode mode)
{
	if (text)
		text_add_safe(buf, text, strlen(text), mode);
}

void text_add_utf8(struct buf *buf, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length;) {
		uint32_t scalar = 0;
		size_t bad = 0, used = text_decode(bytes + i, length - i, &scalar, &bad);

		if (used)
			buf_add(buf, bytes + i, used);
		else
			buf_add_text(buf, "\xef\xbf\xbd");
		i += used ? used : bad;
	}
}

/* wcwidth knows only what the locale's character set has; the user's may be plain C while the text
 * is UTF-8 all the same. */
static bool have_unicode_locale(void)
{
	static int state; /* 0: not tried */

	if (!state)
		state = setlocale(LC_CTYPE, "C.UTF-8") ? 1 : -1;
	return state > 0;
}

unsigned text_scalar_width(uint32_t scalar)
{
	int width;

	if (scalar >= 0x20 && scalar < 0x7f)
		return 1;
	if (!have_unicode_locale())
		return 1;
	width = wcwidth((wchar_t)scalar);
	return width < 0 ? 1 : (unsigned)width;
}

size_t text_width(const char *text)
{
	size_t length = strlen(text), width = 0;

	for (size_t i = 0; i < length;) {
		uint32_t scalar = 0;
		size_t bad = 1, used = text_decode(text + i, length - i, &scalar, &bad);

		width += used ? text_scalar_width(scalar) : 1;
		i += used ? used : bad;
	}
	return width;
}

void text_add_fitted(struct buf *buf, const char *text, size_t columns)
{
	size_t length = strlen(text), width = 0, i = 0;

	if (text_width(text) <= columns) {
		buf_add_text(buf, text);
		return;
	}
	while (i < length) {
		uint32_t scalar = 0;
		size_t bad = 1, used = text_decode(text + i, length - i, &scalar, &bad);

		width += used ? text_scalar_width(scalar) : 1;
		if (width + 1 > columns)
			break;
		i += used ? used : bad;
	}
	buf_add(buf, text, i);
	if (columns)
		buf_add_text(buf, "…");
}
