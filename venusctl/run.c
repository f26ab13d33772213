#include "venusctl/command.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "venusctl/client.h"
#include "venusctl/format.h"
#include "venusctl/render.h"
#include "venusctl/run_state.h"

/*
 * Submit, then follow the session's log until the run is over; the renderer shows each event as it
 * comes. The run belongs to the daemon and goes on when this program is gone, so Ctrl-C is a Cancel
 * call, on a connection of its own because the first one holds a long poll, and the run's end is
 * awaited. Signals arrive on a descriptor that is polled together with the connection.
 */

#define SUBMIT_DEADLINE_MS 30000
#define FOLLOW_WAIT_MS	   20000
#define FOLLOW_DEADLINE_MS (FOLLOW_WAIT_MS + 10000)

struct run {
	const struct options *options;
	const struct home *home;
	char *path;
	struct client *client;
	struct renderer *renderer;
	struct run_state state;
	bool is_known; /* the daemon gave the run's id */
	unsigned interrupts;
	int end_signal; /* SIGTERM or SIGHUP that came, or 0 */
	int signal_fd;
};

/* ---- what is asked ---- */

struct settings {
	Venus__V1__WidgetSetting *items;
	Venus__V1__WidgetSetting **pointers;
	char **texts;
	size_t count;
};

static void settings_fini(struct settings *settings)
{
	for (size_t i = 0; i < settings->count; i++)
		free(settings->texts[i]);
	free(settings->texts);
	free(settings->items);
	free(settings->pointers);
}

/* CELL.ID=VALUE: a cell's name has no dot, and an id no '='. */
static int parse_setting(char *text, Venus__V1__WidgetSetting *ret_item, struct err *err)
{
	char *equals = strchr(text, '='), *dot = strchr(text, '.');

	if (!equals || !dot || dot > equals || dot == text || dot + 1 == equals)
		return err_set(
		    err, ERR_INVALID, "--set: %s is not of the form CELL.ID=VALUE", text);
	*equals = *dot = 0;
	venus__v1__widget_setting__init(ret_item);
	ret_item->cell = text;
	ret_item->id = dot + 1;
	ret_item->value = equals + 1;
	return 0;
}

static int parse_settings(
    const struct option_list *list, struct settings *settings, struct err *err)
{
	settings->items = mem_alloc(list->count * sizeof *settings->items);
	settings->pointers = mem_alloc(list->count * sizeof *settings->pointers);
	settings->texts = mem_alloc(list->count * sizeof *settings->texts);
	settings->count = list->count;
	for (size_t i = 0; i < list->count; i++) {
		settings->texts[i] = mem_strdup(list->items[i]);
		settings->pointers[i] = &settings->items[i];
		if (parse_setting(settings->texts[i], &settings->items[i], err) < 0)
			return -1;
	}
	return 0;
}

/* ---- signals ---- */

static void fill_signals(sigset_t *set)
{
	(void)sigemptyset(set);
	(void)sigaddset(set, SIGINT);
	(void)sigaddset(set, SIGTERM);
	(void)sigaddset(set, SIGHUP);
	(void)sigaddset(set, SIGTSTP);
}

static int catch_signals(struct run *run, struct err *err)
{
	sigset_t set;

	fill_signals(&set);
	run->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (run->signal_fd < 0 || sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_set_errno(err, errno, "cannot catch signals");
	return 0;
}

static int send_cancel(struct run *run, struct err *err);

/* Takes the live part off the terminal; the next tick draws it again. */
static int suspend(struct run *run, struct err *err)
{
	const struct renderer_ops *ops = run->renderer->ops;

	return ops->suspend ? ops->suspend(run->renderer, err) : 0;
}

/* A line on stderr that does not end up inside the live part. */
static int tell(struct run *run, const char *line, struct err *err)
{
	AUTO_BUF struct buf text = BUF_INIT;

	buf_printf(&text, "venusctl: %s\n", line);
	return suspend(run, err) < 0 ? -1 : format_flush(&text, STDERR_FILENO, err);
}

static int interrupt(struct run *run, struct err *err)
{
	if (++run->interrupts > 1)
		return err_set(err, ERR_CANCELLED, "interrupted; the run may still be going");
	if (!run->options->quiet &&
	    tell(run, "cancelling the run; Ctrl-C again leaves at once", err) < 0)
		return -1;
	return run->is_known ? send_cancel(run, err) : 0;
}

/* The terminal is left as it was while the program is stopped. */
static int stop_here(struct run *run, struct err *err)
{
	if (suspend(run, err) < 0)
		return -1;
	(void)raise(SIGSTOP); /* cannot fail */
	return 0;
}

static int on_signal(void *payload, struct err *err)
{
	struct run *run = payload;
	struct signalfd_siginfo info;

	while (read(run->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
		int result = 0;

		if (info.ssi_signo == SIGINT)
			result = interrupt(run, err);
		else if (info.ssi_signo == SIGTSTP)
			result = stop_here(run, err);
		else
			run->end_signal = (int)info.ssi_signo;
		if (run->end_signal)
			return err_set(err, ERR_CANCELLED, "ended by a signal");
		if (result < 0)
			return -1;
	}
	return 0;
}

static int on_tick(void *payload, struct err *err)
{
	struct run *run = payload;

	return run->renderer->ops->tick(run->renderer, err);
}

/* As if the signal had not been caught. */
static void end_by_signal(int number)
{
	sigset_t set;

	(void)signal(number, SIG_DFL);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, number);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	(void)raise(number);
}

/* ---- calls ---- */

static int send_cancel(struct run *run, struct err *err)
{
	struct client_watch watch = {.fd = run->signal_fd, .payload = run, .ready = on_signal};
	Venus__V1__Request request = VENUS__V1__REQUEST__INIT;
	Venus__V1__CancelCall call = VENUS__V1__CANCEL_CALL__INIT;
	AUTO_REPLY Venus__V1__Reply *reply = NULL;
	AUTO_CLIENT struct client *client = NULL;

	request.call_case = VENUS__V1__REQUEST__CALL_CANCEL;
	request.cancel = &call;
	call.run = (ProtobufCBinaryData){sizeof run->state.id, run->state.id};
	if (client_open(run->home, false, &client, err) < 0)
		return err_prefix(err, "cannot cancel the run");
	client_set_watch(client, &watch);
	if (client_call(client, &request, CLIENT_DEADLINE_MS, &reply, err) < 0)
		/* a run that is over cannot be cancelled, and its end is on the way */
		return err->code == ERR_NOT_FOUND ? 0 : err_prefix(err, "cannot cancel the run");
	return 0;
}

static int submit(struct run *run, Venus__V1__Reply **ret_reply, struct err *err)
{
	__attribute__((cleanup(settings_fini))) struct settings settings = {0};
	Venus__V1__Request request = VENUS__V1__REQUEST__INIT;
	Venus__V1__SubmitCall call = VENUS__V1__SUBMIT_CALL__INIT;
	Venus__V1__Source source = VENUS__V1__SOURCE__INIT;

	if (parse_settings(&run->options->settings, &settings, err) < 0)
		return -1;
	request.call_case = VENUS__V1__REQUEST__CALL_SUBMIT;
	request.submit = &call;
	source.path = run->path;
	call.source = &source;
	call.cells = run->options->cells.items;
	call.n_cells = run->options->cells.count;
	call.settings = settings.pointers;
	call.n_settings = settings.count;
	call.release = run->options->release;
	call.fresh = run->options->fresh;
	call.timeout_ms = run->options->timeout_ms;
	return client_call(run->client, &request, SUBMIT_DEADLINE_MS, ret_reply, err);
}

static int follow(struct run *run, const ProtobufCBinaryData *session, uint64_t from_seq,
    Venus__V1__Reply **ret_reply, struct err *err)
{
	Venus__V1__Request request = VENUS__V1__REQUEST__INIT;
	Venus__V1__FollowCall call = VENUS__V1__FOLLOW_CALL__INIT;

	request.call_case = VENUS__V1__REQUEST__CALL_FOLLOW;
	request.follow = &call;
	call.session = *session;
	call.from_seq = from_seq;
	call.max_wait_ms = FOLLOW_WAIT_MS;
	return client_call(run->client, &request, FOLLOW_DEADLINE_MS, ret_reply, err);
}

static int fetch_blob(void *payload, const ProtobufCBinaryData *digest, uint64_t limit_bytes,
    struct buf *buf, struct err *err)
{
	struct run *run = payload;

	return client_get_blob(run->client, digest, limit_bytes, buf, err);
}

/* ---- events ---- */

static int show_event(void *payload, const Venus__V1__Event *event, struct err *err)
{
	struct run *run = payload;

	return run->renderer->ops->event(run->renderer, event, err);
}

static int show_events(
    struct run *run, Venus__V1__Event *const *events, size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++)
		if (run_state_event(&run->state, events[i]) && show_event(run, events[i], err) < 0)
			return -1;
	return 0;
}

static int fail_lost(struct err *err)
{
	return err_set(err, ERR_UNAVAILABLE,
	    "venusd was restarted and does not know the run any more: start the run again");
}

static int show_gap(struct run *run, const Venus__V1__Gap *gap, uint64_t from_seq, struct err *err)
{
	if (!gap->state || gap->to_seq < from_seq)
		return fail_lost(err);
	if (tell(run, "some of the run's output was lost", err) < 0)
		return -1;
	return run_state_fill(&run->state, gap->state, show_event, run, err);
}

static int follow_to_the_end(
    struct run *run, const ProtobufCBinaryData *session, uint64_t next_seq, struct err *err)
{
	while (!run->state.is_over) {
		AUTO_REPLY Venus__V1__Reply *reply = NULL;
		const Venus__V1__FollowResult *result;

		if (follow(run, session, next_seq, &reply, err) < 0)
			return err->code == ERR_NOT_FOUND ? fail_lost(err) : -1;
		result = reply->follow;
		if (result->gap && show_gap(run, result->gap, next_seq, err) < 0)
			return -1;
		if (show_events(run, result->events, result->n_events, err) < 0)
			return -1;
		next_seq = result->next_seq;
	}
	return 0;
}

static int do_run(struct run *run, struct err *err)
{
	AUTO_REPLY Venus__V1__Reply *reply = NULL;
	const Venus__V1__SubmitResult *result;

	if (submit(run, &reply, err) < 0)
		return -1;
	result = reply->submit;
	if (run_state_init(&run->state, &result->run, err) < 0)
		return -1;
	run->is_known = true;
	if (show_events(run, result->events, result->n_events, err) < 0)
		return -1;
	if (run->interrupts && !run->state.is_over && send_cancel(run, err) < 0)
		return -1;
	return follow_to_the_end(run, &result->session, result->next_seq, err);
}

/* ---- the command ---- */

static struct renderer *new_renderer(struct run *run)
{
	const struct options *options = run->options;
	const char *term = getenv("TERM");
	struct render_settings settings = {.fd = STDOUT_FILENO,
	    .path = run->path,
	    .color = command_use_color(options),
	    .quiet = options->quiet,
	    .verbose = options->verbose,
	    .raw = options->raw,
	    .value_only = options->cells.count == 1,
	    .fetch = fetch_blob,
	    .payload = run};

	if (options->json)
		return render_json_new(&settings);
	if (options->quiet || !isatty(STDOUT_FILENO) || !term || strcmp(term, "dumb") == 0)
		return render_plain_new(&settings);
	return render_tty_new(&settings);
}

static int finish(const struct run *run, struct err *err)
{
	int result = run_state_exit(&run->state, run->options->cells.count > 0);

	if (run->interrupts)
		return EXIT_INTERRUPTED;
	if (result == EXIT_USAGE) /* the code of such an error */
		return err_set(err, ERR_INVALID, "nothing in %s can be run", run->path);
	return result;
}

static int run_notebook(struct run *run, struct err *err)
{
	AUTO_RENDERER struct renderer *renderer = new_renderer(run);
	AUTO_CLIENT struct client *client = NULL;
	struct client_watch watch = {.payload = run, .ready = on_signal};

	run->renderer = renderer;
	if (client_open(run->home, !run->options->socket, &client, err) < 0 ||
	    catch_signals(run, err) < 0)
		return -1;
	run->client = client;
	watch.fd = run->signal_fd;
	if (renderer->ops->tick) {
		watch.tick = on_tick;
		watch.tick_ms = RENDER_TICK_MS;
	}
	client_set_watch(client, &watch);
	return do_run(run, err) < 0 ? -1 : finish(run, err);
}

int command_run(const struct options *options, const struct home *home, struct err *err)
{
	struct run run = {.options = options, .home = home, .signal_fd = -1};
	int result;

	if (options->arguments.count != 1 ||
	    command_resolve_notebook(options->arguments.items[0], &run.path, err) < 0)
		return -1;
	result = run_notebook(&run, err);
	if (run.signal_fd >= 0)
		(void)close(run.signal_fd);
	run_state_fini(&run.state);
	free(run.path);
	if (run.end_signal)
		end_by_signal(run.end_signal);
	return result;
}
