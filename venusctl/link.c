#include "venusctl/link.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "venusctl/clock.h"

#define HELLO_BYTES  8
#define HEADER_BYTES 9 /* kind and length */
#define NUMBER_BYTES 4
#define READ_BYTES   (64 * 1024)
#define MESSAGE_KIND 1
#define REQUEST_BIT  0x80000000U

static const uint8_t our_hello[HELLO_BYTES] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
static const uint8_t their_hello[HELLO_BYTES] = {0, 'S', 'P', 0, 0, 0x31, 0, 0};

static void put_number(uint8_t *bytes, uint64_t number, size_t count)
{
	for (size_t i = count; i > 0; i--) {
		bytes[i - 1] = (uint8_t)(number & 0xff);
		number >>= 8;
	}
}

static uint64_t get_number(const uint8_t *bytes, size_t count)
{
	uint64_t number = 0;

	for (size_t i = 0; i < count; i++)
		number = number << 8 | bytes[i];
	return number;
}

/* 0, or -1 when the time is up. */
static int wait_for(int fd, short events, uint64_t end_ms)
{
	for (;;) {
		struct pollfd item = {.fd = fd, .events = events};
		uint64_t now = clock_ms();

		if (now >= end_ms)
			return -1;
		if (poll(&item, 1, (int)(end_ms - now)) > 0)
			return 0;
	}
}

static int fail_mute(const char *path, struct err *err)
{
	return err_set(err, ERR_TIMEOUT,
	    "what listens at %s does not answer: end it (see venusctl logs), and try again", path);
}

/* ---- connecting ---- */

static int connect_socket(int fd, const char *path, uint64_t end_ms, struct err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = strlen(path);

	if (length >= sizeof address.sun_path)
		return err_set(err, ERR_FULL, "the path of the socket %s is too long", path);
	memcpy(address.sun_path, path, length);
	while (connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
		switch (errno) {
		case EINTR: continue;
		case ENOENT:
		case ENOTDIR:
		case ECONNREFUSED: return 1;
		case EACCES:
		case EPERM:
			return err_set(err, ERR_DENIED,
			    "you may not use the socket %s: it belongs to another user", path);
		case EAGAIN: /* too many others are waiting to be accepted */
			if (clock_ms() >= end_ms)
				return fail_mute(path, err);
			(void)poll(NULL, 0, 5);
			continue;
		default: return err_set_errno(err, errno, "cannot reach venusd at %s", path);
		}
	}
	return 0;
}

static int check_peer(int fd, const char *path, struct err *err)
{
	struct ucred peer;
	socklen_t length = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		return err_set_errno(err, errno, "cannot tell whose the socket %s is", path);
	if (peer.uid != geteuid())
		return err_set(err, ERR_DENIED,
		    "the socket %s belongs to another user, and nothing was sent to it: set "
		    "VENUS_HOME to a folder of your own",
		    path);
	return 0;
}

/* A process that was killed takes connections until its last descriptor is closed, and resets them
 * then: it is as if it had not been there. */
static int fail_to_reach(const char *path, struct err *err)
{
	if (errno == ECONNRESET || errno == EPIPE)
		return 1;
	return err_set_errno(err, errno, "cannot reach venusd at %s", path);
}

static int shake_hands(int fd, const char *path, uint64_t end_ms, struct err *err)
{
	uint8_t hello[HELLO_BYTES];
	size_t length = 0;

	if (send(fd, our_hello, sizeof our_hello, MSG_NOSIGNAL) != sizeof our_hello)
		return fail_to_reach(path, err);
	while (length < sizeof hello) {
		ssize_t got = wait_for(fd, POLLIN, end_ms) < 0
				  ? -1
				  : recv(fd, hello + length, sizeof hello - length, 0);

		if (got > 0) {
			length += (size_t)got;
			continue;
		}
		if (got == 0)
			return err_set(err, ERR_UNAVAILABLE,
			    "what listens at %s closed the connection at once", path);
		if (clock_ms() >= end_ms)
			return fail_mute(path, err);
		if (errno != EINTR && errno != EAGAIN)
			return fail_to_reach(path, err);
	}
	if (memcmp(hello, their_hello, sizeof hello) != 0)
		return err_set(err, ERR_UNAVAILABLE, "what listens at %s is not venusd", path);
	return 0;
}

int link_open(struct link *link, const char *path, uint64_t end_ms, struct err *err)
{
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int result;

	link_close(link);
	if (fd < 0)
		return err_set_errno(err, errno, "cannot open a socket");
	result = connect_socket(fd, path, end_ms, err);
	if (result)
		return result;
	if (check_peer(fd, path, err) < 0)
		return -1;
	result = shake_hands(fd, path, end_ms, err);
	if (result)
		return result;
	link->fd = TAKE_FD(fd);
	return 0;
}

void link_close(struct link *link)
{
	if (link->fd >= 0)
		(void)close(link->fd);
	link->fd = -1;
	buf_fini(&link->in);
}

/* ---- messages ---- */

static int send_all(int fd, const char *bytes, size_t length, uint64_t end_ms, struct err *err)
{
	while (length) {
		ssize_t put = send(fd, bytes, length, MSG_NOSIGNAL);

		if (put >= 0) {
			bytes += put;
			length -= (size_t)put;
		} else if (errno == EAGAIN) {
			if (wait_for(fd, POLLOUT, end_ms) < 0)
				return err_set(
				    err, ERR_TIMEOUT, "venusd does not take the request");
		} else if (errno != EINTR) {
			return 1;
		}
	}
	return 0;
}

int link_send(struct link *link, const void *bytes, size_t length, uint64_t end_ms, struct err *err)
{
	uint8_t head[HEADER_BYTES + NUMBER_BYTES] = {MESSAGE_KIND};
	AUTO_BUF struct buf out = BUF_INIT;

	/* a number that a connection before this one may not have used */
	if (getrandom(&link->number, sizeof link->number, 0) != (ssize_t)sizeof link->number)
		return err_set_errno(err, errno, "cannot get random bytes");
	link->number |= REQUEST_BIT;
	put_number(head + 1, length + NUMBER_BYTES, 8);
	put_number(head + HEADER_BYTES, link->number, NUMBER_BYTES);
	buf_add(&out, head, sizeof head);
	buf_add(&out, bytes, length);
	return send_all(link->fd, out.data, out.length, end_ms, err);
}

/* Takes the reply out of what has come. Replies to older requests are thrown away. */
static int take_reply(struct link *link, size_t limit_bytes, const uint8_t **ret_bytes,
    size_t *ret_length, struct err *err)
{
	struct buf *in = &link->in;

	while (in->length >= HEADER_BYTES) {
		const uint8_t *bytes = (const uint8_t *)in->data;
		uint64_t length = get_number(bytes + 1, 8);

		if (bytes[0] != MESSAGE_KIND || length < NUMBER_BYTES)
			return err_set(err, ERR_UNAVAILABLE, "what venusd sent is no reply");
		if (length > limit_bytes + NUMBER_BYTES)
			return err_set(err, ERR_UNAVAILABLE,
			    "venusd sent a reply of %llu bytes; at most %zu are taken",
			    (unsigned long long)length, limit_bytes);
		if (in->length < HEADER_BYTES + length)
			return 0;
		if (get_number(bytes + HEADER_BYTES, NUMBER_BYTES) == link->number) {
			*ret_bytes = bytes + HEADER_BYTES + NUMBER_BYTES;
			*ret_length = (size_t)length - NUMBER_BYTES;
			return 0;
		}
		in->length -= HEADER_BYTES + (size_t)length;
		memmove(in->data, in->data + HEADER_BYTES + length, in->length);
	}
	return 0;
}

int link_receive(struct link *link, size_t limit_bytes, const uint8_t **ret_bytes,
    size_t *ret_length, struct err *err)
{
	*ret_bytes = NULL;
	for (;;) {
		ssize_t got;

		buf_reserve(&link->in, READ_BYTES);
		got = recv(link->fd, link->in.data + link->in.length, READ_BYTES, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return 0;
		if (got <= 0)
			return 1;
		link->in.length += (size_t)got;
		if (take_reply(link, limit_bytes, ret_bytes, ret_length, err) < 0)
			return -1;
		if (*ret_bytes)
			return 0;
	}
}
