/*
 * A request's way: bytes from the listener, then the steps below, then its row in the table of
 * calls. The first step that fails answers.
 */

#include "venusd/request/request.h"

#include <stdlib.h>
#include <utlist.h>

#include "common/log.h"
#include "common/mem.h"
#include "venusd/request/request_internal.h"

enum step_result { STEP_NEXT, STEP_DONE };

static enum step_result step_version(struct call *call)
{
	const Venus__V1__Request *request = call->request;

	if (request->version != WIRE_VERSION) {
		call_fail(call, VENUS__V1__ERROR__CODE__VERSION,
		    "the client speaks version %u of the wire, venusd %s speaks %u: %s",
		    request->version, VENUS_VERSION, WIRE_VERSION,
		    request->version > WIRE_VERSION
			? "stop the old daemon with `venusctl daemon stop`"
			: "use a newer venusctl");
		return STEP_DONE;
	}
	if (request->behaviour > BEHAVIOUR_VERSION) {
		call_fail(call, VENUS__V1__ERROR__CODE__VERSION,
		    "the client expects behaviour %u, venusd %s has %u: stop the old daemon with "
		    "`venusctl daemon stop`",
		    request->behaviour, VENUS_VERSION, BEHAVIOUR_VERSION);
		return STEP_DONE;
	}
	return STEP_NEXT;
}

/* Over ipc the peer's uid has been checked by the listener; tokens come with the doors that need
 * them. */
static enum step_result step_authenticate(struct call *call)
{
	if (!call->request->auth || !call->request->auth->token.len)
		return STEP_NEXT;
	call_fail(call, VENUS__V1__ERROR__CODE__UNAUTHENTICATED,
	    "this daemon takes no tokens: connect as its user, without one");
	return STEP_DONE;
}

static enum step_result step_replay(struct call *call)
{
	return call_replay(call) ? STEP_DONE : STEP_NEXT;
}

static enum step_result step_refuse(struct call *call)
{
	if (!call->requests->refusing ||
	    (call->request->call_case != VENUS__V1__REQUEST__CALL_SUBMIT &&
		call->request->call_case != VENUS__V1__REQUEST__CALL_INSPECT))
		return STEP_NEXT;
	call_fail(call, VENUS__V1__ERROR__CODE__UNAVAILABLE,
	    "the daemon is stopping: try again when it is gone");
	return STEP_DONE;
}

static enum step_result step_call(struct call *call)
{
	call->requests->settings.on_activity(call->requests->settings.payload);
	call_dispatch(call);
	return STEP_DONE;
}

static const struct {
	const char *name;
	enum step_result (*run)(struct call *call);
} steps[] = {
    {"version", step_version},
    {"authenticate", step_authenticate},
    {"replay", step_replay},
    {"refuse", step_refuse},
    {"call", step_call},
};

static void on_request(struct exchange *exchange, const void *bytes, size_t length, void *payload)
{
	struct call *call = mem_alloc(sizeof *call);
	struct err err;

	call->requests = payload;
	call->exchange = exchange;
	if (request_decode(bytes, length, &call->request, &err) < 0) {
		log_warning("a request was refused: %s", err.message);
		call_fail(call, VENUS__V1__ERROR__CODE__INVALID, "%s", err.message);
		return;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(steps); i++)
		if (steps[i].run(call) == STEP_DONE)
			return;
}

static void on_gone(uint32_t pipe, void *payload)
{
	calls_forget_held(payload, pipe);
}

int requests_open(
    const struct requests_settings *settings, struct requests **ret_requests, struct err *err)
{
	struct requests *requests = mem_alloc(sizeof *requests);

	requests->settings = *settings;
	requests->start_ms = uv_now(settings->loop);
	if (listener_open(settings->loop, settings->path, on_request, on_gone, requests,
		&requests->listener, err) < 0) {
		free(requests);
		return -1;
	}
	*ret_requests = requests;
	return 0;
}

void requests_refuse(struct requests *requests)
{
	requests->refusing = true;
}

void requests_close(struct requests *requests)
{
	struct call *held, *next;

	requests->closing = true;
	DL_FOREACH_SAFE (requests->held, held, next) {
		session_waiter_cancel(held->waiter);
		DL_DELETE(requests->held, held);
		call_fail(held, VENUS__V1__ERROR__CODE__UNAVAILABLE, "the daemon is stopping");
	}
	listener_close(requests->listener);
}

void requests_free(struct requests *requests)
{
	if (!requests)
		return;
	listener_free(requests->listener);
	recorded_free(requests);
	free(requests);
}
