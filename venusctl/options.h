#ifndef VENUS_CTL_OPTIONS_H
#define VENUS_CTL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/*
 * Options are rows; the parser and the help text read the same ones. A row's value goes to the
 * member of struct options at `offset`. Long options take --name=VALUE or --name VALUE, short ones
 * -nVALUE or -n VALUE, flags may be joined (-qv).
 */

enum option_kind {
	OPTION_FLAG,	 /* bool */
	OPTION_TEXT,	 /* const char *, the last one counts */
	OPTION_LIST,	 /* struct option_list, each one counts */
	OPTION_NUMBER,	 /* uint64_t, 0 or more */
	OPTION_DURATION, /* uint64_t, milliseconds: 500ms, 30s, 5m, 2h; a bare number is seconds */
	OPTION_CHOICE,	 /* unsigned: index in `choices` */
	OPTION_REFUSED, /* known, but an error that `help` explains; a name ending in '-' stands for
			   all that begin so */
};

struct option_row {
	const char *name; /* without the dashes */
	char letter;	  /* 0: none */
	enum option_kind kind;
	const char *value;	    /* what help calls the value; NULL for a flag */
	const char *const *choices; /* ends with NULL */
	size_t offset;
	const char *help;
};

struct option_list {
	char **items; /* borrowed from argv */
	size_t count;
};

enum color_choice { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

struct options {
	/* global */
	const char *socket;
	unsigned color; /* enum color_choice */
	bool quiet, verbose, help, version;
	/* of commands */
	bool json, raw, release, fresh, now, follow;
	struct option_list cells, settings;
	uint64_t timeout_ms; /* 0: none */
	uint64_t lines;
	struct option_list arguments;
};

struct option_table {
	const struct option_row *rows;
	size_t count;
};

void options_init(struct options *options);
void options_fini(struct options *options);

/*
 * Parses argv[*index] and on with the rows of `tables`. With `stop_at_word` it ends at the first
 * word that is no option and leaves *index there; without, such words become arguments, and all
 * behind "--" do. ERR_INVALID names the option that is wrong, and the nearest one when it is
 * unknown. argv must outlive the options.
 */
int options_parse(struct options *options, const struct option_table *tables, size_t table_count,
    int argc, char *const argv[], int *index, bool stop_at_word, struct err *err);

/* "1.5s", "500ms", "2m", "1h", "30" (seconds); up to 1000 hours. ERR_INVALID otherwise. */
int options_parse_duration(const char *text, uint64_t *ret_ms, struct err *err);
/* The name nearest to `name` by edits, or NULL when none is near. `names` ends with NULL. */
const char *options_nearest(const char *name, const char *const *names);

#define AUTO_OPTIONS __attribute__((cleanup(options_fini)))

#endif
