#include "venusd/worker/outbox_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/cleanup.h"
#include "common/frame.h"
#include "common/mem.h"

struct outgoing {
	struct outgoing *prev, *next;
	void *bytes;
	size_t length, fd_count;
	int fds[FRAME_FDS];
};

static void outgoing_free(struct outgoing *outgoing)
{
	if (!outgoing)
		return;
	for (size_t i = 0; i < outgoing->fd_count; i++)
		(void)close(outgoing->fds[i]); /* a duplicate that nobody waits for */
	free(outgoing->bytes);
	free(outgoing);
}

static inline void outgoing_free_p(struct outgoing **outgoing)
{
	outgoing_free(*outgoing);
}

static int keep(struct outbox *outbox, const void *bytes, size_t length, const int *fds,
    size_t fd_count, struct err *err)
{
	AUTO(outgoing_free_p) struct outgoing *outgoing = mem_alloc(sizeof *outgoing);
	struct outgoing *kept;

	outgoing->bytes = mem_dup(bytes, length);
	outgoing->length = length;
	for (size_t i = 0; i < fd_count; i++) {
		int fd = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);

		if (fd < 0)
			return err_set_errno(err, errno, "cannot keep a descriptor to be sent");
		outgoing->fds[outgoing->fd_count++] = fd;
	}
	outbox->length_bytes += length;
	kept = TAKE_PTR(outgoing);
	DL_APPEND(outbox->list, kept);
	return 0;
}

int outbox_send(struct outbox *outbox, int fd, const void *bytes, size_t length, const int *fds,
    size_t fd_count, struct err *err)
{
	if (!outbox->list) {
		if (frame_send(fd, bytes, length, fds, fd_count, err) == 0)
			return 0;
		if (err->code != ERR_FULL)
			return -1;
	}
	return keep(outbox, bytes, length, fds, fd_count, err);
}

static void drop_first(struct outbox *outbox)
{
	struct outgoing *first = outbox->list;

	DL_DELETE(outbox->list, first);
	outbox->length_bytes -= first->length;
	outgoing_free(first);
}

int outbox_flush(struct outbox *outbox, int fd, struct err *err)
{
	while (outbox->list) {
		const struct outgoing *first = outbox->list;

		if (frame_send(fd, first->bytes, first->length, first->fds, first->fd_count, err) <
		    0)
			return err->code == ERR_FULL ? 0 : -1;
		drop_first(outbox);
	}
	return 0;
}

void outbox_fini(struct outbox *outbox)
{
	while (outbox->list)
		drop_first(outbox);
}
