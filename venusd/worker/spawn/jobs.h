#ifndef VENUSD_SPAWN_JOBS_H
#define VENUSD_SPAWN_JOBS_H

#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "common/frame.h"
#include "venusd/worker/spawn/stream.h"
#include "venusd/worker/spawn/wire.h"

struct job;

enum source {
	SOURCE_VENUSD,
	SOURCE_SIGNAL,
	SOURCE_START,
	SOURCE_STDOUT,
	SOURCE_STDERR,
	SOURCE_COUNT
};

/* What an epoll event is about; `job` is NULL for the first two. */
struct watch {
	struct job *job;
	enum source source;
};

/* One child. */
struct job {
	struct job *prev, *next;
	uint64_t id;
	pid_t pid;	/* 0: not forked */
	int start_fd;	/* tells when exec has worked; -1 once that is known */
	int held_fd;	/* venusd's end of the control socket, kept for a venusd that comes later */
	bool quiet;	/* no GROWN is wanted */
	bool forgotten; /* nothing more is said of it */
	bool unseen;	/* a GROWN is out and not acknowledged */
	unsigned owed;	/* reports to be sent, 1 << (kind - WIRE_STARTED) */
	struct stream streams[WIRE_STREAMS];
	struct wire_report synced; /* for SYNCED: the sizes as they were then */
	uint32_t end, step;	   /* for EXITED */
	int32_t code;
	struct watch watches[SOURCE_COUNT];
};

struct jobs {
	struct job *list;
	int venusd_fd, epoll_fd, null_fd;
	bool writable_wanted; /* the socket is full: reports wait until it is not */
	bool gone;	      /* venusd is */
	struct rlimit files;  /* RLIMIT_NOFILE that children get */
	struct watch venusd_watch;
};

#define OWED(kind) (1u << ((kind)-WIRE_STARTED))

/* NULL when there is none, or it is forgotten. */
struct job *jobs_find(struct jobs *jobs, uint64_t id);
/*
 * Takes a descriptor out of the epoll set; -1 is fine. To be called before each close: a descriptor
 * may live on in a child that was forked just now and has not come to exec, so that closing alone
 * would leave it in the set, with a pointer to a job that may be freed.
 */
void jobs_unwatch(struct jobs *jobs, int fd);
/* Handles one frame of venusd; takes what it needs of the descriptors. */
void jobs_request(struct jobs *jobs, struct frame *frame);
/* Handles an event of a job's pipe. */
void jobs_event(struct jobs *jobs, const struct watch *watch);
/* Reaps all that ended, and kills what they left behind. */
void jobs_reap(struct jobs *jobs);
/* Sends what is owed, as far as the socket takes it. */
void jobs_report(struct jobs *jobs);
/* Kills every child's group and waits, but not for ever, until all descendants are gone. Frees all.
 */
void jobs_end(struct jobs *jobs, int signal_fd);

#endif
