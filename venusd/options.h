#ifndef VENUSD_OPTIONS_H
#define VENUSD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

struct options {
	int ready_fd; /* told "ok" or "error: …" once; -1: none */
	uint64_t
	    idle_exit_ms; /* without a run or a request for so long, the daemon ends; 0: never */
	bool verbose;
	bool help, version;
};

/* Reads argv and the environment (VENUS_IDLE_EXIT). ERR_INVALID for what is not understood. */
int options_parse(int argc, char **argv, struct options *ret_options, struct err *err);
void options_print_help(void);

#endif
