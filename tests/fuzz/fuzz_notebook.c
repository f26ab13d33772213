#include <stddef.h>
#include <stdint.h>

#include "venusd/notebook/notebook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct notebook *notebook;
	struct err err;

	if (notebook_parse((const char *)data, size, &notebook, &err) == 0)
		notebook_free(notebook);
	return 0;
}
