#include "common/digest.h"

#include <assert.h>
#include <openssl/evp.h>
#include <string.h>

struct digest digest_of(const void *bytes, size_t length)
{
	struct digest digest;
	unsigned size = DIGEST_BYTES;
	int ok = EVP_Digest(bytes, length, digest.bytes, &size, EVP_sha256(), NULL);

	assert(ok == 1);
	return digest;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return memcmp(a->bytes, b->bytes, DIGEST_BYTES) == 0;
}

bool digest_is_zero(const struct digest *digest)
{
	static const struct digest zero;

	return digest_equal(digest, &zero);
}

void digest_to_hex(const struct digest *digest, char ret_hex[DIGEST_HEX + 1])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < DIGEST_BYTES; i++) {
		ret_hex[2 * i] = digits[digest->bytes[i] >> 4];
		ret_hex[2 * i + 1] = digits[digest->bytes[i] & 15];
	}
	ret_hex[DIGEST_HEX] = 0;
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int digest_from_hex(const char *hex, struct digest *ret_digest, struct err *err)
{
	struct digest digest;

	if (strlen(hex) != DIGEST_HEX)
		return err_set(err, ERR_INVALID, "a digest has %d hexadecimal characters, not %zu",
		    DIGEST_HEX, strlen(hex));
	for (size_t i = 0; i < DIGEST_BYTES; i++) {
		int high = nibble(hex[2 * i]), low = nibble(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return err_set(
			    err, ERR_INVALID, "'%s' is not a digest: not hexadecimal", hex);
		digest.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*ret_digest = digest;
	return 0;
}

struct digest_stream *digest_stream_new(void)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	int ok = context ? EVP_DigestInit_ex(context, EVP_sha256(), NULL) : 0;

	assert(ok == 1);
	return (struct digest_stream *)context;
}

void digest_stream_add(struct digest_stream *stream, const void *bytes, size_t length)
{
	int ok = EVP_DigestUpdate((EVP_MD_CTX *)stream, bytes, length);

	assert(ok == 1);
}

void digest_stream_add_text(struct digest_stream *stream, const char *text)
{
	uint64_t length = text ? strlen(text) : UINT64_MAX;
	uint8_t prefix[8];

	for (int i = 0; i < 8; i++)
		prefix[i] = (uint8_t)(length >> (8 * i));
	digest_stream_add(stream, prefix, sizeof prefix);
	if (text)
		digest_stream_add(stream, text, (size_t)length);
}

struct digest digest_stream_finish(struct digest_stream *stream)
{
	struct digest digest;
	unsigned size = DIGEST_BYTES;
	int ok = EVP_DigestFinal_ex((EVP_MD_CTX *)stream, digest.bytes, &size);

	assert(ok == 1);
	EVP_MD_CTX_free((EVP_MD_CTX *)stream);
	return digest;
}
