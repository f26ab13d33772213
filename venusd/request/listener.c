/*
 * nng's side. Each exchange is an nng context with one aio, and is either receiving, in the loop's
 * hands, or sending. The aio's callback, on a thread of nng's, puts it into a queue and wakes the
 * loop; nothing else happens there. More contexts are made when few are left that receive (held
 * polls keep theirs), up to a limit.
 */

#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/supplemental/util/platform.h>
#include <nng/transport/ipc/ipc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "venusd/request/request_internal.h"

#define CONTEXTS_FIRST 8u
#define CONTEXTS_SPARE 4u

enum exchange_state { EXCHANGE_RECEIVING, EXCHANGE_HANDLING, EXCHANGE_SENDING, EXCHANGE_CLOSED };

struct exchange {
	struct listener *listener;
	nng_ctx context;
	nng_aio *aio;
	enum exchange_state state;
	uint32_t pipe;
	struct exchange *next; /* in the queue of finished aios */
};

struct listener {
	uv_async_t wake;
	nng_socket socket;
	exchange_on_request *on_request;
	void *payload;
	struct exchange **exchanges;
	size_t exchange_count, receiving;
	nng_mtx *lock;
	struct exchange *finished; /* newest first, under lock */
	atomic_uint clients;
	bool closing;
};

static int nng_err(struct err *err, int code, const char *what)
{
	enum err_code kind = code == NNG_EADDRINUSE ? ERR_UNAVAILABLE
			     : code == NNG_EPERM    ? ERR_DENIED
						    : ERR_IO;

	return err_set(err, kind, "%s: %s", what, nng_strerror(code));
}

/* On a thread of nng's. */
static void on_aio(void *payload)
{
	struct exchange *exchange = payload;
	struct listener *listener = exchange->listener;

	nng_mtx_lock(listener->lock);
	exchange->next = listener->finished;
	listener->finished = exchange;
	nng_mtx_unlock(listener->lock);
	(void)uv_async_send(&listener->wake);
}

/* On a thread of nng's: who may connect. The directory is ours alone; this is the second lock on
 * the same door. */
static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *payload)
{
	struct listener *listener = payload;
	uint64_t uid = UINT64_MAX;

	if (event == NNG_PIPE_EV_REM_POST) {
		atomic_fetch_sub(&listener->clients, 1);
		return;
	}
	if (event == NNG_PIPE_EV_ADD_POST) {
		atomic_fetch_add(&listener->clients, 1);
		return;
	}
	if (nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid) != 0 || uid != geteuid()) {
		log_warning("a connection of user %llu was refused", (unsigned long long)uid);
		(void)nng_pipe_close(pipe);
	} else if (atomic_load(&listener->clients) >= LIMIT_PIPES) {
		log_warning("a connection was refused: %u clients are connected", LIMIT_PIPES);
		(void)nng_pipe_close(pipe);
	}
}

static void receive(struct exchange *exchange)
{
	exchange->state = EXCHANGE_RECEIVING;
	exchange->listener->receiving++;
	nng_ctx_recv(exchange->context, exchange->aio);
}

static int add_exchange(struct listener *listener, struct err *err)
{
	struct exchange *exchange = mem_alloc(sizeof *exchange);
	int code;

	exchange->listener = listener;
	code = nng_ctx_open(&exchange->context, listener->socket);
	if (code) {
		free(exchange);
		return nng_err(err, code, "cannot open a context");
	}
	code = nng_aio_alloc(&exchange->aio, on_aio, exchange);
	if (code) {
		(void)nng_ctx_close(exchange->context);
		free(exchange);
		return nng_err(err, code, "cannot open a context");
	}
	*MEM_PUSH(listener->exchanges, listener->exchange_count) = exchange;
	receive(exchange);
	return 0;
}

static void on_received(struct listener *listener, struct exchange *exchange)
{
	nng_msg *message = nng_aio_get_msg(exchange->aio);
	struct err err;

	listener->receiving--;
	if (nng_aio_result(exchange->aio) != 0) {
		exchange->state = EXCHANGE_CLOSED;
		return;
	}
	exchange->state = EXCHANGE_HANDLING;
	exchange->pipe = (uint32_t)nng_pipe_id(nng_msg_get_pipe(message));
	if (listener->receiving < CONTEXTS_SPARE && listener->exchange_count < LIMIT_CONTEXTS &&
	    add_exchange(listener, &err) < 0)
		log_warning("%s", err.message);
	listener->on_request(
	    exchange, nng_msg_body(message), nng_msg_len(message), listener->payload);
	nng_msg_free(message);
}

static void on_sent(struct exchange *exchange)
{
	if (nng_aio_result(exchange->aio) != 0)
		nng_msg_free(nng_aio_get_msg(exchange->aio)); /* the client is gone */
	receive(exchange);
}

static void on_wake(uv_async_t *wake)
{
	struct listener *listener = wake->data;
	struct exchange *list, *ordered = NULL;

	nng_mtx_lock(listener->lock);
	list = listener->finished;
	listener->finished = NULL;
	nng_mtx_unlock(listener->lock);
	while (list) {
		struct exchange *next = list->next;

		list->next = ordered;
		ordered = list;
		list = next;
	}
	while (ordered) {
		struct exchange *exchange = ordered;

		ordered = exchange->next;
		if (listener->closing)
			exchange->state = EXCHANGE_CLOSED;
		else if (exchange->state == EXCHANGE_RECEIVING)
			on_received(listener, exchange);
		else if (exchange->state == EXCHANGE_SENDING)
			on_sent(exchange);
	}
}

static int start(struct listener *listener, const char *url, struct err *err)
{
	nng_listener door;
	int code = nng_rep0_open(&listener->socket);

	if (code)
		return nng_err(err, code, "cannot open a socket");
	if ((code = nng_socket_set_size(
		 listener->socket, NNG_OPT_RECVMAXSZ, LIMIT_REQUEST_BYTES + 64)) ||
	    (code = nng_pipe_notify(listener->socket, NNG_PIPE_EV_ADD_PRE, on_pipe, listener)) ||
	    (code = nng_pipe_notify(listener->socket, NNG_PIPE_EV_ADD_POST, on_pipe, listener)) ||
	    (code = nng_pipe_notify(listener->socket, NNG_PIPE_EV_REM_POST, on_pipe, listener)) ||
	    (code = nng_listener_create(&door, listener->socket, url)) ||
	    (code = nng_listener_set_int(door, NNG_OPT_IPC_PERMISSIONS, 0600)) ||
	    (code = nng_listener_start(door, 0)))
		return nng_err(err, code, url);
	for (unsigned i = 0; i < CONTEXTS_FIRST; i++)
		if (add_exchange(listener, err) < 0)
			return -1;
	return 0;
}

int listener_open(uv_loop_t *loop, const char *url, exchange_on_request *on_request, void *payload,
    struct listener **ret_listener, struct err *err)
{
	struct listener *listener = mem_alloc(sizeof *listener);
	int code;

	listener->on_request = on_request;
	listener->payload = payload;
	listener->wake.data = listener;
	code = nng_mtx_alloc(&listener->lock);
	if (code) {
		free(listener);
		return nng_err(err, code, "cannot make a lock");
	}
	(void)uv_async_init(loop, &listener->wake, on_wake);
	if (start(listener, url, err) < 0) {
		listener_close(listener);
		(void)uv_run(loop, UV_RUN_NOWAIT);
		listener_free(listener);
		return -1;
	}
	*ret_listener = listener;
	return 0;
}

void listener_close(struct listener *listener)
{
	listener->closing = true;
	(void)nng_close(listener->socket); /* every aio ends; fails only if it never was open */
	for (size_t i = 0; i < listener->exchange_count; i++)
		nng_aio_stop(listener->exchanges[i]->aio);
	uv_close((uv_handle_t *)&listener->wake, NULL);
}

void listener_free(struct listener *listener)
{
	for (size_t i = 0; i < listener->exchange_count; i++) {
		nng_aio_free(listener->exchanges[i]->aio);
		free(listener->exchanges[i]);
	}
	free(listener->exchanges);
	nng_mtx_free(listener->lock);
	free(listener);
}

size_t listener_clients(const struct listener *listener)
{
	return atomic_load(&listener->clients);
}

void exchange_reply(struct exchange *exchange, const void *bytes, size_t length)
{
	nng_msg *message;

	if (nng_msg_alloc(&message, 0) || nng_msg_append(message, bytes, length))
		abort();
	exchange->state = EXCHANGE_SENDING;
	nng_aio_set_msg(exchange->aio, message);
	nng_ctx_send(exchange->context, exchange->aio);
}

uint32_t exchange_pipe(const struct exchange *exchange)
{
	return exchange->pipe;
}
