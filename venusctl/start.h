#ifndef VENUS_CTL_START_H
#define VENUS_CTL_START_H

#include <stdbool.h>

#include "common/err.h"
#include "common/home.h"

/* Starts venusd unless somebody listens already, and waits until it is ready; *ret_started says
 * which it was. Of several processes that do this at once one starts a daemon and the others wait
 * for it. Blocks at most about 20 s. ERR_DENIED when the folders are not ours alone,
 * ERR_UNAVAILABLE or ERR_TIMEOUT when no daemon came up. */
int start_daemon(const struct home *home, bool *ret_started, struct err *err);
/* Whether something accepts connections on the socket. */
bool start_is_listening(const struct home *home);

#endif
