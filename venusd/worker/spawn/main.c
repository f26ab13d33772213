/*
 * venus-spawn: the one process that starts workers and build jobs for venusd.
 *
 * It is small and has one thread, so that it can fork at any time, and so that "die with your
 * parent" means this process and not a thread of a pool. It knows nothing of what its children say:
 * their output goes from pipe to spool inside the kernel, their control sockets are only kept. One
 * loop waits for venusd's requests, for SIGCHLD and for pipes; after each event the reports that
 * are owed go out (jobs.c). It is idle when its children are.
 *
 * When venusd's socket closes, everything is killed and venus-spawn ends. This is where a later
 * venusd will take over instead: `held_fd` of each job is kept for it, and main would wait here,
 * for a grace time, for a new socket before calling jobs_end.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "venusd/worker/spawn/start.h"

static int fail(const char *what)
{
	(void)fprintf(stderr, "venus-spawn: %s: %s\n", what, strerror(errno));
	return -1;
}

/* Each child costs five descriptors here; a child gets the limit that venus-spawn was started with.
 */
static int raise_limit(struct jobs *jobs)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return fail("cannot read the limit of open files");
	jobs->files = files;
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files); /* without it there is room for fewer children */
	return 0;
}

static int open_signals(int *ret_fd)
{
	sigset_t mask;

	/* A terminal's or a service manager's signals are venusd's to handle: its end closes the
	 * socket. */
	static const int ignored[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGXFSZ};

	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
		(void)signal(ignored[i], SIG_IGN); /* fails only for a number that there is not */
	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
		return fail("cannot block SIGCHLD");
	*ret_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	return *ret_fd < 0 ? fail("cannot make a signal descriptor") : 0;
}

static int watch_fd(int epoll_fd, int fd, struct watch *watch)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = watch};

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0
		   ? fail("cannot watch a descriptor")
		   : 0;
}

static int set_up(struct jobs *jobs)
{
	(void)close_range(WIRE_FD + 1, ~0u,
	    0); /* nothing else is wanted; what stays is closed in children anyway */
	if (fcntl(WIRE_FD, F_SETFD, FD_CLOEXEC) < 0 || fcntl(WIRE_FD, F_SETFL, O_NONBLOCK) < 0)
		return fail("is started by venusd, with a socket as descriptor 3");
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return fail("cannot become a subreaper");
	if (raise_limit(jobs) < 0)
		return -1;
	jobs->venusd_fd = WIRE_FD;
	jobs->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	jobs->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (jobs->epoll_fd < 0 || jobs->null_fd < 0)
		return fail("cannot set up");
	jobs->venusd_watch = (struct watch){.source = SOURCE_VENUSD};
	return watch_fd(jobs->epoll_fd, WIRE_FD, &jobs->venusd_watch);
}

static void read_request(struct jobs *jobs)
{
	struct frame frame;
	struct err err;
	int got = frame_receive(WIRE_FD, &frame, &err);

	if (got > 0)
		jobs_request(jobs, &frame);
	else if (got == 0)
		jobs->gone = true;
	else if (err.code != ERR_TIMEOUT)
		start_request_failed(jobs, &frame);
}

static void read_signals(struct jobs *jobs, int signal_fd)
{
	struct signalfd_siginfo ignored;

	while (read(signal_fd, &ignored, sizeof ignored) > 0)
		; /* it only says that there is something to reap */
	jobs_reap(jobs);
}

static int run(struct jobs *jobs, int signal_fd)
{
	while (!jobs->gone) {
		struct epoll_event event;
		struct watch *watch;
		/* One at a time: handling one may free the job of another. The kernel hands ready
		 * descriptors out in turn. */
		int count = epoll_wait(jobs->epoll_fd, &event, 1, -1);

		if (count < 0 && errno != EINTR)
			return fail("cannot wait for events");
		if (count < 1)
			continue;
		watch = event.data.ptr;
		if (watch->source == SOURCE_SIGNAL)
			read_signals(jobs, signal_fd);
		else if (watch->source == SOURCE_VENUSD &&
			 event.events & (EPOLLIN | EPOLLHUP | EPOLLERR))
			read_request(jobs);
		else if (watch->job)
			jobs_event(jobs, watch);
		jobs_report(jobs);
	}
	return 0;
}

int main(void)
{
	struct jobs jobs = {.epoll_fd = -1, .null_fd = -1};
	struct watch signal_watch = {.source = SOURCE_SIGNAL};
	AUTO_CLOSE int signal_fd = -1;
	int result;

	if (set_up(&jobs) < 0 || open_signals(&signal_fd) < 0 ||
	    watch_fd(jobs.epoll_fd, signal_fd, &signal_watch) < 0)
		return 1;
	result = run(&jobs, signal_fd);
	jobs_end(&jobs, signal_fd);
	cleanup_close_p(&jobs.epoll_fd);
	cleanup_close_p(&jobs.null_fd);
	return result < 0;
}
