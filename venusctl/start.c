#include "venusctl/start.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/mem.h"
#include "venusctl/clock.h"

/*
 * Starting the daemon. Whoever finds nobody at the socket takes the lock file, looks again (another
 * one may have been faster), starts venusd and keeps the lock until the daemon has said that it
 * listens. The daemon says so on a pipe whose end it inherits
 * (--ready-fd): "ok", or "error: " and a line for people. It never inherits the lock. A socket file
 * that a dead daemon left behind is the new daemon's to replace.
 */

#define LOCK_WAIT_MS  10000
#define READY_WAIT_MS 10000
#define END_WAIT_MS   1000
#define READY_FD      3

int start_lock(const struct home *home, int *ret_fd, struct err *err)
{
	AUTO_CLOSE int fd = -1;
	uint64_t end = clock_ms() + LOCK_WAIT_MS;

	if (home_make(home, err) < 0)
		return -1;
	fd = open(home->lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_set_errno(err, errno, "cannot open the lock file %s", home->lock);
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_set_errno(err, errno, "cannot lock %s", home->lock);
		if (clock_ms() >= end)
			return err_set(err, ERR_TIMEOUT,
			    "another process has been starting venusd for %d s and holds %s: end "
			    "it, and "
			    "try again",
			    LOCK_WAIT_MS / 1000, home->lock);
		(void)poll(NULL, 0, 10); /* flock has no time limit of its own */
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* The daemon is executed in another folder than this one. */
static char *absolute_path(const char *path)
{
	char folder[PATH_MAX];

	return getcwd(folder, sizeof folder) ? file_join(folder, path) : mem_strdup(path);
}

/* VENUSD, else the one beside this program, else the one that PATH leads to. */
static char *find_program(void)
{
	const char *named = getenv("VENUSD");
	char own[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
	AUTO_FREE char *folder = NULL, *beside = NULL;

	if (named && named[0])
		return strchr(named, '/') ? absolute_path(named) : mem_strdup(named);
	if (length > 0) {
		own[length] = 0;
		folder = file_folder(own);
		beside = file_join(folder, "venusd");
		if (access(beside, X_OK) == 0)
			return TAKE_PTR(beside);
	}
	return mem_strdup("venusd");
}

static int open_log(const struct home *home, int *ret_fd, struct err *err)
{
	AUTO_CLOSE int fd = open(
	    home->log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return err_set_errno(err, errno, "cannot open the log file %s", home->log);
	if (!S_ISREG(status.st_mode) || status.st_uid != geteuid())
		return err_set(err, ERR_DENIED, "the log file %s is not a file of yours: remove it",
		    home->log);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* In the child, where only async-signal-safe calls are allowed: other threads may have held locks
 * at the fork. */
static _Noreturn void exec_daemon(
    char *const argv[], char *const environment[], int null, int log, int ready)
{
	static const char failed[] = "error: cannot be executed: ";
	const char *why;
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	if (setsid() < 0 || chdir("/") < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 ||
	    dup2(log, 2) < 0 || dup2(ready, READY_FD) < 0)
		_exit(126);
	(void)execvpe(argv[0], argv, environment);
	why = strerrordesc_np(errno);
	if (write(READY_FD, failed, sizeof failed - 1) < 0 ||
	    write(READY_FD, why, strlen(why)) < 0 || write(READY_FD, "\n", 1) < 0)
		_exit(126);
	_exit(127);
}

/* The daemon's working folder is "/", so a relative VENUS_HOME is handed on as the absolute path it
 * was found to be. */
static char **make_environment(const struct home *home, char **ret_entry)
{
	const char *set = getenv("VENUS_HOME");
	char **environment = NULL;
	size_t count = 0;

	for (char **entry = environ; *entry; entry++)
		if (strncmp(*entry, "VENUS_HOME=", strlen("VENUS_HOME=")) != 0)
			*MEM_PUSH(environment, count) = *entry;
	if (set && set[0]) {
		*ret_entry = mem_printf("VENUS_HOME=%s", home->runtime);
		*MEM_PUSH(environment, count) = *ret_entry;
	}
	*MEM_PUSH(environment, count) = NULL;
	return environment;
}

static int spawn(
    const char *program, const struct home *home, pid_t *ret_pid, int *ret_ready, struct err *err)
{
	AUTO_FREE char *name = mem_strdup(program), *number = mem_printf("%d", READY_FD);
	AUTO_FREE char *flag = mem_strdup("--ready-fd"), *entry = NULL;
	AUTO_FREE char **environment = make_environment(home, &entry);
	char *argv[] = {name, flag, number, NULL};
	AUTO_CLOSE int log = -1, null = -1, ready = -1, ready_theirs = -1;
	int ends[2];
	pid_t pid;

	if (open_log(home, &log, err) < 0)
		return -1;
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return err_set_errno(err, errno, "cannot start %s", program);
	ready = ends[0];
	/* out of the way of the descriptors 0 to 3, so that no dup2 in the child is a no-op that
	 * keeps close-on-exec */
	ready_theirs = fcntl(ends[1], F_DUPFD_CLOEXEC, READY_FD + 1);
	(void)close(ends[1]);
	pid = ready_theirs < 0 ? -1 : fork();
	if (pid < 0)
		return err_set_errno(err, errno, "cannot start %s", program);
	if (pid == 0)
		exec_daemon(argv, environment, null, log, ready_theirs);
	*ret_pid = pid;
	*ret_ready = TAKE_FD(ready);
	return 0;
}

/* Reads the daemon's one line. 1: it is complete; 0: the daemon closed the pipe without one; -1:
 * time is up. */
static int read_line(int fd, char *line, size_t size)
{
	uint64_t end = clock_ms() + READY_WAIT_MS;
	size_t length = 0;

	for (;;) {
		struct pollfd item = {.fd = fd, .events = POLLIN};
		uint64_t now = clock_ms();
		ssize_t got;

		line[length] = 0;
		if (strchr(line, '\n') || length + 1 == size) {
			line[strcspn(line, "\n")] = 0;
			return 1;
		}
		if (now >= end)
			return -1;
		if (poll(&item, 1, (int)(end - now)) <= 0)
			continue;
		got = read(fd, line + length, size - 1 - length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return 0;
		length += (size_t)got;
	}
}

/* Whether the process has ended, given a moment for it: its pipe closes a little before it can be
 * waited for. */
static bool has_ended(pid_t pid, int *ret_status)
{
	uint64_t end = clock_ms() + END_WAIT_MS;

	while (waitpid(pid, ret_status, WNOHANG) != pid) {
		if (clock_ms() >= end)
			return false;
		(void)poll(NULL, 0, 2);
	}
	return true;
}

static int wait_until_ready(
    const char *program, const struct home *home, pid_t pid, int fd, struct err *err)
{
	char line[512];
	int got = read_line(fd, line, sizeof line), status = 0;

	if (got == 1 && strcmp(line, "ok") == 0)
		return 0;
	if (got < 0) {
		(void)kill(pid, SIGTERM); /* half a daemon serves nobody */
		return err_set(err, ERR_TIMEOUT,
		    "%s was not ready after %d s: its log %s may say why", program,
		    READY_WAIT_MS / 1000, home->log);
	}
	if (got == 1)
		return err_set(err, ERR_UNAVAILABLE, "%s could not start: %s", program,
		    strncmp(line, "error: ", 7) == 0 ? line + 7 : line);
	if (!has_ended(pid, &status))
		return err_set(err, ERR_UNAVAILABLE, "%s did not say whether it is ready", program);
	if (WIFSIGNALED(status))
		return err_set(err, ERR_UNAVAILABLE,
		    "%s was ended by signal %d before it was ready: its log %s may say why",
		    program, WTERMSIG(status), home->log);
	return err_set(err, ERR_UNAVAILABLE,
	    "%s ended with status %d before it was ready: its log %s may say why", program,
	    WEXITSTATUS(status), home->log);
}

int start_daemon(const struct home *home, struct err *err)
{
	AUTO_FREE char *program = find_program();
	AUTO_CLOSE int ready = -1;
	pid_t pid = -1;

	if (spawn(program, home, &pid, &ready, err) < 0)
		return -1;
	return wait_until_ready(program, home, pid, ready, err);
}
