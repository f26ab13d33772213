/*
 * The requests of venusd (proto/worker.proto), answered one at a time in the order they come. What
 * may be wrong without a bug in venusd (a symbol that is not there, bytes that do not fit a type, a
 * folder that is gone) goes into the answer; a request that is not legal ends the worker. A value
 * lives in the table from the Run or Decode that made it to its Drop.
 */
#include "venusd/runtime/requests.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/mem.h"
#include "venusd/runtime/control.h"
#include "venusd/runtime/done.h"
#include "venusd/runtime/objects.h"
#include "venusd/runtime/observe.h"
#include "venusd/runtime/process.h"
#include "venusd/runtime/text.h"
#include "venusd/runtime/values.h"

#define ERROR_BYTES_MAX 8192

struct requests {
	struct objects *objects;
	struct values *values;
	uint64_t last_run;
	pid_t pid;
	struct frame frame;
};

static void free_request_p(Venus__Worker__ToWorker **request)
{
	venus__worker__to_worker__free_unpacked(*request, NULL);
}

struct requests *requests_new(void)
{
	struct requests *requests = mem_alloc(sizeof *requests);

	requests->objects = objects_new();
	requests->values = values_new();
	requests->pid = getpid();
	return requests;
}

void requests_free(struct requests *requests)
{
	if (!requests)
		return;
	objects_free(requests->objects);
	values_free(requests->values);
	free(requests);
}

static int illegal(struct err *err, const char *what, uint64_t number)
{
	return err_set(
	    err, ERR_INVALID, "a request is not legal: %s (%ju)", what, (uintmax_t)number);
}

/* A file name for the dynamic linker to look for, and nothing that it would take for a path or
 * expand. */
static bool is_file_name(const char *name)
{
	return name[0] &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-") ==
		   strlen(name);
}

static int answer_load(struct requests *requests, const Venus__Worker__Load *load, struct err *err)
{
	Venus__Worker__FromWorker answer = VENUS__WORKER__FROM_WORKER__INIT;
	Venus__Worker__Loaded loaded = VENUS__WORKER__LOADED__INIT;
	struct frame *frame = &requests->frame;
	struct objects_source source = {
	    .fd = -1, .name = load->name, .global = load->global, .runtime = load->runtime};
	AUTO_FREE char *text = NULL;
	struct err failure;

	if (load->object == 0 || objects_has(requests->objects, load->object))
		return illegal(err, "Load with an object number that is not new", load->object);
	if (load->name[0] ? !is_file_name(load->name) || frame->fd_count != 0
			  : frame->fd_count != 1)
		return illegal(
		    err, "Load of neither one descriptor nor one file name", load->object);
	if (!load->name[0])
		source.fd = frame->fds[0];
	loaded.object = load->object;
	if (objects_load(requests->objects, load->object, &source, &failure) < 0) {
		text = text_copy(failure.message, strlen(failure.message), ERROR_BYTES_MAX);
		loaded.error = text;
	}
	answer.kind_case = VENUS__WORKER__FROM_WORKER__KIND_LOADED;
	answer.loaded = &loaded;
	return control_send(&answer, NULL, 0, err);
}

struct mapping {
	void *memory; /* NULL: nothing is mapped */
	size_t length;
};

static void unmap_p(const struct mapping *mapping)
{
	if (mapping->memory)
		(void)munmap(mapping->memory, mapping->length);
}

/* The bytes of a request's blob: in the request, or mapped. */
static int blob_bytes(const Venus__Worker__Blob *blob, const struct frame *frame,
    struct mapping *mapping, struct venus_rt_bytes *ret_bytes, struct err *err)
{
	struct stat status;
	void *memory;

	if (blob->place_case == VENUS__WORKER__BLOB__PLACE_INLINE_BYTES) {
		if (blob->size != blob->inline_bytes.len || frame->fd_count)
			return illegal(err, "a blob of another size than it says", blob->size);
		*ret_bytes =
		    (struct venus_rt_bytes){blob->inline_bytes.data, blob->inline_bytes.len};
		return 0;
	}
	if (blob->place_case != VENUS__WORKER__BLOB__PLACE_FD_INDEX || blob->fd_index != 0 ||
	    frame->fd_count != 1 || fstat(frame->fds[0], &status) < 0 || blob->size == 0 ||
	    (uint64_t)status.st_size < blob->size)
		return illegal(err, "a blob without a descriptor that holds it", blob->size);
	memory = mmap(NULL, blob->size, PROT_READ, MAP_PRIVATE, frame->fds[0], 0);
	if (memory == MAP_FAILED)
		return err_set_errno(
		    err, errno, "cannot map a value of %ju bytes", (uintmax_t)blob->size);
	*mapping = (struct mapping){memory, blob->size};
	*ret_bytes = (struct venus_rt_bytes){memory, blob->size};
	return 0;
}

static int decode(struct requests *requests, const Venus__Worker__Decode *decode,
    struct venus_rt_bytes bytes, struct err *err)
{
	const struct objects_runtime *runtime = objects_runtime(requests->objects);
	struct value value = {0};

	if (!runtime)
		return err_set(err, ERR_INVALID, "the runtime crate is not loaded");
	if (objects_symbol(
		requests->objects, decode->glue_object, decode->glue_symbol, &value.glue, err) < 0)
		return -1;
	value.pointer = runtime->decode(value.glue, bytes.data, bytes.length);
	if (!value.pointer)
		return err_set(err, ERR_CORRUPT,
		    "the %zu bytes are not an encoding of the type of %s", bytes.length,
		    decode->glue_symbol);
	values_put(requests->values, decode->value, value);
	return 0;
}

static int answer_decode(
    struct requests *requests, const Venus__Worker__Decode *request, struct err *err)
{
	Venus__Worker__FromWorker answer = VENUS__WORKER__FROM_WORKER__INIT;
	Venus__Worker__Decoded decoded = VENUS__WORKER__DECODED__INIT;
	__attribute__((cleanup(unmap_p))) struct mapping mapping = {0};
	AUTO_FREE char *text = NULL;
	struct venus_rt_bytes bytes = {0};
	struct err failure;

	if (request->value == 0 || values_find(requests->values, request->value))
		return illegal(err, "Decode with a value number that is not new", request->value);
	if (!request->data)
		return illegal(err, "Decode without data", request->value);
	if (blob_bytes(request->data, &requests->frame, &mapping, &bytes, err) < 0)
		return -1;
	decoded.value = request->value;
	if (decode(requests, request, bytes, &failure) < 0) {
		text = text_copy(failure.message, strlen(failure.message), ERROR_BYTES_MAX);
		decoded.error = text;
	}
	answer.kind_case = VENUS__WORKER__FROM_WORKER__KIND_DECODED;
	answer.decoded = &decoded;
	return control_send(&answer, NULL, 0, err);
}

/* NULL, or what went wrong; owned by the caller. */
static char *drop_value(struct requests *requests, uint64_t number)
{
	struct value value;

	if (!values_take(requests->values, number, &value))
		return mem_printf("value %ju is not there", (uintmax_t)number);
	if (objects_runtime(requests->objects)->drop(value.glue, value.pointer))
		return NULL;
	return mem_printf("value %ju panicked while it was dropped", (uintmax_t)number);
}

static int answer_drop(struct requests *requests, const Venus__Worker__Drop *drop, struct err *err)
{
	Venus__Worker__FromWorker answer = VENUS__WORKER__FROM_WORKER__INIT;
	Venus__Worker__Dropped dropped = VENUS__WORKER__DROPPED__INIT;
	AUTO_FREE char *first = NULL;

	if (requests->frame.fd_count)
		return illegal(err, "Drop with descriptors", requests->frame.fd_count);
	for (size_t i = 0; i < drop->n_values; i++) {
		AUTO_FREE char *failure = drop_value(requests, drop->values[i]);

		if (!first)
			first = TAKE_PTR(failure);
	}
	if (first)
		dropped.error = first;
	answer.kind_case = VENUS__WORKER__FROM_WORKER__KIND_DROPPED;
	answer.dropped = &dropped;
	return control_send(&answer, NULL, 0, err);
}

/* Addresses for venus_rt_call. What is not there is no bug: venusd may have lost a race with a
 * failed load. */
struct call {
	struct venus_rt_call call;
	struct venus_rt_arg *args;
	struct venus_rt_setting *settings;
};

static void call_fini(struct call *call)
{
	free(call->args);
	free(call->settings);
}

static struct venus_rt_bytes bytes_of(const char *text)
{
	return (struct venus_rt_bytes){(const uint8_t *)text, strlen(text)};
}

static int prepare(struct requests *requests, const Venus__Worker__Run *run, struct call *ret_call,
    struct err *err)
{
	struct venus_rt_call *call = &ret_call->call;

	if (!objects_runtime(requests->objects))
		return err_set(err, ERR_INVALID, "the runtime crate is not loaded");
	if (objects_symbol(requests->objects, run->object, run->symbol, &call->cell, err) < 0 ||
	    objects_symbol(
		requests->objects, run->glue_object, run->glue_symbol, &call->glue, err) < 0)
		return -1;
	ret_call->args = mem_alloc(run->n_args * sizeof *ret_call->args);
	for (size_t i = 0; i < run->n_args; i++) {
		const struct value *value = values_find(requests->values, run->args[i]);

		if (!value)
			return err_set(err, ERR_NOT_FOUND,
			    "the value of parameter %zu (number %ju) is not there", i + 1,
			    (uintmax_t)run->args[i]);
		ret_call->args[i] = (struct venus_rt_arg){value->pointer, value->glue};
	}
	ret_call->settings = mem_alloc(run->n_widgets * sizeof *ret_call->settings);
	for (size_t i = 0; i < run->n_widgets; i++)
		ret_call->settings[i] = (struct venus_rt_setting){
		    bytes_of(run->widgets[i]->id), bytes_of(run->widgets[i]->value)};
	call->args = ret_call->args;
	call->arg_count = run->n_args;
	call->settings = ret_call->settings;
	call->setting_count = run->n_widgets;
	call->text_limit = run->text_limit_bytes;
	call->cell_name = run->cell_name[0] ? run->cell_name : NULL;
	if (chdir(run->folder) < 0)
		return err_set_errno(
		    err, errno, "cannot enter the notebook's folder %s", run->folder);
	return 0;
}

/* Keeps the value if it could be handed over; a value that venusd does not hear of is dropped. */
static void finish(struct requests *requests, const Venus__Worker__Run *run,
    const struct call *call, struct venus_rt_outcome *outcome, const struct buf *trace,
    struct done *done)
{
	const struct objects_runtime *runtime = objects_runtime(requests->objects);
	struct value value = {outcome->value, call->call.glue};
	struct err failure;

	if (done_fill(done, outcome, &failure) < 0 ||
	    done_set_trace(done, trace->data, trace->length, &failure) < 0)
		done_set_failure(done, VENUS__WORKER__DONE__STATUS__ERR, failure.message);
	if (outcome->status == VENUS_RT_OK) {
		assert(value.pointer);
		if (done->message->status == VENUS__WORKER__DONE__STATUS__OK)
			values_put(requests->values, run->value, value);
		else
			(void)runtime->drop(
			    value.glue, value.pointer); /* the failure that is told came first */
	}
	runtime->outcome_fini(outcome);
}

static void run_cell(struct requests *requests, const Venus__Worker__Run *run,
    const struct call *call, struct done *done)
{
	AUTO_BUF struct buf trace = BUF_INIT;
	struct venus_rt_outcome outcome = {0};

	observe_begin();
	objects_runtime(requests->objects)->call(&call->call, &outcome);
	(void)fflush(NULL); /* what the cell printed must not come after its end; a stream that
			       fails is the cell's own */
	if (getpid() != requests->pid)
		_exit(EXIT_SUCCESS); /* a child that the cell forked came back from it; the parent
					answers */
	observe_end(&trace);
	process_restore_standard_fds();
	finish(requests, run, call, &outcome, &trace, done);
	done->message->threads_left = process_has_threads_left();
}

static int answer_run(struct requests *requests, const Venus__Worker__Run *run, struct err *err)
{
	Venus__Worker__FromWorker answer = VENUS__WORKER__FROM_WORKER__INIT;
	__attribute__((cleanup(call_fini))) struct call call = {0};
	__attribute__((cleanup(done_fini))) struct done done;
	struct err refusal;

	done_init(&done, run->run);
	if (run->run <= requests->last_run)
		return illegal(err, "Run with a number that is not new", run->run);
	if (run->value == 0 || values_find(requests->values, run->value))
		return illegal(err, "Run with a value number that is not new", run->value);
	if (run->folder[0] != '/' || !run->symbol[0] || !run->glue_symbol[0] ||
	    requests->frame.fd_count)
		return illegal(err,
		    "Run without an absolute folder and symbols, or with descriptors", run->run);
	requests->last_run = run->run;
	if (prepare(requests, run, &call, &refusal) < 0)
		done_set_failure(&done, VENUS__WORKER__DONE__STATUS__REFUSED, refusal.message);
	else
		run_cell(requests, run, &call, &done);
	answer.kind_case = VENUS__WORKER__FROM_WORKER__KIND_DONE;
	answer.done = done.message;
	return control_send(&answer, done.fds, done.fd_count, err);
}

static int answer(
    struct requests *requests, const Venus__Worker__ToWorker *request, struct err *err)
{
	switch (request->kind_case) {
	case VENUS__WORKER__TO_WORKER__KIND_LOAD: return answer_load(requests, request->load, err);
	case VENUS__WORKER__TO_WORKER__KIND_RUN: return answer_run(requests, request->run, err);
	case VENUS__WORKER__TO_WORKER__KIND_DECODE:
		return answer_decode(requests, request->decode, err);
	case VENUS__WORKER__TO_WORKER__KIND_DROP: return answer_drop(requests, request->drop, err);
	default: return illegal(err, "it has no kind that this worker knows", request->kind_case);
	}
}

int requests_serve(struct requests *requests, struct err *err)
{
	for (;;) {
		__attribute__((cleanup(free_request_p))) Venus__Worker__ToWorker *request = NULL;
		int result = control_receive(&requests->frame, &request, err);

		if (result <= 0)
			return result;
		result = answer(requests, request, err);
		frame_close_fds(&requests->frame);
		if (result < 0)
			return -1;
	}
}
