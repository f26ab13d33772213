/*
 * An object's file is one LZ4 frame and nothing else:
 *
 *   magic 04 22 4D 18 · flags (independent blocks, content size, content checksum) · size · header
 * checksum blocks, each compressed or, with the highest bit of its length set, as it is · end mark
 * · XXH32 of the content
 *
 * An empty object has no size field, since 0 means "unknown" to the library. What a sample says
 * will not shrink is written at an acceleration that gives up at once. Reading trusts nothing: the
 * claimed size is bounded by what the file's length can hold, no byte is written behind it, and the
 * SHA-256 of the content decides.
 */
#include <assert.h>
#include <errno.h>
#include <lz4.h>
#include <lz4frame.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "venusd/store/store_internal.h"

#define CHUNK_BYTES ((size_t)256 * 1024)
#define PEEK_BYTES                                                                                 \
	((size_t)4096) /* all of a small object, not much of one that is only asked for its size   \
			*/
#define SAMPLE_BYTES	  ((size_t)64 * 1024)
#define GIVE_UP_LEVEL	  (-256)
#define FRAME_MIN_BYTES	  7u
#define FRAME_SLACK_BYTES 4096u
/* A byte of LZ4 adds at most 255 to a match's length. */
#define RATIO_MAX 255u

/* The source's bytes at an offset, either borrowed from it or read into `chunk`. */
static int source_chunk(const struct codec_source *source, uint64_t offset, void *chunk,
    size_t length, const void **ret_bytes, struct err *err)
{
	size_t filled = 0;

	if (source->bytes) {
		*ret_bytes = (const char *)source->bytes + offset;
		return 0;
	}
	while (filled < length) {
		ssize_t got = pread(
		    source->fd, (char *)chunk + filled, length - filled, (off_t)(offset + filled));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set_errno(err, errno, "cannot read the bytes to keep");
		if (got == 0)
			return err_set(err, ERR_INVALID,
			    "the bytes to keep end after %llu, not %llu",
			    (unsigned long long)(offset + filled),
			    (unsigned long long)source->size);
		filled += (size_t)got;
	}
	*ret_bytes = chunk;
	return 0;
}

static size_t chunk_length(const struct codec_source *source, uint64_t offset)
{
	uint64_t left = source->size - offset;

	return left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
}

int codec_digest(const struct codec_source *source, struct digest *ret_digest, struct err *err)
{
	AUTO_FREE char *chunk = NULL;
	struct digest_stream *stream;
	struct digest digest;
	int result = 0;

	if (source->bytes) {
		*ret_digest = digest_of(source->bytes, (size_t)source->size);
		return 0;
	}
	chunk = mem_alloc(CHUNK_BYTES);
	stream = digest_stream_new();
	for (uint64_t at = 0; at < source->size && result == 0; at += chunk_length(source, at)) {
		const void *bytes = NULL;

		result = source_chunk(source, at, chunk, chunk_length(source, at), &bytes, err);
		if (result == 0)
			digest_stream_add(stream, bytes, chunk_length(source, at));
	}
	digest = digest_stream_finish(stream);
	if (result == 0)
		*ret_digest = digest;
	return result;
}

struct encoder {
	LZ4F_cctx *context;
	LZ4F_preferences_t preferences;
	struct digest_stream *stream; /* of a descriptor, whose bytes may change under us */
	char *chunk, *packed;
	size_t packed_bytes;
	uint64_t stored;
};

static void encoder_fini(struct encoder *encoder)
{
	(void)LZ4F_freeCompressionContext(encoder->context); /* accepts NULL, cannot fail */
	if (encoder->stream)
		(void)digest_stream_finish(encoder->stream);
	free(encoder->chunk);
	free(encoder->packed);
}

static int put_all(
    const struct store_ops *ops, int fd, const char *bytes, size_t length, struct err *err)
{
	while (length) {
		ssize_t put = ops->write(fd, bytes, length);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return err_set_errno(err, errno, "cannot write");
		bytes += put;
		length -= (size_t)put;
	}
	return 0;
}

/* Whether a sample from the middle, where a file is least like its header, shrinks by a sixteenth.
 */
static bool shrinks(const struct codec_source *source, struct encoder *encoder)
{
	uint64_t middle = source->size / 2;
	const void *sample = NULL;
	struct err err;
	int packed;

	if (source->size < 4 * SAMPLE_BYTES ||
	    source_chunk(source, middle, encoder->chunk, SAMPLE_BYTES, &sample, &err) < 0)
		return true;
	packed = LZ4_compress_default(
	    sample, encoder->packed, (int)SAMPLE_BYTES, (int)(SAMPLE_BYTES - SAMPLE_BYTES / 16));
	return packed > 0;
}

static int encoder_init(struct encoder *encoder, const struct codec_source *source, struct err *err)
{
	LZ4F_preferences_t *preferences = &encoder->preferences;
	size_t most = chunk_length(source, 0);

	preferences->frameInfo.blockMode = LZ4F_blockIndependent;
	preferences->frameInfo.blockSizeID = most <= SAMPLE_BYTES ? LZ4F_max64KB : LZ4F_max256KB;
	preferences->frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
	preferences->frameInfo.blockChecksumFlag = LZ4F_blockChecksumEnabled;
	preferences->frameInfo.contentSize = source->size;
	preferences->autoFlush = 1;
	encoder->packed_bytes = LZ4F_compressBound(most, preferences) + LZ4F_HEADER_SIZE_MAX;
	if (encoder->packed_bytes < SAMPLE_BYTES)
		encoder->packed_bytes = SAMPLE_BYTES;
	encoder->packed = mem_alloc(encoder->packed_bytes);
	if (!source->bytes) {
		encoder->chunk = mem_alloc(CHUNK_BYTES);
		encoder->stream = digest_stream_new();
	}
	if (!shrinks(source, encoder))
		preferences->compressionLevel = GIVE_UP_LEVEL;
	if (LZ4F_isError(LZ4F_createCompressionContext(&encoder->context, LZ4F_VERSION)))
		return err_set(err, ERR_FULL, "no memory to compress with");
	return 0;
}

/* Translates the library's result and writes what it made. */
static int emit(
    struct encoder *encoder, const struct store_ops *ops, int fd, size_t made, struct err *err)
{
	if (LZ4F_isError(made))
		return err_set(err, ERR_INTERNAL, "cannot compress: %s", LZ4F_getErrorName(made));
	if (put_all(ops, fd, encoder->packed, made, err) < 0)
		return -1;
	encoder->stored += made;
	return 0;
}

int codec_encode(const struct codec_source *source, const struct digest *digest,
    const struct store_ops *ops, int fd, uint64_t *ret_stored, struct err *err)
{
	AUTO(encoder_fini) struct encoder encoder = {0};
	size_t made;

	if (encoder_init(&encoder, source, err) < 0)
		return -1;
	made = LZ4F_compressBegin(
	    encoder.context, encoder.packed, encoder.packed_bytes, &encoder.preferences);
	for (uint64_t at = 0; at < source->size; at += chunk_length(source, at)) {
		size_t length = chunk_length(source, at), more;
		const void *bytes = NULL;

		if (source_chunk(source, at, encoder.chunk, length, &bytes, err) < 0)
			return -1;
		if (encoder.stream)
			digest_stream_add(encoder.stream, bytes, length);
		if (at > 0) /* the header goes out together with the first chunk */
			made = 0;
		more = LZ4F_isError(made)
			   ? made
			   : LZ4F_compressUpdate(encoder.context, encoder.packed + made,
				 encoder.packed_bytes - made, bytes, length, NULL);
		if (emit(&encoder, ops, fd, LZ4F_isError(more) ? more : made + more, err) < 0)
			return -1;
	}
	if (source->size == 0 && emit(&encoder, ops, fd, made, err) < 0)
		return -1;
	made = LZ4F_compressEnd(encoder.context, encoder.packed, encoder.packed_bytes, NULL);
	if (emit(&encoder, ops, fd, made, err) < 0)
		return -1;
	if (encoder.stream) {
		struct digest now = digest_stream_finish(TAKE_PTR(encoder.stream));

		if (!digest_equal(&now, digest))
			return err_set(
			    err, ERR_INVALID, "the bytes to keep changed while they were read");
	}
	*ret_stored = encoder.stored;
	return 0;
}

struct codec_reader {
	LZ4F_dctx *context;
	int fd;
	uint64_t size, file_bytes;
	size_t next, filled, capacity;
	size_t want; /* of the library: 0 when the frame is complete */
	char *packed;
};

void codec_close(struct codec_reader *reader)
{
	if (!reader)
		return;
	(void)LZ4F_freeDecompressionContext(
	    reader->context); /* accepts NULL; its result is a hint */
	free(reader->packed);
	free(reader);
}

static inline void codec_close_p(struct codec_reader **reader)
{
	codec_close(*reader);
}

/* Replaces what was consumed by at most `most` next bytes of the file; none are left when `filled`
 * is 0 afterwards. */
static int refill(struct codec_reader *reader, size_t most, struct err *err)
{
	ssize_t got;

	do
		got = read(
		    reader->fd, reader->packed, most < reader->capacity ? most : reader->capacity);
	while (got < 0 && errno == EINTR);
	if (got < 0) /* a bad sector is damage like any other */
		return err_set(err, ERR_CORRUPT, "cannot be read: %s", strerror(errno));
	reader->next = 0;
	reader->filled = (size_t)got;
	return 0;
}

static int check_info(struct codec_reader *reader, const LZ4F_frameInfo_t *info, struct err *err)
{
	if (info->frameType != LZ4F_frame)
		return err_set(err, ERR_CORRUPT, "is not an object's frame");
	if (info->dictID != 0)
		return err_set(err, ERR_CORRUPT, "asks for a dictionary");
	if (info->contentChecksumFlag != LZ4F_contentChecksumEnabled ||
	    info->blockChecksumFlag != LZ4F_blockChecksumEnabled)
		return err_set(err, ERR_CORRUPT, "has no checksum");
	if (info->contentSize > reader->file_bytes * RATIO_MAX + FRAME_SLACK_BYTES ||
	    info->contentSize > STORE_OBJECT_MAX_BYTES)
		return err_set(err, ERR_CORRUPT, "claims %llu bytes, which its %llu cannot hold",
		    (unsigned long long)info->contentSize, (unsigned long long)reader->file_bytes);
	reader->size = info->contentSize;
	return 0;
}

int codec_open(int fd, struct codec_reader **ret_reader, uint64_t *ret_size, struct err *err)
{
	AUTO(codec_close_p) struct codec_reader *reader = mem_alloc(sizeof *reader);
	LZ4F_frameInfo_t info = {0};
	struct stat status;
	size_t used;

	if (fstat(fd, &status) < 0)
		return err_set_errno(err, errno, "cannot be read");
	if (!S_ISREG(status.st_mode) || status.st_size < FRAME_MIN_BYTES)
		return err_set(err, ERR_CORRUPT, "is no file of an object");
	reader->fd = fd;
	reader->file_bytes = (uint64_t)status.st_size;
	reader->capacity =
	    (uintmax_t)status.st_size < CHUNK_BYTES ? (size_t)status.st_size : CHUNK_BYTES;
	reader->packed = mem_alloc(reader->capacity);
	if (LZ4F_isError(LZ4F_createDecompressionContext(&reader->context, LZ4F_VERSION)))
		return err_set(err, ERR_FULL, "no memory to decompress with");
	if (refill(reader, PEEK_BYTES, err) < 0)
		return -1;
	used = reader->filled;
	reader->want = LZ4F_getFrameInfo(reader->context, &info, reader->packed, &used);
	if (LZ4F_isError(reader->want))
		return err_set(err, ERR_CORRUPT, "has a damaged header");
	reader->next = used;
	if (check_info(reader, &info, err) < 0)
		return -1;
	*ret_size = reader->size;
	*ret_reader = TAKE_PTR(reader);
	return 0;
}

/* Nothing follows the frame, and its end mark is the one that is written: the library takes another
 * for it as well. */
static int check_end(struct codec_reader *reader, struct err *err)
{
	static const char mark[4];
	char found[sizeof mark];

	if (reader->next == reader->filled && refill(reader, reader->capacity, err) < 0)
		return -1;
	if (reader->next != reader->filled)
		return err_set(err, ERR_CORRUPT, "has something behind its end");
	if (pread(reader->fd, found, sizeof found, (off_t)reader->file_bytes - 8) !=
		(ssize_t)sizeof found ||
	    memcmp(found, mark, sizeof mark) != 0)
		return err_set(err, ERR_CORRUPT, "has a damaged end");
	return 0;
}

static int decode_into(
    struct codec_reader *reader, struct digest_stream *stream, char *target, struct err *err)
{
	static const LZ4F_decompressOptions_t options = {.stableDst = 1};
	uint64_t made = 0;

	while (reader->want != 0) {
		size_t room = (size_t)(reader->size - made), used = reader->filled - reader->next;

		if (used == 0) {
			if (refill(reader, reader->capacity, err) < 0)
				return -1;
			if (reader->filled == 0)
				return err_set(err, ERR_CORRUPT, "is cut off");
			continue;
		}
		reader->want = LZ4F_decompress(reader->context, target + made, &room,
		    reader->packed + reader->next, &used, &options);
		if (LZ4F_isError(reader->want))
			return err_set(
			    err, ERR_CORRUPT, "is damaged: %s", LZ4F_getErrorName(reader->want));
		if (room == 0 && used == 0)
			return err_set(err, ERR_CORRUPT, "holds more than it claims");
		digest_stream_add(stream, target + made, room);
		made += room;
		reader->next += used;
	}
	if (made != reader->size)
		return err_set(err, ERR_CORRUPT, "holds less than it claims");
	return check_end(reader, err);
}

int codec_decode(
    struct codec_reader *reader, const struct digest *digest, void *target, struct err *err)
{
	struct digest_stream *stream = digest_stream_new();
	char none = 0;
	int result = decode_into(reader, stream, reader->size ? target : &none, err);
	struct digest found = digest_stream_finish(stream);

	if (result < 0)
		return -1;
	if (!digest_equal(&found, digest))
		return err_set(err, ERR_CORRUPT, "holds other bytes than its name says");
	return 0;
}
