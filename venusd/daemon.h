#ifndef VENUSD_DAEMON_H
#define VENUSD_DAEMON_H

#include "common/err.h"
#include "venusd/options.h"

/* Runs until it is told to stop or has been idle for long. 0, or -1 if it could not start (which
 * ready_fd was told too). */
int daemon_run(const struct options *options, struct err *err);

#endif
