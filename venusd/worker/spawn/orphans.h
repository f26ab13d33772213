#ifndef VENUSD_SPAWN_ORPHANS_H
#define VENUSD_SPAWN_ORPHANS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Sends SIGKILL to every child of this process that `is_known` does not know: how many these are.
 * They stay to be reaped. A kernel without /proc/PID/task/TID/children has no such list; then none
 * is found. */
size_t orphans_kill(bool (*is_known)(pid_t pid, void *payload), void *payload);

#endif
