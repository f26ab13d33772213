#ifndef VENUSD_WORKER_INTERNAL_H
#define VENUSD_WORKER_INTERNAL_H

#include "venusd/worker/worker.h"

/*
 * What a worker's frame says, checked as far as that needs no knowledge of what went before: size,
 * depth, UTF-8, a known kind, numbers in range, blobs that fit into the frame and its `fd_count`
 * descriptors. Pure. To be freed with free_unpacked. ERR_INVALID or ERR_FULL.
 */
int worker_frame_decode(const void *bytes, size_t length, size_t fd_count,
    Venus__Worker__FromWorker **ret_message, struct err *err);

/* Seals each descriptor that a Blob of the message names and checks that it holds the Blob's bytes;
 * closes the others and sets them to -1. ERR_INVALID when one is not a memfd, cannot be sealed or
 * is too short. */
int worker_frame_secure_fds(
    const Venus__Worker__FromWorker *message, int *fds, size_t fd_count, struct err *err);

/* What a worker's crash frame said. */
struct worker_crash {
	bool told;
	uint32_t signal;
	bool stack_overflow;
};

/* Appends the message of on_end. `fault` is what venusd ended the worker for, or NULL. */
void worker_end_describe(const struct child_exit *exit, const struct worker_crash *crash,
    const char *fault, struct buf *text);

#endif
