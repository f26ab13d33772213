#ifndef VENUS_COMMON_FRAME_H
#define VENUS_COMMON_FRAME_H

#include <stddef.h>

#include "common/err.h"

/*
 * Control frames over an AF_UNIX SOCK_SEQPACKET socket: at most FRAME_MAX bytes and FRAME_FDS
 * descriptors each. Received descriptors are close-on-exec. A frame that is larger, or brings more
 * descriptors, is ERR_INVALID; every descriptor that arrived with it is closed.
 */
#define FRAME_MAX 65536
#define FRAME_FDS 16

struct frame {
	size_t length;
	size_t fd_count;
	int fds[FRAME_FDS];
	char bytes[FRAME_MAX];
};

/* Sends one frame; `fds` stay the caller's. 0, or -1: ERR_FULL when the socket's buffer is full and
 * the socket does not block, ERR_UNAVAILABLE when the other side is gone. */
int frame_send(
    int fd, const void *bytes, size_t length, const int *fds, size_t fd_count, struct err *err);
/* Receives one frame. 1: a frame; its descriptors are the caller's (frame_close_fds, or set those
 * taken to -1). 0: the other side is gone, or sent an empty frame. -1: ERR_INVALID (`length` says
 * what arrived of the bytes), or ERR_TIMEOUT when there is nothing to read and the socket does not
 * block. */
int frame_receive(int fd, struct frame *ret_frame, struct err *err);
void frame_close_fds(struct frame *frame);

#endif
