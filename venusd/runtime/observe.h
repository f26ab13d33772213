#ifndef VENUSD_RUNTIME_OBSERVE_H
#define VENUSD_RUNTIME_OBSERVE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "common/buf.h"

/*
 * What a cell does with files, seen from inside its process: the functions in wrap_*.c take the
 * place of the C library's for everything that a worker loads, and tell what was asked for here.
 * Between observe_begin and observe_end each (kind, path) is kept once, in the order first seen;
 * outside of a run a wrapper costs one branch. Any thread.
 *
 * This is bookkeeping, no fence: code that makes system calls by itself is not seen. What is known
 * not to be seen (a child process, a walk done inside the C library) says so with
 * observe_incomplete.
 */

enum observe_kind { /* as Access.Kind of worker.proto */
	OBSERVE_READ = 1,
	OBSERVE_STAT,
	OBSERVE_LIST,
	OBSERVE_WRITE,
	OBSERVE_REMOVE,
	OBSERVE_LINK,
};

struct observe_result {
	int error; /* errno of the call, 0 when it worked */
	int fd;	   /* what was opened, from which its identity can be asked for; else -1 */
	const struct stat *status; /* its identity where the call gave it; else NULL */
};

void observe_begin(void);
/* Ends the run's observation and appends the packed Trace. */
void observe_end(struct buf *trace);

extern atomic_bool observe_on; /* read through observe_active only */

static inline bool observe_active(void)
{
	return atomic_load_explicit(&observe_on, memory_order_relaxed);
}

/* `path` as the cell gave it, relative to `folder_fd` (AT_FDCWD: the current folder). NULL and ""
 * are what the descriptor itself is, and are not kept; neither are paths below /proc, /sys and
 * /dev. errno stays as it was. */
void observe_path(
    enum observe_kind kind, int folder_fd, const char *path, struct observe_result result);
/* Something was done that cannot be followed: the trace says so. */
void observe_incomplete(void);
/* The current folder may have another path now. */
void observe_folder_changed(void);
/* In a child made by fork: nothing is observed any more. */
void observe_stop_in_child(void);

#endif
