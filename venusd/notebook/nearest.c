#include <stdlib.h>
#include <string.h>

#include "venusd/notebook/notebook_internal.h"

#define NAME_MAX_BYTES 48 /* longer names are not compared */

static int least(int a, int b)
{
	return a < b ? a : b;
}

/* Insertions, removals, changes and swaps of neighbours that make one name the other; more than
 * `limit` gives limit + 1. */
static int distance(const char *a, const char *b, int limit)
{
	int rows[3][NAME_MAX_BYTES + 1];
	int *before = rows[0], *last = rows[1], *now = rows[2];
	int a_length = (int)strlen(a), b_length = (int)strlen(b);

	if (abs(a_length - b_length) > limit)
		return limit + 1;
	for (int k = 0; k <= b_length; k++)
		last[k] = before[k] = k;
	for (int i = 1; i <= a_length; i++) {
		int *spare = before, best = i;

		now[0] = i;
		for (int k = 1; k <= b_length; k++) {
			now[k] = least(
			    least(last[k], now[k - 1]) + 1, last[k - 1] + (a[i - 1] != b[k - 1]));
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
				now[k] = least(now[k], before[k - 2] + 1);
			best = least(best, now[k]);
		}
		if (best > limit)
			return limit + 1;
		before = last;
		last = now;
		now = spare;
	}
	return last[b_length] > limit ? limit + 1 : last[b_length];
}

int notebook_nearest(const char *name, const char *const *candidates, size_t count)
{
	size_t length = strlen(name);
	int limit = length < 3 ? 1 : 1 + (int)length / 4, best = -1;

	if (length == 0 || length > NAME_MAX_BYTES)
		return -1;
	for (size_t i = 0; i < count && limit >= 0; i++) {
		int far;

		if (strlen(candidates[i]) > NAME_MAX_BYTES || strlen(candidates[i]) == 0)
			continue;
		far = distance(name, candidates[i], limit);
		/* A name that shares nothing is not near, however short both are. */
		if (far <= limit && far < (int)length) {
			best = (int)i;
			limit = far - 1;
		}
	}
	return best;
}
