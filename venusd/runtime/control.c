#include "venusd/runtime/control.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/buf.h"
#include "venusd/runtime/crash.h"

#define PROTOCOL 1
#define CONTROL_FD                                                                                 \
	10 /* CHILD_CONTROL_FD of venusd/worker/spawner.h, whose folder this program does not use  \
	    */
#define CONTROL_FD_TOP                                                                             \
	900 /* the place it is moved to: below the usual limit of 1024, above what cells open */

/* A child made by a cell's fork closes it from inside a wrapper, which has no argument to carry it.
 */
static struct {
	int fd;
	uint64_t received, sent;
} control = {.fd = -1};

static int check_socket(int fd, struct err *err)
{
	int type = 0;
	socklen_t length = sizeof type;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0)
		return err_set(err, ERR_INVALID,
		    "descriptor %d is not a control socket: this program is started by venusd, not "
		    "by hand",
		    fd);
	if (type != SOCK_SEQPACKET)
		return err_set(err, ERR_INVALID,
		    "descriptor %d is a socket of another kind: a SEQPACKET one is needed", fd);
	return 0;
}

int control_open(int *ret_fd, struct err *err)
{
	Venus__Worker__FromWorker message = VENUS__WORKER__FROM_WORKER__INIT;
	Venus__Worker__Hello hello = VENUS__WORKER__HELLO__INIT;
	int fd;

	if (check_socket(CONTROL_FD, err) < 0)
		return -1;
	fd = fcntl(CONTROL_FD, F_DUPFD_CLOEXEC, CONTROL_FD_TOP);
	if (fd < 0) /* a lower limit on descriptors than usual */
		fd = fcntl(CONTROL_FD, F_DUPFD_CLOEXEC, CONTROL_FD + 1);
	if (fd < 0)
		return err_set_errno(err, errno, "cannot move the control socket");
	(void)close(CONTROL_FD);
	control.fd = *ret_fd = fd;
	hello.protocol = PROTOCOL;
	hello.pid = (uint32_t)getpid();
	hello.memfd = true;
	message.kind_case = VENUS__WORKER__FROM_WORKER__KIND_HELLO;
	message.hello = &hello;
	return control_send(&message, NULL, 0, err);
}

int control_receive(struct frame *frame, Venus__Worker__ToWorker **ret_request, struct err *err)
{
	Venus__Worker__ToWorker *request;
	int got = frame_receive(control.fd, frame, err);

	if (got <= 0)
		return got;
	request =
	    venus__worker__to_worker__unpack(NULL, frame->length, (const uint8_t *)frame->bytes);
	if (!request) {
		frame_close_fds(frame);
		return err_set(
		    err, ERR_INVALID, "a request of %zu bytes is malformed", frame->length);
	}
	if (request->seq != control.received + 1 || request->ack > control.sent) {
		(void)err_set(err, ERR_INVALID,
		    "a request has number %ju and acknowledges %ju, expected were %ju and at most "
		    "%ju",
		    (uintmax_t)request->seq, (uintmax_t)request->ack,
		    (uintmax_t)control.received + 1, (uintmax_t)control.sent);
		venus__worker__to_worker__free_unpacked(request, NULL);
		frame_close_fds(frame);
		return -1;
	}
	control.received++;
	crash_set_numbers(control.sent + 1, control.received);
	*ret_request = request;
	return 1;
}

int control_send(
    Venus__Worker__FromWorker *answer, const int *fds, size_t fd_count, struct err *err)
{
	AUTO_BUF struct buf packed = BUF_INIT;
	size_t length;

	answer->seq = control.sent + 1;
	answer->ack = control.received;
	length = venus__worker__from_worker__get_packed_size(answer);
	buf_reserve(&packed, length);
	(void)venus__worker__from_worker__pack(answer, (uint8_t *)packed.data);
	if (frame_send(control.fd, packed.data, length, fds, fd_count, err) < 0)
		return -1;
	control.sent++;
	crash_set_numbers(control.sent + 1, control.received);
	return 0;
}

void control_close_in_child(void)
{
	if (control.fd >= 0)
		(void)close(control.fd);
	control.fd = -1;
}
