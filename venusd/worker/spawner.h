#ifndef VENUSD_SPAWNER_H
#define VENUSD_SPAWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "common/err.h"

/*
 * The daemon's side of venus-spawn, the single-threaded process that starts every worker and build job, holds their control sockets and
 * moves what they print into spool files. Loop thread only; nothing blocks. Callbacks come from the loop, never from inside a call.
 */

struct spawner;
struct child;

/* Starts venus-spawn (the program at `path`) with nothing but its own socket. `on_lost` is called once if it ends by itself: every child's
 * on_exit has been called with CHILD_LOST before. */
int spawner_open(uv_loop_t *loop, const char *path, void (*on_lost)(void *payload), void *payload, struct spawner **ret_spawner,
    struct err *err);
/* Kills all children and ends venus-spawn. No callback comes after this. */
void spawner_close(struct spawner *spawner);
pid_t spawner_pid(const struct spawner *spawner);

enum child_stream { CHILD_STDOUT, CHILD_STDERR, CHILD_STREAM_COUNT };

struct child_spec {
	const char *program;      /* absolute */
	const char *const *argv;  /* with argv[0], NULL at the end */
	const char *const *env;   /* the whole environment, NULL at the end */
	const char *folder;       /* working directory, absolute */
	int control_fd;           /* the child's end of a control socket, which becomes descriptor CHILD_CONTROL_FD; -1: none. Stays the caller's. */
	uint64_t output_limit_bytes; /* of each stream; more is read, counted and thrown away */
	uint64_t limit_memory_bytes; /* RLIMIT_AS, 0: none */
};
#define CHILD_CONTROL_FD 10

enum child_end { CHILD_EXITED, CHILD_SIGNALLED, CHILD_LOST /* venus-spawn is gone */, CHILD_NOT_STARTED };

struct child_exit {
	enum child_end end;
	int code;                 /* exit code, signal number, or errno of the start */
	uint64_t output_bytes[CHILD_STREAM_COUNT]; /* all that it wrote, also what was thrown away */
};

struct child_handlers {
	/* There is more to read; `size_bytes` is what the spool holds now. May come late, never after on_exit. NULL: not told. */
	void (*on_output)(struct child *child, enum child_stream stream, uint64_t size_bytes, void *payload);
	/* Once; all output is in the spool. The child is freed by child_free, which may be called here. */
	void (*on_exit)(struct child *child, const struct child_exit *exit, void *payload);
	void *payload;
};

/* Starts a program: stdin empty, stdout and stderr to spools, its own session and process group, no other descriptor. It dies with
 * venus-spawn. A program that cannot be started is told by on_exit. */
int child_start(struct spawner *spawner, const struct child_spec *spec, const struct child_handlers *handlers, struct child **ret_child,
    struct err *err);
/* Forgets the child, killing its process group if it still runs; its spools are closed. NULL is fine. */
void child_free(struct child *child);
/* Signals the whole process group. */
void child_kill(struct child *child, int signal);
pid_t child_pid(const struct child *child); /* 0 before it is known */
/* All that the child wrote before this call, and before anything it told the daemon on its control socket before this call, is in the spools when
 * `on_synced` runs; it is given their sizes. Also renews the limits: each stream may hold `output_limit_bytes` more than it does then. */
void child_sync(struct child *child, uint64_t output_limit_bytes,
    void (*on_synced)(struct child *child, const uint64_t size_bytes[CHILD_STREAM_COUNT], void *payload), void *payload);
/* Bytes of a stream from `offset`: how many were read (0 at the end), or -1. */
ssize_t child_output_read(struct child *child, enum child_stream stream, uint64_t offset, void *bytes, size_t length, struct err *err);
/* True once something was thrown away because of the limit in force. */
bool child_output_cut(const struct child *child, enum child_stream stream);
/* Gives the spool's memory before `offset` back. */
void child_output_discard(struct child *child, enum child_stream stream, uint64_t offset);

#endif
