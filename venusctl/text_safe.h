#ifndef VENUS_CTL_TEXT_SAFE_H
#define VENUS_CTL_TEXT_SAFE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

/*
 * Text that came from outside, made fit for a terminal. Whatever could move the cursor, change the
 * terminal's state or turn the reading direction is written as a visible escape: \r, \x1b, \u{9b},
 * \u{202e}; a byte that is not UTF-8 as \xff.
 */

enum text_mode {
	TEXT_LINE,  /* one line: a newline becomes \n, a tab one space */
	TEXT_LINES, /* newlines and tabs stay; the CR of a CRLF is dropped */
};

/* Reads one UTF-8 character of at most `length` > 0 bytes. Returns its length in bytes; 0 when the
 * bytes are not UTF-8, and then *ret_bad is how many belong together (1 to 3). Overlong forms,
 * surrogates and values over U+10FFFF are not UTF-8. */
size_t text_decode(const char *bytes, size_t length, uint32_t *ret_scalar, size_t *ret_bad);
/* Number of bytes at the end that are the beginning of a character which the next bytes may
 * complete, 0 to 3. */
size_t text_incomplete_tail(const char *bytes, size_t length);
/* A character that a terminal or a reader could be fooled by: C0 but tab and newline, DEL, C1, bidi
 * controls, line separators. */
bool text_is_unsafe(uint32_t scalar);

void text_add_safe(struct buf *buf, const char *bytes, size_t length, enum text_mode mode);
void text_add_safe_text(struct buf *buf, const char *text, enum text_mode mode); /* NULL is "" */
/* As valid UTF-8, all characters kept: what is not UTF-8 becomes U+FFFD. */
void text_add_utf8(struct buf *buf, const char *bytes, size_t length);

/* Columns that a character, or safe text, takes on a terminal. */
unsigned text_scalar_width(uint32_t scalar);
size_t text_width(const char *text);
/* Adds safe text, cut with "…" when it is wider than `columns`. */
void text_add_fitted(struct buf *buf, const char *text, size_t columns);

#endif
