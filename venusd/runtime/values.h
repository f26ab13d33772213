#ifndef VENUSD_RUNTIME_VALUES_H
#define VENUSD_RUNTIME_VALUES_H

#include <stdbool.h>
#include <stdint.h>

/* The values that cells returned, by the numbers that venusd gave them. Main thread only. */

struct values;

struct value {
	void
	    *pointer; /* owned by who holds the table; dropped by the runtime crate with its glue */
	const void *glue; /* borrowed from its object, which is never unloaded */
};

struct values *values_new(void);
void values_free(struct values *values); /* the table; the values stay */
/* NULL if there is none of that number. */
const struct value *values_find(const struct values *values, uint64_t number);
void values_put(struct values *values, uint64_t number, struct value value); /* the number is new */
bool values_take(struct values *values, uint64_t number, struct value *ret_value);

#endif
