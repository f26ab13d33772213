#include "common/frame.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for more descriptors than are allowed, so that a surplus is seen and closed rather than cut
 * off by the kernel. */
#define FDS_ROOM 253

int frame_send(
    int fd, const void *bytes, size_t length, const int *fds, size_t fd_count, struct err *err)
{
	char control[CMSG_SPACE(FRAME_FDS * sizeof(int))] = {0};
	struct iovec vector = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = length};
	struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
	ssize_t sent;

	if (length == 0 || length > FRAME_MAX || fd_count > FRAME_FDS)
		return err_set(err, ERR_INVALID,
		    "a control frame of %zu bytes and %zu descriptors is not legal", length,
		    fd_count);
	if (fd_count) {
		struct cmsghdr *header;

		message.msg_control = control;
		message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(header), fds, fd_count * sizeof(int));
	}
	do
		sent = sendmsg(fd, &message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent == (ssize_t)length)
		return 0;
	if (errno == EAGAIN || errno == ENOBUFS ||
	    errno == ETOOMANYREFS) /* the last: descriptors under way */
		return err_set(err, ERR_FULL, "the other side of a control socket does not read");
	return err_set(err, ERR_UNAVAILABLE, "cannot send a control frame: %s", strerror(errno));
}

static void take_fds(struct msghdr *message, struct frame *frame, int *surplus)
{
	for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
	     header = CMSG_NXTHDR(message, header)) {
		size_t count;

		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
			if (frame->fd_count < FRAME_FDS) {
				frame->fds[frame->fd_count++] = fd;
			} else {
				(void)close(fd);
				*surplus += 1;
			}
		}
	}
}

int frame_receive(int fd, struct frame *ret_frame, struct err *err)
{
	char control[CMSG_SPACE(FDS_ROOM * sizeof(int))];
	struct iovec vector = {.iov_base = ret_frame->bytes, .iov_len = FRAME_MAX};
	struct msghdr message = {.msg_iov = &vector,
	    .msg_iovlen = 1,
	    .msg_control = control,
	    .msg_controllen = sizeof control};
	int surplus = 0;
	ssize_t got;

	ret_frame->length = ret_frame->fd_count = 0;
	/* A peer that ended without reading all gives ECONNRESET once, before what it had sent
	 * itself. */
	do
		got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	while (got < 0 && (errno == EINTR || errno == ECONNRESET));
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return err_set(err, ERR_TIMEOUT, "nothing to read on a control socket");
	if (got < 0)
		return err_set(
		    err, ERR_INVALID, "cannot read a control frame: %s", strerror(errno));
	ret_frame->length = (size_t)got;
	take_fds(&message, ret_frame, &surplus);
	if (got == 0) { /* an empty frame, which nobody sends in good faith, may have brought
			   descriptors */
		frame_close_fds(ret_frame);
		return 0;
	}
	if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) || surplus) {
		frame_close_fds(ret_frame);
		return err_set(err, ERR_INVALID,
		    "a control frame was over %d bytes or %d descriptors", FRAME_MAX, FRAME_FDS);
	}
	return 1;
}

void frame_close_fds(struct frame *frame)
{
	for (size_t i = 0; i < frame->fd_count; i++)
		if (frame->fds[i] >= 0)
			(void)close(frame->fds[i]);
	frame->fd_count = 0;
}
