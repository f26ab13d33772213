#include "venusd/runtime/real.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Constructors of shared objects run before main and may call what is wrapped, so that the table
 * fills itself at the first use. Two threads that do so at once write the same values. */
static struct real table;
static atomic_bool filled;

#define REAL_ROW(type, name, parameters) {#name, offsetof(struct real, name)},
static const struct row {
	const char *name;
	size_t offset;
} rows[] = {REAL_FUNCTIONS(REAL_ROW)};
#undef REAL_ROW

const struct real *real(void)
{
	if (__builtin_expect(atomic_load_explicit(&filled, memory_order_acquire), true))
		return &table;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		void *address = dlsym(RTLD_NEXT, rows[i].name);

		memcpy((char *)&table + rows[i].offset, &address, sizeof address);
	}
	atomic_store_explicit(&filled, true, memory_order_release);
	return &table;
}
