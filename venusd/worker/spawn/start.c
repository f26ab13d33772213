#include "venusd/worker/spawn/start.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <utlist.h>

#include "common/cleanup.h"
#include "venusd/worker/spawn/launch.h"

static void not_started(struct job *job, enum wire_step step, int error)
{
	job->end = WIRE_END_NOT_STARTED;
	job->step = step;
	job->code = error;
	job->owed = OWED(WIRE_EXITED);
}

/* A pipe whose read end does not block and is watched. */
static int make_pipe(
    struct jobs *jobs, struct job *job, enum source source, int *ret_read_fd, int *ret_write_fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = &job->watches[source]};
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	*ret_read_fd = fds[0];
	*ret_write_fd = fds[1];
	job->watches[source] = (struct watch){.job = job, .source = source};
	if (fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0)
		return -1;
	return epoll_ctl(jobs->epoll_fd, EPOLL_CTL_ADD, fds[0], &event);
}

/* One string after the other out of a request's text: NULL when there is no further one. */
static char *next_string(char **text, size_t *left)
{
	char *start = *text, *end = *left ? memchr(start, 0, *left) : NULL;

	if (!end)
		return NULL;
	*left -= (size_t)(end + 1 - start);
	*text = end + 1;
	return start;
}

/* Fills in program, folder, argv and env; the strings stay in `text`. False when the text is not
 * what the request says. */
static bool read_text(
    const struct wire_start *start, char *text, size_t length, struct launch *launch, char **vector)
{
	launch->program = next_string(&text, &length);
	launch->folder = next_string(&text, &length);
	if (!launch->program || !launch->folder)
		return false;
	launch->argv = vector;
	for (uint32_t i = 0; i < start->argv_count; i++)
		if (!(*vector++ = next_string(&text, &length)))
			return false;
	*vector++ = NULL;
	launch->env = vector;
	for (uint32_t i = 0; i < start->env_count; i++)
		if (!(*vector++ = next_string(&text, &length)))
			return false;
	*vector = NULL;
	return length == 0;
}

/* Makes the pipes and forks. The step that failed, with errno, or WIRE_STEP_NONE. */
static enum wire_step start_process(struct jobs *jobs, struct job *job, struct launch *launch)
{
	AUTO_CLOSE int stdout_fd = -1;
	AUTO_CLOSE int stderr_fd = -1;
	AUTO_CLOSE int start_fd = -1;

	if (make_pipe(jobs, job, SOURCE_STDOUT, &job->streams[0].pipe_fd, &stdout_fd) < 0 ||
	    make_pipe(jobs, job, SOURCE_STDERR, &job->streams[1].pipe_fd, &stderr_fd) < 0 ||
	    make_pipe(jobs, job, SOURCE_START, &job->start_fd, &start_fd) < 0)
		return WIRE_STEP_RESOURCES;
	launch->null_fd = jobs->null_fd;
	launch->stdout_fd = stdout_fd;
	launch->stderr_fd = stderr_fd;
	launch->files = jobs->files;
	job->pid = launch_fork(launch, start_fd);
	if (job->pid > 0)
		return WIRE_STEP_NONE;
	job->pid = 0;
	return WIRE_STEP_FORK;
}

static bool start_is_legal(const struct wire_start *start, const struct frame *frame)
{
	size_t fds = WIRE_STREAMS;

	if (start->flags & WIRE_CONTROL)
		fds++;
	if (start->flags & WIRE_HELD)
		fds++;

	return frame->fd_count == fds && start->argv_count > 0 &&
	       start->argv_count <= WIRE_TEXT_MAX && start->env_count <= WIRE_TEXT_MAX;
}

/* The descriptors that the job keeps are taken out of the frame; the control socket stays in it. */
static void take_fds(
    struct job *job, const struct wire_start *start, struct frame *frame, int *ret_control_fd)
{
	size_t next = 0;

	for (int i = 0; i < WIRE_STREAMS; i++) {
		job->streams[i].spool_fd = TAKE_FD(frame->fds[next]);
		stream_renew(&job->streams[i], start->output_limit_bytes);
		next++;
	}
	*ret_control_fd = start->flags & WIRE_CONTROL ? frame->fds[next++] : -1;
	if (start->flags & WIRE_HELD)
		job->held_fd = TAKE_FD(frame->fds[next]);
}

static void start_job(
    struct jobs *jobs, struct job *job, const struct wire_start *start, struct frame *frame)
{
	AUTO_FREE char **vector = NULL;
	struct launch launch = {.limit_memory_bytes = start->limit_memory_bytes,
	    .launcher = launcher_find(start->launcher)};
	enum wire_step step;

	if (!start_is_legal(start, frame) || !launch.launcher) {
		not_started(job, WIRE_STEP_REQUEST, EINVAL);
		return;
	}
	take_fds(job, start, frame, &launch.control_fd);
	vector = calloc((size_t)start->argv_count + start->env_count + 2, sizeof *vector);
	if (!vector) {
		not_started(job, WIRE_STEP_RESOURCES, ENOMEM);
		return;
	}
	if (!read_text(start, frame->bytes + sizeof *start, frame->length - sizeof *start, &launch,
		vector)) {
		not_started(job, WIRE_STEP_REQUEST, EINVAL);
		return;
	}
	job->quiet = start->flags & WIRE_QUIET;
	step = start_process(jobs, job, &launch);
	if (step != WIRE_STEP_NONE)
		not_started(job, step, errno);
}

/* NULL when there is no memory even for that: then the start cannot be told of either, and
 * venus-spawn ends. */
static struct job *add_job(struct jobs *jobs, uint64_t id)
{
	struct job *job = calloc(1, sizeof *job);

	if (!job) {
		(void)fputs("venus-spawn: no memory left even to say so: ending\n", stderr);
		jobs->gone = true;
		return NULL;
	}
	job->id = id;
	job->start_fd = job->held_fd = -1;
	for (int i = 0; i < WIRE_STREAMS; i++)
		job->streams[i].pipe_fd = job->streams[i].spool_fd = -1;
	DL_APPEND(jobs->list, job);
	return job;
}

void start_request(struct jobs *jobs, struct frame *frame)
{
	struct wire_start start;
	struct job *job;

	if (frame->length < sizeof start)
		return;
	memcpy(&start, frame->bytes, sizeof start);
	job = add_job(jobs, start.head.child);
	if (job)
		start_job(jobs, job, &start, frame);
}

void start_request_failed(struct jobs *jobs, const struct frame *frame)
{
	struct wire_head head;
	struct job *job;

	if (frame->length < sizeof head)
		return;
	memcpy(&head, frame->bytes, sizeof head);
	if (head.version != WIRE_VERSION || head.kind != WIRE_START || jobs_find(jobs, head.child))
		return;
	job = add_job(jobs, head.child);
	if (job)
		not_started(job, WIRE_STEP_RESOURCES, EMFILE);
}

void start_read(struct jobs *jobs, struct job *job)
{
	struct launch_failure failure;
	ssize_t got;

	do
		got = read(job->start_fd, &failure, sizeof failure);
	while (got < 0 && errno == EINTR);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got == sizeof failure) {
		job->step = failure.step;
		job->code = failure.error;
	} else {
		job->owed |= OWED(WIRE_STARTED);
	}
	jobs_unwatch(jobs, job->start_fd);
	cleanup_close_p(&job->start_fd);
	job->start_fd = -1;
}
