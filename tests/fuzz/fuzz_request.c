/* The request decoder: any bytes give a request within its limits, or an error with a line; what it
 * gives packs and decodes again. */

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "venusd/request/request_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Venus__V1__Request *request, *again;
	AUTO_FREE uint8_t *bytes = NULL;
	struct err err = {0};

	if (request_decode(data, size, &request, &err) < 0) {
		assert(err.code != ERR_NONE && err.message[0] && !strchr(err.message, '\n'));
		return 0;
	}
	if (request->version == WIRE_VERSION) {
		size_t packed = venus__v1__request__get_packed_size(request);

		assert(request->id.len == REQUEST_ID_BYTES);
		bytes = mem_alloc(packed);
		(void)venus__v1__request__pack(request, bytes);
		assert(request_decode(bytes, packed, &again, &err) == 0);
		venus__v1__request__free_unpacked(again, NULL);
	}
	venus__v1__request__free_unpacked(request, NULL);
	return 0;
}
