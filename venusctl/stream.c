#include "venusctl/stream.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

struct stream *stream_find(struct stream_set *set, const char *cell, bool is_stderr)
{
	struct stream *stream;

	for (size_t i = 0; i < set->count; i++)
		if (set->streams[i].is_stderr == is_stderr &&
		    strcmp(set->streams[i].cell, cell) == 0)
			return &set->streams[i];
	stream = MEM_PUSH(set->streams, set->count);
	stream->cell = mem_strdup(cell);
	stream->is_stderr = is_stderr;
	return stream;
}

struct stream *stream_next(struct stream_set *set, const char *cell)
{
	for (size_t i = 0; i < set->count; i++)
		if (!cell || strcmp(set->streams[i].cell, cell) == 0)
			return &set->streams[i];
	return NULL;
}

void stream_remove(struct stream_set *set, struct stream *stream)
{
	size_t index = (size_t)(stream - set->streams), capacity = 1;
	struct stream *last = &set->streams[set->count - 1];

	free(stream->cell);
	buf_fini(&stream->held);
	if (stream != last)
		set->streams[index] = *last;
	set->count--;
	/* MEM_PUSH takes a count that is a power of two as full; so the memory is kept at the next
	 * one */
	while (capacity < set->count)
		capacity *= 2;
	set->streams = mem_realloc_array(set->streams, capacity, sizeof *set->streams);
}

void stream_set_fini(struct stream_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		free(set->streams[i].cell);
		buf_fini(&set->streams[i].held);
	}
	free(set->streams);
	memset(set, 0, sizeof *set);
}
