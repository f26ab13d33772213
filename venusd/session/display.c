#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "venusd/session/session_internal.h"

static struct digest digest_from_data(const ProtobufCBinaryData *data)
{
	struct digest digest = {{0}};

	if (data->len == DIGEST_BYTES)
		memcpy(digest.bytes, data->data, DIGEST_BYTES);
	return digest;
}

/* The largest length not over `limit` that does not cut a character. */
static size_t whole_characters(const char *text, size_t length, size_t limit)
{
	if (length <= limit)
		return length;
	while (limit && ((unsigned char)text[limit] & 0xc0) == 0x80)
		limit--;
	return limit;
}

static Venus__V1__MimeData *load_one(
    struct store *store, const Venus__Record__Shown *shown, bool *lost)
{
	Venus__V1__MimeData *data = mem_alloc(sizeof *data);
	struct digest digest = digest_from_data(&shown->digest);
	AUTO_BUF struct buf buf = BUF_INIT;
	bool is_text = strcmp(shown->mime, "text/plain") == 0, wanted;
	struct err err;

	venus__v1__mime_data__init(data);
	message_set_text(&data->mime, shown->mime);
	data->size = shown->full_size > shown->size ? shown->full_size : shown->size;
	data->cut = shown->full_size > shown->size;
	wanted = shown->size <= LIMIT_INLINE_BYTES || is_text;
	if (wanted && store_object_get(store, &digest, LIMIT_DISPLAY_BYTES, &buf, &err) < 0) {
		*lost = *lost || err.code == ERR_NOT_FOUND || err.code == ERR_CORRUPT;
	} else if (wanted) {
		size_t length = is_text ? whole_characters(buf.data, buf.length, LIMIT_INLINE_BYTES)
					: buf.length;

		message_set_bytes(&data->data, buf.data, length);
		data->cut = data->cut || length < buf.length;
	}
	if (data->cut || shown->size > LIMIT_INLINE_BYTES)
		message_set_bytes(&data->digest, shown->digest.data, shown->digest.len);
	return data;
}

Venus__V1__Output *display_load(
    struct store *store, const char *cell, const execution *record, bool *ret_lost)
{
	Venus__V1__Output *output = mem_alloc(sizeof *output);

	venus__v1__output__init(output);
	message_set_text(&output->name, cell);
	message_set_text(&output->type, record->type);
	message_set_bytes(&output->digest, record->value.data, record->value.len);
	output->bundle = mem_alloc(sizeof *output->bundle);
	venus__v1__bundle__init(output->bundle);
	message_set_text(&output->bundle->id, cell);
	output->bundle->data = mem_alloc((record->n_displays + 1) * sizeof(Venus__V1__MimeData *));
	*ret_lost = false;
	for (size_t i = 0; i < record->n_displays; i++)
		output->bundle->data[output->bundle->n_data++] =
		    load_one(store, record->displays[i], ret_lost);
	return output;
}

char *display_log(struct store *store, const Venus__Record__Log *log, size_t *ret_length)
{
	struct buf buf = BUF_INIT;
	struct digest digest;
	struct err err;
	size_t missing = 0;

	if (!log || !log->digest.len)
		return NULL;
	digest = digest_from_data(&log->digest);
	if (store_object_get(store, &digest, LIMIT_OUTPUT_BYTES, &buf, &err) < 0) {
		buf_printf(&buf, "[the output that is kept cannot be read: %s]\n", err.message);
		*ret_length = buf.length;
		return buf_take(&buf);
	}
	if (buf.length > LIMIT_OUTPUT_REPLAYED) {
		size_t shown = whole_characters(buf.data, buf.length, LIMIT_OUTPUT_REPLAYED);

		missing = buf.length - shown;
		buf.length = shown;
	}
	if (missing)
		buf_printf(&buf, "\n[%zu more bytes are kept, and not shown]\n", missing);
	if (log->cut)
		buf_printf(&buf, "\n[more output was thrown away: over the limit of 16 MiB]\n");
	*ret_length = buf.length;
	return buf_take(&buf);
}
