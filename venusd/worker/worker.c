/*
 * A worker as the daemon sees it.
 *
 *   STARTING ──Hello──▶ READY ──Crash──▶ CRASHED
 *       └──────────────────┴─ a fault, end of file ─▶ ENDING ──its child's on_exit──▶ OVER
 *
 * Requests are numbered and packed when they are made, and kept in one list until they are
 * answered; `unsent` is the first one that the socket has not taken (none are sent before Hello).
 * The answer to the first one must acknowledge it, so the list is also what is kept for a worker
 * that would have to be told again. A frame that is not legal kills the worker; why is remembered
 * as `fault`, and said when venus-spawn tells of the end. At that moment the control socket is read
 * to its end first: answers and a crash frame that were sent before the death count.
 *
 * The child's handlers, the poll and the timer hold the worker. Any callback may free it, so its
 * memory goes when the last handle's close callback runs, and `freed` is looked at after each
 * callback.
 */
#include "venusd/worker/worker.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <utlist.h>

#include "common/cleanup.h"
#include "common/frame.h"
#include "common/mem.h"
#include "venusd/worker/worker_internal.h"

#define PROTOCOL	   1
#define END_MS		   5000 /* for a worker that said it crashed, or hung up, to be gone */
#define FRAMES_A_TURN	   64	/* before the loop's other work gets its turn */
#define REQUESTS_MAX_BYTES (8u << 20)
#define REQUESTS_MAX_FDS   1024

enum state { STATE_STARTING, STATE_READY, STATE_CRASHED, STATE_ENDING, STATE_OVER };

struct request {
	struct request *prev, *next;
	uint64_t seq;
	Venus__Worker__FromWorker__KindCase answer_kind;
	uint64_t echo;
	worker_answer *on_answer;
	void *payload;
	void *bytes;
	size_t length, fd_count;
	int fds[FRAME_FDS];
};

struct worker {
	uv_poll_t poll;
	uv_timer_t timer;
	unsigned handles; /* not closed yet */
	bool connected;	  /* the socket is watched */
	bool freed;
	enum state state;
	int fd;
	struct child *child;
	struct worker_handlers handlers;
	struct request *requests, *unsent;
	size_t request_count, request_bytes, request_fds;
	uint64_t last_queued, last_sent, last_acked, last_seen;
	uint32_t patience_ms;
	struct worker_crash crash;
	char *fault;
};

/* ---- requests ---- */

static void request_free(struct request *request)
{
	if (!request)
		return;
	for (size_t i = 0; i < request->fd_count; i++)
		(void)close(request->fds[i]); /* a duplicate of our own */
	free(request->bytes);
	free(request);
}

static inline void request_free_p(struct request **request)
{
	request_free(*request);
}

static void forget_request(struct worker *worker, struct request *request)
{
	if (worker->unsent == request)
		worker->unsent = request->next;
	DL_DELETE(worker->requests, request);
	worker->request_count--;
	worker->request_bytes -= request->length;
	worker->request_fds -= request->fd_count;
}

/* The kind of answer, and the number that it echoes. */
static int expect_answer(
    const Venus__Worker__ToWorker *message, struct request *request, struct err *err)
{
	switch (message->kind_case) {
	case VENUS__WORKER__TO_WORKER__KIND_LOAD:
		request->answer_kind = VENUS__WORKER__FROM_WORKER__KIND_LOADED;
		request->echo = message->load->object;
		return 0;
	case VENUS__WORKER__TO_WORKER__KIND_RUN:
		request->answer_kind = VENUS__WORKER__FROM_WORKER__KIND_DONE;
		request->echo = message->run->run;
		return 0;
	case VENUS__WORKER__TO_WORKER__KIND_DECODE:
		request->answer_kind = VENUS__WORKER__FROM_WORKER__KIND_DECODED;
		request->echo = message->decode->value;
		return 0;
	case VENUS__WORKER__TO_WORKER__KIND_DROP:
		request->answer_kind = VENUS__WORKER__FROM_WORKER__KIND_DROPPED;
		return 0;
	default: return err_set(err, ERR_INVALID, "a request to a worker has no kind");
	}
}

static int pack(struct worker *worker, Venus__Worker__ToWorker *message, struct request *request,
    struct err *err)
{
	message->seq = request->seq = worker->last_queued + 1;
	message->ack = worker->last_seen;
	request->length = venus__worker__to_worker__get_packed_size(message);
	if (request->length > FRAME_MAX)
		return err_set(
		    err, ERR_FULL, "a request of %zu bytes is over %d", request->length, FRAME_MAX);
	request->bytes = mem_alloc(request->length);
	(void)venus__worker__to_worker__pack(
	    message, request->bytes); /* writes what the size said */
	return 0;
}

static int keep_fds(struct request *request, const int *fds, size_t fd_count, struct err *err)
{
	if (fd_count > FRAME_FDS)
		return err_set(err, ERR_INVALID,
		    "a request brings %zu descriptors and %d are possible", fd_count, FRAME_FDS);
	for (size_t i = 0; i < fd_count; i++) {
		int fd = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);

		if (fd < 0)
			return err_set_errno(err, errno, "cannot keep a descriptor for a worker");
		request->fds[request->fd_count++] = fd;
	}
	return 0;
}

static void on_socket(uv_poll_t *poll, int status, int events);

static void watch_socket(struct worker *worker)
{
	bool waiting = worker->unsent && worker->state == STATE_READY;
	int failed = worker->connected ? uv_poll_start(&worker->poll,
					     UV_READABLE | (waiting ? UV_WRITABLE : 0), on_socket)
				       : 0;

	assert(failed == 0); /* the descriptor was accepted by uv_poll_init */
}

/* Sends what the socket takes. A worker that is gone is noticed when reading. */
static void send_requests(struct worker *worker)
{
	while (worker->connected && worker->state == STATE_READY && worker->unsent) {
		const struct request *request = worker->unsent;
		struct err err;

		if (frame_send(worker->fd, request->bytes, request->length, request->fds,
			request->fd_count, &err) < 0)
			break;
		worker->last_sent = request->seq;
		worker->unsent = request->next;
	}
}

int worker_request(struct worker *worker, Venus__Worker__ToWorker *message, const int *fds,
    size_t fd_count, worker_answer *on_answer, void *payload, struct err *err)
{
	AUTO(request_free_p) struct request *request = NULL;
	struct request *queued;

	if (worker->state > STATE_READY)
		return err_set(err, ERR_UNAVAILABLE, "the worker is gone");
	if (worker->request_count >= WORKER_REQUESTS_MAX ||
	    worker->request_bytes >= REQUESTS_MAX_BYTES ||
	    worker->request_fds + fd_count > REQUESTS_MAX_FDS)
		return err_set(err, ERR_FULL, "%zu requests wait for the worker already",
		    worker->request_count);
	request = mem_alloc(sizeof *request);
	request->on_answer = on_answer;
	request->payload = payload;
	if (expect_answer(message, request, err) < 0 || pack(worker, message, request, err) < 0 ||
	    keep_fds(request, fds, fd_count, err) < 0)
		return -1;
	worker->last_queued = request->seq;
	worker->request_count++;
	worker->request_bytes += request->length;
	worker->request_fds += request->fd_count;
	queued = TAKE_PTR(request);
	DL_APPEND(worker->requests, queued);
	if (!worker->unsent)
		worker->unsent = queued;
	send_requests(worker);
	watch_socket(worker);
	return 0;
}

/* ---- ending ---- */

static void on_handle_closed(uv_handle_t *handle)
{
	struct worker *worker = handle->data;

	if (--worker->handles == 0 && worker->freed) {
		free(worker->fault);
		free(worker);
	}
}

static void disconnect(struct worker *worker)
{
	if (!worker->connected)
		return;
	worker->connected = false;
	(void)uv_poll_stop(&worker->poll); /* cannot fail */
	uv_close((uv_handle_t *)&worker->poll, on_handle_closed);
	cleanup_close_p(&worker->fd);
	worker->fd = -1;
}

/* Kills the worker for `fault` (taken), which on_end will say. */
static void end_for(struct worker *worker, char *fault)
{
	if (worker->fault)
		free(fault);
	else
		worker->fault = fault;
	if (worker->state < STATE_ENDING)
		worker->state = STATE_ENDING;
	disconnect(worker);
	(void)uv_timer_stop(&worker->timer); /* cannot fail */
	child_kill(worker->child, SIGKILL);
}

static void end_for_frame(struct worker *worker, const char *what)
{
	end_for(worker, mem_printf("sent a frame that is not legal: %s", what));
}

static void on_time(uv_timer_t *timer)
{
	struct worker *worker = timer->data;

	if (worker->state == STATE_STARTING)
		end_for(worker,
		    mem_printf("did not say hello within %g s", worker->patience_ms / 1000.0));
	else if (worker->state == STATE_CRASHED)
		end_for(worker, mem_strdup("crashed and did not end"));
	else
		end_for(worker, mem_strdup("closed its control socket"));
}

static void start_timer(struct worker *worker)
{
	(void)uv_timer_start(&worker->timer, on_time, worker->patience_ms,
	    0); /* fails only for a closing handle or no callback */
}

/* Its end of the socket is closed: it is ending, or it gets some time to. */
static void hung_up(struct worker *worker)
{
	disconnect(worker);
	if (worker->state != STATE_CRASHED)
		worker->state = STATE_ENDING;
	start_timer(worker);
}

/* ---- frames ---- */

static int take_hello(struct worker *worker, const Venus__Worker__Hello *hello, struct err *err)
{
	if (worker->state != STATE_STARTING)
		return err_set(err, ERR_INVALID, "a second hello");
	if (hello->protocol != PROTOCOL)
		return err_set(err, ERR_INVALID, "it speaks protocol %" PRIu32 " and this is %d",
		    hello->protocol, PROTOCOL);
	if (!hello->memfd)
		return err_set(err, ERR_INVALID, "it takes no memory files");
	worker->state = STATE_READY;
	(void)uv_timer_stop(&worker->timer); /* cannot fail */
	send_requests(worker);
	return 0;
}

static int take_crash(struct worker *worker, const Venus__Worker__Crash *crash)
{
	worker->crash = (struct worker_crash){
	    .told = true, .signal = crash->signal, .stack_overflow = crash->stack_overflow};
	worker->state = STATE_CRASHED;
	start_timer(worker);
	return 0;
}

/* The number that an answer echoes; 0 for kinds that echo none. */
static uint64_t echo_of(const Venus__Worker__FromWorker *message)
{
	switch (message->kind_case) {
	case VENUS__WORKER__FROM_WORKER__KIND_LOADED: return message->loaded->object;
	case VENUS__WORKER__FROM_WORKER__KIND_DONE: return message->done->run;
	case VENUS__WORKER__FROM_WORKER__KIND_DECODED: return message->decoded->value;
	default: return 0;
	}
}

static int take_answer(struct worker *worker, const Venus__Worker__FromWorker *message,
    struct frame *frame, struct err *err)
{
	AUTO(request_free_p) struct request *request = NULL;
	struct request *first = worker->requests;

	if (!first)
		return err_set(err, ERR_INVALID, "an answer to nothing that was asked");
	if (message->kind_case != first->answer_kind)
		return err_set(err, ERR_INVALID, "an answer of another kind than what was asked");
	if (message->ack < first->seq)
		return err_set(
		    err, ERR_INVALID, "an answer to a request that it does not acknowledge");
	if (echo_of(message) != first->echo)
		return err_set(err, ERR_INVALID,
		    "an answer about number %" PRIu64 ", asked was %" PRIu64, echo_of(message),
		    first->echo);
	if (worker_frame_secure_fds(message, frame->fds, frame->fd_count, err) < 0)
		return -1;
	forget_request(worker, first);
	request = first;
	request->on_answer(worker, message, frame->fds, frame->fd_count, request->payload);
	return 0;
}

static int take_message(struct worker *worker, const Venus__Worker__FromWorker *message,
    struct frame *frame, struct err *err)
{
	if (worker->state == STATE_CRASHED)
		return err_set(err, ERR_INVALID, "a frame after it crashed");
	if (message->seq != worker->last_seen + 1)
		return err_set(err, ERR_INVALID, "its number is %" PRIu64 " and not %" PRIu64,
		    message->seq, worker->last_seen + 1);
	if (message->ack < worker->last_acked || message->ack > worker->last_sent)
		return err_set(err, ERR_INVALID, "it acknowledges %" PRIu64 ", sent was %" PRIu64,
		    message->ack, worker->last_sent);
	worker->last_seen = message->seq;
	worker->last_acked = message->ack;
	if (message->kind_case == VENUS__WORKER__FROM_WORKER__KIND_CRASH)
		return take_crash(worker, message->crash);
	if (message->kind_case == VENUS__WORKER__FROM_WORKER__KIND_HELLO)
		return take_hello(worker, message->hello, err);
	if (worker->state == STATE_STARTING)
		return err_set(err, ERR_INVALID, "something before hello");
	return take_answer(worker, message, frame, err);
}

static void take_frame(struct worker *worker, struct frame *frame)
{
	Venus__Worker__FromWorker *message;
	struct err err;

	if (worker_frame_decode(frame->bytes, frame->length, frame->fd_count, &message, &err) < 0) {
		end_for_frame(worker, err.message);
		return;
	}
	if (take_message(worker, message, frame, &err) < 0)
		end_for_frame(worker, err.message);
	venus__worker__from_worker__free_unpacked(message, NULL);
}

/* Reads at most `count` frames. */
static void read_frames(struct worker *worker, unsigned count)
{
	for (unsigned i = 0; i < count && worker->connected; i++) {
		struct frame frame;
		struct err err;
		int got = frame_receive(worker->fd, &frame, &err);

		if (got > 0) {
			take_frame(worker, &frame);
			frame_close_fds(&frame);
		} else if (got == 0) {
			hung_up(worker);
		} else if (err.code == ERR_TIMEOUT) {
			break;
		} else {
			end_for_frame(worker, err.message);
		}
	}
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
	struct worker *worker = poll->data;

	/* An error status means that the other side is gone; what it sent before can still be read.
	 */
	(void)status;
	if (events & UV_WRITABLE)
		send_requests(worker);
	read_frames(worker, FRAMES_A_TURN);
	watch_socket(worker);
}

/* ---- the child ---- */

static void on_child_output(
    struct child *child, enum child_stream stream, uint64_t size_bytes, void *payload)
{
	struct worker *worker = payload;

	(void)child;
	worker->handlers.on_output(worker, stream, size_bytes, worker->handlers.payload);
}

/* What it had said before it ended may lead to requests for its output, which on_exit would be too
 * late for. An answer frees one request, hello and crash come once: more frames are not legal. */
static void on_child_ending(struct child *child, void *payload)
{
	(void)child;
	read_frames(payload, WORKER_REQUESTS_MAX + 2);
}

static void on_child_exit(struct child *child, const struct child_exit *exit, void *payload)
{
	struct worker *worker = payload;
	AUTO_BUF struct buf message = BUF_INIT;

	(void)child;
	disconnect(worker);
	(void)uv_timer_stop(&worker->timer); /* cannot fail */
	worker->state = STATE_OVER;
	worker_end_describe(exit, &worker->crash, worker->fault, &message);
	worker->handlers.on_end(worker, exit, message.data, worker->handlers.payload);
}

/* ---- starting and freeing ---- */

static const char **make_env(const struct worker_spec *spec, char **ret_library_path)
{
	const char **env = NULL;
	size_t count = 0;

	*ret_library_path = NULL;
	if (spec->library_path[0]) {
		*ret_library_path = mem_printf("LD_LIBRARY_PATH=%s", spec->library_path);
		*MEM_PUSH(env, count) = *ret_library_path;
	}
	for (const char *const *more = spec->env; more && *more; more++)
		*MEM_PUSH(env, count) = *more;
	*MEM_PUSH(env, count) = NULL;
	return env;
}

static int start_child(struct worker *worker, struct spawner *spawner,
    const struct worker_spec *spec, int control_fd, struct err *err)
{
	AUTO_FREE char *library_path = NULL;
	AUTO_FREE const char **env = make_env(spec, &library_path);
	const char *const argv[] = {spec->program, NULL};
	struct child_spec child = {
	    .program = spec->program,
	    .argv = argv,
	    .env = env,
	    .folder = spec->folder,
	    .control_fd = control_fd,
	    .held_fd = worker->fd,
	    .output_limit_bytes = spec->output_limit_bytes,
	    .limit_memory_bytes = spec->limit_memory_bytes,
	};
	struct child_handlers handlers = {
	    .on_output = worker->handlers.on_output ? on_child_output : NULL,
	    .on_ending = on_child_ending,
	    .on_exit = on_child_exit,
	    .payload = worker,
	};

	return child_start(spawner, &child, &handlers, &worker->child, err);
}

static int open_socket(struct worker *worker, uv_loop_t *loop, int *ret_other_fd, struct err *err)
{
	int fds[2], failed;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return err_set_errno(err, errno, "cannot make a control socket for a worker");
	worker->fd = fds[0];
	*ret_other_fd = fds[1];
	if (fcntl(worker->fd, F_SETFL, O_NONBLOCK) < 0) /* ours alone: each end has its own flags */
		return err_set_errno(err, errno, "cannot set up a control socket for a worker");
	failed = uv_poll_init(loop, &worker->poll, worker->fd);
	if (failed)
		return err_set(err, ERR_INTERNAL, "cannot watch a worker's control socket: %s",
		    uv_strerror(failed));
	worker->connected = true;
	worker->handles++;
	return 0;
}

int worker_start(struct spawner *spawner, const struct worker_spec *spec,
    const struct worker_handlers *handlers, struct worker **ret_worker, struct err *err)
{
	struct worker *worker = mem_alloc(sizeof *worker);
	uv_loop_t *loop = spawner_loop(spawner);
	AUTO_CLOSE int other_fd = -1;

	*worker =
	    (struct worker){.fd = -1, .handlers = *handlers, .patience_ms = spec->patience_ms};
	if (!worker->patience_ms)
		worker->patience_ms = WORKER_PATIENCE_MS;
	worker->poll.data = worker->timer.data = worker;
	(void)uv_timer_init(loop, &worker->timer); /* cannot fail */
	worker->handles++;
	if (open_socket(worker, loop, &other_fd, err) < 0 ||
	    start_child(worker, spawner, spec, other_fd, err) < 0) {
		if (!worker->connected)
			cleanup_close_p(&worker->fd);
		worker_free(worker);
		return -1;
	}
	start_timer(worker);
	watch_socket(worker);
	*ret_worker = worker;
	return 0;
}

void worker_free(struct worker *worker)
{
	if (!worker || worker->freed)
		return;
	worker->freed = true;
	worker->state = STATE_OVER;
	disconnect(worker);
	child_free(worker->child);
	worker->child = NULL;
	while (worker->requests) {
		struct request *request = worker->requests;

		forget_request(worker, request);
		request_free(request);
	}
	uv_close((uv_handle_t *)&worker->timer, on_handle_closed); /* frees the rest */
}

struct child *worker_child(struct worker *worker)
{
	return worker->child;
}
