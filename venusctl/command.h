#ifndef VENUS_CTL_COMMAND_H
#define VENUS_CTL_COMMAND_H

#include <stddef.h>

#include "common/err.h"
#include "common/home.h"
#include "venusctl/options.h"

/* What venusctl can be told to do: one row a command, one file a row's function. */

enum exit_code {
	EXIT_DONE = 0,	    /* all asked cells are ok */
	EXIT_CELL = 1,	    /* a cell failed */
	EXIT_USAGE = 2,	    /* or no such notebook, or nothing in it can be run */
	EXIT_DAEMON = 3,    /* cannot be reached, or failed */
	EXIT_DENIED = 4,    /* to this user */
	EXIT_TIMEOUT = 124, /* --timeout ran out */
	EXIT_INTERRUPTED = 130,
};

/* Returns an exit code, or -1 with err set. */
typedef int command_function(
    const struct options *options, const struct home *home, struct err *err);

struct command {
	const char *name;
	const char *arguments; /* as help shows them */
	const char *summary;   /* one line */
	const char *details;   /* more of help, or NULL */
	struct option_table options;
	size_t arguments_min, arguments_max;
	command_function *function;
};

/* Does what argv says and returns the exit code. Errors are printed on stderr. */
int command_main(int argc, char *const argv[]);

/* The code that an error stands for. */
enum exit_code command_exit_code(const struct err *err);
/* Prints an error as the program's, safely. */
void command_print_error(const struct err *err);

/* Absolute path of the notebook that an argument names. ERR_NOT_FOUND or ERR_INVALID when there is
 * none. Owned by the caller. */
int command_resolve_notebook(const char *argument, char **ret_path, struct err *err);
/* Whether standard output is to be coloured. */
bool command_use_color(const struct options *options);

command_function command_run, command_status, command_inspect, command_cancel, command_logs,
    command_daemon;

#endif
