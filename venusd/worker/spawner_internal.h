#ifndef VENUSD_SPAWNER_INTERNAL_H
#define VENUSD_SPAWNER_INTERNAL_H

#include <uthash.h>

#include "venusd/worker/outbox_internal.h"
#include "venusd/worker/spawn/wire.h"
#include "venusd/worker/spawner.h"

struct spawner {
	uv_loop_t *loop;
	uv_poll_t poll;
	uv_process_t process;
	int fd;
	pid_t pid;
	unsigned handles; /* not closed yet; the last one frees */
	bool connected;	  /* the socket is watched */
	bool running;	  /* venus-spawn is not reaped */
	bool closed;	  /* by spawner_close */
	struct outbox outbox;
	struct child *children; /* by id: those whose on_exit has not begun */
	uint64_t last_id;
	void (*on_lost)(void *payload);
	void *payload;
};

/* One child_sync that is not answered. */
struct sync {
	struct sync *prev, *next;
	bool sent;
	uint64_t output_limit_bytes;
	void (*on_synced)(
	    struct child *child, const uint64_t size_bytes[CHILD_STREAM_COUNT], void *payload);
	void *payload;
};

struct child {
	UT_hash_handle hh;
	uint64_t id;
	struct spawner *spawner; /* NULL once it ended or the spawner is closed */
	struct child_handlers handlers;
	pid_t pid;
	int spools[CHILD_STREAM_COUNT];
	uint64_t stored_bytes[CHILD_STREAM_COUNT]; /* as last told */
	bool cut[CHILD_STREAM_COUNT];
	struct sync *syncs; /* the first one is sent */
};

/* To venus-spawn, now or when the socket takes it. -1 when it is gone, of which the loop tells
 * everybody later. */
int spawner_send(struct spawner *spawner, const void *bytes, size_t length, const int *fds,
    size_t fd_count, struct err *err);
/* NULL for a child that ended or was freed: to be asked again after each callback. */
struct child *spawner_find(struct spawner *spawner, uint64_t id);

/* What venus-spawn says of a child. Calls the child's handlers. */
void child_report(struct child *child, const struct wire_report *report);
/* venus-spawn is gone. Calls the child's handlers. */
void child_lost(struct child *child);
/* The spawner is closed: nothing is said to it or by it any more. */
void child_detach(struct child *child);

#endif
