/*
 * Replies, and their record: a request that is sent again with the same id gets the same answer and
 * is not done twice. Calls that change nothing are simply answered again.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "venusd/request/request_internal.h"

static bool is_recorded_kind(const Venus__V1__Request *request)
{
	return request->call_case == VENUS__V1__REQUEST__CALL_SUBMIT ||
	       request->call_case == VENUS__V1__REQUEST__CALL_CANCEL ||
	       request->call_case == VENUS__V1__REQUEST__CALL_STOP;
}

static void recorded_drop(struct requests *requests, struct recorded *old)
{
	requests->recorded_bytes -= old->length;
	HASH_DEL(requests->recorded, old);
	free(old->bytes);
	free(old);
}

static void record(struct call *call, const uint8_t *bytes, size_t length)
{
	struct recorded *made;

	if (!call->request || !is_recorded_kind(call->request))
		return;
	while (call->requests->recorded &&
	       (HASH_COUNT(call->requests->recorded) >= LIMIT_RECORDED ||
		   call->requests->recorded_bytes + length > LIMIT_RECORDED_BYTES))
		recorded_drop(call->requests, call->requests->recorded); /* the oldest */
	made = mem_alloc(sizeof *made);
	memcpy(made->id, call->request->id.data, REQUEST_ID_BYTES);
	made->bytes = mem_dup(bytes, length);
	made->length = length;
	call->requests->recorded_bytes += length;
	HASH_ADD(hh, call->requests->recorded, id, REQUEST_ID_BYTES, made);
}

void recorded_free(struct requests *requests)
{
	struct recorded *one, *next;

	HASH_ITER (hh, requests->recorded, one, next)
		recorded_drop(requests, one);
}

static void call_free(struct call *call)
{
	if (call->is_open)
		DL_DELETE(call->requests->open, call);
	if (call->request)
		venus__v1__request__free_unpacked(call->request, NULL);
	free(call);
}

void call_drop(struct call *call)
{
	exchange_drop(call->exchange);
	call_free(call);
}

/* It is being answered. The connection that it first came by may be lost, or not: both get the
 * answer. */
static bool join_open(struct call *call)
{
	struct call *before;

	DL_FOREACH (call->requests->open, before) {
		if (memcmp(before->request->id.data, call->request->id.data, REQUEST_ID_BYTES) != 0)
			continue;
		DL_APPEND(before->resends, call);
		return true;
	}
	return false;
}

bool call_replay(struct call *call)
{
	struct recorded *before;

	if (!is_recorded_kind(call->request))
		return false;
	HASH_FIND(hh, call->requests->recorded, call->request->id.data, REQUEST_ID_BYTES, before);
	if (before) {
		exchange_reply(call->exchange, before->bytes, before->length);
		call_free(call);
		return true;
	}
	if (join_open(call))
		return true;
	call->is_open = true;
	DL_APPEND(call->requests->open, call);
	return false;
}

void call_reply(struct call *call, Venus__V1__Reply *reply)
{
	AUTO_FREE uint8_t *bytes = NULL;
	struct call *resend, *next;
	size_t size;

	reply->version = WIRE_VERSION;
	if (call->request)
		reply->id = call->request->id;
	size = venus__v1__reply__get_packed_size(reply);
	if (size > LIMIT_REPLY_BYTES) {
		call_fail(call, VENUS__V1__ERROR__CODE__INTERNAL,
		    "the answer has %zu bytes, more than a reply may have: ask for less (one cell)",
		    size);
		return;
	}
	bytes = mem_alloc(size);
	(void)venus__v1__reply__pack(reply, bytes);
	record(call, bytes, size);
	exchange_reply(call->exchange, bytes, size);
	DL_FOREACH_SAFE (call->resends, resend, next) {
		exchange_reply(resend->exchange, bytes, size);
		call_free(resend);
	}
	call_free(call);
}

void call_fail(struct call *call, Venus__V1__Error__Code code, const char *format, ...)
{
	Venus__V1__Reply reply = VENUS__V1__REPLY__INIT;
	Venus__V1__Error error = VENUS__V1__ERROR__INIT;
	char message[1024];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(message, sizeof message, format, args);
	va_end(args);
	error.code = code;
	error.message = message;
	reply.error = &error;
	call_reply(call, &reply);
}

void call_fail_err(struct call *call, const struct err *err)
{
	static const Venus__V1__Error__Code codes[ERR_CODE_COUNT] = {
	    [ERR_NONE] = VENUS__V1__ERROR__CODE__INTERNAL,
	    [ERR_INTERNAL] = VENUS__V1__ERROR__CODE__INTERNAL,
	    [ERR_INVALID] = VENUS__V1__ERROR__CODE__INVALID,
	    [ERR_NOT_FOUND] = VENUS__V1__ERROR__CODE__NOT_FOUND,
	    [ERR_IO] = VENUS__V1__ERROR__CODE__UNAVAILABLE,
	    [ERR_FULL] = VENUS__V1__ERROR__CODE__BUSY,
	    [ERR_DENIED] = VENUS__V1__ERROR__CODE__DENIED,
	    [ERR_UNAVAILABLE] = VENUS__V1__ERROR__CODE__UNAVAILABLE,
	    [ERR_CORRUPT] = VENUS__V1__ERROR__CODE__UNAVAILABLE,
	    [ERR_TIMEOUT] = VENUS__V1__ERROR__CODE__UNAVAILABLE,
	    [ERR_CANCELLED] = VENUS__V1__ERROR__CODE__UNAVAILABLE,
	};

	call_fail(call, codes[err->code], "%s", err->message);
}
