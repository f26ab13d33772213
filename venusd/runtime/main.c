/*
 * venus-worker: the process that cells live in. It is started by venus-spawn with a control socket
 * as descriptor CHILD_CONTROL_FD, says hello, and answers venusd's requests (requests.c) on one
 * thread until the socket is closed. It trusts nothing that it loads, and venusd does not trust it:
 * a cell can end this process or make it lie, and no more.
 *
 *   control.c   the socket                   objects.c  shared objects         wrap_*.c   functions
 * that cells get instead of the C library's crash.c     last words                   values.c
 * results                observe.c  what they saw: the run's trace process.c   limits, signals,
 * threads     done.c     the answer to a run    real.c     the C library's own functions
 */
#include <stdio.h>
#include <stdlib.h>

#include "venusd/runtime/control.h"
#include "venusd/runtime/crash.h"
#include "venusd/runtime/process.h"
#include "venusd/runtime/requests.h"

#if defined(__SANITIZE_ADDRESS__)
/* What a cell leaks is not for this program to report, and must not change its exit code.
 * ASAN_OPTIONS still decides where it is set. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0:handle_segv=1:allow_user_segv_handler=1:handle_abort=0";
}
#endif

static int serve(struct err *err)
{
	struct requests *requests;
	int control_fd, result;

	if (control_open(&control_fd, err) < 0 || crash_init(control_fd, err) < 0)
		return -1;
	requests = requests_new();
	result = requests_serve(requests, err);
	requests_free(requests);
	return result;
}

int main(void)
{
	struct err err;

	process_prepare();
	if (serve(&err) == 0)
		return EXIT_SUCCESS;
	(void)fprintf(stderr, "venus-worker: %s\n", err.message);
	return EXIT_FAILURE;
}
