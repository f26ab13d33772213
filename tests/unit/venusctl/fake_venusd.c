/*
 * A daemon for process_test: it speaks the wire protocol and knows one run, whose course FAKE_MODE
 * decides. Each start adds a line with its pid to the file "starts" of its home; it ends by itself
 * after a minute.
 */
#include <fcntl.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/home.h"
#include "common/mem.h"
#include "venus.pb-c.h"

#define LIFE_SECONDS 60
#define EVENTS_MAX   16

static uint8_t run_id[16] = "0123456789abcde", other_id[16] = "another run.....";
static uint8_t session_id[16] = "the session.....", digest[32] = "digest of a large value.........";
static char empty[1];

struct fake {
	const char *mode;
	bool cancelled, stopped;
	bool is_first; /* that was started in this home */
	Venus__V1__Event events[EVENTS_MAX], *pointers[EVENTS_MAX];
	size_t count;
};

static bool is(const struct fake *fake, const char *mode)
{
	return strcmp(fake->mode, mode) == 0;
}

static Venus__V1__Event *add_event(struct fake *fake, uint8_t *run, Venus__V1__Event__KindCase kind)
{
	Venus__V1__Event *event = &fake->events[fake->count];

	venus__v1__event__init(event);
	event->seq = fake->count + 1;
	event->run = (ProtobufCBinaryData){16, run};
	event->kind_case = kind;
	fake->pointers[fake->count++] = event;
	return event;
}

/* All of these are small, made once a reply, and end with the process. */
#define DEFINE_NEW(Type, prefix)                                                                   \
	static Type *new_##prefix(void)                                                            \
	{                                                                                          \
		static Type pool[64];                                                              \
		static size_t next;                                                                \
		Type *message = &pool[next++ % 64];                                                \
                                                                                                   \
		venus__v1__##prefix##__init(message);                                              \
		return message;                                                                    \
	}
DEFINE_NEW(Venus__V1__RunStarted, run_started)
DEFINE_NEW(Venus__V1__CellStarted, cell_started)
DEFINE_NEW(Venus__V1__RunFinished, run_finished)
DEFINE_NEW(Venus__V1__CellOutput, cell_output)
DEFINE_NEW(Venus__V1__CellFinished, cell_finished)
DEFINE_NEW(Venus__V1__Output, output)
DEFINE_NEW(Venus__V1__Bundle, bundle)
DEFINE_NEW(Venus__V1__MimeData, mime_data)
DEFINE_NEW(Venus__V1__Problem, problem)

static char *text(const char *constant)
{
	static char pool[256][128];
	static size_t next;
	char *place = pool[next++ % 256];

	return strncpy(place, constant, sizeof pool[0] - 1);
}

static void add_started(struct fake *fake, const char *path, uint32_t cells)
{
	Venus__V1__RunStarted *run = new_run_started();

	run->path = text(path);
	run->cells = cells;
	add_event(fake, run_id, VENUS__V1__EVENT__KIND_RUN_STARTED)->run_started = run;
}

static Venus__V1__CellFinished *add_cell(
    struct fake *fake, const char *name, Venus__V1__CellStatus status)
{
	Venus__V1__CellFinished *cell = new_cell_finished();

	cell->cell = text(name);
	cell->status = status;
	cell->asked = true;
	cell->duration_us = 1500;
	add_event(fake, run_id, VENUS__V1__EVENT__KIND_CELL_FINISHED)->cell_finished = cell;
	return cell;
}

static Venus__V1__MimeData *add_value(Venus__V1__CellFinished *cell, const char *value)
{
	static Venus__V1__Output *outputs[64];
	static Venus__V1__MimeData *data[64];
	static size_t next;
	size_t slot = next++ % 64;
	Venus__V1__Output *output = outputs[slot] = new_output();
	Venus__V1__MimeData *form = data[slot] = new_mime_data();

	output->name = cell->cell;
	output->type = text("f64");
	output->digest = (ProtobufCBinaryData){32, digest};
	output->bundle = new_bundle();
	output->bundle->data = &data[slot];
	output->bundle->n_data = 1;
	form->mime = text("text/plain");
	form->data = (ProtobufCBinaryData){strlen(value), (uint8_t *)text(value)};
	cell->outputs = &outputs[slot];
	cell->n_outputs = 1;
	return form;
}

static void add_problem(Venus__V1__CellFinished *cell, Venus__V1__Problem__Kind kind)
{
	cell->error = new_problem();
	cell->error->kind = kind;
	cell->error->message = text("it is \x1b[31mwrong");
	cell->error->line = 3;
	cell->error->column = 5;
}

static void add_text(struct fake *fake, const char *bytes, bool is_stderr, uint8_t *run)
{
	Venus__V1__CellOutput *output = new_cell_output();

	output->cell = text("total");
	output->is_stderr = is_stderr;
	output->text = (ProtobufCBinaryData){strlen(bytes), (uint8_t *)text(bytes)};
	add_event(fake, run, VENUS__V1__EVENT__KIND_CELL_OUTPUT)->cell_output = output;
}

static Venus__V1__RunFinished *add_end(struct fake *fake, Venus__V1__CellStatus status)
{
	Venus__V1__RunFinished *run = new_run_finished();

	run->status = status;
	run->duration_us = 2500;
	add_event(fake, run_id, VENUS__V1__EVENT__KIND_RUN_FINISHED)->run_finished = run;
	return run;
}

/* What the first reply has; the rest comes with Follow. */
static void add_beginning(struct fake *fake, const char *path)
{
	Venus__V1__CellStarted *started = new_cell_started();

	fake->count = 0;
	add_started(fake, path, is(fake, "empty") ? 0 : 1);
	if (!is(fake, "slow"))
		return;
	started->cell = text("total");
	started->action = VENUS__V1__CELL_STARTED__ACTION__EXECUTE;
	add_event(fake, run_id, VENUS__V1__EVENT__KIND_CELL_STARTED)->cell_started = started;
}

static void add_rest(struct fake *fake)
{
	Venus__V1__MimeData *form;

	fake->count = 0;
	if (is(fake, "slow") && !fake->cancelled)
		return;
	if (is(fake, "slow")) {
		(void)add_cell(fake, "total", VENUS__V1__CELL_STATUS__CANCELLED);
		add_end(fake, VENUS__V1__CELL_STATUS__CANCELLED)->cancelled = 1;
	} else if (is(fake, "fail")) {
		add_problem(add_cell(fake, "total", VENUS__V1__CELL_STATUS__FAILED),
		    VENUS__V1__PROBLEM__KIND__PANIC);
		add_end(fake, VENUS__V1__CELL_STATUS__FAILED)->failed = 1;
	} else if (is(fake, "syntax")) {
		add_problem(add_cell(fake, "total", VENUS__V1__CELL_STATUS__FAILED),
		    VENUS__V1__PROBLEM__KIND__SYNTAX);
		add_end(fake, VENUS__V1__CELL_STATUS__FAILED)->failed = 1;
	} else if (is(fake, "timeout")) {
		(void)add_cell(fake, "total", VENUS__V1__CELL_STATUS__CANCELLED);
		add_end(fake, VENUS__V1__CELL_STATUS__CANCELLED)->timed_out = true;
	} else if (is(fake, "empty")) {
		(void)add_end(fake, VENUS__V1__CELL_STATUS__OK);
	} else if (is(fake, "large") || is(fake, "huge")) {
		form = add_value(add_cell(fake, "total", VENUS__V1__CELL_STATUS__OK), "aaaa");
		form->cut = true;
		form->size = is(fake, "huge") ? 12345678 : 100000;
		form->digest = (ProtobufCBinaryData){32, digest};
		add_end(fake, VENUS__V1__CELL_STATUS__OK)->ok = 1;
	} else {
		add_text(fake, "not ours\n", false, other_id);
		add_text(fake, "half \xe2\x82", false, run_id);
		add_text(fake, "\xac\x1b[2J\nbad \xff\n", false, run_id);
		add_text(fake, "to stderr", true, run_id);
		(void)add_value(add_cell(fake, "total", VENUS__V1__CELL_STATUS__OK), "20.0");
		(void)add_cell(
		    fake, "total", VENUS__V1__CELL_STATUS__OK); /* a second end of the same cell */
		add_end(fake, VENUS__V1__CELL_STATUS__OK)->ok = 1;
	}
}

static void fill_blob(const Venus__V1__GetBlobCall *call, Venus__V1__GetBlobResult *result)
{
	static uint8_t bytes[48 * 1024];
	uint64_t size = 100000, left = size - call->offset;

	memset(bytes, 'a', sizeof bytes);
	result->size = size;
	result->data.data = bytes;
	result->data.len = left < sizeof bytes ? (size_t)left : sizeof bytes;
}

static void pack(const Venus__V1__Reply *reply, struct fake *fake, nng_msg **ret_message)
{
	size_t length = venus__v1__reply__get_packed_size(reply);

	if (is(fake, "garbage"))
		length = 100;
	if (is(fake, "oversize"))
		length = 2 * 1024 * 1024;
	if (nng_msg_alloc(ret_message, length) != 0)
		abort();
	memset(nng_msg_body(*ret_message), 0xff, length);
	if (!is(fake, "garbage") && !is(fake, "oversize"))
		(void)venus__v1__reply__pack(reply, nng_msg_body(*ret_message));
}

static void answer(struct fake *fake, const Venus__V1__Request *request, nng_msg **ret_message)
{
	Venus__V1__Reply reply = VENUS__V1__REPLY__INIT;
	Venus__V1__Error error = VENUS__V1__ERROR__INIT;
	Venus__V1__SubmitResult submit = VENUS__V1__SUBMIT_RESULT__INIT;
	Venus__V1__FollowResult follow = VENUS__V1__FOLLOW_RESULT__INIT;
	Venus__V1__CancelResult cancel = VENUS__V1__CANCEL_RESULT__INIT;
	Venus__V1__StatusResult status = VENUS__V1__STATUS_RESULT__INIT;
	Venus__V1__GetBlobResult blob = VENUS__V1__GET_BLOB_RESULT__INIT;
	Venus__V1__InspectResult inspect = VENUS__V1__INSPECT_RESULT__INIT;
	Venus__V1__StopResult stop = VENUS__V1__STOP_RESULT__INIT;

	reply.version = is(fake, "newer") ? 2 : is(fake, "older") ? 0 : 1;
	reply.id = request->id;
	if (is(fake, "wrong-id"))
		reply.id.len--;
	if (strncmp(fake->mode, "error=", 6) == 0) {
		error.code = (Venus__V1__Error__Code)atoi(fake->mode + 6);
		error.message = text("refused \x1b]0;x");
		reply.error = &error;
	}
	if (is(fake, "forget") && request->call_case == VENUS__V1__REQUEST__CALL_FOLLOW) {
		error.code = VENUS__V1__ERROR__CODE__NOT_FOUND;
		reply.error = &error;
	}
	reply.result_case = (Venus__V1__Reply__ResultCase)(int)request->call_case;
	switch (request->call_case) {
	case VENUS__V1__REQUEST__CALL_SUBMIT:
		add_beginning(fake, request->submit->source->path);
		submit.run = (ProtobufCBinaryData){is(fake, "short-run") ? 3 : 16, run_id};
		submit.session = (ProtobufCBinaryData){16, session_id};
		submit.events = fake->pointers;
		submit.n_events = fake->count;
		submit.next_seq = 2;
		reply.submit = &submit;
		break;
	case VENUS__V1__REQUEST__CALL_FOLLOW:
		(void)usleep(20000); /* the long poll of one that serves one request at a time */
		if (is(fake, "die") || (is(fake, "die-once") && fake->is_first))
			_exit(9);
		add_rest(fake);
		follow.events = fake->pointers;
		follow.n_events = fake->count;
		follow.next_seq = request->follow->from_seq + fake->count;
		reply.follow = &follow;
		break;
	case VENUS__V1__REQUEST__CALL_CANCEL:
		fake->cancelled = true;
		cancel.cancelled = 1;
		reply.cancel = &cancel;
		break;
	case VENUS__V1__REQUEST__CALL_STOP:
		fake->stopped = true;
		stop.pid = (uint32_t)getpid();
		reply.stop = &stop;
		break;
	case VENUS__V1__REQUEST__CALL_GET_BLOB:
		fill_blob(request->get_blob, &blob);
		reply.get_blob = &blob;
		break;
	case VENUS__V1__REQUEST__CALL_INSPECT: reply.inspect = &inspect; break;
	default:
		status.daemon = text("venusd fake");
		status.pid = (uint32_t)getpid();
		status.home = empty;
		reply.status = &status;
		reply.result_case = VENUS__V1__REPLY__RESULT_STATUS;
		break;
	}
	pack(&reply, fake, ret_message);
}

static bool count_start(const struct home *home)
{
	AUTO_FREE char *path = mem_printf("%s/starts", home->runtime);
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	bool is_first = fd >= 0 && lseek(fd, 0, SEEK_END) == 0;

	if (fd < 0 || dprintf(fd, "%ld\n", (long)getpid()) < 0)
		abort();
	return is_first;
}

static void say_ready(int argc, char *argv[], const char *line)
{
	int fd = argc == 3 && strcmp(argv[1], "--ready-fd") == 0 ? atoi(argv[2]) : -1;

	if (fd >= 0 && write(fd, line, strlen(line)) < 0)
		abort();
	if (fd >= 0)
		(void)close(fd);
}

static void serve(nng_socket socket, struct fake *fake)
{
	while (!fake->stopped) {
		Venus__V1__Request *request;
		nng_msg *message, *reply;

		if (nng_recvmsg(socket, &message, 0) != 0)
			abort();
		request =
		    venus__v1__request__unpack(NULL, nng_msg_len(message), nng_msg_body(message));
		nng_msg_free(message);
		if (!request || request->version != 1 || request->id.len != 16 ||
		    is(fake, "hang")) {
			venus__v1__request__free_unpacked(request, NULL);
			continue;
		}
		answer(fake, request, &reply);
		venus__v1__request__free_unpacked(request, NULL);
		if (nng_sendmsg(socket, reply, 0) != 0)
			nng_msg_free(reply);
	}
	(void)usleep(50000); /* the last reply is on its way */
}

int main(int argc, char *argv[])
{
	const char *mode = getenv("FAKE_MODE");
	struct fake fake = {.mode = mode ? mode : ""};
	AUTO_HOME struct home home = {0};
	nng_socket socket;
	struct err err;

	(void)alarm(LIFE_SECONDS);
	if (home_find(&home, &err) < 0)
		return 1;
	fake.is_first = count_start(&home);
	if (is(&fake, "silent"))
		return 7;
	if (is(&fake, "cannot")) {
		say_ready(argc, argv, "error: no \x1b[31mspace\n");
		return 1;
	}
	(void)unlink(home.socket_path);
	if (nng_rep0_open(&socket) != 0 || nng_listen(socket, home.url, NULL, 0) != 0)
		return 1;
	say_ready(argc, argv, "ok\n");
	serve(socket, &fake);
	(void)unlink(home.socket_path);
	return 0;
}
