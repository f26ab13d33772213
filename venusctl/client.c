#include "venusctl/client.h"

#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "venusctl/start.h"

/*
 * One nng REQ socket with one dialer. nng redials silently and would wait for ever, so the first
 * dial is synchronous (it fails at once when nobody is there), and nng's pipe callbacks tell of a
 * connection that went away. They run on nng's threads and only set a flag and write to an eventfd;
 * everything else happens on the caller's thread, which polls that descriptor, nng's own for
 * replies, and the caller's. A socket whose connection was lost is thrown away and a new one is
 * opened.
 *
 * Nothing here looks for the daemon with a bare connect(): a listener of nng 1.5.2 that meets a
 * peer which goes away before the protocol's first eight bytes accepts nobody any more.
 *
 * The peer's user is checked before nng may use the connection, so nothing is sent to a socket that
 * somebody else put there.
 */

#define RETRY_START_MS 300

struct client {
	const struct home *home;
	bool start_daemon, started_daemon;
	const struct client_watch *watch;
	bool is_open;
	nng_socket socket;
	int reply_fd;	    /* nng's: readable when a reply is there */
	int lost_fd;	    /* eventfd */
	atomic_bool denied; /* the peer is another user's; set before the dial returns */
};

static uint64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail with this clock */
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- connection ---- */

static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *payload)
{
	struct client *client = payload;
	uint64_t uid = UINT64_MAX, one = 1;

	if (event == NNG_PIPE_EV_ADD_PRE) {
		if (nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid) == 0 && uid == geteuid())
			return;
		client->denied = true;
		(void)nng_pipe_close(pipe); /* it may be closed already */
	} else if (write(client->lost_fd, &one, sizeof one) < 0) {
		return; /* the counter is at its limit: it is readable already */
	}
}

static void disconnect(struct client *client)
{
	if (client->is_open)
		(void)nng_close(
		    client->socket); /* waits for the callbacks; fails only when closed before */
	client->is_open = false;
	if (client->lost_fd >= 0)
		(void)close(client->lost_fd);
	client->lost_fd = -1;
}

/* nng starts its threads here. They inherit a mask that blocks everything, so that signals are the
 * caller's alone. */
static int open_req(nng_socket *ret_socket)
{
	sigset_t all, before;
	int failed;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = nng_req0_open(ret_socket);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failed;
}

static int open_socket(struct client *client, struct err *err)
{
	int failed = open_req(&client->socket);

	if (failed)
		return err_set(
		    err, ERR_UNAVAILABLE, "cannot open a socket: %s", nng_strerror(failed));
	client->is_open = true;
	client->denied = false;
	client->lost_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (client->lost_fd < 0)
		return err_set_errno(err, errno, "cannot make an event descriptor");
	if ((failed = nng_socket_set_size(client->socket, NNG_OPT_RECVMAXSZ, CLIENT_REPLY_MAX)) ||
	    (failed = nng_socket_set_ms(
		 client->socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE)) ||
	    (failed = nng_socket_get_int(client->socket, NNG_OPT_RECVFD, &client->reply_fd)) ||
	    (failed = nng_pipe_notify(client->socket, NNG_PIPE_EV_ADD_PRE, on_pipe, client)) ||
	    (failed = nng_pipe_notify(client->socket, NNG_PIPE_EV_REM_POST, on_pipe, client)))
		return err_set(
		    err, ERR_UNAVAILABLE, "cannot set up a socket: %s", nng_strerror(failed));
	return 0;
}

/* 1: nobody is there. */
static int dial(struct client *client, struct err *err)
{
	const char *path = client->home->socket_path;
	int failed;

	disconnect(client);
	if (open_socket(client, err) < 0)
		return -1;
	failed = nng_dial(client->socket, client->home->url, NULL, 0);
	if (client->denied)
		return err_set(err, ERR_DENIED,
		    "the socket %s belongs to another user, and nothing was sent to it: set "
		    "VENUS_HOME to a "
		    "folder of your own",
		    path);
	switch (failed) {
	case 0: return 0;
	case NNG_ENOENT:
	case NNG_ECONNREFUSED: return 1;
	case NNG_EPERM:
		return err_set(err, ERR_DENIED,
		    "you may not use the socket %s: it belongs to another user", path);
	case NNG_ETIMEDOUT:
		return err_set(err, ERR_TIMEOUT,
		    "what listens at %s does not answer: end it (see venusctl logs), and try again",
		    path);
	default:
		return err_set(err, ERR_UNAVAILABLE, "cannot reach venusd at %s: %s", path,
		    nng_strerror(failed));
	}
}

/* 1: nobody is there, and none is to be started. */
static int connect_or_start(struct client *client, struct err *err)
{
	AUTO_CLOSE int lock = -1;
	int result = dial(client, err);

	if (result <= 0 || !client->start_daemon)
		return result;
	disconnect(client);
	if (start_lock(client->home, &lock, err) < 0)
		return -1;
	result = dial(client, err); /* somebody else may have been faster */
	if (result <= 0)
		return result;
	disconnect(client);
	if (start_daemon(client->home, err) < 0) {
		if (err->code != ERR_UNAVAILABLE)
			return -1;
		/* a daemon that is just ending still holds its home for a moment */
		(void)poll(NULL, 0, RETRY_START_MS);
		if (start_daemon(client->home, err) < 0)
			return -1;
	}
	client->started_daemon = true;
	result = dial(client, err);
	if (result <= 0)
		return result;
	return err_set(err, ERR_UNAVAILABLE,
	    "venusd said that it is ready and does not listen at %s: its log %s may say why",
	    client->home->socket_path, client->home->log);
}

static int fail_absent(const struct home *home, struct err *err)
{
	return err_set(err, ERR_UNAVAILABLE,
	    "no venusd listens at %s: venusctl daemon start starts it", home->socket_path);
}

static struct client *new_client(const struct home *home, bool start_daemon_too)
{
	struct client *client = mem_alloc(sizeof *client);

	client->home = home;
	client->start_daemon = start_daemon_too;
	client->lost_fd = -1;
	return client;
}

int client_find(const struct home *home, struct client **ret_client, struct err *err)
{
	AUTO_CLIENT struct client *client = new_client(home, false);
	int result = connect_or_start(client, err);

	if (result < 0)
		return -1;
	*ret_client = result ? NULL : TAKE_PTR(client);
	return 0;
}

int client_open(
    const struct home *home, bool start_daemon_too, struct client **ret_client, struct err *err)
{
	AUTO_CLIENT struct client *client = new_client(home, start_daemon_too);
	int result = connect_or_start(client, err);

	if (result)
		return result < 0 ? -1 : fail_absent(home, err);
	*ret_client = TAKE_PTR(client);
	return 0;
}

bool client_started_daemon(const struct client *client)
{
	return client->started_daemon;
}

void client_close(struct client *client)
{
	if (!client)
		return;
	disconnect(client);
	free(client);
}

void client_set_watch(struct client *client, const struct client_watch *watch)
{
	client->watch = watch;
}

/* ---- one request ---- */

static int send_request(struct client *client, const Venus__V1__Request *request, struct err *err)
{
	nng_msg *message;
	int failed = nng_msg_alloc(&message, venus__v1__request__get_packed_size(request));

	if (failed)
		return err_set(err, ERR_FULL, "cannot make a request: %s", nng_strerror(failed));
	(void)venus__v1__request__pack(
	    request, nng_msg_body(message)); /* the size that was asked for */
	failed = nng_sendmsg(client->socket, message, NNG_FLAG_NONBLOCK);
	if (failed) {
		nng_msg_free(message);
		return failed == NNG_EAGAIN
			   ? 1
			   : err_set(err, ERR_UNAVAILABLE, "cannot send to venusd: %s",
				 nng_strerror(failed));
	}
	return 0;
}

static int fail_deadline(const struct client *client, uint64_t deadline_ms, struct err *err)
{
	return err_set(err, ERR_TIMEOUT,
	    "venusd at %s did not answer within %g s: it may hang; its log %s may say why",
	    client->home->socket_path, (double)deadline_ms / 1000, client->home->log);
}

static int do_watch(
    const struct client_watch *watch, short events, uint64_t *next_tick, struct err *err)
{
	if (!watch)
		return 0;
	if (events && watch->ready(watch->payload, err) < 0)
		return -1;
	if (watch->tick_ms && now_ms() >= *next_tick) {
		*next_tick = now_ms() + watch->tick_ms;
		return watch->tick(watch->payload, err);
	}
	return 0;
}

/* Waits until there is something to receive. 1: the connection is lost. */
static int wait_for_reply(
    struct client *client, uint64_t end, uint64_t deadline_ms, struct err *err)
{
	const struct client_watch *watch = client->watch;
	uint64_t next_tick = watch && watch->tick_ms ? now_ms() + watch->tick_ms : UINT64_MAX;

	for (;;) {
		struct pollfd items[3] = {{.fd = client->reply_fd, .events = POLLIN},
		    {.fd = client->lost_fd, .events = POLLIN},
		    {.fd = watch ? watch->fd : -1, .events = POLLIN}};
		uint64_t now = now_ms(), until = end < next_tick ? end : next_tick;

		if (now >= end)
			return fail_deadline(client, deadline_ms, err);
		if (poll(items, 3, until > now ? (int)(until - now) : 0) < 0) {
			if (errno == EINTR)
				continue;
			return err_set_errno(err, errno, "cannot wait for venusd");
		}
		if (do_watch(watch, items[2].revents, &next_tick, err) < 0)
			return -1;
		if (items[0].revents)
			return 0;
		if (items[1].revents)
			return 1;
	}
}

/* Sends and receives. 1: the connection is lost. */
static int exchange(struct client *client, const Venus__V1__Request *request, uint64_t end,
    uint64_t deadline_ms, nng_msg **ret_message, struct err *err)
{
	int result = send_request(client, request, err);

	while (result == 0) {
		int failed;

		result = wait_for_reply(client, end, deadline_ms, err);
		if (result)
			break;
		failed = nng_recvmsg(client->socket, ret_message, NNG_FLAG_NONBLOCK);
		if (failed == 0)
			return 0;
		if (failed != NNG_EAGAIN)
			return err_set(err, ERR_UNAVAILABLE, "cannot receive from venusd: %s",
			    nng_strerror(failed));
	}
	return result;
}

/* ---- replies ---- */

static int fail_version(const struct client *client, uint32_t version, struct err *err)
{
	if (version > CLIENT_WIRE_VERSION)
		return err_set(err, ERR_UNAVAILABLE,
		    "this venusctl is older than the venusd at %s (wire version %d, the daemon's "
		    "is %u): "
		    "install the same release of both",
		    client->home->socket_path, CLIENT_WIRE_VERSION, (unsigned)version);
	return err_set(err, ERR_UNAVAILABLE,
	    "the venusd at %s is older than this venusctl (wire version %u, needed is %d): stop it "
	    "with "
	    "the venusctl of its release; the next command starts the new one",
	    client->home->socket_path, (unsigned)version, CLIENT_WIRE_VERSION);
}

static enum err_code code_of(Venus__V1__Error__Code code)
{
	switch (code) {
	case VENUS__V1__ERROR__CODE__INVALID: return ERR_INVALID;
	case VENUS__V1__ERROR__CODE__NOT_FOUND: return ERR_NOT_FOUND;
	case VENUS__V1__ERROR__CODE__DENIED:
	case VENUS__V1__ERROR__CODE__UNAUTHENTICATED: return ERR_DENIED;
	case VENUS__V1__ERROR__CODE__BUSY: return ERR_FULL;
	case VENUS__V1__ERROR__CODE__VERSION:
	case VENUS__V1__ERROR__CODE__UNAVAILABLE: return ERR_UNAVAILABLE;
	case VENUS__V1__ERROR__CODE__INTERNAL:
	default: return ERR_INTERNAL;
	}
}

static int check_reply(const struct client *client, const Venus__V1__Request *request,
    const Venus__V1__Reply *reply, struct err *err)
{
	const char *path = client->home->socket_path;

	if (!reply)
		return err_set(err, ERR_UNAVAILABLE,
		    "what listens at %s sent a reply that is not understood: is it venusd?", path);
	if (reply->version != CLIENT_WIRE_VERSION)
		return fail_version(client, reply->version, err);
	if (reply->error)
		return err_set(err, code_of(reply->error->code), "%s",
		    reply->error->message[0] ? reply->error->message
					     : "venusd refused, and does not say why");
	if (reply->id.len != request->id.len ||
	    memcmp(reply->id.data, request->id.data, request->id.len) != 0 ||
	    (int)reply->result_case != (int)request->call_case)
		return err_set(err, ERR_UNAVAILABLE,
		    "venusd at %s sent a reply that does not belong to the request", path);
	return 0;
}

int client_call(struct client *client, const Venus__V1__Request *call, uint64_t deadline_ms,
    Venus__V1__Reply **ret_reply, struct err *err)
{
	AUTO_REPLY Venus__V1__Reply *reply = NULL;
	Venus__V1__Request request = *call;
	char name[] = "venusctl " VENUS_VERSION;
	uint64_t end = now_ms() + deadline_ms;
	nng_msg *message = NULL;
	uint8_t id[16];
	int result;

	if (getrandom(id, sizeof id, 0) != (ssize_t)sizeof id)
		return err_set_errno(err, errno, "cannot get random bytes");
	request.version = CLIENT_WIRE_VERSION;
	request.behaviour = CLIENT_BEHAVIOUR_VERSION;
	request.id = (ProtobufCBinaryData){sizeof id, id};
	request.client = name;
	request.deadline_ms = deadline_ms;
	result = exchange(client, &request, end, deadline_ms, &message, err);
	if (result > 0) {
		result = connect_or_start(client, err);
		if (result > 0)
			(void)fail_absent(client->home, err);
		if (result)
			return err_prefix(err, "the connection to venusd was lost");
		result = exchange(client, &request, end, deadline_ms, &message, err);
	}
	if (result > 0)
		return err_set(err, ERR_UNAVAILABLE,
		    "the connection to venusd at %s was lost twice: its log %s may say why",
		    client->home->socket_path, client->home->log);
	if (result < 0)
		return -1;
	reply = venus__v1__reply__unpack(NULL, nng_msg_len(message), nng_msg_body(message));
	nng_msg_free(message);
	if (check_reply(client, &request, reply, err) < 0)
		return -1;
	*ret_reply = TAKE_PTR(reply);
	return 0;
}

int client_get_blob(struct client *client, const ProtobufCBinaryData *digest, uint64_t limit_bytes,
    struct buf *buf, struct err *err)
{
	Venus__V1__Request request = VENUS__V1__REQUEST__INIT;
	Venus__V1__GetBlobCall call = VENUS__V1__GET_BLOB_CALL__INIT;
	uint64_t size = 0;

	request.call_case = VENUS__V1__REQUEST__CALL_GET_BLOB;
	request.get_blob = &call;
	call.digest = *digest;
	call.length = CLIENT_BLOB_PIECE;
	do {
		AUTO_REPLY Venus__V1__Reply *reply = NULL;
		const Venus__V1__GetBlobResult *result;

		if (client_call(client, &request, CLIENT_DEADLINE_MS, &reply, err) < 0)
			return -1;
		result = reply->get_blob;
		size = result->size;
		if (size > limit_bytes || result->data.len > size - call.offset)
			return err_set(err, ERR_FULL, "a value is larger than %llu bytes",
			    (unsigned long long)limit_bytes);
		if (!result->data.len && call.offset < size)
			return err_set(err, ERR_UNAVAILABLE, "venusd gave only a part of a value");
		buf_add(buf, result->data.data, result->data.len);
		call.offset += result->data.len;
	} while (call.offset < size);
	return 0;
}
