/*
 * The socket, as nng's REP over ipc speaks it, so that every nng client can dial; without nng's own
 * listener, because that of nng 1.5.2 stops accepting for good once a peer connects and goes away
 * within its first eight bytes (nanomsg/nng#1518), which any process of the user may do.
 *
 * Both sides send eight bytes: 00 'S' 'P' 00, the protocol as 16 bits (REQ 0x30, REP 0x31), 00 00.
 * Then each message is 01, its length as 64 bits, and the body, which begins with numbers of 32
 * bits: the last of them has its highest bit set. A reply begins with the same numbers. All are
 * big-endian (RFCs of nanomsg: sp-ipc-mapping-01, sp-request-reply-01).
 *
 * A connection is closed when it says hello late or wrongly, when a message is over the limit or
 * takes too long to arrive, when it does not read its replies, and when its peer is not our user.
 * An exchange outlives its connection: its reply then goes nowhere.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utlist.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "common/mem.h"
#include "venusd/request/request_internal.h"

#define HELLO_BYTES	 8u
#define HEADER_BYTES	 9u
#define NUMBER_BYTES	 4u
#define NUMBERS_MAX	 8u /* devices that a request may have passed */
#define MESSAGE_KIND	 1u
#define HELLO_MS	 5000u
#define MESSAGE_MS	 30000u
#define READ_BYTES	 (64u * 1024)
#define UNREAD_MAX_BYTES (8u * 1024 * 1024)
#define OPEN_MAX	 64u /* requests of one connection that are not answered */
#define BACKLOG		 128

static const uint8_t our_hello[HELLO_BYTES] = {0, 'S', 'P', 0, 0, 0x31, 0, 0};
static const uint8_t their_hello[HELLO_BYTES] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};

struct connection {
	uv_pipe_t pipe;
	uv_timer_t timer;
	struct listener *listener;
	struct connection *prev, *next;
	uint32_t number;
	struct buf in;
	bool shaken, closing, paused;
	unsigned open, handles;
};

struct exchange {
	struct listener *listener;
	struct exchange *prev, *next;
	uint32_t connection;
	uint8_t numbers[NUMBERS_MAX * NUMBER_BYTES];
	size_t numbers_length;
};

struct listener {
	uv_pipe_t door;
	uv_loop_t *loop;
	exchange_on_request *on_request;
	exchange_on_gone *on_gone;
	void *payload;
	struct connection *connections;
	struct exchange *exchanges;
	size_t connection_count;
	uint32_t last_number;
	bool opened;
	char chunk[READ_BYTES];
};

struct sending {
	uv_write_t request;
	char bytes[];
};

/* Closing. */

static void on_handle_closed(uv_handle_t *handle)
{
	struct connection *connection = handle->data;

	if (--connection->handles)
		return;
	buf_fini(&connection->in);
	free(connection);
}

static void connection_close(struct connection *connection, const char *why)
{
	if (connection->closing)
		return;
	if (why)
		log_warning("a connection was closed: %s", why);
	connection->closing = true;
	DL_DELETE(connection->listener->connections, connection);
	connection->listener->connection_count--;
	uv_close((uv_handle_t *)&connection->timer, on_handle_closed);
	uv_close((uv_handle_t *)&connection->pipe, on_handle_closed);
	connection->listener->on_gone(connection->number, connection->listener->payload);
}

static void on_late(uv_timer_t *timer)
{
	struct connection *connection = timer->data;

	connection_close(connection, connection->shaken ? "a message did not arrive in time"
							: "it did not say hello in time");
}

/* Writing. */

static void on_written(uv_write_t *request, int status)
{
	struct connection *connection = request->handle->data;

	free(request->data);
	if (status < 0 && !connection->closing)
		connection_close(connection, NULL); /* the client is gone */
}

/* Most replies go out at once, without a turn of the loop. */
static void connection_write(struct connection *connection, const void *bytes, size_t length)
{
	uv_stream_t *stream = (uv_stream_t *)&connection->pipe;
	uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)bytes, (unsigned)length);
	int written = uv_try_write(stream, &buffer, 1);
	struct sending *sending;

	if (written < 0 && written != UV_EAGAIN) {
		connection_close(connection, NULL);
		return;
	}
	if (written < 0)
		written = 0;
	if ((size_t)written == length)
		return;
	if (uv_stream_get_write_queue_size(stream) + length > UNREAD_MAX_BYTES) {
		connection_close(connection, "it does not read its replies");
		return;
	}
	length -= (size_t)written;
	sending = mem_alloc(sizeof *sending + length);
	memcpy(sending->bytes, (const char *)bytes + written, length);
	sending->request.data = sending;
	buffer = uv_buf_init(sending->bytes, (unsigned)length);
	if (uv_write(&sending->request, stream, &buffer, 1, on_written) < 0) {
		free(sending);
		connection_close(connection, NULL);
	}
}

static void put_number(uint8_t *bytes, uint64_t number, size_t count)
{
	for (size_t i = count; i > 0; number >>= 8)
		bytes[--i] = (uint8_t)number;
}

static uint64_t get_number(const uint8_t *bytes, size_t count)
{
	uint64_t number = 0;

	for (size_t i = 0; i < count; i++)
		number = number << 8 | bytes[i];
	return number;
}

/* Reading. */

/* Length of the numbers that a body begins with; 0: it is no request. */
static size_t numbers_length(const uint8_t *body, size_t length)
{
	for (size_t at = 0; at + NUMBER_BYTES <= length && at < NUMBERS_MAX * NUMBER_BYTES;
	     at += NUMBER_BYTES)
		if (body[at] & 0x80)
			return at + NUMBER_BYTES;
	return 0;
}

static void take_body(struct connection *connection, const uint8_t *body, size_t length)
{
	size_t numbers = numbers_length(body, length);
	struct exchange *exchange;

	if (!numbers) {
		connection_close(connection, "it sent what is not a request");
		return;
	}
	exchange = mem_alloc(sizeof *exchange);
	exchange->listener = connection->listener;
	exchange->connection = connection->number;
	memcpy(exchange->numbers, body, numbers);
	exchange->numbers_length = numbers;
	DL_APPEND(connection->listener->exchanges, exchange);
	connection->open++;
	connection->listener->on_request(
	    exchange, body + numbers, length - numbers, connection->listener->payload);
}

/* Takes one hello or message from what came. False: it is not whole yet, or the connection is
 * closing. */
static bool take_one(struct connection *connection, size_t *at)
{
	const uint8_t *bytes = (const uint8_t *)connection->in.data + *at;
	size_t left = connection->in.length - *at;
	uint64_t length;

	if (!connection->shaken) {
		if (left < HELLO_BYTES)
			return false;
		if (memcmp(bytes, their_hello, HELLO_BYTES) != 0) {
			connection_close(connection, "it does not speak nng's REQ");
			return false;
		}
		connection->shaken = true;
		*at += HELLO_BYTES;
		return true;
	}
	if (left < HEADER_BYTES)
		return false;
	length = get_number(bytes + 1, HEADER_BYTES - 1);
	if (bytes[0] != MESSAGE_KIND || length > LIMIT_REQUEST_BYTES + NUMBERS_MAX * NUMBER_BYTES) {
		connection_close(connection, "it sent a message over the limit, or none");
		return false;
	}
	if (left < HEADER_BYTES + length)
		return false;
	*at += HEADER_BYTES + (size_t)length;
	take_body(connection, bytes + HEADER_BYTES, (size_t)length);
	return !connection->closing;
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer);

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buffer)
{
	struct connection *connection = handle->data;

	(void)suggested;
	*ret_buffer = uv_buf_init(connection->listener->chunk, READ_BYTES);
}

static void take_all(struct connection *connection)
{
	size_t at = 0, left;

	while (connection->open < OPEN_MAX && take_one(connection, &at))
		continue;
	if (connection->closing)
		return;
	left = connection->in.length - at;
	if (!left) {
		buf_fini(&connection->in); /* an idle connection holds no memory */
	} else if (at) {
		memmove(connection->in.data, connection->in.data + at, left);
		connection->in.length = left;
	}
	if (connection->open >= OPEN_MAX) {
		connection->paused = true;
		(void)uv_read_stop((uv_stream_t *)&connection->pipe);
	}
	if (connection->shaken && (!left || connection->paused))
		(void)uv_timer_stop(&connection->timer);
	else if (connection->shaken && (at || !uv_is_active((uv_handle_t *)&connection->timer)))
		(void)uv_timer_start(&connection->timer, on_late, MESSAGE_MS, 0);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
	struct connection *connection = stream->data;

	if (got < 0) {
		connection_close(connection, NULL);
		return;
	}
	buf_add(&connection->in, buffer->base, (size_t)got);
	take_all(connection);
}

/* Connections. */

static bool is_our_user(uv_pipe_t *pipe)
{
	struct ucred peer = {.uid = (uid_t)-1};
	socklen_t length = sizeof peer;
	uv_os_fd_t fd;

	return uv_fileno((const uv_handle_t *)pipe, &fd) == 0 &&
	       getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
	       peer.uid == geteuid();
}

static void on_connection(uv_stream_t *door, int status)
{
	struct listener *listener = door->data;
	struct connection *connection;

	if (status < 0) {
		log_warning("a connection could not be accepted: %s", uv_strerror(status));
		return;
	}
	connection = mem_alloc(sizeof *connection);
	connection->listener = listener;
	connection->number =
	    ++listener->last_number ? listener->last_number : ++listener->last_number;
	connection->handles = 2;
	(void)uv_pipe_init(listener->loop, &connection->pipe, 0);
	(void)uv_timer_init(listener->loop, &connection->timer);
	connection->pipe.data = connection->timer.data = connection;
	DL_APPEND(listener->connections, connection);
	listener->connection_count++;
	if (uv_accept(door, (uv_stream_t *)&connection->pipe) < 0)
		connection_close(connection, "it could not be accepted");
	else if (!is_our_user(&connection->pipe))
		connection_close(connection, "it is another user's");
	else if (listener->connection_count > LIMIT_PIPES)
		connection_close(connection, "there are too many");
	if (connection->closing)
		return;
	(void)uv_timer_start(&connection->timer, on_late, HELLO_MS, 0);
	connection_write(connection, our_hello, sizeof our_hello);
	if (!connection->closing &&
	    uv_read_start((uv_stream_t *)&connection->pipe, on_alloc, on_read) < 0)
		connection_close(connection, "it cannot be read");
}

int listener_open(uv_loop_t *loop, const char *path, exchange_on_request *on_request,
    exchange_on_gone *on_gone, void *payload, struct listener **ret_listener, struct err *err)
{
	struct listener *listener = mem_alloc(sizeof *listener);
	int code;

	listener->loop = loop;
	listener->on_request = on_request;
	listener->on_gone = on_gone;
	listener->payload = payload;
	(void)uv_pipe_init(loop, &listener->door, 0);
	listener->door.data = listener;
	code = uv_pipe_bind(&listener->door, path);
	if (code == 0)
		code = chmod(path, 0600) < 0 ? -errno : 0;
	if (code == 0)
		code = uv_listen((uv_stream_t *)&listener->door, BACKLOG, on_connection);
	if (code == 0) {
		*ret_listener = listener;
		return 0;
	}
	listener_close(listener);
	(void)uv_run(loop, UV_RUN_NOWAIT);
	listener_free(listener);
	return err_set(err, code == UV_EADDRINUSE ? ERR_UNAVAILABLE : ERR_IO,
	    "cannot listen at %s: %s", path, uv_strerror(code));
}

void listener_close(struct listener *listener)
{
	while (listener->connections)
		connection_close(listener->connections, NULL);
	uv_close((uv_handle_t *)&listener->door, NULL); /* removes the socket's file */
}

void listener_free(struct listener *listener)
{
	struct exchange *exchange, *next;

	DL_FOREACH_SAFE (listener->exchanges, exchange, next)
		free(exchange);
	free(listener);
}

size_t listener_clients(const struct listener *listener)
{
	return listener->connection_count;
}

static struct connection *connection_of(const struct exchange *exchange)
{
	struct connection *connection;

	DL_FOREACH (exchange->listener->connections, connection)
		if (connection->number == exchange->connection)
			return connection;
	return NULL;
}

static void resume(struct connection *connection)
{
	connection->paused = false;
	(void)uv_read_start((uv_stream_t *)&connection->pipe, on_alloc, on_read);
	take_all(connection);
}

void exchange_reply(struct exchange *exchange, const void *bytes, size_t length)
{
	struct connection *connection = connection_of(exchange);
	AUTO_FREE uint8_t *message = mem_alloc(HEADER_BYTES + exchange->numbers_length + length);

	message[0] = MESSAGE_KIND;
	put_number(message + 1, exchange->numbers_length + length, HEADER_BYTES - 1);
	memcpy(message + HEADER_BYTES, exchange->numbers, exchange->numbers_length);
	if (length)
		memcpy(message + HEADER_BYTES + exchange->numbers_length, bytes, length);
	DL_DELETE(exchange->listener->exchanges, exchange);
	if (connection) {
		connection->open--;
		connection_write(
		    connection, message, HEADER_BYTES + exchange->numbers_length + length);
	}
	if (connection && !connection->closing && connection->paused)
		resume(connection);
	free(exchange);
}

void exchange_drop(struct exchange *exchange)
{
	struct connection *connection = connection_of(exchange);

	DL_DELETE(exchange->listener->exchanges, exchange);
	if (connection)
		connection->open--;
	free(exchange);
}

uint32_t exchange_pipe(const struct exchange *exchange)
{
	return exchange->connection;
}
