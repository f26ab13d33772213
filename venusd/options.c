#include "venusd/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define IDLE_EXIT_DEFAULT_MS (8ull * 60 * 60 * 1000)

static int parse_descriptor(const char *text, struct options *options, struct err *err)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (*end || end == text || number < 0 || number > 65535)
		return err_set(
		    err, ERR_INVALID, "--ready-fd takes a descriptor's number, not '%s'", text);
	options->ready_fd = (int)number;
	return 0;
}

static int parse_idle(const char *text, struct options *options, struct err *err)
{
	static const struct {
		const char *unit;
		uint64_t ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
	char *end;
	unsigned long long number = strtoull(text, &end, 10);

	if (strcmp(text, "never") == 0) {
		options->idle_exit_ms = 0;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(units) && end != text && text[0] != '-'; i++)
		if (strcmp(end, units[i].unit) == 0 && number > 0 && number < (1ull << 40)) {
			options->idle_exit_ms = number * units[i].ms;
			return 0;
		}
	return err_set(
	    err, ERR_INVALID, "--idle-exit takes a time as 30s, 10m, 8h, or never, not '%s'", text);
}

static int set_verbose(const char *text, struct options *options, struct err *err)
{
	(void)text, (void)err;
	options->verbose = true;
	return 0;
}

static int set_help(const char *text, struct options *options, struct err *err)
{
	(void)text, (void)err;
	options->help = true;
	return 0;
}

static int set_version(const char *text, struct options *options, struct err *err)
{
	(void)text, (void)err;
	options->version = true;
	return 0;
}

static const struct {
	const char *name, *value, *help;
	int (*take)(const char *text, struct options *options, struct err *err);
} rows[] = {
    {"--ready-fd", "N", "say \"ok\" or \"error: ...\" on descriptor N once it is known",
	parse_descriptor},
    {"--idle-exit", "TIME", "end after so long without a run or a request (8h; never)", parse_idle},
    {"--verbose", NULL, "log more", set_verbose},
    {"--help", NULL, "print this", set_help},
    {"--version", NULL, "print the version", set_version},
};

int options_parse(int argc, char **argv, struct options *ret_options, struct err *err)
{
	struct options options = {.ready_fd = -1, .idle_exit_ms = IDLE_EXIT_DEFAULT_MS};
	const char *idle = getenv("VENUS_IDLE_EXIT");

	if (idle && idle[0] && parse_idle(idle, &options, err) < 0)
		return err_prefix(err, "VENUS_IDLE_EXIT");
	for (int i = 1; i < argc; i++) {
		size_t row;

		for (row = 0; row < ARRAY_LENGTH(rows) && strcmp(rows[row].name, argv[i]) != 0;)
			row++;
		if (row == ARRAY_LENGTH(rows))
			return err_set(
			    err, ERR_INVALID, "unknown option '%s': see venusd --help", argv[i]);
		if (rows[row].value && i + 1 == argc)
			return err_set(
			    err, ERR_INVALID, "%s takes a value: %s", argv[i], rows[row].value);
		if (rows[row].take(rows[row].value ? argv[++i] : NULL, &options, err) < 0)
			return -1;
	}
	*ret_options = options;
	return 0;
}

void options_print_help(void)
{
	(void)printf("usage: venusd [options]\n\nThe daemon that runs notebooks. venusctl starts "
		     "it when it is needed.\n\n");
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		(void)printf("  %-12s %-5s %s\n", rows[i].name, rows[i].value ? rows[i].value : "",
		    rows[i].help);
}
