#ifndef VENUSD_SPAWN_LAUNCH_H
#define VENUSD_SPAWN_LAUNCH_H

#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "venusd/worker/spawn/wire.h"

/* How one child is to be started. All borrowed. */
struct launch {
	const char *program, *folder;
	char **argv, **env;
	uint64_t limit_memory_bytes; /* 0: none */
	struct rlimit files;	     /* RLIMIT_NOFILE of the child */
	int null_fd, stdout_fd, stderr_fd;
	int control_fd; /* -1: none */
	const struct launcher *launcher;
};

/*
 * The seam for sandboxes. A launcher turns a launch into a process image: the host's executes the
 * program as it is, a sandbox's would execute its own program with arguments made from the same
 * launch, or confine itself first. `exec` runs last in the forked child, with descriptors, limits,
 * session and folder in place; it returns only on failure, with errno set.
 */
struct launcher {
	const char *name;
	void (*exec)(const struct launch *launch);
};
extern const struct launcher launcher_host;

/* By the number on the wire; NULL for one that there is not. */
const struct launcher *launcher_find(uint32_t number);

/* What a child that could not become its program writes to its start pipe. */
struct launch_failure {
	uint32_t step; /* enum wire_step */
	int32_t error; /* errno */
};

/* Forks. The pid, or -1 with errno. `start_fd` is the write end of a close-on-exec pipe: once the
 * caller has closed its own, the other end says end of file when the program runs, or one struct
 * launch_failure when it cannot. */
pid_t launch_fork(const struct launch *launch, int start_fd);

#endif
