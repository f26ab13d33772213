#ifndef VENUSD_RUNTIME_PROCESS_H
#define VENUSD_RUNTIME_PROCESS_H

#include <stdbool.h>
#include <stddef.h>

/* The process that cells live in. Main thread only. */

#define PROCESS_STACK_BYTES (64u << 20)

/* Limits, signals and rights as cells expect them: the main thread's stack may grow to
 * PROCESS_STACK_BYTES, or to the hard limit. What the system does not grant is left as it is. */
void process_prepare(void);
/* Descriptors 0 to 2 that a cell closed or replaced are again what they were at the start, or
 * /dev/null where that is lost: no file opened later passes for one of them. */
void process_restore_standard_fds(void);
/* Threads that are there beside those of a worker with no cell. A thread that is just ending gets a
 * moment to do so. */
bool process_has_threads_left(void);

#endif
