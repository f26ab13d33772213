#ifndef TESTS_WORKER_CHILDREN_H
#define TESTS_WORKER_CHILDREN_H

/* What the spawner's tests start: small programs, chosen by the first argument of the test program
 * itself. */

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "tests/unit/worker/fixture.h"

/* Open descriptors, and what a child must find reset. */
static inline int child_look(void)
{
	DIR *folder = opendir("/proc/self/fd");
	struct rlimit core;
	sigset_t mask;
	int blocked = 0, ignored = 0;
	mode_t mode;

	if (!folder)
		return 1;
	for (int number = 0; number < 1024; number++)
		if (number != dirfd(folder) && fcntl(number, F_GETFD) >= 0)
			(void)printf("%d ", number);
	(void)closedir(folder);
	(void)sigprocmask(SIG_SETMASK, NULL, &mask);
	for (int number = 1; number < NSIG; number++) {
		struct sigaction action;

		blocked += sigismember(&mask, number) == 1;
		ignored += sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
	}
	(void)getrlimit(RLIMIT_CORE, &core);
	mode = umask(0);
	(void)printf("blocked=%d ignored=%d leader=%d group=%d core=%d umask=%03o stdin=%d\n",
	    blocked, ignored, getsid(0) == getpid(), getpgrp() == getpid(), (int)core.rlim_max,
	    (unsigned)mode, (int)read(0, &mode, 1));
	return 0;
}

/* Reads a count from the control socket, writes that many bytes in odd pieces, says so; until the
 * socket closes. */
static inline int child_talk(char *letters)
{
	uint32_t count;

	while (recv(CHILD_CONTROL_FD, &count, sizeof count, 0) == sizeof count) {
		uint32_t left = count;

		while (left) {
			size_t piece = left < 997 ? left : 997;
			char bytes[997];

			memset(bytes, *letters, piece);
			if (write(1, bytes, piece) != (ssize_t)piece)
				return 1;
			left -= (uint32_t)piece;
		}
		*letters = *letters == 'z' ? 'a' : (char)(*letters + 1);
		(void)send(CHILD_CONTROL_FD, &count, sizeof count, 0);
	}
	return 0;
}

/* Leaves a process behind in a session of its own, which holds the output pipes, and tells its
 * number. */
static inline int child_leave(void)
{
	int fds[2];
	char byte;

	if (pipe(fds) < 0)
		return 1;
	if (fork() == 0) {
		(void)setsid();
		if (fork() == 0) {
			(void)dprintf(1, "%d\n", getpid());
			while (write(fds[1], "x", 1) == 1)
				(void)pause();
		}
		_exit(0);
	}
	return read(fds[0], &byte, 1) == 1 ? 7 : 1;
}

static inline int child_flood(void)
{
	static char bytes[65536];

	memset(bytes, 'y', sizeof bytes);
	while (write(1, bytes, sizeof bytes) > 0)
		;
	return 1;
}

/* Writes byte after byte, each once the one before was taken out of the pipe. */
static inline int child_loud(void)
{
	for (int i = 0; i < 1000; i++) {
		int waiting = 1;

		if (write(1, ".", 1) != 1)
			return 1;
		while (waiting && ioctl(1, FIONREAD, &waiting) == 0)
			(void)sched_yield();
	}
	return send(CHILD_CONTROL_FD, "!", 1, 0) == 1
		   ? (int)recv(CHILD_CONTROL_FD, &(char){0}, 1, 0)
		   : 1;
}

static inline void on_parent_lost(void *payload)
{
	(void)payload;
	_exit(3);
}

static inline void on_parent_exit(struct child *child, const struct child_exit *exit, void *payload)
{
	(void)child, (void)exit, (void)payload;
	_exit(4);
}

/* A daemon, as far as venus-spawn can tell: starts a child and tells both their numbers on stdout.
 */
static inline int child_parent(void)
{
	const char *argv[] = {"sh", "-c", "sleep 1000 & wait", NULL}, *env[] = {NULL};
	struct child_spec spec = {
	    .program = "/bin/sh", .argv = argv, .env = env, .folder = "/", .control_fd = -1};
	struct child_handlers handlers = {.on_exit = on_parent_exit};
	uv_loop_t loop;
	struct spawner *spawner;
	struct child *child;
	struct err err;

	if (uv_loop_init(&loop) < 0 ||
	    spawner_open(&loop, spawn_path, on_parent_lost, NULL, &spawner, &err) < 0 ||
	    child_start(spawner, &spec, &handlers, &child, &err) < 0)
		return 1;
	while (!child_pid(child))
		(void)uv_run(&loop, UV_RUN_ONCE);
	(void)printf("%d %d\n", spawner_pid(spawner), child_pid(child));
	(void)fflush(stdout);
	return uv_run(&loop, UV_RUN_DEFAULT);
}

static inline int child_main(const char *what)
{
	char letter = 'a';
	int code;

	if (strcmp(what, "look") == 0)
		code = child_look();
	else if (strcmp(what, "talk") == 0)
		code = child_talk(&letter);
	else if (strcmp(what, "leave") == 0)
		code = child_leave();
	else if (strcmp(what, "flood") == 0)
		code = child_flood();
	else if (strcmp(what, "loud") == 0)
		code = child_loud();
	else
		code = child_parent();
	(void)fflush(stdout);
	_exit(code);
}

#endif
