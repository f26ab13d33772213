#ifndef VENUSD_RUNTIME_CONTROL_H
#define VENUSD_RUNTIME_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/frame.h"
#include "worker.pb-c.h"

/* The worker's end of the control socket (proto/worker.proto). There is one a process; main thread
 * only, but where said. */

/* Takes descriptor CHILD_CONTROL_FD, moves it out of the way of cells, close-on-exec, and says
 * hello. */
int control_open(int *ret_fd, struct err *err);
/* Receives the next request, whose numbers are checked. 1: `*ret_request` is the caller's
 * (venus__worker__to_worker__free_unpacked) and the frame's descriptors too. 0: venusd closed the
 * socket. -1: what came is not legal, or the descriptor is gone. */
int control_receive(struct frame *frame, Venus__Worker__ToWorker **ret_request, struct err *err);
/* Numbers the answer and sends it; `fds` stay the caller's. */
int control_send(
    Venus__Worker__FromWorker *answer, const int *fds, size_t fd_count, struct err *err);
/* In a child made by fork, which has no business here. */
void control_close_in_child(void);

#endif
