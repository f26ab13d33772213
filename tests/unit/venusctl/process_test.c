/* Runs the real venusctl against fake_venusd, each test in a home of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/home.h"
#include "common/mem.h"
#include "venusctl/client.h"

#define PROGRAM VENUS_BINARY_DIR "/bin/venusctl"
#define FAKE	VENUS_BINARY_DIR "/tests/fake_venusd"

static char folder[64];
static char *notebook;

struct output {
	int status; /* exit code, or 128 + signal */
	struct buf out, err;
};

static void output_fini(struct output *output)
{
	buf_fini(&output->out);
	buf_fini(&output->err);
}
#define AUTO_OUTPUT __attribute__((cleanup(output_fini)))

/* Starts venusctl with the words of `line`; its outputs go to the files out<n> and err<n> of the
 * folder. */
static pid_t start(const char *line, int number)
{
	AUTO_FREE char *copy = mem_strdup(line), *out = mem_printf("%s/out%d", folder, number);
	AUTO_FREE char *err = mem_printf("%s/err%d", folder, number);
	AUTO_FREE char *cell = mem_printf("%s:total", notebook);
	char *argv[32] = {copy};
	size_t count = 1;
	pid_t pid;

	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
		argv[count++] = strcmp(word, "NB") == 0		? notebook
				: strcmp(word, "NB:total") == 0 ? cell
								: word;
	pid = fork();
	assert_true(pid >= 0);
	if (pid)
		return pid;
	if (dup2(open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600), 1) < 0 ||
	    dup2(open(err, O_WRONLY | O_CREAT | O_TRUNC, 0600), 2) < 0)
		_exit(99);
	(void)execv(PROGRAM, argv);
	_exit(98);
}

static struct output finish(pid_t pid, int number)
{
	AUTO_FREE char *out = mem_printf("%s/out%d", folder, number);
	AUTO_FREE char *err_path = mem_printf("%s/err%d", folder, number);
	struct output output = {0};
	struct err err;
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	output.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	assert_int_equal(file_read(out, 1 << 24, &output.out, &err), 0);
	assert_int_equal(file_read(err_path, 1 << 24, &output.err, &err), 0);
	buf_add(&output.out, "", 0);
	return output;
}

static struct output ctl(const char *line)
{
	return finish(start(line, 0), 0);
}

static void check(const char *line, int status, const char *out, const char *err)
{
	AUTO_OUTPUT struct output output = ctl(line);

	if (output.status != status)
		print_message("%s\n%s%s", line, output.out.data, output.err.data);
	assert_int_equal(output.status, status);
	if (out)
		assert_string_equal(output.out.data, out);
	if (err && !strstr(output.err.data, err))
		print_message("%s\n%s", line, output.err.data);
	if (err)
		assert_non_null(strstr(output.err.data, err));
}

/* The daemons of this home, one line each. */
static char *read_starts(void)
{
	AUTO_FREE char *path = mem_printf("%s/starts", folder);
	AUTO_BUF struct buf buf = BUF_INIT;
	struct err err;

	if (file_exists(path))
		assert_int_equal(file_read(path, 1000, &buf, &err), 0);
	return buf_take(&buf);
}

static size_t count_starts(void)
{
	AUTO_FREE char *starts = read_starts();
	size_t count = 0;

	for (const char *c = starts; *c; c++)
		count += *c == '\n';
	return count;
}

static void end_daemons(void)
{
	AUTO_FREE char *starts = read_starts();
	char *rest = NULL;

	for (char *line = strtok_r(starts, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		AUTO_FREE char *link = mem_printf("/proc/%s/exe", line);
		char program[512] = {0};

		if (readlink(link, program, sizeof program - 1) > 0 && strcmp(program, FAKE) == 0)
			(void)kill((pid_t)atol(line), SIGKILL);
	}
}

static void set_mode(const char *mode)
{
	assert_int_equal(setenv("FAKE_MODE", mode, 1), 0);
}

static int setup(void **state)
{
	struct err err;

	(void)state;
	strcpy(folder, "/tmp/venusctl-test-XXXXXX");
	if (!mkdtemp(folder) || setenv("VENUS_HOME", folder, 1) < 0 ||
	    setenv("VENUSD", FAKE, 1) < 0)
		return -1;
	notebook = mem_printf("%s/nb.rs", folder);
	set_mode("");
	return file_write_atomic(notebook, "fn x() {}\n", 10, 0600, &err);
}

static int teardown(void **state)
{
	struct err err;

	(void)state;
	end_daemons();
	free(notebook);
	return file_remove_tree(folder, &err);
}

/* ---- usage ---- */

static void test_usage(void **state)
{
	(void)state;
	check("", 2, "", "venusctl: no command: see venusctl --help\n");
	check("watch NB", 2, "", "unknown command watch");
	check("rnu NB", 2, "", "unknown command rnu: did you mean run?");
	check("run", 2, "", "run needs an argument: venusctl run NOTEBOOK");
	check("run NB NB", 2, "", "one argument too many");
	check("run --profile locked NB", 2, "", "--profile: the sandbox is not there yet");
	check("run NB --allow-net=a.org", 2, "", "--allow-net: the sandbox is not there yet");
	check("run NB --deny-read", 2, "", "--deny-read: the sandbox is not there yet");
	check("run NB --set a=1", 2, "", "--set: a=1 is not of the form CELL.ID=VALUE");
	check("run /nowhere.rs", 2, "", "cannot open the notebook: /nowhere.rs: No such file");
	check("run /tmp", 2, "", "/tmp is not a file");
	check("daemon stop --nwo", 2, "", "did you mean --now?");
	check("daemon start --now", 2, "", "--now belongs to daemon stop");
	check("--socket tls+tcp://x status", 2, "", "is not of the form ipc://PATH");
	check("--version", 0, "venusctl " VENUS_VERSION "\n", "");
}

static void test_help(void **state)
{
	static const char *const commands[] = {
	    "run", "status", "inspect", "cancel", "logs", "daemon"};
	AUTO_OUTPUT struct output all = ctl("--help");

	(void)state;
	assert_int_equal(all.status, 0);
	for (size_t i = 0; i < ARRAY_LENGTH(commands); i++) {
		AUTO_FREE char *line = mem_printf("%s --help", commands[i]);
		AUTO_FREE char *usage = mem_printf("Usage: venusctl %s ", commands[i]);
		AUTO_OUTPUT struct output one = ctl(line);

		assert_non_null(strstr(all.out.data, commands[i]));
		assert_int_equal(one.status, 0);
		assert_non_null(strstr(one.out.data, usage));
	}
	assert_int_equal(count_starts(), 0); /* no daemon for any of that */
}

/* ---- runs ---- */

static void test_run_plain(void **state)
{
	(void)state;
	check("run NB", 0,
	    "total │ half €\\x1b[2J\n"
	    "total │ bad \\xff\n"
	    "total │ to stderr\n"
	    "✓ total  1.5 ms\n"
	    "    20.0\n"
	    "1 ok in 2.5 ms\n",
	    "");
	check("run -q NB", 0, "total: 20.0\n", "");
	check("run -q --cell total NB", 0, "20.0\n", "");
	assert_int_equal(count_starts(), 1);
}

static void test_run_raw(void **state)
{
	AUTO_OUTPUT struct output output = ctl("run --raw NB");

	(void)state;
	assert_int_equal(output.status, 0);
	assert_non_null(strstr(output.out.data, "half €\x1b[2J\n"));
	assert_non_null(strstr(output.out.data, "bad \xff\n"));
}

static void test_run_colored(void **state)
{
	AUTO_OUTPUT struct output output = ctl("run --color always NB");

	(void)state;
	assert_int_equal(output.status, 0);
	assert_non_null(strstr(output.out.data, "\x1b[32m✓\x1b[0m \x1b[1mtotal\x1b[0m"));
	assert_null(strstr(output.out.data, "\x1b[?25"));
	assert_null(strstr(output.out.data, "\x1b[2J"));
}

/* Each line is one object; gives back those with the event. */
static size_t check_json(const char *text, const char *event, json_t **ret_last)
{
	AUTO_FREE char *copy = mem_strdup(text);
	char *rest = NULL;
	size_t count = 0;

	*ret_last = NULL;
	for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		json_error_t error;
		json_t *object = json_loads(line, 0, &error);

		assert_non_null(object);
		if (strcmp(json_string_value(json_object_get(object, "event")), event) != 0) {
			json_decref(object);
			continue;
		}
		json_decref(*ret_last);
		*ret_last = object;
		count++;
	}
	return count;
}

static void test_run_json(void **state)
{
	AUTO_OUTPUT struct output output = ctl("run --json NB");
	json_t *last;

	(void)state;
	assert_int_equal(output.status, 0);
	assert_string_equal(output.err.data, "");
	assert_null(strchr(output.out.data, '\x1b'));
	assert_int_equal(check_json(output.out.data, "run_started", &last), 1);
	assert_string_equal(json_string_value(json_object_get(last, "notebook")), notebook);
	assert_string_equal(
	    json_string_value(json_object_get(last, "run")), "30313233343536373839616263646500");
	json_decref(last);
	assert_int_equal(check_json(output.out.data, "cell_output", &last), 3);
	assert_string_equal(json_string_value(json_object_get(last, "stream")), "stderr");
	json_decref(last);
	assert_non_null(strstr(output.out.data, "\"text\":\"€\\u001B[2J\\nbad \xef\xbf\xbd\\n\""));
	assert_int_equal(check_json(output.out.data, "cell_finished", &last), 1);
	assert_string_equal(
	    json_string_value(json_object_get(json_object_get(last, "display"), "text/plain")),
	    "20.0");
	assert_string_equal(json_string_value(json_object_get(last, "status")), "ok");
	assert_true(json_is_false(json_object_get(last, "cached")));
	assert_null(json_object_get(last, "error"));
	json_decref(last);
	assert_int_equal(check_json(output.out.data, "run_finished", &last), 1);
	assert_int_equal(json_integer_value(json_object_get(last, "ok")), 1);
	assert_null(json_object_get(last, "commit"));
	json_decref(last);
}

static void test_large_values(void **state)
{
	AUTO_OUTPUT struct output large = {0}, huge = {0};
	json_t *last;

	(void)state;
	set_mode("large");
	check("run -q NB --cell total", 0, "aaaa… (100.0 kB in all)\n", "");
	large = ctl("run --json NB");
	assert_int_equal(check_json(large.out.data, "cell_finished", &last), 1);
	assert_int_equal(
	    json_string_length(json_object_get(json_object_get(last, "display"), "text/plain")),
	    100000);
	assert_null(json_object_get(last, "size"));
	json_decref(last);
	end_daemons();
	set_mode("huge");
	huge = ctl("run --json NB");
	assert_int_equal(check_json(huge.out.data, "cell_finished", &last), 1);
	assert_int_equal(json_integer_value(json_object_get(last, "size")), 12345678);
	json_decref(last);
}

/* A mode of the daemon, and what a run then ends with. */
static void test_exit_codes(void **state)
{
	static const struct {
		const char *mode;
		int status;
		const char *out, *err;
	} rows[] = {
	    {"fail", 1, "panic: it is \\x1b[31mwrong\n --> ", ""},
	    {"syntax", 2, "error: it is", "nothing in "},
	    {"empty", 2, "0 ok", "nothing in "},
	    {"timeout", 124, "the time was up", ""},
	    {"error=1", 3, "", "venusctl: refused ?]0;x\n"},
	    {"error=2", 2, "", "venusctl: refused"},
	    {"error=3", 2, "", "venusctl: refused"},
	    {"error=4", 3, "", "venusctl: refused"},
	    {"error=5", 4, "", "venusctl: refused"},
	    {"error=6", 3, "", "venusctl: refused"},
	    {"error=7", 4, "", "venusctl: refused"},
	    {"error=8", 3, "", "venusctl: refused"},
	    {"error=77", 3, "", "venusctl: refused"},
	    {"newer", 3, "", "this venusctl is older than the venusd"},
	    {"older", 3, "", "is older than this venusctl"},
	    {"garbage", 3, "", "sent a reply that is not understood"},
	    {"oversize", 3, "", "bytes; at most 1048576 are taken"},
	    {"wrong-id", 3, "", "a reply that does not belong to the request"},
	    {"short-run", 3, "", "a run id of 3 bytes"},
	    {"forget", 3, "", "venusd was restarted and does not know the run"},
	    {"die", 3, "", "was lost twice"},
	    {"die-once", 0, "1 ok in", ""},
	    {"silent", 3, "", "ended with status 7 before it was ready"},
	    {"cannot", 3, "", "could not start: no ?[31mspace"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		AUTO_OUTPUT struct output output = {0};

		end_daemons();
		set_mode(rows[i].mode);
		output = ctl("run NB");
		if (output.status != rows[i].status || !strstr(output.out.data, rows[i].out) ||
		    !strstr(output.err.data, rows[i].err))
			print_message("%s: %d\n%s%s", rows[i].mode, output.status, output.out.data,
			    output.err.data);
		assert_int_equal(output.status, rows[i].status);
		assert_non_null(strstr(output.out.data, rows[i].out));
		assert_non_null(strstr(output.err.data, rows[i].err));
	}
}

/* Waits until the file holds the text; the test's own time limit ends what never comes. */
static void wait_for(const char *name, const char *text)
{
	AUTO_FREE char *path = mem_printf("%s/%s", folder, name);

	for (;;) {
		AUTO_BUF struct buf buf = BUF_INIT;
		struct err err;

		if (file_exists(path) && file_read(path, 1 << 20, &buf, &err) == 0 &&
		    strstr(buf.data, text))
			return;
		(void)poll(NULL, 0, 5);
	}
}

static void test_interrupt(void **state)
{
	AUTO_OUTPUT struct output output = {0};
	pid_t pid;

	(void)state;
	set_mode("slow");
	pid = start("run --json NB", 0);
	wait_for("out0", "run_started");
	assert_int_equal(kill(pid, SIGINT), 0);
	output = finish(pid, 0);
	assert_int_equal(output.status, 130);
	assert_non_null(strstr(output.out.data, "\"status\":\"cancelled\""));
	assert_non_null(strstr(output.out.data, "run_finished"));
	assert_non_null(strstr(output.err.data, "cancelling the run"));
}

static void test_terminate(void **state)
{
	AUTO_OUTPUT struct output output = {0};
	pid_t pid;

	(void)state;
	set_mode("slow");
	pid = start("run --json NB", 0);
	wait_for("out0", "run_started");
	assert_int_equal(kill(pid, SIGTERM), 0);
	output = finish(pid, 0);
	assert_int_equal(output.status, 128 + SIGTERM);
}

/* Reads what the program writes to its terminal until `text` comes, or to the end with NULL. */
static void read_terminal(int fd, struct buf *buf, const char *text)
{
	char bytes[4096];
	ssize_t got;

	while (!text || !buf->data || !strstr(buf->data, text)) {
		got = read(fd, bytes, sizeof bytes);
		if (got <= 0 && !text)
			return; /* EIO: nobody has the terminal any more */
		assert_true(got > 0);
		buf_add(buf, bytes, (size_t)got);
	}
}

/* Ctrl-C on a terminal: the live part goes, the cursor comes back, the run's end is shown. */
static void test_terminal(void **state)
{
	struct winsize size = {.ws_row = 24, .ws_col = 80};
	AUTO_BUF struct buf buf = BUF_INIT;
	AUTO_CLOSE int terminal = -1;
	const char *after;
	int status;
	pid_t pid;

	(void)state;
	set_mode("slow");
	pid = forkpty(&terminal, NULL, NULL, &size);
	assert_true(pid >= 0);
	if (pid == 0) {
		if (setenv("TERM", "xterm", 1) == 0)
			(void)execl(PROGRAM, PROGRAM, "run", notebook, (char *)NULL);
		_exit(98);
	}
	read_terminal(terminal, &buf, "total  running");
	assert_non_null(strstr(buf.data, "\x1b[?25l"));
	assert_int_equal(write(terminal, "\x03", 1), 1);
	read_terminal(terminal, &buf, NULL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 130);
	after = strstr(buf.data, "cancelling the run");
	assert_non_null(after);
	assert_non_null(strstr(after, "cancelled"));
	for (const char *hide = strstr(buf.data, "\x1b[?25l"); hide;
	     hide = strstr(hide + 1, "\x1b[?25l"))
		assert_non_null(strstr(hide, "\x1b[?25h"));
}

/* ---- the daemon ---- */

static void test_two_clients_start_one(void **state)
{
	pid_t pids[6];

	(void)state;
	for (int i = 0; i < 6; i++)
		pids[i] = start("run NB", i);
	for (int i = 0; i < 6; i++) {
		AUTO_OUTPUT struct output output = finish(pids[i], i);

		assert_string_equal(output.err.data, "");
		assert_int_equal(output.status, 0);
	}
	assert_int_equal(count_starts(), 1);
}

static void test_daemon_commands(void **state)
{
	AUTO_OUTPUT struct output output = {0};
	json_t *last;

	(void)state;
	check("daemon status", 3, NULL, "");
	check("daemon stop", 0, NULL, "");
	assert_int_equal(count_starts(), 0);
	check("cancel NB", 3, "", "no venusd listens at");
	check("daemon start", 0, NULL, "");
	check("daemon start", 0, NULL, "");
	assert_int_equal(count_starts(), 1);
	output = ctl("daemon status --json");
	assert_int_equal(output.status, 0);
	assert_int_equal(check_json(output.out.data, "daemon", &last), 1);
	assert_true(json_is_true(json_object_get(last, "running")));
	json_decref(last);
	check("cancel NB", 0, "told 1 run to stop\n", "");
	check("cancel 30313233343536373839616263646500", 0, NULL, "");
	check("inspect NB", 0, NULL, "");
	check("inspect NB:total", 0, NULL, "");
	check("daemon stop", 0, NULL, "");
	check("daemon status", 3, NULL, "");
}

/* What a daemon that was killed leaves behind is no daemon. */
static void test_stale_socket(void **state)
{
	(void)state;
	check("run NB", 0, NULL, "");
	end_daemons();
	check("run NB", 0, NULL, "");
	assert_int_equal(count_starts(), 2);
}

static void test_no_program(void **state)
{
	(void)state;
	assert_int_equal(setenv("VENUSD", "/nowhere/venusd", 1), 0);
	check("status", 3, "", "/nowhere/venusd could not start: cannot be executed: No such file");
}

static void test_socket_option_starts_none(void **state)
{
	(void)state;
	check("--socket ipc:///tmp/no/such.sock status", 3, "",
	    "no venusd listens at /tmp/no/such.sock");
	assert_int_equal(count_starts(), 0);
}

static void test_long_path(void **state)
{
	AUTO_FREE char *longer = NULL;
	char deep[121] = {0};

	(void)state;
	memset(deep, 'd', sizeof deep - 1);
	longer = mem_printf("%s/%s", folder, deep);
	assert_int_equal(setenv("VENUS_HOME", longer, 1), 0);
	check("status", 3, "", "bytes, and the system allows 107: set VENUS_HOME");
}

static void test_relative_home(void **state)
{
	AUTO_FREE char *before = getcwd(NULL, 0);
	AUTO_FREE char *socket = mem_printf("%s/venusd.sock", folder);

	(void)state;
	assert_int_equal(chdir("/tmp"), 0);
	assert_int_equal(setenv("VENUS_HOME", folder + strlen("/tmp/"), 1), 0);
	check("run NB", 0, NULL, "");
	assert_int_equal(chdir(before), 0);
	assert_true(file_exists(socket));
}

/* A socket that somebody else made: only root can play that. */
static void test_foreign_owner(void **state)
{
	AUTO_FREE char *socket_path = mem_printf("%s/venusd.sock", folder);
	AUTO_FREE char *state_folder = mem_printf("%s/state", folder);
	pid_t pid;
	int status;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(mkdir(state_folder, 0700), 0);
	assert_int_equal(chown(state_folder, 12345, 12345), 0);
	check("status", 4, "", "belongs to user 12345, not to you");
	assert_int_equal(chown(state_folder, 0, 0), 0);
	assert_int_equal(chmod(folder, 0777), 0);
	check("status", 4, "", "is open to other users (mode 0777)");
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (setgid(12345) < 0 || setuid(12345) < 0)
			_exit(99);
		(void)execl(FAKE, FAKE, (char *)NULL);
		_exit(98);
	}
	wait_for("starts", "\n");
	while (!file_exists(socket_path))
		(void)poll(NULL, 0, 5);
	check("status", 4, "", "belongs to another user, and nothing was sent to it");
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

/* ---- what never answers ---- */

static void test_hanging_daemon(void **state)
{
	Venus__V1__Request request = VENUS__V1__REQUEST__INIT;
	Venus__V1__StatusCall call = VENUS__V1__STATUS_CALL__INIT;
	AUTO_REPLY Venus__V1__Reply *reply = NULL;
	AUTO_CLIENT struct client *client = NULL;
	AUTO_HOME struct home home = {0};
	struct err err;

	(void)state;
	set_mode("hang");
	request.call_case = VENUS__V1__REQUEST__CALL_STATUS;
	request.status = &call;
	assert_int_equal(home_find(&home, &err), 0);
	assert_int_equal(client_open(&home, true, &client, &err), 0);
	assert_int_equal(client_call(client, &request, 200, &reply, &err), -1);
	assert_int_equal(err.code, ERR_TIMEOUT);
	assert_non_null(strstr(err.message, "did not answer within 0.2 s"));
	check("daemon status", 3, "", "did not answer within 10 s");
}

/* Something that takes connections and says nothing at all. */
static void test_mute_listener(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s/venusd.sock", folder);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(fd, 8), 0);
	check("status", 3, "", "does not answer");
}

/* ---- logs ---- */

static void test_logs(void **state)
{
	AUTO_FREE char *log = mem_printf("%s/state/venusd.log", folder);
	AUTO_FREE char *state_folder = mem_printf("%s/state", folder);
	static const char text[] = "2026-01-31T12:00:00.123Z info  one\n"
				   "two \x1b[2J\n"
				   "three";
	AUTO_OUTPUT struct output output = {0};
	struct err err;
	json_t *last;

	(void)state;
	check("logs", 3, "", "there is no log at");
	assert_int_equal(mkdir(state_folder, 0700), 0);
	assert_int_equal(file_write_atomic(log, text, sizeof text - 1, 0600, &err), 0);
	check("logs", 0, "2026-01-31T12:00:00.123Z info  one\ntwo \\x1b[2J\nthree\n", "");
	check("logs -n 2", 0, "two \\x1b[2J\nthree\n", "");
	check("logs -n1", 0, "three\n", "");
	check("logs -n 0", 0, "", "");
	check("logs -n 99", 0, NULL, "");
	output = ctl("logs --json");
	assert_int_equal(check_json(output.out.data, "log", &last), 3);
	assert_string_equal(json_string_value(json_object_get(last, "text")), "three");
	json_decref(last);
	assert_non_null(strstr(output.out.data,
	    "\"time\":\"2026-01-31T12:00:00.123Z\",\"level\":\"info\",\"text\":\"one\""));
}

static void append(const char *path, const char *text)
{
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void test_logs_follow(void **state)
{
	AUTO_FREE char *log = mem_printf("%s/state/venusd.log", folder);
	AUTO_FREE char *state_folder = mem_printf("%s/state", folder);
	AUTO_OUTPUT struct output output = {0};
	pid_t pid;

	(void)state;
	assert_int_equal(mkdir(state_folder, 0700), 0);
	append(log, "one\n");
	pid = start("logs -f", 0);
	wait_for("out0", "one\n");
	append(log, "two\n");
	wait_for("out0", "one\ntwo\n");
	assert_int_equal(unlink(log), 0);
	append(log, "three\n");
	wait_for("out0", "one\ntwo\nthree\n");
	assert_int_equal(truncate(log, 0), 0);
	append(log, "4\n");
	wait_for("out0", "one\ntwo\nthree\n4\n");
	assert_int_equal(kill(pid, SIGINT), 0);
	output = finish(pid, 0);
	assert_int_equal(output.status, 128 + SIGINT);
}

static void test_full_output(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	check("run NB", 0, NULL, "");
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (dup2(open("/dev/full", O_WRONLY), 1) < 0 ||
		    dup2(open("/dev/null", O_WRONLY), 2) < 0)
			_exit(99);
		(void)execl(PROGRAM, PROGRAM, "run", notebook, (char *)NULL);
		_exit(98);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 3);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_usage),
	    TEST(test_help),
	    TEST(test_run_plain),
	    TEST(test_run_raw),
	    TEST(test_run_colored),
	    TEST(test_run_json),
	    TEST(test_large_values),
	    TEST(test_exit_codes),
	    TEST(test_interrupt),
	    TEST(test_terminate),
	    TEST(test_terminal),
	    TEST(test_two_clients_start_one),
	    TEST(test_daemon_commands),
	    TEST(test_stale_socket),
	    TEST(test_no_program),
	    TEST(test_socket_option_starts_none),
	    TEST(test_long_path),
	    TEST(test_relative_home),
	    TEST(test_foreign_owner),
	    TEST(test_hanging_daemon),
	    TEST(test_mute_listener),
	    TEST(test_logs),
	    TEST(test_logs_follow),
	    TEST(test_full_output),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
