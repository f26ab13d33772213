#include "venusd/runtime/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DESCRIPTORS                                                                                \
	4096 /* with a loaded object's descriptor each, the usual 1024 would be too few */
#define KEPT_FD_LOW	    900 /* above what cells open */
#define THREAD_END_TRIES    20
#define THREAD_END_PAUSE_NS 500000

static size_t threads_at_start;

/* What descriptors 0 to 2 were at the start. */
static struct standard {
	int kept; /* -1: could not be kept */
	struct stat status;
} standard[STDERR_FILENO + 1];

static size_t count_threads(void)
{
	DIR *folder = opendir("/proc/self/task");
	struct dirent *entry;
	size_t count = 0;

	if (!folder)
		return 0;
	while ((entry = readdir(folder)))
		count += entry->d_name[0] != '.';
	(void)closedir(folder);
	return count;
}

static void raise_limit(__rlimit_resource_t resource, rlim_t wanted)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) < 0 || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	(void)setrlimit(resource, &limit); /* cells then have what there was */
}

static void refill_standard_fd(int fd)
{
	int opened;

	if (fcntl(fd, F_GETFD) >= 0)
		return;
	opened = open("/dev/null", O_RDWR); /* the lowest free number, which is this one */
	if (opened > STDERR_FILENO)
		(void)close(opened);
}

static void keep_standard_fds(void)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
		refill_standard_fd(fd);
		standard[fd].kept = fcntl(fd, F_DUPFD_CLOEXEC, KEPT_FD_LOW);
		if (standard[fd].kept >= 0 && fstat(fd, &standard[fd].status) < 0)
			standard[fd].kept = -1;
	}
}

static bool is_standard(int fd, const struct standard *is)
{
	struct stat status;

	return fstat(fd, &status) == 0 && status.st_dev == is->status.st_dev &&
	       status.st_ino == is->status.st_ino;
}

void process_prepare(void)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t none;

	/* Neither a core file nor another process of the same user sees what cells hold. The leak
	 * check of a sanitizer, though, is one that must look. */
#ifndef __SANITIZE_ADDRESS__
	(void)prctl(PR_SET_DUMPABLE, 0);
#endif
	/* The kernel grows the main thread's stack up to the limit at the time of the fault, and
	 * lays out memory so that there is room. */
	raise_limit(RLIMIT_STACK, PROCESS_STACK_BYTES);
	raise_limit(RLIMIT_NOFILE, DESCRIPTORS);
	/* As in every Rust program: writing to a closed pipe is an error, not the end. */
	(void)sigaction(SIGPIPE, &ignore, NULL);
	(void)sigemptyset(&none);
	(void)pthread_sigmask(SIG_SETMASK, &none, NULL);
	keep_standard_fds();
	threads_at_start = count_threads();
}

void process_restore_standard_fds(void)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
		const struct standard *is = &standard[fd];

		if (is->kept >= 0 && !is_standard(fd, is) && is_standard(is->kept, is))
			(void)dup2(is->kept, fd); /* fails for no number that is in range */
		refill_standard_fd(fd);
	}
}

bool process_has_threads_left(void)
{
	struct timespec pause = {.tv_nsec = THREAD_END_PAUSE_NS};

	/* A joined thread may still stand in the list for the time the kernel takes to clear it
	 * away. */
	for (int i = 0; i < THREAD_END_TRIES; i++) {
		if (count_threads() <= threads_at_start)
			return false;
		(void)nanosleep(&pause, NULL);
	}
	return true;
}
