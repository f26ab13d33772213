#include "venusd/runtime/values.h"

#include <assert.h>
#include <uthash.h>

#include "common/mem.h"

struct entry {
	UT_hash_handle hh;
	uint64_t number;
	struct value value;
};

struct values {
	struct entry *table;
};

struct values *values_new(void)
{
	return mem_alloc(sizeof(struct values));
}

void values_free(struct values *values)
{
	struct entry *entry, *next;

	if (!values)
		return;
	HASH_ITER (hh, values->table, entry, next) {
		HASH_DEL(values->table, entry);
		free(entry);
	}
	free(values);
}

static struct entry *find(const struct values *values, uint64_t number)
{
	struct entry *entry;

	HASH_FIND(hh, values->table, &number, sizeof number, entry);
	return entry;
}

const struct value *values_find(const struct values *values, uint64_t number)
{
	struct entry *entry = find(values, number);

	return entry ? &entry->value : NULL;
}

void values_put(struct values *values, uint64_t number, struct value value)
{
	struct entry *entry;

	assert(!find(values, number));
	entry = mem_alloc(sizeof *entry);
	entry->number = number;
	entry->value = value;
	HASH_ADD(hh, values->table, number, sizeof entry->number, entry);
}

bool values_take(struct values *values, uint64_t number, struct value *ret_value)
{
	struct entry *entry = find(values, number);

	if (!entry)
		return false;
	*ret_value = entry->value;
	HASH_DEL(values->table, entry);
	free(entry);
	return true;
}
