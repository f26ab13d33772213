/*
 * From fork to exec.
 *
 * venus-spawn has one thread, so a forked child may call anything; it still only makes system
 * calls. The child leaves with its own session and group, default signals, no core files, and the
 * descriptors 0, 1, 2 and WIRE_CONTROL_FD: everything else is marked close-on-exec at once,
 * whatever it is, so that nothing depends on who opened it how. It is a subreaper of its own: what
 * it leaves behind when it ends becomes a child of venus-spawn at that moment, and so is known to
 * be a leftover.
 */
#include "venusd/worker/spawn/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXIT_NOT_STARTED 127

static void host_exec(const struct launch *launch)
{
	(void)execve(launch->program, launch->argv,
	    launch->env); /* returns only to fail, and errno says why */
}

const struct launcher launcher_host = {.name = "host", .exec = host_exec};

static const struct launcher *const launchers[] = {
    [WIRE_LAUNCHER_HOST] = &launcher_host,
};
_Static_assert(
    sizeof launchers / sizeof *launchers == WIRE_LAUNCHER_COUNT, "every launcher is there");

const struct launcher *launcher_find(uint32_t number)
{
	return number < WIRE_LAUNCHER_COUNT ? launchers[number] : NULL;
}

static void reset_signals(void)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		(void)signal(number, SIG_DFL); /* KILL, STOP and those of the C library refuse, and
						  are at their default */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static int set_limits(const struct launch *launch)
{
	struct rlimit none = {0}, memory = {.rlim_cur = launch->limit_memory_bytes,
				      .rlim_max = launch->limit_memory_bytes};

	if (setrlimit(RLIMIT_CORE, &none) < 0 || setrlimit(RLIMIT_NOFILE, &launch->files) < 0)
		return -1;
	return launch->limit_memory_bytes ? setrlimit(RLIMIT_AS, &memory) : 0;
}

/* The source descriptors may sit on the numbers that they are wanted on: those that matter move out
 * of the way first. */
static int place_descriptors(const struct launch *launch, int *start_fd)
{
	int control_fd = launch->control_fd,
	    moved = fcntl(*start_fd, F_DUPFD_CLOEXEC, WIRE_CONTROL_FD + 1);

	if (moved < 0)
		return -1;
	*start_fd = moved;
	if (control_fd >= 0) {
		control_fd = fcntl(control_fd, F_DUPFD_CLOEXEC, WIRE_CONTROL_FD + 1);
		if (control_fd < 0)
			return -1;
	}
	if (dup2(launch->null_fd, STDIN_FILENO) < 0 || dup2(launch->stdout_fd, STDOUT_FILENO) < 0 ||
	    dup2(launch->stderr_fd, STDERR_FILENO) < 0)
		return -1;
	if (close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
		return -1;
	return control_fd >= 0 ? dup2(control_fd, WIRE_CONTROL_FD) : 0;
}

static _Noreturn void give_up(int start_fd, enum wire_step step)
{
	struct launch_failure failure = {.step = step, .error = errno};

	ssize_t written = write(start_fd, &failure, sizeof failure);

	(void)written; /* a pipe takes these few bytes whole; with nobody to read them there is
			  nobody to tell */
	_exit(EXIT_NOT_STARTED);
}

static _Noreturn void become(const struct launch *launch, pid_t parent, int start_fd)
{
	/* Asked for before the parent is looked at: had it died in between, nobody would send the
	 * signal. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		give_up(start_fd, WIRE_STEP_SETUP);
	if (getppid() != parent)
		_exit(EXIT_NOT_STARTED);
	if (setsid() < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		give_up(start_fd, WIRE_STEP_SETUP);
	(void)umask(022);
	if (place_descriptors(launch, &start_fd) < 0 || set_limits(launch) < 0)
		give_up(start_fd, WIRE_STEP_SETUP);
	if (chdir(launch->folder) < 0)
		give_up(start_fd, WIRE_STEP_FOLDER);
	reset_signals();
	launch->launcher->exec(launch);
	give_up(start_fd, WIRE_STEP_EXEC);
}

pid_t launch_fork(const struct launch *launch, int start_fd)
{
	pid_t parent = getpid(), pid = fork();

	if (pid == 0)
		become(launch, parent, start_fd);
	return pid;
}
