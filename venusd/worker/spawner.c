/*
 * The daemon's side of venus-spawn: its process, its socket, and who gets what it says.
 *
 * Requests go out at once, or wait in the outbox until the socket takes more; nothing blocks.
 * Reports are handed to the child with the number in them (child.c); one that is not known was
 * freed, and its last reports crossed that. Any callback may free any child and close the spawner,
 * so after each one children are looked up again by number, and the spawner's own memory goes only
 * in the last handle's close callback, from the loop.
 *
 * The end of venus-spawn is the end of file on its socket, read after all that it said. SIGCHLD
 * (libuv's) only reaps it.
 */
#include "venusd/worker/spawner.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "common/mem.h"
#include "venusd/worker/spawner_internal.h"

_Static_assert(CHILD_STREAM_COUNT == WIRE_STREAMS, "both sides count alike");
_Static_assert(CHILD_CONTROL_FD == WIRE_CONTROL_FD, "both sides count alike");

#define FRAMES_A_TURN 64 /* before the loop's other work gets its turn */

static void on_handle_closed(uv_handle_t *handle)
{
	struct spawner *spawner = handle->data;

	if (--spawner->handles == 0 && spawner->closed)
		free(spawner);
}

/* Frees at once when the handles were closed before, or leaves that to the last of them. */
static void release(struct spawner *spawner)
{
	spawner->closed = true;
	if (spawner->handles == 0)
		free(spawner);
}

static void disconnect(struct spawner *spawner)
{
	if (!spawner->connected)
		return;
	spawner->connected = false;
	(void)uv_poll_stop(&spawner->poll); /* cannot fail */
	uv_close((uv_handle_t *)&spawner->poll, on_handle_closed);
	cleanup_close_p(&spawner->fd);
	spawner->fd = -1;
	outbox_fini(&spawner->outbox);
}

static void on_process_exit(uv_process_t *process, int64_t status, int signal)
{
	struct spawner *spawner = process->data;

	log_debug("venus-spawn (process %d) ended with status %d, signal %d", spawner->pid,
	    (int)status, signal);
	spawner->running = false;
	uv_close((uv_handle_t *)process, on_handle_closed);
}

static void lose(struct spawner *spawner)
{
	disconnect(spawner);
	if (spawner->running)
		(void)uv_process_kill(&spawner->process,
		    SIGKILL); /* one without its socket is of no use; it may have ended */
	while (spawner->children)
		child_lost(spawner->children);
	if (!spawner->closed)
		spawner->on_lost(spawner->payload);
}

struct child *spawner_find(struct spawner *spawner, uint64_t id)
{
	struct child *child = NULL;

	HASH_FIND(hh, spawner->children, &id, sizeof id, child);
	return child;
}

static void dispatch(struct spawner *spawner, const struct frame *frame)
{
	struct wire_report report;
	struct child *child;

	if (frame->length != sizeof report)
		return;
	memcpy(&report, frame->bytes, sizeof report);
	child = spawner_find(spawner, report.head.child);
	if (report.head.version == WIRE_VERSION && child)
		child_report(child, &report);
}

/* False when venus-spawn is gone. */
static bool read_reports(struct spawner *spawner)
{
	for (int i = 0; i < FRAMES_A_TURN && spawner->connected; i++) {
		struct frame frame;
		struct err err;
		int got = frame_receive(spawner->fd, &frame, &err);

		if (got == 0)
			return false;
		if (got < 0)
			return err.code == ERR_TIMEOUT;
		frame_close_fds(&frame); /* it sends none */
		dispatch(spawner, &frame);
	}
	return true;
}

static void on_socket(uv_poll_t *poll, int status, int events);

static void watch_socket(struct spawner *spawner)
{
	int events = UV_READABLE | (spawner->outbox.list ? UV_WRITABLE : 0);
	int failed = spawner->connected ? uv_poll_start(&spawner->poll, events, on_socket) : 0;

	assert(failed == 0); /* the descriptor was accepted by uv_poll_init */
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
	struct spawner *spawner = poll->data;
	struct err err;

	/* An error status means that the other side is gone; what it sent before can still be read.
	 */
	(void)status;
	if (events & UV_WRITABLE)
		(void)outbox_flush(
		    &spawner->outbox, spawner->fd, &err); /* that it is gone is seen when reading */
	if (!read_reports(spawner))
		lose(spawner);
	else
		watch_socket(spawner);
}

int spawner_send(struct spawner *spawner, const void *bytes, size_t length, const int *fds,
    size_t fd_count, struct err *err)
{
	bool waited = spawner->outbox.list;

	if (!spawner->connected)
		return err_set(err, ERR_UNAVAILABLE, "venus-spawn ended: restart venusd");
	if (outbox_send(&spawner->outbox, spawner->fd, bytes, length, fds, fd_count, err) < 0)
		return -1;
	if (!waited && spawner->outbox.list)
		watch_socket(spawner);
	return 0;
}

/* ---- opening and closing ---- */

static int start_process(struct spawner *spawner, const char *path, int fd, struct err *err)
{
	char *args[] = {(char[]){"venus-spawn"}, NULL}, *env[] = {NULL};
	uv_stdio_container_t stdio[WIRE_FD + 1] = {
	    [0].flags = UV_IGNORE,
	    [1].flags = UV_IGNORE,
	    [2] = {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
	    [WIRE_FD] = {.flags = UV_INHERIT_FD, .data.fd = fd},
	};
	uv_process_options_t options = {.exit_cb = on_process_exit,
	    .file = path,
	    .args = args,
	    .env = env,
	    .cwd = "/",
	    .flags = UV_PROCESS_DETACHED, /* a terminal's signals are for venusd */
	    .stdio = stdio,
	    .stdio_count = WIRE_FD + 1};
	int failed = uv_spawn(spawner->loop, &spawner->process, &options);

	if (failed)
		return err_set(
		    err, ERR_UNAVAILABLE, "cannot start %s: %s", path, uv_strerror(failed));
	spawner->running = true;
	spawner->pid = spawner->process.pid;
	return 0;
}

static int open_socket(struct spawner *spawner, int *ret_other_fd, struct err *err)
{
	int fds[2], failed;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return err_set_errno(err, errno, "cannot make a socket for venus-spawn");
	spawner->fd = fds[0];
	*ret_other_fd = fds[1];
	failed = uv_poll_init(spawner->loop, &spawner->poll, spawner->fd);
	if (failed)
		return err_set(err, ERR_INTERNAL, "cannot watch the socket of venus-spawn: %s",
		    uv_strerror(failed));
	spawner->connected = true;
	spawner->handles++;
	return 0;
}

int spawner_open(uv_loop_t *loop, const char *path, void (*on_lost)(void *payload), void *payload,
    struct spawner **ret_spawner, struct err *err)
{
	struct spawner *spawner = mem_alloc(sizeof *spawner);
	AUTO_CLOSE int other_fd = -1;

	*spawner = (struct spawner){.loop = loop, .fd = -1, .on_lost = on_lost, .payload = payload};
	spawner->poll.data = spawner->process.data = spawner;
	if (open_socket(spawner, &other_fd, err) < 0) {
		cleanup_close_p(&spawner->fd);
		release(spawner);
		return -1;
	}
	spawner->handles++; /* uv_spawn makes a handle even when it fails */
	if (start_process(spawner, path, other_fd, err) < 0) {
		uv_close((uv_handle_t *)&spawner->process, on_handle_closed);
		disconnect(spawner);
		release(spawner);
		return -1;
	}
	watch_socket(spawner);
	*ret_spawner = spawner;
	return 0;
}

void spawner_close(struct spawner *spawner)
{
	if (!spawner)
		return;
	disconnect(spawner); /* on which venus-spawn kills all and ends; on_process_exit reaps it */
	while (spawner->children)
		child_detach(spawner->children);
	release(spawner);
}

pid_t spawner_pid(const struct spawner *spawner)
{
	return spawner->pid;
}

uv_loop_t *spawner_loop(const struct spawner *spawner)
{
	return spawner->loop;
}
