#ifndef VENUSD_SPAWN_WIRE_H
#define VENUSD_SPAWN_WIRE_H

#include <stdint.h>

#include "common/frame.h"

/*
 * What venusd and venus-spawn say to each other: one struct a SOCK_SEQPACKET frame, in the
 * machine's own byte order (both run on it), no padding, at most FRAME_MAX bytes. Every frame
 * begins with a wire_head, whose version is checked before anything else. venusd numbers the
 * children from 1 and never uses a number again.
 *
 *   venusd                               venus-spawn
 *   START child, text, descriptors ──▶   forks, execs
 *                                  ◀──   STARTED pid           once exec has worked; otherwise only
 * EXITED ◀──   GROWN sizes           there is more output; no further one before SEEN SEEN ──▶ SYNC
 * limit                     ──▶   drains both pipes ◀──   SYNCED sizes          one SYNC of a child
 * at a time KILL signal                    ──▶   signals the group ◀──   EXITED how, sizes     last
 * that is said of a child FORGET                         ──▶   kills the group; nothing more is
 * said of the child
 *
 * A request about a child that venus-spawn does not know (any more) crossed its EXITED and is
 * ignored.
 */
#define WIRE_VERSION	1u
#define WIRE_FD		3  /* venus-spawn's end of the socket */
#define WIRE_CONTROL_FD 10 /* a child's end of its control socket */

enum wire_kind {
	WIRE_START = 1, /* struct wire_start, then its text */
	WIRE_KILL,	/* struct wire_kill */
	WIRE_FORGET,	/* struct wire_head */
	WIRE_SYNC,	/* struct wire_sync */
	WIRE_SEEN,	/* struct wire_head */
	WIRE_STARTED,	/* struct wire_report, as all that follow */
	WIRE_SYNCED,
	WIRE_GROWN,
	WIRE_EXITED,
	WIRE_KIND_END /* of one child, those owed together are sent in this order */
};

struct wire_head {
	uint32_t version;
	uint32_t kind;
	uint64_t child;
};

/* Followed by argv_count + env_count + 2 strings, each with its NUL: program, folder, arguments,
 * environment. Descriptors, in this order: the spools of stdout and stderr, the child's control
 * socket and venusd's own end of it, where the flags say so. */
struct wire_start {
	struct wire_head head;
	uint64_t output_limit_bytes;
	uint64_t limit_memory_bytes; /* 0: none */
	uint32_t argv_count;
	uint32_t env_count;
	uint32_t flags;
	uint32_t launcher; /* enum wire_launcher */
};
#define WIRE_TEXT_MAX (FRAME_MAX - sizeof(struct wire_start))

enum wire_start_flag {
	WIRE_CONTROL = 1, /* there is a control socket for the child */
	WIRE_HELD = 2,	/* there is venusd's end of it, to be kept for a venusd that comes later */
	WIRE_QUIET = 4, /* no GROWN is wanted */
};

enum wire_launcher { WIRE_LAUNCHER_HOST, WIRE_LAUNCHER_COUNT };

struct wire_kill {
	struct wire_head head;
	int32_t signal;
	uint32_t zero;
};

struct wire_sync {
	struct wire_head head;
	uint64_t output_limit_bytes; /* may be stored from then on */
};

enum wire_end { WIRE_END_EXITED = 1, WIRE_END_SIGNALLED, WIRE_END_NOT_STARTED, WIRE_END_COUNT };

/* What a start was doing when it failed. */
enum wire_step {
	WIRE_STEP_NONE,
	WIRE_STEP_REQUEST,   /* reading the request */
	WIRE_STEP_RESOURCES, /* getting memory and descriptors */
	WIRE_STEP_FORK,
	WIRE_STEP_SETUP, /* session, limits, descriptors of the child */
	WIRE_STEP_FOLDER,
	WIRE_STEP_EXEC,
	WIRE_STEP_COUNT
};

#define WIRE_STREAMS 2

struct wire_report {
	struct wire_head head;
	uint64_t stored_bytes[WIRE_STREAMS]; /* in the spools */
	uint64_t
	    total_bytes[WIRE_STREAMS]; /* written by the child, what was thrown away included */
	uint32_t cut[WIRE_STREAMS];    /* 1: something was thrown away under the limit in force
					  (SYNCED: that ended) */
	int32_t pid;		       /* 0 before the fork */
	uint32_t end;		       /* EXITED only: enum wire_end */
	int32_t code;		       /* exit code, signal number, or errno */
	uint32_t step;		       /* enum wire_step */
};

_Static_assert(sizeof(struct wire_head) == 16, "no padding on the wire");
_Static_assert(sizeof(struct wire_start) == 48, "no padding on the wire");
_Static_assert(sizeof(struct wire_kill) == 24, "no padding on the wire");
_Static_assert(sizeof(struct wire_sync) == 24, "no padding on the wire");
_Static_assert(sizeof(struct wire_report) == 72, "no padding on the wire");

#endif
