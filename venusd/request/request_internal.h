#ifndef VENUSD_REQUEST_INTERNAL_H
#define VENUSD_REQUEST_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "venus.pb-c.h"
#include "venusd/request/request.h"

#define WIRE_VERSION	  1u
#define BEHAVIOUR_VERSION 1u

#define REQUEST_ID_BYTES     16u
#define LIMIT_REQUEST_BYTES  (17u * 1024 * 1024) /* room for an uploaded source */
#define LIMIT_REPLY_BYTES    (1024u * 1024)
#define LIMIT_EVENTS_BYTES   (512u * 1024) /* of one reply */
#define LIMIT_STATE_BYTES    (384u * 1024) /* of a session's state beside events */
#define LIMIT_DETAILS_BYTES  (960u * 1024) /* of the one result of a reply */
#define LIMIT_BLOB_BYTES     (48u * 1024)  /* of one GetBlob */
#define LIMIT_REQUEST_FIELDS 50000u
#define LIMIT_REQUEST_DEPTH  6u
#define LIMIT_PATH_BYTES     4096u
#define LIMIT_NAME_BYTES     1024u
#define LIMIT_VALUE_BYTES    65536u
#define LIMIT_CELLS	     10000u
#define LIMIT_SETTINGS	     1000u
#define LIMIT_WAIT_MS	     50000u
#define LIMIT_PIPES	     256u
#define LIMIT_RECORDED	     256u /* replies kept for resends */
#define LIMIT_RECORDED_BYTES (4u * 1024 * 1024)

struct listener;

/* One request from its arrival to its reply. */
struct exchange;
typedef void exchange_on_request(
    struct exchange *exchange, const void *bytes, size_t length, void *payload);
/* A connection is closed; what it asked has nobody to answer to. */
typedef void exchange_on_gone(uint32_t pipe, void *payload);

/* listener.c: the socket at `path`, as nng's REP speaks. */
int listener_open(uv_loop_t *loop, const char *path, exchange_on_request *on_request,
    exchange_on_gone *on_gone, void *payload, struct listener **ret_listener, struct err *err);
void listener_close(struct listener *listener);
void listener_free(struct listener *listener);
size_t listener_clients(const struct listener *listener);
/* Sends the reply and gives the exchange back; `bytes` are copied. */
void exchange_reply(struct exchange *exchange, const void *bytes, size_t length);
/* Gives it back without a reply. */
void exchange_drop(struct exchange *exchange);
/* Number of the connection that it came by, never 0. */
uint32_t exchange_pipe(const struct exchange *exchange);

/* decode.c: pure. A request whose every field is within its limits, or ERR_INVALID with a line for
 * the client. */
int request_decode(
    const void *bytes, size_t length, Venus__V1__Request **ret_request, struct err *err);

/* A call that is being answered. */
struct call {
	struct requests *requests;
	struct exchange *exchange;
	Venus__V1__Request *request;
	struct session_waiter *waiter; /* of a held Follow */
	struct session *session;
	struct call *prev, *next; /* among the held, the open ones, or the resends of one */
	struct call *resends;	  /* the same request again: they get the same answer */
	bool is_open;
};

struct recorded {
	uint8_t id[REQUEST_ID_BYTES];
	uint8_t *bytes;
	size_t length;
	UT_hash_handle hh;
};

struct requests {
	struct requests_settings settings;
	struct listener *listener;
	struct call *held;	   /* Follow calls that wait */
	struct call *open;	   /* calls that must not be done twice, not answered yet */
	struct recorded *recorded; /* in the order in which they were made */
	uint64_t start_ms;
	size_t recorded_bytes;
	bool refusing, closing;
};

/* reply.c */
/* Packs and sends; frees the call. `reply` is borrowed. */
void call_reply(struct call *call, Venus__V1__Reply *reply);
void call_fail(struct call *call, Venus__V1__Error__Code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void call_fail_err(struct call *call, const struct err *err);
/* True if this request came before: it is answered as it was then, or will be when that one is.
 * Takes the call then. */
bool call_replay(struct call *call);
void recorded_free(struct requests *requests);

/* Frees a call that nobody waits for. */
void call_drop(struct call *call);

/* fit.c: leaves out what does not fit. Messages on the heap. */
void fit_state(Venus__V1__SessionState *state, size_t limit_bytes);
void fit_status(Venus__V1__StatusResult *status, size_t limit_bytes);
void fit_inspect(Venus__V1__InspectResult *result, size_t limit_bytes);

/* calls.c: the table of calls. Takes the call. */
void call_dispatch(struct call *call);
/* The connection of a held call is gone. */
void calls_forget_held(struct requests *requests, uint32_t pipe);

#endif
