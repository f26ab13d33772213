#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utlist.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/mem.h"
#include "venusd/worker/spawner_internal.h"

/* Starts that wait for venus-spawn to read them. More than this means that it does not. */
#define OUTBOX_MAX_BYTES (16u << 20)

static const char *const step_texts[] = {
    [WIRE_STEP_NONE] = "unknown",
    [WIRE_STEP_REQUEST] = "the start request",
    [WIRE_STEP_RESOURCES] = "memory and descriptors for it",
    [WIRE_STEP_FORK] = "a new process",
    [WIRE_STEP_SETUP] = "session, limits and descriptors",
    [WIRE_STEP_FOLDER] = "the working directory",
    [WIRE_STEP_EXEC] = "the program",
};
_Static_assert(sizeof step_texts / sizeof *step_texts == WIRE_STEP_COUNT, "every step has a text");

static inline void child_free_p(struct child **child)
{
	child_free(*child);
}

/* ---- starting ---- */

static int add_strings(
    struct buf *text, const char *const *strings, uint32_t *ret_count, struct err *err)
{
	uint32_t count = 0;

	for (; strings[count]; count++) {
		buf_add(text, strings[count], strlen(strings[count]) + 1);
		if (text->length > FRAME_MAX)
			return err_set(err, ERR_FULL,
			    "arguments and environment are over %zu bytes", WIRE_TEXT_MAX);
	}
	*ret_count = count;
	return 0;
}

static int make_request(
    const struct child *child, const struct child_spec *spec, struct buf *request, struct err *err)
{
	struct wire_start start = {
	    .head = {.version = WIRE_VERSION, .kind = WIRE_START, .child = child->id},
	    .output_limit_bytes = spec->output_limit_bytes,
	    .limit_memory_bytes = spec->limit_memory_bytes,
	    .launcher = WIRE_LAUNCHER_HOST,
	};
	const char *const places[] = {spec->program, spec->folder, NULL};
	uint32_t ignored;

	if (spec->program[0] != '/' || spec->folder[0] != '/')
		return err_set(err, ERR_INVALID, "program and folder must be absolute paths");
	if (!spec->argv[0])
		return err_set(
		    err, ERR_INVALID, "there are no arguments, not even the program's name");
	buf_add(request, &start, sizeof start);
	if (add_strings(request, places, &ignored, err) < 0 ||
	    add_strings(request, spec->argv, &start.argv_count, err) < 0 ||
	    add_strings(request, spec->env, &start.env_count, err) < 0)
		return -1;
	if (spec->control_fd >= 0)
		start.flags |= WIRE_CONTROL;
	if (spec->held_fd > 0)
		start.flags |= WIRE_HELD;
	if (!child->handlers.on_output)
		start.flags |= WIRE_QUIET;
	memcpy(request->data, &start, sizeof start);
	return 0;
}

static int send_start(struct child *child, const struct child_spec *spec, struct err *err)
{
	AUTO_BUF struct buf request = BUF_INIT;
	int fds[CHILD_STREAM_COUNT + 2] = {
	    child->spools[CHILD_STDOUT], child->spools[CHILD_STDERR]};
	size_t fd_count = CHILD_STREAM_COUNT;

	if (make_request(child, spec, &request, err) < 0)
		return -1;
	if (spec->control_fd >= 0)
		fds[fd_count++] = spec->control_fd;
	if (spec->held_fd > 0)
		fds[fd_count++] = spec->held_fd;
	if (child->spawner->outbox.length_bytes > OUTBOX_MAX_BYTES)
		return err_set(err, ERR_FULL, "too many starts wait for venus-spawn");
	return spawner_send(child->spawner, request.data, request.length, fds, fd_count, err);
}

int child_start(struct spawner *spawner, const struct child_spec *spec,
    const struct child_handlers *handlers, struct child **ret_child, struct err *err)
{
	AUTO(child_free_p) struct child *child = mem_alloc(sizeof *child);
	struct child *added;

	*child = (struct child){
	    .id = spawner->last_id + 1, .spawner = NULL, .handlers = *handlers, .spools = {-1, -1}};
	for (int i = 0; i < CHILD_STREAM_COUNT; i++) {
		child->spools[i] =
		    memfd_create(i == CHILD_STDOUT ? "venus-stdout" : "venus-stderr", MFD_CLOEXEC);
		if (child->spools[i] < 0)
			return err_set_errno(
			    err, errno, "cannot start %s: no file for its output", spec->program);
	}
	child->spawner = spawner;
	if (send_start(child, spec, err) < 0) {
		child->spawner = NULL; /* it never knew of the child */
		return err_prefix(err, "cannot start %s", spec->program);
	}
	spawner->last_id = child->id;
	added = TAKE_PTR(child);
	HASH_ADD(hh, spawner->children, id, sizeof added->id, added);
	*ret_child = added;
	return 0;
}

/* ---- asking ---- */

static void send_head(struct child *child, enum wire_kind kind)
{
	struct wire_head head = {.version = WIRE_VERSION, .kind = kind, .child = child->id};
	struct err err;

	(void)spawner_send(
	    child->spawner, &head, sizeof head, NULL, 0, &err); /* if it is gone, so is the child */
}

void child_detach(struct child *child)
{
	if (!child->spawner)
		return;
	HASH_DEL(child->spawner->children, child);
	child->spawner = NULL;
}

void child_free(struct child *child)
{
	struct sync *sync, *next;

	if (!child)
		return;
	if (child->spawner)
		send_head(child, WIRE_FORGET);
	child_detach(child);
	DL_FOREACH_SAFE (child->syncs, sync, next)
		free(sync);
	for (int i = 0; i < CHILD_STREAM_COUNT; i++)
		cleanup_close_p(&child->spools[i]);
	free(child);
}

void child_kill(struct child *child, int signal)
{
	struct wire_kill request = {
	    .head = {.version = WIRE_VERSION, .kind = WIRE_KILL, .child = child->id},
	    .signal = signal};
	struct err err;

	if (child->spawner)
		(void)spawner_send(child->spawner, &request, sizeof request, NULL, 0,
		    &err); /* if it is gone, so is the child */
}

pid_t child_pid(const struct child *child)
{
	return child->pid;
}

static void send_next_sync(struct child *child)
{
	struct sync *sync = child->syncs;
	struct wire_sync request = {
	    .head = {.version = WIRE_VERSION, .kind = WIRE_SYNC, .child = child->id}};
	struct err err;

	if (!sync || sync->sent)
		return;
	request.output_limit_bytes = sync->output_limit_bytes;
	sync->sent = true;
	(void)spawner_send(child->spawner, &request, sizeof request, NULL, 0,
	    &err); /* if it is gone, child_lost answers */
}

void child_sync(struct child *child, uint64_t output_limit_bytes,
    void (*on_synced)(
	struct child *child, const uint64_t size_bytes[CHILD_STREAM_COUNT], void *payload),
    void *payload)
{
	struct sync *sync;

	if (!child->spawner)
		return;
	sync = mem_alloc(sizeof *sync);
	*sync = (struct sync){
	    .output_limit_bytes = output_limit_bytes, .on_synced = on_synced, .payload = payload};
	DL_APPEND(child->syncs, sync);
	send_next_sync(child);
}

ssize_t child_output_read(struct child *child, enum child_stream stream, uint64_t offset,
    void *bytes, size_t length, struct err *err)
{
	ssize_t got;

	if (offset > INT64_MAX)
		return err_set(err, ERR_INVALID, "no output has that offset");
	do
		got = pread(child->spools[stream], bytes, length, (off_t)offset);
	while (got < 0 && errno == EINTR);
	return got < 0 ? err_set_errno(err, errno, "cannot read output") : got;
}

bool child_output_cut(const struct child *child, enum child_stream stream)
{
	return child->cut[stream];
}

void child_output_discard(struct child *child, enum child_stream stream, uint64_t offset)
{
	if (offset && offset <= INT64_MAX)
		(void)fallocate(child->spools[stream], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		    0, (off_t)offset); /* costs only memory */
}

/* ---- being told ---- */

/* Tells of new output. False when that freed the child. */
static bool tell_output(
    struct spawner *spawner, struct child *child, const uint64_t stored_bytes[CHILD_STREAM_COUNT])
{
	uint64_t id = child->id;

	for (int i = 0; i < CHILD_STREAM_COUNT; i++) {
		if (stored_bytes[i] <= child->stored_bytes[i])
			continue;
		child->stored_bytes[i] = stored_bytes[i];
		if (!child->handlers.on_output)
			continue;
		child->handlers.on_output(
		    child, (enum child_stream)i, stored_bytes[i], child->handlers.payload);
		if (spawner_find(spawner, id) != child)
			return false;
	}
	return true;
}

/* Answers the first sync. False when that freed the child. */
static bool tell_synced(
    struct spawner *spawner, struct child *child, const uint64_t stored_bytes[CHILD_STREAM_COUNT])
{
	AUTO_FREE struct sync *sync = child->syncs;
	uint64_t id = child->id;

	if (!sync)
		return true;
	DL_DELETE(child->syncs, sync);
	sync->on_synced(child, stored_bytes, sync->payload);
	return spawner_find(spawner, id) == child;
}

/* All that is left to tell: output, the end to come, syncs, the end. */
static void tell_end(struct child *child, const uint64_t stored_bytes[CHILD_STREAM_COUNT],
    const struct child_exit *exit)
{
	struct spawner *spawner = child->spawner;
	uint64_t id = child->id;

	if (!tell_output(spawner, child, stored_bytes))
		return;
	if (child->handlers.on_ending)
		child->handlers.on_ending(child, child->handlers.payload);
	if (spawner_find(spawner, id) != child)
		return;
	while (child->syncs)
		if (!tell_synced(spawner, child, stored_bytes))
			return;
	child_detach(child);
	child->handlers.on_exit(child, exit, child->handlers.payload);
}

static void report_synced(struct child *child, const struct wire_report *report)
{
	struct spawner *spawner = child->spawner;

	if (!tell_output(spawner, child, report->stored_bytes) ||
	    !tell_synced(spawner, child, report->stored_bytes))
		return;
	memset(child->cut, 0, sizeof child->cut); /* the new limit is in force */
	send_next_sync(child);
}

static void report_exited(struct child *child, const struct wire_report *report)
{
	static const enum child_end ends[] = {
	    [WIRE_END_EXITED] = CHILD_EXITED,
	    [WIRE_END_SIGNALLED] = CHILD_SIGNALLED,
	    [WIRE_END_NOT_STARTED] = CHILD_NOT_STARTED,
	};
	bool known = report->end >= WIRE_END_EXITED && report->end < WIRE_END_COUNT;
	struct child_exit exit = {
	    .end = known ? ends[report->end] : CHILD_LOST, .code = report->code};

	for (int i = 0; i < CHILD_STREAM_COUNT; i++)
		exit.output_bytes[i] = report->total_bytes[i];
	if (exit.end == CHILD_NOT_STARTED)
		exit.failed =
		    step_texts[report->step < WIRE_STEP_COUNT ? report->step : WIRE_STEP_NONE];
	tell_end(child, report->stored_bytes, &exit);
}

void child_report(struct child *child, const struct wire_report *report)
{
	struct spawner *spawner = child->spawner;

	child->pid = report->pid;
	for (int i = 0; i < CHILD_STREAM_COUNT; i++)
		child->cut[i] = report->cut[i];
	if (report->head.kind == WIRE_SYNCED)
		report_synced(child, report);
	else if (report->head.kind == WIRE_EXITED)
		report_exited(child, report);
	else if (report->head.kind == WIRE_GROWN &&
		 tell_output(spawner, child, report->stored_bytes))
		send_head(child, WIRE_SEEN);
}

void child_lost(struct child *child)
{
	uint64_t stored_bytes[CHILD_STREAM_COUNT] = {0};
	struct child_exit exit = {.end = CHILD_LOST};

	for (int i = 0; i < CHILD_STREAM_COUNT; i++) {
		struct stat status;

		stored_bytes[i] = fstat(child->spools[i], &status) == 0 ? (uint64_t)status.st_size
									: child->stored_bytes[i];
		exit.output_bytes[i] = stored_bytes[i];
	}
	/* The child itself died with venus-spawn, but not what it had started. Its number was in
	 * use a moment ago, and numbers come round only after all the others. */
	if (child->pid > 0)
		(void)kill(-child->pid, SIGKILL);
	tell_end(child, stored_bytes, &exit);
}

void child_exit_describe(const struct child_exit *exit, struct buf *text)
{
	const char *name = exit->end == CHILD_SIGNALLED ? sigabbrev_np(exit->code) : NULL;

	switch (exit->end) {
	case CHILD_EXITED: buf_printf(text, "exited with code %d", exit->code); break;
	case CHILD_SIGNALLED:
		buf_printf(text, "was killed by signal %d", exit->code);
		if (name)
			buf_printf(text, " (SIG%s)", name);
		break;
	case CHILD_LOST: buf_add_text(text, "was lost: venus-spawn ended"); break;
	case CHILD_NOT_STARTED:
		buf_printf(
		    text, "could not be started: %s: %s", exit->failed, strerror(exit->code));
		break;
	}
}
