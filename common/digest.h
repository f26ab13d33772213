#ifndef VENUS_COMMON_DIGEST_H
#define VENUS_COMMON_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* SHA-256 digests, by OpenSSL's EVP. Any thread. */
#define DIGEST_BYTES 32
#define DIGEST_HEX   (2 * DIGEST_BYTES)

struct digest {
	uint8_t bytes[DIGEST_BYTES];
};

struct digest digest_of(const void *bytes, size_t length);
bool digest_equal(const struct digest *a, const struct digest *b);
bool digest_is_zero(const struct digest *digest); /* all zero stands for "none" */
void digest_to_hex(const struct digest *digest, char ret_hex[DIGEST_HEX + 1]);
/* Exactly DIGEST_HEX lower-case hexadecimal characters. ERR_INVALID otherwise. */
int digest_from_hex(const char *hex, struct digest *ret_digest, struct err *err);

/* Piecewise: new, add…, then finish, which frees. */
struct digest_stream;
struct digest_stream *digest_stream_new(void);
void digest_stream_add(struct digest_stream *stream, const void *bytes, size_t length);
/* Adds the length as 8 bytes little-endian, then the text: so that ("ab","c") differs from
 * ("a","bc"). NULL differs from "". */
void digest_stream_add_text(struct digest_stream *stream, const char *text);
struct digest digest_stream_finish(struct digest_stream *stream);

#endif
