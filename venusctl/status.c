#include "venusctl/command.h"

#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "venusctl/client.h"
#include "venusctl/format.h"
#include "venusctl/state.h"
#include "venusctl/status.h"
#include "venusctl/text_safe.h"

json_t *status_json_daemon(const Venus__V1__StatusResult *status)
{
	json_t *object = json_object();

	format_json_set_text(object, "event", "daemon");
	format_json_set_text(object, "daemon", status->daemon);
	format_json_set_number(object, "pid", status->pid);
	(void)json_object_set_new(object, "uptime_ms",
	    json_integer((json_int_t)status->uptime_ms)); /* only without memory */
	format_json_set_text(object, "home", status->home);
	format_json_set_text(object, "log", status->log_path);
	(void)json_object_set_new(
	    object, "store_bytes", json_integer((json_int_t)status->store_bytes)); /* as above */
	(void)json_object_set_new(object, "store_objects",
	    json_integer((json_int_t)status->store_objects)); /* as above */
	(void)json_object_set_new(
	    object, "sessions", json_integer((json_int_t)status->n_sessions));	     /* as above */
	(void)json_object_set_new(object, "clients", json_integer(status->clients)); /* as above */
	(void)json_object_set_new(object, "workers", json_integer(status->workers)); /* as above */
	return object;
}

static void add_plural(struct buf *buf, uint64_t count, const char *what)
{
	buf_printf(buf, "  %llu %s%s", (unsigned long long)count, what, count == 1 ? "" : "s");
}

void status_text_daemon(struct buf *buf, const Venus__V1__StatusResult *status, bool verbose)
{
	text_add_safe_text(buf, status->daemon, TEXT_LINE);
	buf_printf(buf, "  pid %u  up ", (unsigned)status->pid);
	format_duration(buf, status->uptime_ms * 1000);
	add_plural(buf, status->n_sessions, "session");
	add_plural(buf, status->workers, "worker");
	add_plural(buf, status->clients, "client");
	buf_add_text(buf, "  store ");
	format_size(buf, status->store_bytes);
	buf_printf(buf, " in %llu object%s\n", (unsigned long long)status->store_objects,
	    status->store_objects == 1 ? "" : "s");
	if (!verbose)
		return;
	buf_add_text(buf, "home  ");
	text_add_safe_text(buf, status->home, TEXT_LINE);
	buf_add_text(buf, "\nlog   ");
	text_add_safe_text(buf, status->log_path, TEXT_LINE);
	buf_add_char(buf, '\n');
}

int status_ask(struct client *client, char *path, Venus__V1__Reply **ret_reply, struct err *err)
{
	Venus__V1__Request request = VENUS__V1__REQUEST__INIT;
	Venus__V1__StatusCall call = VENUS__V1__STATUS_CALL__INIT;

	request.call_case = VENUS__V1__REQUEST__CALL_STATUS;
	request.status = &call;
	if (path)
		call.path = path;
	return client_call(client, &request, CLIENT_DEADLINE_MS, ret_reply, err);
}

static void add_status(struct buf *out, const Venus__V1__StatusResult *status,
    const struct options *options, bool daemon_too)
{
	bool color = command_use_color(options);
	json_t *session;

	if (options->json && daemon_too)
		format_json_line(out, status_json_daemon(status));
	else if (!options->json && daemon_too)
		status_text_daemon(out, status, options->verbose);
	for (size_t i = 0; i < status->n_sessions; i++) {
		if (options->json) {
			session = state_json_session(status->sessions[i]);
			(void)json_object_set_new(
			    session, "event", json_string("session")); /* as above */
			format_json_line(out, session);
		} else {
			state_text_session(out, status->sessions[i], color);
		}
	}
}

int command_status(const struct options *options, const struct home *home, struct err *err)
{
	bool one_notebook = options->arguments.count > 0;
	AUTO_REPLY Venus__V1__Reply *reply = NULL;
	AUTO_CLIENT struct client *client = NULL;
	AUTO_BUF struct buf out = BUF_INIT;
	AUTO_FREE char *path = NULL;

	if (one_notebook && command_resolve_notebook(options->arguments.items[0], &path, err) < 0)
		return -1;
	if (client_open(home, !options->socket, &client, err) < 0 ||
	    status_ask(client, path, &reply, err) < 0)
		return -1;
	add_status(&out, reply->status, options, !one_notebook);
	return format_flush(&out, STDOUT_FILENO, err) < 0 ? -1 : EXIT_DONE;
}
