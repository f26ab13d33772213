/*
 * What each call does: one row a call, one function a row. A function answers at once, or keeps the
 * call until it can.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/log.h"
#include "common/mem.h"
#include "venusd/request/request_internal.h"

static void call_hello(struct call *call)
{
	Venus__V1__Reply reply = VENUS__V1__REPLY__INIT;
	Venus__V1__HelloResult result = VENUS__V1__HELLO_RESULT__INIT;
	static char name[] = "venusd " VENUS_VERSION;

	result.daemon = name;
	result.behaviour = BEHAVIOUR_VERSION;
	result.pid = (uint32_t)getpid();
	reply.result_case = VENUS__V1__REPLY__RESULT_HELLO;
	reply.hello = &result;
	call_reply(call, &reply);
}

/* The one name of a notebook: two paths to one file are one session. */
static int find_path(const Venus__V1__Source *source, char **ret_path, struct err *err)
{
	if (file_resolve(source->path, ret_path, err) == 0)
		return 0;
	if (source->has_text) { /* a buffer that was never saved */
		*ret_path = mem_strdup(source->path);
		return 0;
	}
	if (err->code == ERR_NOT_FOUND)
		return err_set(err, ERR_NOT_FOUND, "no such notebook: %s", source->path);
	return err_prefix(err, "cannot open the notebook");
}

static int check_uploaded(const Venus__V1__Source *source, struct err *err)
{
	struct digest digest;

	if (!source->has_text)
		return 0;
	digest = digest_of(source->text.data, source->text.len);
	if (source->digest.len != DIGEST_BYTES ||
	    memcmp(source->digest.data, digest.bytes, DIGEST_BYTES) != 0)
		return err_set(err, ERR_INVALID,
		    "the uploaded text is not what its digest says: send it again");
	return 0;
}

static void on_submitted(struct session *session, const uint8_t run[SESSION_ID_BYTES],
    uint64_t first_seq, const struct err *err, void *payload)
{
	struct call *call = payload;
	Venus__V1__Reply reply = VENUS__V1__REPLY__INIT;
	Venus__V1__SubmitResult result = VENUS__V1__SUBMIT_RESULT__INIT;

	if (err) {
		call_fail_err(call, err);
		return;
	}
	result.run = (ProtobufCBinaryData){SESSION_ID_BYTES, (uint8_t *)(uintptr_t)run};
	result.session =
	    (ProtobufCBinaryData){SESSION_ID_BYTES, (uint8_t *)(uintptr_t)session_id(session)};
	result.first_seq = first_seq;
	(void)session_events(session, first_seq, LIMIT_EVENTS_BYTES, &result.events,
	    &result.n_events, &result.next_seq);
	reply.result_case = VENUS__V1__REPLY__RESULT_SUBMIT;
	reply.submit = &result;
	call_reply(call, &reply);
}

static void call_submit(struct call *call)
{
	const Venus__V1__SubmitCall *submit = call->request->submit;
	AUTO_FREE char *path = NULL;
	struct err err;

	if (check_uploaded(submit->source, &err) < 0 ||
	    find_path(submit->source, &path, &err) < 0 ||
	    session_submit(session_open(call->requests->settings.sessions, path), submit,
		call->request->id.data, on_submitted, call, &err) < 0)
		call_fail_err(call, &err);
}

static void on_details(Venus__V1__InspectResult *result, const struct err *err, void *payload)
{
	struct call *call = payload;
	Venus__V1__Reply reply = VENUS__V1__REPLY__INIT;

	if (err) {
		call_fail_err(call, err);
		return;
	}
	reply.result_case = VENUS__V1__REPLY__RESULT_INSPECT;
	fit_inspect(result, LIMIT_DETAILS_BYTES);
	reply.inspect = result;
	call_reply(call, &reply);
}

static void call_inspect(struct call *call)
{
	const Venus__V1__InspectCall *inspect = call->request->inspect;
	AUTO_FREE char *path = NULL;
	struct err err;

	if (check_uploaded(inspect->source, &err) < 0 ||
	    find_path(inspect->source, &path, &err) < 0 ||
	    session_inspect(session_open(call->requests->settings.sessions, path), inspect,
		on_details, call, &err) < 0)
		call_fail_err(call, &err);
}

/* Events. */

static void reply_events(struct call *call, struct session *session)
{
	Venus__V1__Reply reply = VENUS__V1__REPLY__INIT;
	Venus__V1__FollowResult result = VENUS__V1__FOLLOW_RESULT__INIT;
	Venus__V1__Gap gap = VENUS__V1__GAP__INIT;
	uint64_t from_seq = call->request->follow->from_seq;

	if (session_events(session, from_seq, LIMIT_EVENTS_BYTES, &result.events, &result.n_events,
		&result.next_seq)) {
		gap.from_seq = from_seq;
		gap.to_seq = result.next_seq - result.n_events;
		gap.state = session_state(session);
		fit_state(gap.state, LIMIT_STATE_BYTES);
		result.gap = &gap;
	}
	reply.result_case = VENUS__V1__REPLY__RESULT_FOLLOW;
	reply.follow = &result;
	call_reply(call, &reply);
	if (gap.state)
		venus__v1__session_state__free_unpacked(gap.state, NULL);
}

static void on_events(struct session *session, void *payload)
{
	struct call *call = payload;

	DL_DELETE(call->requests->held, call);
	if (session)
		reply_events(call, session);
	else
		call_fail(call, VENUS__V1__ERROR__CODE__UNAVAILABLE, "the daemon is stopping");
}

/* At most one held Follow a connection: an earlier one is answered with what there is. */
static void release_held(struct requests *requests, uint32_t pipe)
{
	struct call *held;

	DL_FOREACH (requests->held, held)
		if (exchange_pipe(held->exchange) == pipe) {
			session_waiter_cancel(held->waiter);
			DL_DELETE(requests->held, held);
			reply_events(held, held->session);
			return; /* there are no more; the list may have changed */
		}
}

void calls_forget_held(struct requests *requests, uint32_t pipe)
{
	struct call *held;

	DL_FOREACH (requests->held, held)
		if (exchange_pipe(held->exchange) == pipe) {
			session_waiter_cancel(held->waiter);
			DL_DELETE(requests->held, held);
			call_drop(held);
			return;
		}
}

static void call_follow(struct call *call)
{
	const Venus__V1__FollowCall *follow = call->request->follow;
	struct session *session =
	    session_by_id(call->requests->settings.sessions, follow->session.data);

	if (!session) {
		call_fail(call, VENUS__V1__ERROR__CODE__NOT_FOUND,
		    "no such session: the daemon was restarted meanwhile, run it again");
		return;
	}
	if (follow->from_seq < session_next_seq(session) || !follow->max_wait_ms) {
		reply_events(call, session);
		return;
	}
	release_held(call->requests, exchange_pipe(call->exchange));
	call->session = session;
	DL_APPEND(call->requests->held, call);
	call->waiter =
	    session_wait(session, follow->from_seq, follow->max_wait_ms, on_events, call);
}

static void call_cancel(struct call *call)
{
	const Venus__V1__CancelCall *cancel = call->request->cancel;
	Venus__V1__Reply reply = VENUS__V1__REPLY__INIT;
	Venus__V1__CancelResult result = VENUS__V1__CANCEL_RESULT__INIT;
	struct sessions *sessions = call->requests->settings.sessions;
	struct session *session = NULL;
	AUTO_FREE char *path = NULL;
	struct err err;

	if (cancel->run.len) {
		session = session_by_run(sessions, cancel->run.data);
	} else if (file_resolve(cancel->path, &path, &err) == 0) {
		session = session_by_path(sessions, path);
	} else { /* its file may be gone meanwhile, or never have been there */
		session = session_by_path(sessions, cancel->path);
		if (!session) {
			call_fail(call, VENUS__V1__ERROR__CODE__NOT_FOUND, "no such notebook: %s",
			    cancel->path);
			return;
		}
	}
	/* A run that has ended is no error: it does not run any more, as was asked. */
	if (session)
		result.cancelled =
		    session_cancel(session, cancel->run.len ? cancel->run.data : NULL);
	reply.result_case = VENUS__V1__REPLY__RESULT_CANCEL;
	reply.cancel = &result;
	call_reply(call, &reply);
}

static void call_status(struct call *call)
{
	Venus__V1__Reply reply = VENUS__V1__REPLY__INIT;
	Venus__V1__StatusResult result = VENUS__V1__STATUS_RESULT__INIT;
	struct requests *requests = call->requests;
	const char *asked = call->request->status->path;
	static char name[] = "venusd " VENUS_VERSION;
	AUTO_FREE char *path = NULL, *home = mem_strdup(requests->settings.home),
		       *log = mem_strdup(requests->settings.log_path);
	struct store_stats stats = {0};
	struct err err;

	if (asked[0] && (file_resolve(asked, &path, &err) < 0 ||
			    !session_by_path(requests->settings.sessions, path))) {
		call_fail(call, VENUS__V1__ERROR__CODE__NOT_FOUND,
		    path ? "%s is not open: `venusctl run` opens it" : "no such notebook: %s",
		    asked);
		return;
	}
	result.daemon = name;
	result.pid = (uint32_t)getpid();
	result.uptime_ms = uv_now(requests->settings.loop) - requests->start_ms;
	result.home = home;
	result.log_path = log;
	result.clients = (uint32_t)listener_clients(requests->listener);
	result.workers = (uint32_t)sessions_workers(requests->settings.sessions);
	if (store_stats_get(requests->settings.store, &stats, &err) == 0) {
		result.store_bytes = stats.object_bytes;
		result.store_objects = stats.objects;
	}
	for (struct session *session = session_first(requests->settings.sessions); session;
	     session = session_next(session))
		if (!path || session == session_by_path(requests->settings.sessions, path))
			*MEM_PUSH(result.sessions, result.n_sessions) = session_state(session);
	fit_status(&result, LIMIT_DETAILS_BYTES);
	reply.result_case = VENUS__V1__REPLY__RESULT_STATUS;
	reply.status = &result;
	call_reply(call, &reply);
	for (size_t i = 0; i < result.n_sessions; i++)
		venus__v1__session_state__free_unpacked(result.sessions[i], NULL);
	free(result.sessions);
}

/* Blobs come from the store by way of the thread pool. */
struct blob_work {
	uv_work_t work;
	struct call *call;
	struct store *store;
	struct digest digest;
	struct buf buf;
	struct err err;
	bool failed;
};

static void blob_work(uv_work_t *work)
{
	struct blob_work *blob = work->data;

	blob->failed = store_object_get(blob->store, &blob->digest, STORE_OBJECT_MAX_BYTES,
			   &blob->buf, &blob->err) < 0;
}

static void blob_done(uv_work_t *work, int status)
{
	struct blob_work *blob = work->data;
	Venus__V1__Reply reply = VENUS__V1__REPLY__INIT;
	Venus__V1__GetBlobResult result = VENUS__V1__GET_BLOB_RESULT__INIT;
	const Venus__V1__GetBlobCall *asked = blob->call->request->get_blob;

	(void)status; /* never cancelled */
	if (blob->call->requests->closing) {
		call_fail(
		    blob->call, VENUS__V1__ERROR__CODE__UNAVAILABLE, "the daemon is stopping");
	} else if (blob->failed) {
		call_fail_err(blob->call, &blob->err);
	} else {
		size_t offset =
		    asked->offset < blob->buf.length ? (size_t)asked->offset : blob->buf.length;
		size_t length = blob->buf.length - offset,
		       limit = asked->length && asked->length < LIMIT_BLOB_BYTES ? asked->length
										 : LIMIT_BLOB_BYTES;

		result.data = (ProtobufCBinaryData){
		    length < limit ? length : limit, (uint8_t *)blob->buf.data + offset};
		result.size = blob->buf.length;
		reply.result_case = VENUS__V1__REPLY__RESULT_GET_BLOB;
		reply.get_blob = &result;
		call_reply(blob->call, &reply);
	}
	buf_fini(&blob->buf);
	free(blob);
}

static void call_get_blob(struct call *call)
{
	struct blob_work *blob = mem_alloc(sizeof *blob);

	blob->work.data = blob;
	blob->call = call;
	blob->store = call->requests->settings.store;
	memcpy(blob->digest.bytes, call->request->get_blob->digest.data, DIGEST_BYTES);
	if (uv_queue_work(call->requests->settings.loop, &blob->work, blob_work, blob_done))
		abort();
}

static void call_stop(struct call *call)
{
	Venus__V1__Reply reply = VENUS__V1__REPLY__INIT;
	Venus__V1__StopResult result = VENUS__V1__STOP_RESULT__INIT;
	struct requests *requests = call->requests;
	bool now = call->request->stop->now;
	size_t running = sessions_running(requests->settings.sessions);

	if (running && !now) {
		call_fail(call, VENUS__V1__ERROR__CODE__BUSY,
		    "%zu run%s going on: wait, `venusctl cancel` it, or stop with --now", running,
		    running == 1 ? " is" : "s are");
		return;
	}
	result.pid = (uint32_t)getpid();
	reply.result_case = VENUS__V1__REPLY__RESULT_STOP;
	reply.stop = &result;
	call_reply(call, &reply);
	requests->settings.on_stop(now, requests->settings.payload);
}

static void call_input(struct call *call)
{
	call_fail(
	    call, VENUS__V1__ERROR__CODE__INVALID, "cells cannot be given input in this version");
}

static const struct {
	Venus__V1__Request__CallCase kind;
	void (*run)(struct call *call);
} calls[] = {
    {VENUS__V1__REQUEST__CALL_HELLO, call_hello},
    {VENUS__V1__REQUEST__CALL_SUBMIT, call_submit},
    {VENUS__V1__REQUEST__CALL_FOLLOW, call_follow},
    {VENUS__V1__REQUEST__CALL_INSPECT, call_inspect},
    {VENUS__V1__REQUEST__CALL_CANCEL, call_cancel},
    {VENUS__V1__REQUEST__CALL_STATUS, call_status},
    {VENUS__V1__REQUEST__CALL_GET_BLOB, call_get_blob},
    {VENUS__V1__REQUEST__CALL_STOP, call_stop},
    {VENUS__V1__REQUEST__CALL_INPUT, call_input},
};

void call_dispatch(struct call *call)
{
	for (size_t i = 0; i < ARRAY_LENGTH(calls); i++)
		if (calls[i].kind == call->request->call_case) {
			calls[i].run(call);
			return;
		}
	call_fail(call, VENUS__V1__ERROR__CODE__INVALID,
	    "the request holds no call that this daemon knows");
}
