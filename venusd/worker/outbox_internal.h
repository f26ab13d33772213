#ifndef VENUSD_WORKER_OUTBOX_INTERNAL_H
#define VENUSD_WORKER_OUTBOX_INTERNAL_H

#include <stddef.h>

#include "common/err.h"

/* Frames that a socket did not take yet. A zeroed one is empty. */
struct outbox {
	struct outgoing *list;
	size_t length_bytes;
};

/* Sends a frame, or keeps it (with duplicates of its descriptors) behind those that wait already.
 * -1 only when it can neither be sent nor kept: the other side is gone, the frame is not legal,
 * descriptors ran out. */
int outbox_send(struct outbox *outbox, int fd, const void *bytes, size_t length, const int *fds,
    size_t fd_count, struct err *err);
/* Sends what waits until the socket is full. -1 when the other side is gone. */
int outbox_flush(struct outbox *outbox, int fd, struct err *err);
void outbox_fini(struct outbox *outbox);

#endif
