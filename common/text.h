#ifndef VENUS_COMMON_TEXT_H
#define VENUS_COMMON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* True when the bytes are well-formed UTF-8 (Unicode 15, table 3-7): no overlong form, no
 * surrogate, nothing above U+10FFFF. A NUL is a character like any other; no bytes at all are
 * well-formed. */
bool text_is_utf8(const void *bytes, size_t length);

#endif
