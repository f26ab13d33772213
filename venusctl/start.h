#ifndef VENUS_CTL_START_H
#define VENUS_CTL_START_H

#include "common/err.h"
#include "common/home.h"

/*
 * Starting takes two steps, and the caller looks for a daemon between them: of several processes
 * that find none at once, one starts it while the others wait for the lock.
 */

/* Makes the folders that venus uses and takes the lock file; closing *ret_fd releases it. Waits at
 * most 10 s: ERR_TIMEOUT. ERR_DENIED when the folders are not ours alone. */
int start_lock(const struct home *home, int *ret_fd, struct err *err);
/* Starts venusd and waits at most 10 s until it is ready. ERR_UNAVAILABLE or ERR_TIMEOUT when it
 * does not come up. */
int start_daemon(const struct home *home, struct err *err);

#endif
