#include "venusctl/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/mem.h"
#include "venusctl/format.h"
#include "venusctl/text_safe.h"

/*
 * The table of commands. A command parses nothing and knows no other command: options.c fills one
 * struct options from the rows here, the function sends a request or a few to venusd and shows the
 * answers.
 */

#define FIELD(member) offsetof(struct options, member)

static const char *const color_names[] = {"auto", "always", "never", NULL};

static const struct option_row global_rows[] = {
    {"socket", 0, OPTION_TEXT, "URL", NULL, FIELD(socket),
	"talk to the venusd at ipc://PATH; none is started there"},
    {"color", 0, OPTION_CHOICE, "auto|always|never", color_names, FIELD(color),
	"colour the output; auto heeds NO_COLOR"},
    {"quiet", 'q', OPTION_FLAG, NULL, NULL, FIELD(quiet), "only values and errors"},
    {"verbose", 'v', OPTION_FLAG, NULL, NULL, FIELD(verbose), "more of what and why"},
    {"help", 'h', OPTION_FLAG, NULL, NULL, FIELD(help),
	"this text; after a command, the command's"},
    {"version", 'V', OPTION_FLAG, NULL, NULL, FIELD(version), "the version"},
};

#define JSON_ROW                                                                                   \
	{                                                                                          \
		"json", 0, OPTION_FLAG, NULL, NULL, FIELD(json), "one JSON object a line"          \
	}
#define NO_SANDBOX                                                                                 \
	"the sandbox is not there yet: cells run with all your rights, so nothing can be allowed " \
	"or denied"

static const struct option_row run_rows[] = {
    {"cell", 'c', OPTION_LIST, "NAME", NULL, FIELD(cells),
	"only this cell and what it needs; may be repeated"},
    {"release", 0, OPTION_FLAG, NULL, NULL, FIELD(release), "compile with optimisation"},
    {"fresh", 0, OPTION_FLAG, NULL, NULL, FIELD(fresh), "run the cells again, whatever is kept"},
    {"set", 0, OPTION_LIST, "CELL.ID=VALUE", NULL, FIELD(settings),
	"set a widget; may be repeated"},
    {"timeout", 0, OPTION_DURATION, "TIME", NULL, FIELD(timeout_ms),
	"end the run after 500ms, 30s, 5m, …; exit code 124"},
    {"raw", 0, OPTION_FLAG, NULL, NULL, FIELD(raw),
	"pass on what cells print as it is, control characters too"},
    JSON_ROW,
    {"profile", 0, OPTION_REFUSED, "PROFILE", NULL, 0, NO_SANDBOX},
    {"allow-", 0, OPTION_REFUSED, NULL, NULL, 0, NO_SANDBOX},
    {"deny-", 0, OPTION_REFUSED, NULL, NULL, 0, NO_SANDBOX},
};
static const struct option_row json_rows[] = {JSON_ROW};
static const struct option_row logs_rows[] = {
    {"follow", 'f', OPTION_FLAG, NULL, NULL, FIELD(follow), "go on as the log grows"},
    {"lines", 'n', OPTION_NUMBER, "N", NULL, FIELD(lines), "begin with the last N lines (100)"},
    JSON_ROW,
};
static const struct option_row daemon_rows[] = {
    {"now", 0, OPTION_FLAG, NULL, NULL, FIELD(now), "stop: also in the middle of a run"},
    JSON_ROW,
};

#define TABLE(rows)                                                                                \
	{                                                                                          \
		(rows), ARRAY_LENGTH(rows)                                                         \
	}

static const struct option_table global_table = TABLE(global_rows);

static const struct command commands[] = {
    {"run", "NOTEBOOK", "bring a notebook's cells up to date and show their values",
	"Ctrl-C once cancels the run and waits for its end, twice leaves at once.", TABLE(run_rows),
	1, 1, command_run},
    {"status", "[NOTEBOOK]", "show the daemon, the open notebooks and their cells", NULL,
	TABLE(json_rows), 0, 1, command_status},
    {"inspect", "NOTEBOOK[:CELL]", "show all that is known of a notebook or a cell", NULL,
	TABLE(json_rows), 1, 1, command_inspect},
    {"cancel", "RUN|NOTEBOOK", "end a run, or the runs of a notebook", NULL, TABLE(json_rows), 1, 1,
	command_cancel},
    {"logs", "", "print the daemon's log", NULL, TABLE(logs_rows), 0, 0, command_logs},
    {"daemon", "start|stop|status", "start, stop or look at the daemon",
	"Other commands start it when they need it; status exits with 3 when it is not there.",
	TABLE(daemon_rows), 1, 1, command_daemon},
};

/* ---- help ---- */

static void add_option_help(struct buf *buf, const struct option_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct option_row *row = &table->rows[i];
		char start[64], letter[5] = "    ";

		if (row->kind == OPTION_REFUSED)
			continue;
		if (row->letter)
			(void)snprintf(letter, sizeof letter, "-%c, ", row->letter); /* it fits */
		(void)snprintf(start, sizeof start, "%s--%s%s%s", letter, row->name,
		    row->value ? " " : "", row->value ? row->value : ""); /* shown only */
		buf_printf(buf, "  %-30s %s\n", start, row->help);
	}
}

static void add_help(struct buf *buf)
{
	buf_add_text(buf,
	    "venusctl runs notebooks that are plain source files.\n\n"
	    "Usage: venusctl [global options] <command> [options] [arguments]\n\nCommands:\n");
	for (size_t i = 0; i < ARRAY_LENGTH(commands); i++)
		buf_printf(buf, "  %-8s %-18s %s\n", commands[i].name, commands[i].arguments,
		    commands[i].summary);
	buf_add_text(buf, "\nGlobal options:\n");
	add_option_help(buf, &global_table);
	buf_add_text(buf,
	    "\nvenusctl <command> --help tells of a command's own options.\n"
	    "VENUS_HOME=DIR keeps everything below one folder; without it the XDG folders are "
	    "used.\n"
	    "Exit codes: 0 ok, 1 a cell failed, 2 usage or no such notebook, 3 the daemon cannot "
	    "be\n"
	    "reached or failed, 4 not allowed, 124 the time was up, 130 interrupted.\n");
}

static void add_command_help(struct buf *buf, const struct command *command)
{
	buf_printf(buf, "Usage: venusctl %s [options]%s%s\n\n%s\n", command->name,
	    command->arguments[0] ? " " : "", command->arguments, command->summary);
	if (command->details)
		buf_printf(buf, "%s\n", command->details);
	buf_add_text(buf, "\nOptions:\n");
	add_option_help(buf, &command->options);
	buf_add_text(buf, "\nGlobal options:\n");
	add_option_help(buf, &global_table);
}

static int print_help(const struct command *command, struct err *err)
{
	AUTO_BUF struct buf text = BUF_INIT;

	if (command)
		add_command_help(&text, command);
	else
		add_help(&text);
	return format_flush(&text, STDOUT_FILENO, err) < 0 ? -1 : EXIT_DONE;
}

static int print_version(struct err *err)
{
	AUTO_BUF struct buf text = BUF_INIT;

	buf_add_text(&text, "venusctl " VENUS_VERSION "\n");
	return format_flush(&text, STDOUT_FILENO, err) < 0 ? -1 : EXIT_DONE;
}

/* ---- dispatch ---- */

static int find_command(const char *name, const struct command **ret_command, struct err *err)
{
	const char *names[ARRAY_LENGTH(commands) + 1] = {NULL}, *nearest;

	for (size_t i = 0; i < ARRAY_LENGTH(commands); i++) {
		names[i] = commands[i].name;
		if (strcmp(name, commands[i].name) == 0) {
			*ret_command = &commands[i];
			return 0;
		}
	}
	nearest = options_nearest(name, names);
	if (nearest)
		return err_set(
		    err, ERR_INVALID, "unknown command %s: did you mean %s?", name, nearest);
	return err_set(err, ERR_INVALID, "unknown command %s: see venusctl --help", name);
}

static int check_arguments(
    const struct command *command, const struct options *options, struct err *err)
{
	size_t count = options->arguments.count;

	if (count < command->arguments_min)
		return err_set(err, ERR_INVALID, "%s needs an argument: venusctl %s %s",
		    command->name, command->name, command->arguments);
	if (count > command->arguments_max)
		return err_set(err, ERR_INVALID, "%s: one argument too many: %s", command->name,
		    options->arguments.items[command->arguments_max]);
	return 0;
}

static int find_home(const struct options *options, struct home *ret_home, struct err *err)
{
	if (home_find(ret_home, err) < 0)
		return -1;
	if (options->socket && home_set_socket(ret_home, options->socket, err) < 0)
		return err_prefix(err, "--socket");
	return 0;
}

static int dispatch(struct options *options, int argc, char *const argv[], struct err *err)
{
	struct option_table tables[2] = {global_table};
	const struct command *command = NULL;
	AUTO_HOME struct home home = {0};
	int index = 1;

	options_init(options);
	if (options_parse(options, tables, 1, argc, argv, &index, true, err) < 0)
		return -1;
	if (index < argc && strcmp(argv[index], "help") == 0) {
		options->help = true;
		index++;
	}
	if (index < argc) {
		if (find_command(argv[index++], &command, err) < 0)
			return -1;
		tables[1] = command->options;
		if (options_parse(options, tables, 2, argc, argv, &index, false, err) < 0)
			return -1;
	}
	if (options->help)
		return print_help(command, err);
	if (options->version)
		return print_version(err);
	if (!command)
		return err_set(err, ERR_INVALID, "no command: see venusctl --help");
	if (check_arguments(command, options, err) < 0 || find_home(options, &home, err) < 0)
		return -1;
	return command->function(options, &home, err);
}

int command_main(int argc, char *const argv[])
{
	AUTO_OPTIONS struct options options = {0};
	struct err err = {0};
	int result = dispatch(&options, argc, argv, &err);

	if (result >= 0)
		return result;
	command_print_error(&err);
	return (int)command_exit_code(&err);
}

/* ---- shared by commands ---- */

enum exit_code command_exit_code(const struct err *err)
{
	switch (err->code) {
	case ERR_INVALID:
	case ERR_NOT_FOUND: return EXIT_USAGE;
	case ERR_DENIED: return EXIT_DENIED;
	case ERR_CANCELLED: return EXIT_INTERRUPTED;
	default: return EXIT_DAEMON;
	}
}

void command_print_error(const struct err *err)
{
	AUTO_BUF struct buf line = BUF_INIT;
	struct err ignored; /* there is nowhere left to tell of it */

	buf_add_text(&line, "venusctl: ");
	text_add_safe_text(&line, err->message, TEXT_LINE);
	buf_add_char(&line, '\n');
	(void)format_flush(&line, STDERR_FILENO, &ignored);
}

int command_resolve_notebook(const char *argument, char **ret_path, struct err *err)
{
	AUTO_FREE char *path = NULL;
	struct stat status;

	if (!argument[0])
		return err_set(err, ERR_INVALID, "the name of the notebook is empty");
	if (file_resolve(argument, &path, err) < 0)
		return err_prefix(err, "cannot open the notebook");
	if (stat(path, &status) < 0)
		return err_set_errno(err, errno, "cannot open the notebook %s", argument);
	if (!S_ISREG(status.st_mode))
		return err_set(
		    err, ERR_INVALID, "%s is not a file: a notebook is a source file", argument);
	*ret_path = TAKE_PTR(path);
	return 0;
}

bool command_use_color(const struct options *options)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	if (options->color != COLOR_AUTO)
		return options->color == COLOR_ALWAYS;
	return (!no_color || !no_color[0]) && term && strcmp(term, "dumb") != 0 &&
	       isatty(STDOUT_FILENO);
}
