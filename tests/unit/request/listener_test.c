/* The socket: nng's own client on the other side, and peers that keep to no rule. The listener
 * echoes, on a loop in a thread of its own. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/mem.h"
#include "venusd/request/request_internal.h"

struct server {
	pthread_t thread;
	uv_loop_t loop;
	uv_async_t stop;
	struct listener *listener;
	char folder[32];
	char *path, *url;
	uint32_t last_gone;
};

static void on_echo(struct exchange *exchange, const void *bytes, size_t length, void *payload)
{
	(void)payload;
	exchange_reply(exchange, bytes, length < LIMIT_REPLY_BYTES ? length : LIMIT_REPLY_BYTES);
}

/* Told once of each connection. */
static void on_gone(uint32_t pipe, void *payload)
{
	struct server *server = payload;

	assert_int_not_equal(pipe, 0);
	assert_int_not_equal(pipe, server->last_gone);
	server->last_gone = pipe;
}

static void on_stop(uv_async_t *stop)
{
	struct server *server = stop->data;

	listener_close(server->listener);
	uv_close((uv_handle_t *)stop, NULL);
}

static void *serve(void *payload)
{
	struct server *server = payload;

	(void)uv_run(&server->loop, UV_RUN_DEFAULT);
	return NULL;
}

static int setup(void **state)
{
	struct server *server = mem_alloc(sizeof *server);
	struct err err;

	strcpy(server->folder, "/tmp/vlXXXXXX");
	assert_non_null(mkdtemp(server->folder));
	server->path = file_join(server->folder, "s");
	server->url = mem_printf("ipc://%s", server->path);
	assert_int_equal(uv_loop_init(&server->loop), 0);
	server->stop.data = server;
	assert_int_equal(uv_async_init(&server->loop, &server->stop, on_stop), 0);
	if (listener_open(
		&server->loop, server->path, on_echo, on_gone, server, &server->listener, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
	*state = server;
	return 0;
}

static int teardown(void **state)
{
	struct server *server = *state;
	struct err err;

	assert_int_equal(uv_async_send(&server->stop), 0);
	assert_int_equal(pthread_join(server->thread, NULL), 0);
	assert_false(file_exists(server->path)); /* its file is gone */
	listener_free(server->listener);
	assert_int_equal(uv_loop_close(&server->loop), 0);
	assert_int_equal(file_remove_tree(server->folder, &err), 0);
	free(server->path);
	free(server->url);
	free(server);
	return 0;
}

/* One request with nng's client must come back. */
static void check_nng(struct server *server, size_t length)
{
	AUTO_FREE char *bytes = mem_alloc(length);
	nng_socket socket;
	char *reply;
	size_t size;

	memset(bytes, 'x', length);
	assert_int_equal(nng_req0_open(&socket), 0);
	assert_int_equal(nng_socket_set_ms(socket, NNG_OPT_RECVTIMEO, 10000), 0);
	assert_int_equal(nng_socket_set_size(socket, NNG_OPT_RECVMAXSZ, 0), 0);
	assert_int_equal(nng_dial(socket, server->url, NULL, 0), 0);
	assert_int_equal(nng_send(socket, bytes, length, 0), 0);
	assert_int_equal(nng_recv(socket, &reply, &size, NNG_FLAG_ALLOC), 0);
	assert_int_equal(size, length < LIMIT_REPLY_BYTES ? length : LIMIT_REPLY_BYTES);
	assert_memory_equal(reply, bytes, size);
	nng_free(reply, size);
	assert_int_equal(nng_close(socket), 0);
}

static void test_nng_client(void **state)
{
	struct server *server = *state;
	struct stat status;

	check_nng(server, 1);
	check_nng(server, 200);
	check_nng(server, 1000000);
	check_nng(server, LIMIT_REQUEST_BYTES);
	assert_int_equal(stat(server->path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
}

static int dial(const struct server *server)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	strcpy(address.sun_path, server->path);
	while (connect(fd, (const struct sockaddr *)&address, sizeof address) < 0)
		assert_int_equal(errno, EAGAIN);
	return fd;
}

/* True if the other side closes within 10 s (what it sent before is read and thrown away). */
static bool is_closed(int fd)
{
	struct pollfd item = {.fd = fd, .events = POLLIN};
	char bytes[4096];
	ssize_t got;

	do {
		if (poll(&item, 1, 10000) != 1)
			return false;
		got = read(fd, bytes, sizeof bytes);
	} while (got > 0);
	return true;
}

static const uint8_t hello[8] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};

/* What ended nng 1.5.2's own listener: a peer that is gone before its eight bytes are. */
static void test_gone_early(void **state)
{
	struct server *server = *state;

	for (size_t i = 0; i < 200; i++) {
		int fd = dial(server);

		if (i % 3)
			assert_int_equal(write(fd, hello, i % 8 + 1), (ssize_t)(i % 8 + 1));
		(void)close(fd);
	}
	check_nng(server, 10);
}

static void test_broken_rules(void **state)
{
	static const struct {
		const char *what;
		uint8_t bytes[24];
		size_t length;
	} cases[] = {
	    {"another protocol", {0, 'S', 'P', 0, 0, 0x10, 0, 0}, 8},
	    {"HTTP", "GET / HTTP/1.1\r\n", 16},
	    {"a message of another kind",
		{0, 'S', 'P', 0, 0, 0x30, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 1}, 17},
	    {"a message of 2^63 bytes",
		{0, 'S', 'P', 0, 0, 0x30, 0, 0, 1, 0x80, 0, 0, 0, 0, 0, 0, 0}, 17},
	    {"a message of 2^31 bytes",
		{0, 'S', 'P', 0, 0, 0x30, 0, 0, 1, 0, 0, 0, 0, 0x80, 0, 0, 0}, 17},
	    {"an empty message", {0, 'S', 'P', 0, 0, 0x30, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}, 17},
	    {"a request without its number",
		{0, 'S', 'P', 0, 0, 0x30, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4}, 21},
	};
	struct server *server = *state;

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		AUTO_CLOSE int fd = dial(server);

		assert_int_equal(
		    write(fd, cases[i].bytes, cases[i].length), (ssize_t)cases[i].length);
		if (!is_closed(fd))
			fail_msg("%s: the connection stays open", cases[i].what);
	}
	check_nng(server, 10);
}

static void test_byte_by_byte(void **state)
{
	static const uint8_t request[] = {1, 0, 0, 0, 0, 0, 0, 0, 6, 0x80, 0, 0, 9, 'h', 'i'};
	struct server *server = *state;
	AUTO_CLOSE int fd = dial(server);
	uint8_t reply[8 + sizeof request];
	size_t got = 0;

	for (size_t i = 0; i < sizeof hello; i++)
		assert_int_equal(write(fd, hello + i, 1), 1);
	for (size_t i = 0; i < sizeof request; i++)
		assert_int_equal(write(fd, request + i, 1), 1);
	while (got < sizeof reply) {
		ssize_t now = read(fd, reply + got, sizeof reply - got);

		assert_true(now > 0);
		got += (size_t)now;
	}
	assert_memory_equal(reply + 8, request, sizeof request);
}

/* Waits until connections are taken again: those that were closed leave one after the other. */
static void wait_for_room(const struct server *server)
{
	uint8_t bytes[sizeof hello];
	bool room = false;

	while (!room) {
		AUTO_CLOSE int fd = dial(server);

		room = recv(fd, bytes, sizeof bytes, MSG_WAITALL) == (ssize_t)sizeof bytes;
	}
}

static void test_too_many(void **state)
{
	struct server *server = *state;
	int fds[LIMIT_PIPES + 20];
	size_t closed = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(fds); i++) {
		fds[i] = dial(server);
		(void)send(fds[i], hello, sizeof hello, MSG_NOSIGNAL); /* some are closed at once */
	}
	for (size_t i = LIMIT_PIPES; i < ARRAY_LENGTH(fds); i++)
		closed += is_closed(fds[i]);
	assert_int_equal(closed, 20);
	for (size_t i = 0; i < ARRAY_LENGTH(fds); i++)
		(void)close(fds[i]);
	wait_for_room(server);
	check_nng(server, 10);
}

/* More requests at once than may be open: each gets its reply, in order. */
static void test_pipelined(void **state)
{
	struct server *server = *state;
	AUTO_CLOSE int fd = dial(server);
	uint8_t request[] = {1, 0, 0, 0, 0, 0, 0, 0, 4, 0x80, 0, 0, 0}, reply[sizeof request];

	assert_int_equal(write(fd, hello, sizeof hello), sizeof hello);
	for (unsigned i = 0; i < 200; i++) {
		request[12] = (uint8_t)i;
		assert_int_equal(write(fd, request, sizeof request), sizeof request);
	}
	assert_int_equal(recv(fd, reply, sizeof hello, MSG_WAITALL), sizeof hello);
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(recv(fd, reply, sizeof reply, MSG_WAITALL), sizeof reply);
		assert_int_equal(reply[12], i);
	}
}

static void test_path_taken(void **state)
{
	struct server *server = *state;
	struct listener *listener;
	uv_loop_t loop;
	struct err err;

	assert_int_equal(uv_loop_init(&loop), 0);
	assert_int_equal(
	    listener_open(&loop, server->path, on_echo, on_gone, server, &listener, &err), -1);
	assert_non_null(strstr(err.message, server->path));
	assert_int_equal(uv_loop_close(&loop), 0);
	check_nng(server, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_nng_client, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_gone_early, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_broken_rules, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_byte_by_byte, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_too_many, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_pipelined, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_path_taken, setup, teardown),
	};

	(void)signal(SIGPIPE, SIG_IGN); /* as in venusd */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
