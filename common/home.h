#ifndef VENUS_COMMON_HOME_H
#define VENUS_COMMON_HOME_H

#include <stdbool.h>

#include "common/err.h"

/*
 * Where venus keeps things. VENUS_HOME=DIR puts all of it below one folder; without it the XDG base
 * folders are used, and /tmp/venus-UID when there is no XDG_RUNTIME_DIR. Every path is absolute.
 * Blocking; any thread, but the environment must not change meanwhile.
 */

/* Longest path that an AF_UNIX socket can be bound to, in bytes, without the NUL. */
#define HOME_SOCKET_PATH_MAX 107

struct home {
	char *socket_path;	/* of venusd */
	char *url;		/* the same as "ipc://PATH" */
	char *runtime;		/* folder of socket and lock */
	char *lock;		/* file whose flock decides who starts a daemon */
	char *state, *cache;	/* folders: what must be kept; what can be made again */
	char *config;		/* folder */
	char *log;		/* file: output of venusd */
	bool runtime_is_shared; /* runtime lies below a folder that anybody may write to */
};

/* Reads the environment; touches no file. ERR_INVALID when the socket's path is too long,
 * ERR_NOT_FOUND when there is no home folder. Free with home_fini. */
int home_find(struct home *ret_home, struct err *err);
/* Uses another socket, given as "ipc://PATH" (or just a path; made absolute). ERR_INVALID for any
 * other URL. */
int home_set_socket(struct home *home, const char *url, struct err *err);
/* Creates runtime, state, cache and config where they are missing, with mode 0700, and checks all
 * of them. ERR_DENIED when one belongs to another user, or others may write to it; in a shared
 * place nobody else may even look into it. */
int home_make(const struct home *home, struct err *err);
void home_fini(struct home *home); /* a zeroed one is fine */

#define AUTO_HOME __attribute__((cleanup(home_fini)))

#endif
