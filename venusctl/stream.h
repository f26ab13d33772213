#ifndef VENUS_CTL_STREAM_H
#define VENUS_CTL_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

/* What a cell printed on one of its streams and cannot be shown yet: the beginning of a line, or of
 * a character. */
struct stream {
	char *cell;
	bool is_stderr;
	struct buf held;
};
struct stream_set {
	struct stream *streams;
	size_t count;
};

/* The stream, made when it is not there. Valid until the set changes. */
struct stream *stream_find(struct stream_set *set, const char *cell, bool is_stderr);
/* A stream of the cell, or of any cell when it is NULL; NULL when there is none. */
struct stream *stream_next(struct stream_set *set, const char *cell);
void stream_remove(struct stream_set *set, struct stream *stream);
void stream_set_fini(struct stream_set *set);

#endif
