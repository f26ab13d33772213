#include <string.h>

#include "common/proto_scan.h"
#include "venusd/request/request_internal.h"

static int check_text(const char *what, const char *text, size_t limit, struct err *err)
{
	if (strlen(text) > limit)
		return err_set(err, ERR_INVALID, "%s is longer than %zu bytes", what, limit);
	return 0;
}

static int check_bytes(
    const char *what, const ProtobufCBinaryData *data, size_t expected, struct err *err)
{
	if (data->len != expected)
		return err_set(
		    err, ERR_INVALID, "%s has %zu bytes, not %zu", what, data->len, expected);
	return 0;
}

static int check_source(const Venus__V1__Source *source, struct err *err)
{
	if (!source || !source->path[0])
		return err_set(err, ERR_INVALID, "the request names no notebook");
	if (source->path[0] != '/')
		return err_set(
		    err, ERR_INVALID, "the notebook's path is not absolute: %.200s", source->path);
	return check_text("the notebook's path", source->path, LIMIT_PATH_BYTES, err);
}

static int check_submit(const Venus__V1__SubmitCall *call, struct err *err)
{
	if (check_source(call->source, err) < 0)
		return -1;
	if (call->n_cells > LIMIT_CELLS || call->n_settings > LIMIT_SETTINGS)
		return err_set(err, ERR_INVALID, "at most %u cells and %u settings are taken",
		    LIMIT_CELLS, LIMIT_SETTINGS);
	for (size_t i = 0; i < call->n_cells; i++)
		if (check_text("a cell's name", call->cells[i], LIMIT_NAME_BYTES, err) < 0)
			return -1;
	for (size_t i = 0; i < call->n_settings; i++)
		if (check_text("a cell's name", call->settings[i]->cell, LIMIT_NAME_BYTES, err) <
			0 ||
		    check_text("a widget's id", call->settings[i]->id, LIMIT_NAME_BYTES, err) < 0 ||
		    check_text(
			"a widget's value", call->settings[i]->value, LIMIT_VALUE_BYTES, err) < 0)
			return -1;
	return 0;
}

static int check_call(const Venus__V1__Request *request, struct err *err)
{
	switch (request->call_case) {
	case VENUS__V1__REQUEST__CALL_SUBMIT: return check_submit(request->submit, err);
	case VENUS__V1__REQUEST__CALL_INSPECT:
		if (check_source(request->inspect->source, err) < 0)
			return -1;
		return check_text("a cell's name", request->inspect->cell, LIMIT_NAME_BYTES, err);
	case VENUS__V1__REQUEST__CALL_FOLLOW:
		if (request->follow->max_wait_ms >= LIMIT_WAIT_MS)
			return err_set(err, ERR_INVALID, "max_wait_ms is below %u", LIMIT_WAIT_MS);
		return check_bytes(
		    "a session's id", &request->follow->session, SESSION_ID_BYTES, err);
	case VENUS__V1__REQUEST__CALL_CANCEL:
		if (request->cancel->run.len &&
		    check_bytes("a run's id", &request->cancel->run, SESSION_ID_BYTES, err) < 0)
			return -1;
		return check_text(
		    "the notebook's path", request->cancel->path, LIMIT_PATH_BYTES, err);
	case VENUS__V1__REQUEST__CALL_STATUS:
		return check_text(
		    "the notebook's path", request->status->path, LIMIT_PATH_BYTES, err);
	case VENUS__V1__REQUEST__CALL_GET_BLOB:
		return check_bytes("a digest", &request->get_blob->digest, 32, err);
	default: return 0;
	}
}

int request_decode(
    const void *bytes, size_t length, Venus__V1__Request **ret_request, struct err *err)
{
	static const struct proto_limits limits = {
	    .depth = LIMIT_REQUEST_DEPTH, .fields = LIMIT_REQUEST_FIELDS};
	Venus__V1__Request *request;

	if (length > LIMIT_REQUEST_BYTES)
		return err_set(err, ERR_INVALID, "the request has %zu bytes, at most %u are taken",
		    length, LIMIT_REQUEST_BYTES);
	if (proto_scan(&venus__v1__request__descriptor, bytes, length, &limits, err) < 0)
		return err_prefix(err, "the request is malformed");
	request = venus__v1__request__unpack(NULL, length, bytes);
	if (!request)
		return err_set(err, ERR_INVALID, "the request is malformed");
	/* What another version says in the other fields is not this one's to judge. */
	if (request->version == WIRE_VERSION &&
	    (check_bytes("a request's id", &request->id, REQUEST_ID_BYTES, err) < 0 ||
		check_text("the client's name", request->client, LIMIT_NAME_BYTES, err) < 0 ||
		check_call(request, err) < 0)) {
		venus__v1__request__free_unpacked(request, NULL);
		return -1;
	}
	*ret_request = request;
	return 0;
}
