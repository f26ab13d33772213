#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/frame.h"
#include "venusd/worker/worker_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_blob(const Venus__Worker__Blob *blob)
{
	struct err err;
	struct buf buf = BUF_INIT;

	/* No descriptor came along: a blob in one is refused. */
	if (worker_blob_read(blob, NULL, 0, FRAME_MAX, &buf, &err) == 0 && buf.length != blob->size)
		abort();
	buf_fini(&buf);
}

/* The first byte is how many descriptors came along, the rest is the frame. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Venus__Worker__FromWorker *message;
	struct err err;

	if (size == 0)
		return 0;
	if (worker_frame_decode(data + 1, size - 1, data[0] % (FRAME_FDS + 1), &message, &err) <
	    0) {
		if (err.code != ERR_INVALID && err.code != ERR_FULL)
			abort();
		return 0;
	}
	if (message->kind_case == VENUS__WORKER__FROM_WORKER__KIND_DONE) {
		for (size_t i = 0; i < message->done->n_displays; i++)
			read_blob(message->done->displays[i]->data);
		if (message->done->value)
			read_blob(message->done->value);
	}
	venus__worker__from_worker__free_unpacked(message, NULL);
	return 0;
}
