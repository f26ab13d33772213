#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "venusctl/options.h"

#define FIELD(member) offsetof(struct options, member)

static const char *const colors[] = {"auto", "always", "never", NULL};
static const struct option_row rows[] = {
    {"quiet", 'q', OPTION_FLAG, NULL, NULL, FIELD(quiet), "-"},
    {"verbose", 'v', OPTION_FLAG, NULL, NULL, FIELD(verbose), "-"},
    {"socket", 0, OPTION_TEXT, "URL", NULL, FIELD(socket), "-"},
    {"cell", 'c', OPTION_LIST, "NAME", NULL, FIELD(cells), "-"},
    {"lines", 'n', OPTION_NUMBER, "N", NULL, FIELD(lines), "-"},
    {"timeout", 0, OPTION_DURATION, "TIME", NULL, FIELD(timeout_ms), "-"},
    {"color", 0, OPTION_CHOICE, "auto|always|never", colors, FIELD(color), "-"},
    {"allow-", 0, OPTION_REFUSED, NULL, NULL, 0, "not yet"},
    {"profile", 0, OPTION_REFUSED, "P", NULL, 0, "not yet"},
};
static const struct option_table table = {rows, ARRAY_LENGTH(rows)};

/* Splits at spaces; the words live until the next call. */
static int parse(
    const char *line, struct options *options, bool stop_at_word, int *ret_index, struct err *err)
{
	static char text[512];
	static char *argv[32];
	int argc = 0;

	assert_true(strlen(line) < sizeof text);
	strcpy(text, line);
	argv[argc++] = text;
	for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	*ret_index = 1;
	options_init(options);
	return options_parse(options, &table, 1, argc, argv, ret_index, stop_at_word, err);
}

static void test_values(void **state)
{
	AUTO_OPTIONS struct options options;
	struct err err;
	int index;

	(void)state;
	assert_int_equal(
	    parse("-qv nb.rs --cell a --cell=b -cc -c d -n5 --timeout 1.5s --color=never "
		  "--socket ipc:///x --socket=ipc:///y -- --cell -q",
		&options, false, &index, &err),
	    0);
	assert_true(options.quiet);
	assert_true(options.verbose);
	assert_int_equal(options.cells.count, 4);
	assert_string_equal(options.cells.items[0], "a");
	assert_string_equal(options.cells.items[1], "b");
	assert_string_equal(options.cells.items[2], "c");
	assert_string_equal(options.cells.items[3], "d");
	assert_int_equal(options.lines, 5);
	assert_int_equal(options.timeout_ms, 1500);
	assert_int_equal(options.color, COLOR_NEVER);
	assert_string_equal(options.socket, "ipc:///y");
	assert_int_equal(options.arguments.count, 3);
	assert_string_equal(options.arguments.items[0], "nb.rs");
	assert_string_equal(options.arguments.items[1], "--cell");
	assert_string_equal(options.arguments.items[2], "-q");
}

static void test_stops_at_word(void **state)
{
	AUTO_OPTIONS struct options options;
	struct err err;
	int index;

	(void)state;
	assert_int_equal(parse("--quiet run --cell x", &options, true, &index, &err), 0);
	assert_true(options.quiet);
	assert_int_equal(index, 2);
	assert_int_equal(options.cells.count, 0);
	assert_int_equal(options.arguments.count, 0);
}

static void test_a_dash_is_a_word(void **state)
{
	AUTO_OPTIONS struct options options;
	struct err err;
	int index;

	(void)state;
	assert_int_equal(parse("-", &options, false, &index, &err), 0);
	assert_string_equal(options.arguments.items[0], "-");
}

static void test_errors(void **state)
{
	static const struct {
		const char *line, *message;
	} errors[] = {
	    {"--celll x", "unknown option --celll: did you mean --cell?"},
	    {"--colour=x", "unknown option --colour: did you mean --color?"},
	    {"--timeuot 3", "unknown option --timeuot: did you mean --timeout?"},
	    {"--zzzzzzz", "unknown option --zzzzzzz: see --help"},
	    {"-qx", "unknown option -x: see --help"},
	    {"--quiet=1", "--quiet takes no value"},
	    {"--cell", "--cell needs a value: --cell NAME"},
	    {"-c", "-c needs a value: -c NAME"},
	    {"--color red", "--color: red is not one of auto|always|never"},
	    {"-n -5", "-n: -5 is not a number"},
	    {"-n 5x", "-n: 5x is not a number"},
	    {"-n 99999999999999999999", "-n: 99999999999999999999 is not a number"},
	    {"--timeout soon",
		"--timeout: soon is not a duration: write it as 500ms, 30s, 5m or 2h"},
	    {"--allow-net=a.org", "--allow-net: not yet"},
	    {"--profile locked", "--profile: not yet"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(errors); i++) {
		AUTO_OPTIONS struct options options;
		struct err err = {0};
		int index;

		assert_int_equal(parse(errors[i].line, &options, false, &index, &err), -1);
		assert_int_equal(err.code, ERR_INVALID);
		assert_string_equal(err.message, errors[i].message);
	}
}

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		int64_t ms; /* -1: refused */
	} durations[] = {{"500ms", 500}, {"30s", 30000}, {"30", 30000}, {"2m", 120000},
	    {"2min", 120000}, {"1h", 3600000}, {"0.5s", 500}, {"0", 0}, {"", -1}, {"s", -1},
	    {"-1s", -1}, {"1 s", -1}, {"1d", -1}, {"nan", -1}, {"inf", -1}, {"0x10", -1},
	    {"1e300h", -1}, {"1001h", -1}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(durations); i++) {
		uint64_t ms = 77;
		struct err err;
		int result = options_parse_duration(durations[i].text, &ms, &err);

		assert_int_equal(result, durations[i].ms < 0 ? -1 : 0);
		assert_int_equal(ms, durations[i].ms < 0 ? 77 : durations[i].ms);
	}
}

static void test_nearest(void **state)
{
	static const char *const names[] = {
	    "run", "status", "inspect", "cancel", "logs", "daemon", NULL};

	(void)state;
	assert_string_equal(options_nearest("rnu", names), "run");
	assert_string_equal(options_nearest("stauts", names), "status");
	assert_string_equal(options_nearest("log", names), "logs");
	assert_null(options_nearest("watch", names));
	assert_null(options_nearest("", names));
	assert_null(options_nearest("a-word-that-is-much-longer-than-any-name-could-be", names));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_stops_at_word),
	    cmocka_unit_test(test_a_dash_is_a_word),
	    cmocka_unit_test(test_errors),
	    cmocka_unit_test(test_durations),
	    cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
