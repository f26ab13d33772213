#ifndef VENUSD_SPAWN_STREAM_H
#define VENUSD_SPAWN_STREAM_H

#include <stdbool.h>
#include <stdint.h>

/* One output stream of a child on its way from the pipe to the spool. Bytes are moved by the kernel
 * and never looked at. */
struct stream {
	int pipe_fd;  /* read end, does not block; -1: none, or it ended */
	int spool_fd; /* -1: none */
	uint64_t stored_bytes, total_bytes;
	uint64_t limit_bytes; /* what the spool may hold */
	bool cut;	      /* something was thrown away under this limit */
};

/* Moves at most `most_bytes` of what waits in the pipe, what is over the limit to `null_fd`. False
 * when the stream has ended: the caller closes it then. */
bool stream_move(struct stream *stream, int null_fd, uint64_t most_bytes);
/* Moves all that is in the pipe now and not what comes after, so that a writer who never stops
 * cannot hold this up. */
bool stream_drain(struct stream *stream, int null_fd);
/* Allows `more_bytes` beyond what is stored now. */
void stream_renew(struct stream *stream, uint64_t more_bytes);
void stream_close(struct stream *stream);

#endif
