#ifndef VENUSD_RUNTIME_CRASH_H
#define VENUSD_RUNTIME_CRASH_H

#include <stdint.h>

#include "common/err.h"

/*
 * A crash (SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT) is told to venusd by one last frame, sent from
 * the signal's handler; then the process dies of the signal as if there were no handler, so that
 * the exit status says the same.
 */

/* Once, on the main thread, after the stack's limit is set. `control_fd` is borrowed. */
int crash_init(int control_fd, struct err *err);
/* The numbers that a crash frame would carry from now on. Main thread. */
void crash_set_numbers(uint64_t seq, uint64_t ack);

/* A signal stack for the calling thread, which lives on after an overflow of the thread's own. NULL
 * if it has one already, or there is no memory; the thread then goes without. */
void *crash_stack_open(void);
void crash_stack_close(void *stack); /* by the same thread */

#endif
