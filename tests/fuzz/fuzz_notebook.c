#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "tests/unit/notebook/invariants.h"

/* Any bytes give a notebook whose parts fit together, or an error with a message. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct notebook *notebook;
	struct err err = {0};

	if (notebook_parse((const char *)data, size, &notebook, &err) < 0) {
		require(err.code != ERR_NONE && err.message[0] != 0);
		return 0;
	}
	require_invariants(notebook);
	notebook_free(notebook);
	return 0;
}
