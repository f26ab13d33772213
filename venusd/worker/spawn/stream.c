#include "venusd/worker/spawn/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/cleanup.h"

/* One splice into the spool or into nothing: bytes moved, 0 at the end, -1 with errno. */
static ssize_t move_once(struct stream *stream, int null_fd, uint64_t most_bytes)
{
	uint64_t room = stream->limit_bytes > stream->stored_bytes
			    ? stream->limit_bytes - stream->stored_bytes
			    : 0;
	loff_t offset = (loff_t)stream->stored_bytes;
	ssize_t moved;

	if (room) {
		moved = splice(stream->pipe_fd, NULL, stream->spool_fd, &offset,
		    room < most_bytes ? room : most_bytes, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
		if (moved > 0)
			stream->stored_bytes += (uint64_t)moved;
		/* A spool that takes no more (no memory left, say) is as good as full: the child
		 * must not hang on it. */
		if (moved >= 0 || errno == EAGAIN || errno == EINTR)
			return moved;
	}
	moved = splice(
	    stream->pipe_fd, NULL, null_fd, NULL, most_bytes, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	if (moved > 0)
		stream->cut = true;
	return moved;
}

bool stream_move(struct stream *stream, int null_fd, uint64_t most_bytes)
{
	while (stream->pipe_fd >= 0 && most_bytes) {
		ssize_t moved = move_once(stream, null_fd, most_bytes);

		if (moved > 0) {
			stream->total_bytes += (uint64_t)moved;
			most_bytes -= (uint64_t)moved;
		} else if (moved < 0 && errno == EAGAIN) {
			break;
		} else if (moved == 0 || errno != EINTR) {
			return false;
		}
	}
	return stream->pipe_fd >= 0;
}

bool stream_drain(struct stream *stream, int null_fd)
{
	int waiting = 0;

	if (stream->pipe_fd < 0)
		return false;
	if (ioctl(stream->pipe_fd, FIONREAD, &waiting) < 0 || waiting < 0)
		waiting = 0;
	return stream_move(stream, null_fd, (uint64_t)waiting);
}

void stream_renew(struct stream *stream, uint64_t more_bytes)
{
	stream->limit_bytes = more_bytes > INT64_MAX - stream->stored_bytes
				  ? INT64_MAX
				  : stream->stored_bytes + more_bytes;
	stream->cut = false;
}

void stream_close(struct stream *stream)
{
	cleanup_close_p(&stream->pipe_fd);
	cleanup_close_p(&stream->spool_fd);
	stream->pipe_fd = stream->spool_fd = -1;
}
