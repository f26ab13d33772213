/*
 * What is kept of an execution. The trace (exec_trace.c) decides whether it may stand for a later
 * one. With a note that it may not, the value is kept for its consumers, and nothing is recorded
 * under the key.
 *
 * Somebody waits for the next cell, so what is put here is made durable soon after the run
 * (store_maintain): a power cut in between costs executions that are done again, since a get
 * verifies.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "common/proto_scan.h"
#include "venusd/session/exec_internal.h"

static int put_blob(const struct exec *exec, const Venus__Worker__Blob *blob, uint64_t limit,
    struct digest *ret_digest, struct err *err)
{
	if (blob->size > limit)
		return err_set(err, ERR_FULL, "%llu bytes are more than the %llu that are kept",
		    (unsigned long long)blob->size, (unsigned long long)limit);
	if (blob->place_case != VENUS__WORKER__BLOB__PLACE_FD_INDEX)
		return store_object_put_soon(
		    exec->store, blob->inline_bytes.data, blob->inline_bytes.len, ret_digest, err);
	if (blob->fd_index >= exec->done_fd_count)
		return err_set(
		    err, ERR_INVALID, "the worker named a descriptor that it did not send");
	return store_object_put_fd(
	    exec->store, exec->done_fds[blob->fd_index], blob->size, ret_digest, err);
}

static void set_digest(ProtobufCBinaryData *field, const struct digest *digest)
{
	message_set_bytes(field, digest->bytes, DIGEST_BYTES);
}

static int record_value(struct exec *exec, execution *record, struct err *err)
{
	const Venus__Worker__Done *done = exec->done->done;
	struct digest digest;

	record->memory_only = !done->encodable || !done->value;
	if (exec->request.keep_digest) {
		digest = exec->request.digest;
	} else if (record->memory_only) {
		digest = digest_of(record->id.data, record->id.len);
	} else {
		if (put_blob(exec, done->value, STORE_OBJECT_MAX_BYTES, &digest, err) < 0)
			return err_prefix(err, "cannot keep the value of %s", exec->request.cell);
		record->value_size = done->value->size;
	}
	set_digest(&record->value, &digest);
	return 0;
}

static int record_displays(struct exec *exec, execution *record, struct err *err)
{
	const Venus__Worker__Done *done = exec->done->done;

	record->displays = mem_alloc((done->n_displays + 1) * sizeof(Venus__Record__Shown *));
	for (size_t i = 0; i < done->n_displays && i < LIMIT_DISPLAYS; i++) {
		const Venus__Worker__Display *display = done->displays[i];
		Venus__Record__Shown *shown;
		struct digest digest;

		if (!display->data)
			continue;
		if (put_blob(exec, display->data, LIMIT_DISPLAY_BYTES, &digest, err) < 0)
			return err_prefix(err, "cannot keep what %s shows", exec->request.cell);
		shown = mem_alloc(sizeof *shown);
		venus__record__shown__init(shown);
		message_set_text(&shown->mime, display->mime);
		set_digest(&shown->digest, &digest);
		shown->size = display->data->size;
		shown->full_size = display->full_size;
		record->displays[record->n_displays++] = shown;
	}
	return 0;
}

static int record_log(
    struct exec *exec, enum child_stream stream, Venus__Record__Log **ret_log, struct err *err)
{
	const struct buf *output = &exec->output[stream];
	Venus__Record__Log *log;
	struct digest digest;

	if (!output->length)
		return 0;
	if (store_object_put_soon(exec->store, output->data, output->length, &digest, err) < 0)
		return err_prefix(err, "cannot keep the output of %s", exec->request.cell);
	log = mem_alloc(sizeof *log);
	venus__record__log__init(log);
	set_digest(&log->digest, &digest);
	log->size = output->length;
	log->cut = exec->cut[stream];
	*ret_log = log;
	return 0;
}

static void record_widgets(const Venus__Worker__Done *done, execution *record)
{
	record->widgets = mem_alloc((done->n_widgets + 1) * sizeof(Venus__Record__Widget *));
	for (size_t i = 0; i < done->n_widgets; i++) {
		const Venus__Worker__Widget *from = done->widgets[i];
		Venus__Record__Widget *widget = mem_alloc(sizeof *widget);

		venus__record__widget__init(widget);
		message_set_text(&widget->id, from->id);
		widget->kind = from->kind;
		message_set_text(&widget->label, from->label);
		message_set_text(&widget->value, from->value);
		message_set_text(&widget->initial, from->initial);
		message_set_text(&widget->placeholder, from->placeholder);
		widget->min = from->min;
		widget->max = from->max;
		widget->step = from->step;
		widget->options = mem_alloc((from->n_options + 1) * sizeof(char *));
		for (size_t k = 0; k < from->n_options; k++)
			widget->options[widget->n_options++] = mem_strdup(from->options[k]);
		record->widgets[record->n_widgets++] = widget;
	}
}

static int record_all(struct exec *exec, execution *record, struct err *err)
{
	const Venus__Worker__Done *done = exec->done->done;
	uint8_t id[16];
	struct timespec now;

	if (getrandom(id, sizeof id, 0) != (ssize_t)sizeof id)
		return err_set_errno(err, errno, "no random bytes");
	(void)clock_gettime(CLOCK_REALTIME, &now);
	record->format = 1;
	message_set_bytes(&record->id, id, sizeof id);
	message_set_text(&record->type, done->type_name);
	record->interior = done->interior;
	record->duration_us = done->duration_us;
	record->executed_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	if (record_value(exec, record, err) < 0 || record_displays(exec, record, err) < 0 ||
	    record_log(exec, CHILD_STDOUT, &record->out, err) < 0 ||
	    record_log(exec, CHILD_STDERR, &record->err, err) < 0)
		return -1;
	record_widgets(done, record);
	if (exec_record_trace(exec, record, err) < 0)
		return -1;
	/* With a note it may not be reused: it is not recorded, so that the next run executes. */
	if (record->n_notes || exec->request.keep_digest)
		return 0;
	return plan_record(exec->store, &exec->request.key, record, err);
}

void exec_record(void *payload)
{
	struct exec *exec = payload;
	bool
	    lost; /* just written: it is there, or the disk is failing and the cell shows nothing */

	exec->record = mem_alloc(sizeof *exec->record);
	venus__record__execution__init(exec->record);
	exec->fetch_failed = record_all(exec, exec->record, &exec->err) < 0;
	if (!exec->fetch_failed)
		exec->shown = display_load(exec->store, exec->request.cell, exec->record, &lost);
}

problem *exec_problem(const struct exec *exec)
{
	const Venus__Worker__Done *done = exec->done->done;
	static const Venus__V1__Problem__Kind kinds[] = {
	    [VENUS__WORKER__DONE__STATUS__ERR] = VENUS__V1__PROBLEM__KIND__ERROR,
	    [VENUS__WORKER__DONE__STATUS__PANIC] = VENUS__V1__PROBLEM__KIND__PANIC,
	    [VENUS__WORKER__DONE__STATUS__REFUSED] = VENUS__V1__PROBLEM__KIND__ERROR,
	};
	Venus__V1__Problem__Kind kind = (size_t)done->status < ARRAY_LENGTH(kinds)
					    ? kinds[done->status]
					    : VENUS__V1__PROBLEM__KIND__INTERNAL;
	problem *made = problem_new(kind, exec->request.cell, "%s", done->message);
	struct build_options options = {.path = exec->session->path};
	struct notebook_place place;

	if (done->line && build_place(exec->source->notebook, &options, exec->request.cell_index,
			      done->file, done->line, done->column, &place))
		problem_set_place(made, exec->source->notebook, place);
	return made;
}
