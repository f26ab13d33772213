#include "common/text.h"

#include <stdint.h>

/* Length of the well-formed sequence at the front of `bytes`, 0 if there is none. */
static size_t sequence_length(const uint8_t *bytes, size_t length)
{
	uint8_t first = bytes[0], low = 0x80, high = 0xbf;
	size_t want;

	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	want = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	if (length < want)
		return 0;
	switch (first) { /* only the second byte's range depends on the first byte */
	case 0xe0: low = 0xa0; break;
	case 0xed: high = 0x9f; break;
	case 0xf0: low = 0x90; break;
	case 0xf4: high = 0x8f; break;
	default: break;
	}
	if (bytes[1] < low || bytes[1] > high)
		return 0;
	for (size_t i = 2; i < want; i++)
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
	return want;
}

bool text_is_utf8(const void *bytes, size_t length)
{
	const uint8_t *next = bytes;

	while (length) {
		size_t step = sequence_length(next, length);

		if (!step)
			return false;
		next += step;
		length -= step;
	}
	return true;
}
