#ifndef VENUSD_SPAWN_START_H
#define VENUSD_SPAWN_START_H

#include "venusd/worker/spawn/jobs.h"

/* From a START request to a program that runs. What fails on the way is owed as EXITED, never
 * dropped. */

/* Makes the job and forks; takes what it needs of the frame's descriptors. The child's number is
 * new. */
void start_request(struct jobs *jobs, struct frame *frame);
/* A request whose descriptors could not be received; `frame` has what arrived of its bytes. */
void start_request_failed(struct jobs *jobs, const struct frame *frame);
/* Reads the start pipe. End of file: the program runs. Else why it does not; the child is about to
 * end then. */
void start_read(struct jobs *jobs, struct job *job);

#endif
