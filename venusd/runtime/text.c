#include "venusd/runtime/text.h"

#include "common/mem.h"

/* First bytes by lead byte: how long the character is, and what its second byte may be (this
 * excludes overlong forms and surrogates). */
static const struct form {
	unsigned char lead_first, lead_last, second_first, second_last;
	size_t length;
} forms[] = {
    {0xc2, 0xdf, 0x80, 0xbf, 2},
    {0xe0, 0xe0, 0xa0, 0xbf, 3},
    {0xe1, 0xec, 0x80, 0xbf, 3},
    {0xed, 0xed, 0x80, 0x9f, 3},
    {0xee, 0xef, 0x80, 0xbf, 3},
    {0xf0, 0xf0, 0x90, 0xbf, 4},
    {0xf1, 0xf3, 0x80, 0xbf, 4},
    {0xf4, 0xf4, 0x80, 0x8f, 4},
};

size_t text_character(const char *bytes, size_t length)
{
	const unsigned char *c = (const unsigned char *)bytes;

	if (length == 0 || c[0] == 0)
		return 0;
	if (c[0] < 0x80)
		return 1;
	for (size_t i = 0; i < ARRAY_LENGTH(forms); i++) {
		const struct form *form = &forms[i];

		if (c[0] < form->lead_first || c[0] > form->lead_last)
			continue;
		if (length < form->length || c[1] < form->second_first || c[1] > form->second_last)
			return 0;
		for (size_t k = 2; k < form->length; k++)
			if ((c[k] & 0xc0) != 0x80)
				return 0;
		return form->length;
	}
	return 0;
}

bool text_is_utf8(const char *bytes, size_t length)
{
	for (size_t at = 0; at < length;) {
		size_t step = text_character(bytes + at, length - at);

		if (step == 0)
			return false;
		at += step;
	}
	return true;
}

char *text_copy(const void *bytes, size_t length, size_t limit)
{
	const char *from = bytes;
	char *copy = mem_alloc((length < limit ? length : limit) + 1);

	for (size_t at = 0; at < length;) {
		size_t step = text_character(from + at, length - at);

		if (at + (step ? step : 1) > limit)
			break;
		if (step == 0) {
			copy[at++] = '?';
			continue;
		}
		for (; step; step--, at++)
			copy[at] = from[at];
	}
	return copy;
}
