#include "venusctl/command.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "venusctl/client.h"
#include "venusctl/format.h"
#include "venusctl/status.h"

#define END_WAIT_MS 15000 /* for a daemon that was told to stop */

/* One line for people, or one object. `object` is taken. */
static int print(const struct options *options, const char *text, json_t *object, struct err *err)
{
	AUTO_BUF struct buf out = BUF_INIT;

	if (options->json) {
		format_json_line(&out, object);
		return format_flush(&out, STDOUT_FILENO, err);
	}
	json_decref(object);
	if (!options->quiet)
		buf_printf(&out, "%s\n", text);
	return format_flush(&out, STDOUT_FILENO, err);
}

static int daemon_start(const struct options *options, const struct home *home, struct err *err)
{
	AUTO_REPLY Venus__V1__Reply *reply = NULL;
	AUTO_CLIENT struct client *client = NULL;
	AUTO_FREE char *text = NULL;
	json_t *object;
	bool started;

	if (options->socket)
		return err_set(err, ERR_INVALID,
		    "daemon start takes no --socket: set VENUS_HOME to start a daemon elsewhere");
	if (client_open(home, true, &client, err) < 0 || status_ask(client, NULL, &reply, err) < 0)
		return -1;
	started = client_started_daemon(client);
	text = mem_printf("venusd %s, pid %u", started ? "is started" : "runs already",
	    (unsigned)reply->status->pid);
	object = status_json_daemon(reply->status);
	(void)json_object_set_new(
	    object, "started", json_boolean(started)); /* only without memory */
	return print(options, text, object, err) < 0 ? -1 : EXIT_DONE;
}

static int print_absent(const struct options *options, const struct home *home, struct err *err)
{
	AUTO_FREE char *text = mem_printf("no venusd runs at %s", home->socket_path);

	return print(options, text, json_pack("{s:s,s:b}", "event", "daemon", "running", 0), err);
}

static int daemon_status(const struct options *options, const struct home *home, struct err *err)
{
	AUTO_REPLY Venus__V1__Reply *reply = NULL;
	AUTO_CLIENT struct client *client = NULL;
	AUTO_BUF struct buf out = BUF_INIT;

	if (client_find(home, &client, err) < 0)
		return -1;
	if (!client)
		return print_absent(options, home, err) < 0 ? -1 : EXIT_DAEMON;
	if (status_ask(client, NULL, &reply, err) < 0)
		return -1;
	if (options->json) {
		json_t *object = status_json_daemon(reply->status);

		(void)json_object_set_new(object, "running", json_true()); /* as above */
		format_json_line(&out, object);
	} else {
		status_text_daemon(&out, reply->status, !options->quiet);
	}
	return format_flush(&out, STDOUT_FILENO, err) < 0 ? -1 : EXIT_DONE;
}

/* Waits for the end of a process that is no child. A pid that is gone already is fine. */
static int wait_for_end(uint32_t pid, struct err *err)
{
	AUTO_CLOSE int fd =
	    pid > 0 && pid < INT32_MAX ? (int)syscall(SYS_pidfd_open, (pid_t)pid, 0) : -1;
	struct pollfd item = {.fd = fd, .events = POLLIN};
	int got;

	if (fd < 0)
		return 0;
	do
		got = poll(&item, 1, END_WAIT_MS);
	while (got < 0 && errno == EINTR);
	if (got == 0)
		return err_set(err, ERR_TIMEOUT,
		    "venusd (pid %u) was told to stop %d s ago and still runs: see venusctl logs",
		    (unsigned)pid, END_WAIT_MS / 1000);
	return 0;
}

static int daemon_stop(const struct options *options, const struct home *home, struct err *err)
{
	Venus__V1__Request request = VENUS__V1__REQUEST__INIT;
	Venus__V1__StopCall call = VENUS__V1__STOP_CALL__INIT;
	AUTO_REPLY Venus__V1__Reply *reply = NULL;
	AUTO_CLIENT struct client *client = NULL;
	AUTO_FREE char *text = NULL;
	uint32_t pid;

	if (client_find(home, &client, err) < 0)
		return -1;
	if (!client)
		return print_absent(options, home, err) < 0 ? -1 : EXIT_DONE;
	request.call_case = VENUS__V1__REQUEST__CALL_STOP;
	request.stop = &call;
	call.now = options->now;
	if (client_call(client, &request, CLIENT_DEADLINE_MS, &reply, err) < 0)
		return -1;
	pid = reply->stop->pid;
	client_close(TAKE_PTR(client));
	if (wait_for_end(pid, err) < 0)
		return -1;
	text = mem_printf("venusd, pid %u, is stopped", (unsigned)pid);
	return print(options, text,
		   json_pack(
		       "{s:s,s:b,s:I}", "event", "daemon", "stopped", 1, "pid", (json_int_t)pid),
		   err) < 0
		   ? -1
		   : EXIT_DONE;
}

int command_daemon(const struct options *options, const struct home *home, struct err *err)
{
	static const struct {
		const char *name;
		command_function *function;
	} actions[] = {{"start", daemon_start}, {"stop", daemon_stop}, {"status", daemon_status}};
	static const char *const names[] = {"start", "stop", "status", NULL};
	const char *word = options->arguments.items[0], *nearest = options_nearest(word, names);

	if (options->now && strcmp(word, "stop") != 0)
		return err_set(err, ERR_INVALID, "--now belongs to daemon stop");
	for (size_t i = 0; i < ARRAY_LENGTH(actions); i++)
		if (strcmp(word, actions[i].name) == 0)
			return actions[i].function(options, home, err);
	if (nearest)
		return err_set(
		    err, ERR_INVALID, "daemon %s is not known: did you mean %s?", word, nearest);
	return err_set(err, ERR_INVALID, "daemon %s is not known: say start, stop or status", word);
}
