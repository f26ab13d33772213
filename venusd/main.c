#include <stdio.h>

#include "common/log.h"
#include "venusd/daemon.h"
#include "venusd/options.h"

int main(int argc, char **argv)
{
	struct options options;
	struct err err;

	if (options_parse(argc, argv, &options, &err) < 0) {
		(void)fprintf(stderr, "venusd: %s\n", err.message);
		return 2;
	}
	if (options.help) {
		options_print_help();
		return 0;
	}
	if (options.version) {
		(void)puts("venusd " VENUS_VERSION);
		return 0;
	}
	if (options.verbose)
		log_set_level(LOG_DEBUG);
	if (daemon_run(&options, &err) < 0) {
		log_error("%s", err.message);
		return 1;
	}
	return 0;
}
