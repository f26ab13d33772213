#ifndef VENUSD_RUNTIME_TEXT_H
#define VENUSD_RUNTIME_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Text for protobuf strings, which must be UTF-8 without NUL. */

/* How many of the first bytes are one well-formed character (RFC 3629), 0 if they are none. */
size_t text_character(const char *bytes, size_t length);
bool text_is_utf8(const char *bytes, size_t length);
/* A copy of at most `limit` bytes, cut between characters; NUL and what is not UTF-8 become '?'.
 * Owned by the caller. */
char *text_copy(const void *bytes, size_t length, size_t limit);

#endif
