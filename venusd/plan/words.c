#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "venusd/plan/plan_internal.h"

void word_set_fini(struct word_set *set)
{
	free(set->hashes);
	*set = (struct word_set){0};
}

static bool is_word(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c >= 0x80;
}

/* FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/ */
static uint64_t hash_word(const char *word, size_t length)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)word[i]) * 0x100000001b3u;
	return hash;
}

void word_set_add_text(struct word_set *set, const char *text, size_t length)
{
	for (size_t i = 0; i < length;) {
		size_t start = i;

		while (i < length && is_word((unsigned char)text[i]))
			i++;
		if (i == start)
			i++;
		else if (text[start] < '0' || text[start] > '9')
			*MEM_PUSH(set->hashes, set->count) = hash_word(text + start, i - start);
	}
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

void word_set_seal(struct word_set *set)
{
	size_t kept = 0;

	if (!set->count)
		return;
	qsort(set->hashes, set->count, sizeof *set->hashes, compare);
	for (size_t i = 1; i < set->count; i++)
		if (set->hashes[i] != set->hashes[kept])
			set->hashes[++kept] = set->hashes[i];
	set->count = kept + 1;
}

bool word_set_meets(const struct word_set *a, const struct word_set *b)
{
	const struct word_set *few = a->count < b->count ? a : b, *many = few == a ? b : a;

	for (size_t i = 0; many->count && i < few->count; i++)
		if (bsearch(
			&few->hashes[i], many->hashes, many->count, sizeof *many->hashes, compare))
			return true;
	return false;
}
