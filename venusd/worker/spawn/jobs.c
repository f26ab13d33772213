/*
 * The children of venus-spawn.
 *
 * A job is made by START and freed when its EXITED was sent, or, forgotten, when it is reaped. In
 * between its pipes and its start pipe are watched by epoll. Reports are not queued: a job
 * remembers which kinds it owes, and the text of a report is made from the job when the socket
 * takes it. So a venusd that does not read costs no memory, and many changes become one report.
 *
 * The end of a child, in this order: it is seen as a zombie, whose number nobody else can have; its
 * group is killed; what is in its pipes is moved; it is reaped; EXITED is owed. Its orphans are by
 * now children of venus-spawn (launch.c), which has no other unknown children, so every unknown
 * child is killed; those that it leaves behind in turn come up when it is reaped.
 */
#include "venusd/worker/spawn/jobs.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

#include "common/cleanup.h"
#include "venusd/worker/spawn/orphans.h"
#include "venusd/worker/spawn/start.h"

/* Of one stream before the others get their turn. */
#define MOVE_BYTES (1u << 20)
#define END_MS	   2000

#define OWED(kind) (1u << ((kind)-WIRE_STARTED))

struct job *jobs_find(struct jobs *jobs, uint64_t id)
{
	struct job *job;

	DL_FOREACH (jobs->list, job)
		if (job->id == id && !job->forgotten)
			return job;
	return NULL;
}

static struct job *find_pid(struct jobs *jobs, pid_t pid)
{
	struct job *job;

	DL_FOREACH (jobs->list, job)
		if (job->pid == pid)
			return job;
	return NULL;
}

void jobs_unwatch(struct jobs *jobs, int fd)
{
	if (fd >= 0)
		(void)epoll_ctl(jobs->epoll_fd, EPOLL_CTL_DEL, fd,
		    NULL); /* fails when it never came into the set */
}

static void close_stream(struct jobs *jobs, struct stream *stream)
{
	jobs_unwatch(jobs, stream->pipe_fd);
	stream_close(stream);
}

static void job_free(struct jobs *jobs, struct job *job)
{
	DL_DELETE(jobs->list, job);
	for (int i = 0; i < WIRE_STREAMS; i++)
		close_stream(jobs, &job->streams[i]);
	jobs_unwatch(jobs, job->start_fd);
	cleanup_close_p(&job->start_fd);
	cleanup_close_p(&job->held_fd);
	free(job);
}

static void job_signal(const struct job *job, int number)
{
	if (job->pid <= 0 || job->end)
		return;
	/* Between fork and setsid there is no group yet. */
	if (kill(-job->pid, number) < 0 && errno == ESRCH)
		(void)kill(job->pid, number); /* fails only when it just ended */
}

/* ---- requests ---- */

static void handle_start(struct jobs *jobs, struct job *job, struct frame *frame)
{
	if (!job)
		start_request(jobs, frame);
}

static void handle_kill(struct jobs *jobs, struct job *job, struct frame *frame)
{
	struct wire_kill request;

	(void)jobs;
	if (!job || frame->length != sizeof request)
		return;
	memcpy(&request, frame->bytes, sizeof request);
	if (request.signal > 0 && request.signal < NSIG)
		job_signal(job, request.signal);
}

static void handle_forget(struct jobs *jobs, struct job *job, struct frame *frame)
{
	(void)frame;
	if (!job)
		return;
	job_signal(job, SIGKILL);
	job->forgotten = true;
	job->owed = 0;
	if (job->end || !job->pid)
		job_free(jobs, job);
}

static void fill_report(const struct job *job, enum wire_kind kind, struct wire_report *ret_report)
{
	*ret_report = (struct wire_report){
	    .head = {.version = WIRE_VERSION, .kind = kind, .child = job->id}, .pid = job->pid};
	for (int i = 0; i < WIRE_STREAMS; i++) {
		ret_report->stored_bytes[i] = job->streams[i].stored_bytes;
		ret_report->total_bytes[i] = job->streams[i].total_bytes;
		ret_report->cut[i] = job->streams[i].cut;
	}
	if (kind == WIRE_EXITED) {
		ret_report->end = job->end;
		ret_report->code = job->code;
		ret_report->step = job->step;
	}
}

static void drain(struct jobs *jobs, struct job *job)
{
	for (int i = 0; i < WIRE_STREAMS; i++)
		if (!stream_drain(&job->streams[i], jobs->null_fd))
			close_stream(jobs, &job->streams[i]);
}

static void handle_sync(struct jobs *jobs, struct job *job, struct frame *frame)
{
	struct wire_sync request;

	if (!job || frame->length != sizeof request || job->end)
		return;
	memcpy(&request, frame->bytes, sizeof request);
	drain(jobs, job);
	fill_report(job, WIRE_SYNCED, &job->synced);
	for (int i = 0; i < WIRE_STREAMS; i++)
		stream_renew(&job->streams[i], request.output_limit_bytes);
	job->owed |= OWED(WIRE_SYNCED);
	job->owed &= ~OWED(WIRE_GROWN); /* SYNCED says it */
}

static void handle_seen(struct jobs *jobs, struct job *job, struct frame *frame)
{
	(void)jobs;
	(void)frame;
	if (job)
		job->unseen = false;
}

void jobs_request(struct jobs *jobs, struct frame *frame)
{
	static void (*const handlers[])(struct jobs *, struct job *, struct frame *) = {
	    [WIRE_START] = handle_start,
	    [WIRE_KILL] = handle_kill,
	    [WIRE_FORGET] = handle_forget,
	    [WIRE_SYNC] = handle_sync,
	    [WIRE_SEEN] = handle_seen,
	};
	struct wire_head head;

	if (frame->length >= sizeof head) {
		memcpy(&head, frame->bytes, sizeof head);
		if (head.version != WIRE_VERSION) {
			(void)fprintf(stderr,
			    "venus-spawn: venusd speaks version %u of the wire and this is version "
			    "%u: ending\n",
			    head.version, WIRE_VERSION);
			jobs->gone = true;
		} else if (head.kind >= WIRE_START && head.kind < WIRE_STARTED) {
			handlers[head.kind](jobs, jobs_find(jobs, head.child), frame);
		}
	}
	frame_close_fds(frame);
}

/* ---- what children do ---- */

static void move_output(struct jobs *jobs, struct job *job, int index)
{
	struct stream *stream = &job->streams[index];
	uint64_t stored_before = stream->stored_bytes;
	bool cut_before = stream->cut;

	if (!stream_move(stream, jobs->null_fd, MOVE_BYTES))
		close_stream(jobs, stream);
	if (!job->quiet && !job->forgotten &&
	    (stream->stored_bytes > stored_before || stream->cut != cut_before))
		job->owed |= OWED(WIRE_GROWN);
}

void jobs_event(struct jobs *jobs, const struct watch *watch)
{
	struct job *job = watch->job;

	if (watch->source == SOURCE_START)
		start_read(jobs, job);
	else
		move_output(jobs, job, watch->source == SOURCE_STDERR);
}

static void finish(struct jobs *jobs, struct job *job, const siginfo_t *info)
{
	siginfo_t reaped;

	(void)kill(-job->pid, SIGKILL); /* fails when nobody else is in the group */
	if (job->start_fd >= 0)
		start_read(jobs, job);
	drain(jobs, job);
	for (int i = 0; i < WIRE_STREAMS; i++)
		close_stream(jobs, &job->streams[i]);
	(void)waitid(
	    P_PID, (id_t)job->pid, &reaped, WEXITED | WNOHANG); /* it is there: it was seen */
	if (job->step) {
		job->end = WIRE_END_NOT_STARTED;
	} else {
		job->end = info->si_code == CLD_EXITED ? WIRE_END_EXITED : WIRE_END_SIGNALLED;
		job->code = info->si_status;
	}
	job->owed &= ~OWED(WIRE_GROWN); /* EXITED says it */
	job->owed |= OWED(WIRE_EXITED);
	if (job->forgotten)
		job_free(jobs, job);
}

static bool is_job(pid_t pid, void *payload)
{
	return find_pid(payload, pid);
}

void jobs_reap(struct jobs *jobs)
{
	bool reaped = false;

	for (;;) {
		siginfo_t info = {0};
		struct job *job;

		/* Only looked at: until it is reaped, its number and its group's are its own. */
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || !info.si_pid)
			break;
		job = find_pid(jobs, info.si_pid);
		if (job)
			finish(jobs, job, &info);
		else
			(void)waitid(P_PID, (id_t)info.si_pid, &info, WEXITED | WNOHANG);
		reaped = true;
	}
	if (reaped)
		(void)orphans_kill(is_job, jobs);
}

/* ---- reports ---- */

static void want_writable(struct jobs *jobs, bool wanted)
{
	struct epoll_event event = {
	    .events = EPOLLIN | (wanted ? EPOLLOUT : 0), .data.ptr = &jobs->venusd_watch};

	if (jobs->writable_wanted == wanted)
		return;
	jobs->writable_wanted = wanted;
	(void)epoll_ctl(
	    jobs->epoll_fd, EPOLL_CTL_MOD, jobs->venusd_fd, &event); /* it is in the set */
}

/* True when it is sent. */
static bool send_report(struct jobs *jobs, struct job *job, enum wire_kind kind)
{
	struct wire_report report;
	struct err err;

	if (kind == WIRE_SYNCED)
		report = job->synced;
	else
		fill_report(job, kind, &report);
	if (frame_send(jobs->venusd_fd, &report, sizeof report, NULL, 0, &err) == 0)
		return true;
	if (err.code == ERR_FULL)
		want_writable(jobs, true);
	else
		jobs->gone = true;
	return false;
}

/* False when the socket takes no more. */
static bool report_job(struct jobs *jobs, struct job *job)
{
	for (enum wire_kind kind = WIRE_STARTED; kind < WIRE_KIND_END; kind++) {
		if (!(job->owed & OWED(kind)) || (kind == WIRE_GROWN && job->unseen))
			continue;
		if (!send_report(jobs, job, kind))
			return false;
		job->owed &= ~OWED(kind);
		if (kind == WIRE_GROWN)
			job->unseen = true;
	}
	if (job->end && !job->owed)
		job_free(jobs, job);
	return true;
}

void jobs_report(struct jobs *jobs)
{
	struct job *job, *next;

	DL_FOREACH_SAFE (jobs->list, job, next)
		if (job->owed && !report_job(jobs, job))
			return;
	want_writable(jobs, false);
}

/* ---- the end ---- */

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void jobs_end(struct jobs *jobs, int signal_fd)
{
	struct pollfd poller = {.fd = signal_fd, .events = POLLIN};
	int64_t deadline = now_ms() + END_MS;
	struct job *job, *next;
	pid_t pid;

	DL_FOREACH (jobs->list, job)
		job_signal(job, SIGKILL);
	/* Whoever is still there after the deadline hangs inside the kernel, with the signal
	 * waiting. */
	while (now_ms() < deadline) {
		struct signalfd_siginfo ignored;

		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if (pid < 0 && errno == ECHILD)
			break;
		(void)orphans_kill(is_job, jobs);
		(void)poll(&poller, 1,
		    (int)(deadline - now_ms())); /* at the latest at the deadline it goes on */
		while (read(signal_fd, &ignored, sizeof ignored) > 0)
			;
	}
	DL_FOREACH_SAFE (jobs->list, job, next)
		job_free(jobs, job);
}
