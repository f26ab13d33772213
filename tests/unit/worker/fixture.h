#ifndef TESTS_WORKER_FIXTURE_H
#define TESTS_WORKER_FIXTURE_H

/* A loop with the real venus-spawn, for the tests of venusd/worker. Nothing here waits for a length
 * of time: what does not come hangs the test, which ctest ends. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/mem.h"
#include "venusd/worker/spawner.h"

struct fixture {
	uv_loop_t loop;
	struct spawner *spawner;
	unsigned lost;
	size_t fds_before;
};

static const char spawn_path[] = VENUS_BINARY_DIR "/bin/venus-spawn";

static inline size_t count_fds(pid_t pid)
{
	char path[64];
	DIR *folder;
	size_t count = 0;

	(void)snprintf(path, sizeof path, "/proc/%d/fd", pid);
	folder = opendir(path);
	assert_non_null(folder);
	for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
		count += entry->d_name[0] != '.';
	(void)closedir(folder);
	return count;
}

static inline void on_spawner_lost(void *payload)
{
	((struct fixture *)payload)->lost++;
}

static inline int fixture_open(void **state)
{
	struct fixture *fixture = mem_alloc(sizeof *fixture);
	struct err err = {0};

	/* What outlives its parent becomes a child of the test, which can then wait for it. */
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	fixture->fds_before = count_fds(getpid());
	assert_int_equal(uv_loop_init(&fixture->loop), 0);
	if (spawner_open(
		&fixture->loop, spawn_path, on_spawner_lost, fixture, &fixture->spawner, &err) < 0)
		fail_msg("%s", err.message);
	*state = fixture;
	return 0;
}

static inline int fixture_close(void **state)
{
	struct fixture *fixture = *state;

	spawner_close(fixture->spawner);
	assert_int_equal(uv_run(&fixture->loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(uv_loop_close(&fixture->loop), 0);
	assert_true(
	    count_fds(getpid()) <= fixture->fds_before + 2); /* libuv keeps its signal pipe */
	free(fixture);
	return 0;
}

#define run_until(fixture, condition)                                                              \
	do {                                                                                       \
		while (!(condition))                                                               \
			(void)uv_run(&(fixture)->loop, UV_RUN_ONCE);                               \
	} while (0)

/* Waits until a process is gone, reaped by whoever its parent is now. */
static inline void wait_gone(pid_t pid)
{
	while (kill(pid, 0) == 0 || errno != ESRCH) {
		(void)waitpid(pid, NULL, WNOHANG); /* in case it became ours */
		(void)sched_yield();
	}
}

/* Of this test program, to be started as a child. */
static inline const char *own_path(void)
{
	static char path[4096];
	ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);

	assert_true(length > 0);
	path[length] = 0;
	return path;
}

static inline void read_output(struct child *child, enum child_stream stream, struct buf *ret_text)
{
	struct err err;
	char bytes[4096];
	ssize_t got;

	buf_reserve(ret_text, 0);
	buf_clear(ret_text);
	while ((got = child_output_read(
		    child, stream, ret_text->length, bytes, sizeof bytes, &err)) > 0)
		buf_add(ret_text, bytes, (size_t)got);
	assert_int_equal(got, 0);
}

#endif
