#ifndef VENUSD_SPAWNER_H
#define VENUSD_SPAWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "common/buf.h"
#include "common/err.h"

/*
 * The daemon's side of venus-spawn, the single-threaded process that starts every worker and build
 * job, holds their control sockets and moves what they print into spool files. Loop thread only;
 * nothing blocks. Callbacks come from the loop, never from inside a call.
 */

struct spawner;
struct child;

/* Starts venus-spawn (the program at `path`) with nothing but its own socket and the daemon's
 * standard error, where it says why it ends. `on_lost` is called once if it ends by itself: every
 * child's on_exit has been called with CHILD_LOST before. */
int spawner_open(uv_loop_t *loop, const char *path, void (*on_lost)(void *payload), void *payload,
    struct spawner **ret_spawner, struct err *err);
/* Kills all children and ends venus-spawn. No callback comes after this. Children that are left may
 * be freed before or after. The loop has to run until venus-spawn is reaped: uv_run(UV_RUN_DEFAULT)
 * returns then, some milliseconds later. NULL is fine. */
void spawner_close(struct spawner *spawner);
pid_t spawner_pid(const struct spawner *spawner);
uv_loop_t *spawner_loop(const struct spawner *spawner);

enum child_stream { CHILD_STDOUT, CHILD_STDERR, CHILD_STREAM_COUNT };

struct child_spec {
	const char *program;	 /* absolute */
	const char *const *argv; /* with argv[0], NULL at the end */
	const char *const *env;	 /* the whole environment, NULL at the end */
	const char *folder;	 /* working directory, absolute */
	int control_fd;		 /* the child's end of a control socket, which becomes descriptor
				    CHILD_CONTROL_FD; -1: none. Stays the caller's. */
	int held_fd; /* the daemon's end of that socket, of which venus-spawn keeps a duplicate for
			a daemon that comes later; 0 or -1: none. Stays the caller's. */
	uint64_t output_limit_bytes; /* of each stream; more is read, counted and thrown away */
	uint64_t limit_memory_bytes; /* RLIMIT_AS, 0: none */
};
#define CHILD_CONTROL_FD 10

enum child_end {
	CHILD_EXITED,
	CHILD_SIGNALLED,
	CHILD_LOST /* venus-spawn is gone */,
	CHILD_NOT_STARTED
};

struct child_exit {
	enum child_end end;
	int code;	    /* exit code, signal number, or errno of the start */
	const char *failed; /* CHILD_NOT_STARTED: what could not be had, "the program" for example;
			       else NULL. Static. */
	uint64_t
	    output_bytes[CHILD_STREAM_COUNT]; /* all that it wrote, also what was thrown away */
};

/* Appends one verb phrase: "exited with code 3", "was killed by signal 9 (SIGKILL)", "could not be
 * started: the program: No such file or directory", "was lost: venus-spawn ended". */
void child_exit_describe(const struct child_exit *exit, struct buf *text);

struct child_handlers {
	/* There is more to read; `size_bytes` is what the spool holds now. May come late, never
	 * after on_exit. NULL: not told. */
	void (*on_output)(
	    struct child *child, enum child_stream stream, uint64_t size_bytes, void *payload);
	/* It has ended, all its output was told, and on_exit comes next, after the answers of what
	 * is asked by child_sync in here. May be NULL. */
	void (*on_ending)(struct child *child, void *payload);
	/* Once; all output is in the spool. The child is freed by child_free, which may be called
	 * here. */
	void (*on_exit)(struct child *child, const struct child_exit *exit, void *payload);
	void *payload;
};

/* Starts a program: stdin empty, stdout and stderr to spools, its own session and process group, no
 * other descriptor. It dies with venus-spawn. A program that cannot be started is told by on_exit.
 * When it ends, the rest of its group and whatever else it left behind is killed. ERR_FULL:
 * arguments and environment are over 64 KiB, or descriptors ran out; ERR_UNAVAILABLE: venus-spawn
 * is gone. */
int child_start(struct spawner *spawner, const struct child_spec *spec,
    const struct child_handlers *handlers, struct child **ret_child, struct err *err);
/* Forgets the child, killing its process group if it still runs; its spools are closed. NULL is
 * fine. */
void child_free(struct child *child);
/* Signals the whole process group. Does nothing to a child that ended. */
void child_kill(struct child *child, int signal);
pid_t child_pid(const struct child *child); /* 0 before it is known */
/* All that the child wrote before this call, and before anything it told the daemon on its control
 * socket before this call, is in the spools when `on_synced` runs; it is given their sizes. Also
 * renews the limits: each stream may hold `output_limit_bytes` more than it does then. A child that
 * ends first syncs by that: `on_synced` comes before on_exit. After on_exit this does
 * nothing. */
void child_sync(struct child *child, uint64_t output_limit_bytes,
    void (*on_synced)(
	struct child *child, const uint64_t size_bytes[CHILD_STREAM_COUNT], void *payload),
    void *payload);
/* Bytes of a stream from `offset`: how many were read (0 at the end), or -1. */
ssize_t child_output_read(struct child *child, enum child_stream stream, uint64_t offset,
    void *bytes, size_t length, struct err *err);
/* True once something was thrown away because of the limit in force. Inside on_synced that is the
 * limit which the sync ends. */
bool child_output_cut(const struct child *child, enum child_stream stream);
/* Gives the spool's memory before `offset` back. */
void child_output_discard(struct child *child, enum child_stream stream, uint64_t offset);

#endif
