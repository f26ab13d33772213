#include "venusctl/client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "venusctl/clock.h"
#include "venusctl/link.h"
#include "venusctl/start.h"

/*
 * One connection (link.c), one request at a time. While a reply is awaited the caller's descriptor
 * is polled too, and its ticks are given. A connection that is lost, or whose peer sends what is no
 * reply, is not used again.
 *
 * A connection is made to speak, never to see whether somebody listens: a listener of nng 1.5.2
 * that meets a peer which goes away before the protocol's first eight bytes accepts nobody any
 * more.
 */

#define CONNECT_WAIT_MS 10000
#define RETRY_START_MS	300

struct client {
	const struct home *home;
	bool start_daemon, started_daemon;
	const struct client_watch *watch;
	uint64_t next_tick; /* kept from call to call, or short calls would leave no time for it */
	struct link link;
};

/* ---- connection ---- */

/* 1: nobody is there. */
static int dial(struct client *client, struct err *err)
{
	return link_open(
	    &client->link, client->home->socket_path, clock_ms() + CONNECT_WAIT_MS, err);
}

/* 1: nobody is there, and none is to be started. */
static int connect_or_start(struct client *client, struct err *err)
{
	AUTO_CLOSE int lock = -1;
	int result = dial(client, err);

	if (result <= 0 || !client->start_daemon)
		return result;
	if (start_lock(client->home, &lock, err) < 0)
		return -1;
	result = dial(client, err); /* somebody else may have been faster */
	if (result <= 0)
		return result;
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
	    "no venusd listens at %s: venusctl daemon start starts one, where VENUS_HOME says",
	    home->socket_path);
}

static struct client *new_client(const struct home *home, bool start_daemon_too)
{
	struct client *client = mem_alloc(sizeof *client);

	client->home = home;
	client->next_tick = UINT64_MAX;
	client->start_daemon = start_daemon_too;
	client->link = (struct link)LINK_INIT;
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
	link_close(&client->link);
	free(client);
}

void client_set_watch(struct client *client, const struct client_watch *watch)
{
	client->watch = watch;
	client->next_tick = watch && watch->tick_ms ? clock_ms() + watch->tick_ms : UINT64_MAX;
}

/* ---- one request ---- */

static int fail_deadline(const struct client *client, uint64_t deadline_ms, struct err *err)
{
	return err_set(err, ERR_TIMEOUT,
	    "venusd at %s did not answer within %g s: it may hang; its log %s may say why",
	    client->home->socket_path, (double)deadline_ms / 1000, client->home->log);
}

static int do_watch(struct client *client, short events, struct err *err)
{
	const struct client_watch *watch = client->watch;

	if (!watch)
		return 0;
	if (events && watch->ready(watch->payload, err) < 0)
		return -1;
	if (clock_ms() < client->next_tick)
		return 0;
	client->next_tick = clock_ms() + watch->tick_ms;
	return watch->tick(watch->payload, err);
}

/* Waits until there is something to receive. */
static int wait_for_reply(
    struct client *client, uint64_t end, uint64_t deadline_ms, struct err *err)
{
	const struct client_watch *watch = client->watch;

	for (;;) {
		struct pollfd items[2] = {{.fd = client->link.fd, .events = POLLIN},
		    {.fd = watch ? watch->fd : -1, .events = POLLIN}};
		uint64_t now = clock_ms(),
			 until = end < client->next_tick ? end : client->next_tick;

		if (now >= end)
			return fail_deadline(client, deadline_ms, err);
		if (poll(items, 2, until > now ? (int)(until - now) : 0) < 0) {
			if (errno == EINTR)
				continue;
			return err_set_errno(err, errno, "cannot wait for venusd");
		}
		if (do_watch(client, items[1].revents, err) < 0)
			return -1;
		if (items[0].revents)
			return 0;
	}
}

/* Sends and receives; the reply is borrowed from the link. 1: the connection is lost. */
static int exchange(struct client *client, const struct buf *request, uint64_t end,
    uint64_t deadline_ms, const uint8_t **ret_bytes, size_t *ret_length, struct err *err)
{
	int result = link_send(&client->link, request->data, request->length, end, err);

	*ret_bytes = NULL;
	while (result == 0 && !*ret_bytes) {
		if (wait_for_reply(client, end, deadline_ms, err) < 0)
			return -1;
		result = link_receive(&client->link, CLIENT_REPLY_MAX, ret_bytes, ret_length, err);
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

/* As exchange, but a connection that is not there or is lost is made anew once. */
static int exchange_twice(struct client *client, const struct buf *request, uint64_t deadline_ms,
    const uint8_t **ret_bytes, size_t *ret_length, struct err *err)
{
	uint64_t end = clock_ms() + deadline_ms;
	int result = 1;

	if (client->link.fd >= 0)
		result = exchange(client, request, end, deadline_ms, ret_bytes, ret_length, err);
	if (result <= 0)
		return result;
	result = connect_or_start(client, err);
	if (result > 0)
		(void)fail_absent(client->home, err);
	if (result)
		return err_prefix(err, "the connection to venusd was lost");
	result = exchange(client, request, end, deadline_ms, ret_bytes, ret_length, err);
	if (result > 0)
		return err_set(err, ERR_UNAVAILABLE,
		    "the connection to venusd at %s was lost twice: its log %s may say why",
		    client->home->socket_path, client->home->log);
	return result;
}

static void pack(const Venus__V1__Request *request, struct buf *buf)
{
	size_t length = venus__v1__request__get_packed_size(request);

	buf_reserve(buf, length + 1);
	buf->length = venus__v1__request__pack(request, (uint8_t *)buf->data);
}

int client_call(struct client *client, const Venus__V1__Request *call, uint64_t deadline_ms,
    Venus__V1__Reply **ret_reply, struct err *err)
{
	AUTO_REPLY Venus__V1__Reply *reply = NULL;
	Venus__V1__Request request = *call;
	char name[] = "venusctl " VENUS_VERSION;
	AUTO_BUF struct buf packed = BUF_INIT;
	const uint8_t *bytes;
	uint8_t id[16];
	size_t length;

	if (getrandom(id, sizeof id, 0) != (ssize_t)sizeof id)
		return err_set_errno(err, errno, "cannot get random bytes");
	request.version = CLIENT_WIRE_VERSION;
	request.behaviour = CLIENT_BEHAVIOUR_VERSION;
	request.id = (ProtobufCBinaryData){sizeof id, id};
	request.client = name;
	request.deadline_ms = deadline_ms;
	pack(&request, &packed);
	if (exchange_twice(client, &packed, deadline_ms, &bytes, &length, err) < 0) {
		link_close(&client->link); /* what comes after a failure belongs to nothing */
		return -1;
	}
	reply = venus__v1__reply__unpack(NULL, length, bytes);
	buf_clear(&client->link.in);
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
