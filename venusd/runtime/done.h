#ifndef VENUSD_RUNTIME_DONE_H
#define VENUSD_RUNTIME_DONE_H

#include <stddef.h>

#include "common/err.h"
#include "common/frame.h"
#include "venusd/runtime/rt.h"
#include "worker.pb-c.h"

/* An answer to Run under construction: the message, all of it on the heap, and the descriptors that
 * go with it. Whatever the outcome holds, the frame stays within FRAME_MAX: texts are cut, large
 * bytes become memory files. */
struct done {
	Venus__Worker__Done *message;
	int fds[FRAME_FDS];
	size_t fd_count;
	size_t inline_left;
};

void done_init(struct done *done, uint64_t run);
void done_fini(struct done *done);
/* The cell was not run, or what it made cannot be handed over; what was filled in before is gone.
 */
void done_set_failure(struct done *done, Venus__Worker__Done__Status status, const char *message);
/* ERR_FULL: the outcome is more than a frame takes, or there is no memory or descriptor for it. */
int done_fill(struct done *done, const struct venus_rt_outcome *outcome, struct err *err);
int done_set_trace(struct done *done, const void *packed, size_t length, struct err *err);

#endif
