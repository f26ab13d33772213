/*
 * How runs come to be: the revision is read at once, so that what cannot be run is refused; then
 * the run waits for its turn.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <utlist.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "venusd/session/run_internal.h"

/* Before the first thing that has an effect: a resend of this request, to another daemon too, must
 * not do it again. */

#define NOTE_SPACE     "request"
#define REQUEST_KEPT_S (24 * 3600)

struct noting {
	struct run *run;
	struct store *store;
	char *name;
};

static char *note_name(const uint8_t request[SESSION_ID_BYTES])
{
	struct buf buf = BUF_INIT;

	for (size_t i = 0; i < SESSION_ID_BYTES; i++)
		buf_printf(&buf, "%02x", request[i]);
	return buf_take(&buf);
}

static void note_work(void *payload)
{
	struct noting *noting = payload;
	int64_t now = (int64_t)time(NULL);
	struct err err;

	/* Without the note the run goes on all the same: it only could be done twice if the daemon
	 * died and the client sent it again. */
	(void)store_note_put(noting->store, NOTE_SPACE, noting->name, &now, sizeof now, &err);
}

static void note_done(void *payload)
{
	struct noting *noting = payload;
	struct run *run = noting->run;

	free(noting->name);
	free(noting);
	run->in_pool = false;
	run_step(run);
}

void run_note(struct run *run)
{
	struct noting *noting = mem_alloc(sizeof *noting);

	*noting = (struct noting){.run = run,
	    .store = run->session->all->settings.store,
	    .name = note_name(run->request)};
	run->noted = run->in_pool = true;
	pool_start(run->session->all->settings.loop, note_work, note_done, noting);
}

struct old_notes {
	int64_t before;
	char **names;
	size_t count;
};

static int gather_old(const char *name, const void *value, size_t length, void *payload)
{
	struct old_notes *old = payload;
	int64_t time = 0;

	if (length == sizeof time)
		memcpy(&time, value, sizeof time);
	if (time < old->before)
		*MEM_PUSH(old->names, old->count) = mem_strdup(name);
	return 0;
}

int sessions_forget_requests(struct store *store, struct err *err)
{
	struct old_notes old = {.before = (int64_t)time(NULL) - REQUEST_KEPT_S};
	int failed = store_note_each(store, NOTE_SPACE, gather_old, &old, err);

	for (size_t i = 0; i < old.count; i++) {
		if (!failed)
			failed = store_note_forget(store, NOTE_SPACE, old.names[i], err);
		free(old.names[i]);
	}
	free(old.names);
	return failed;
}

/* On the pool, before the source is read: what the store knows of the request and of the notebook.
 * A setting is an effect. */
static void look_up(void *payload)
{
	struct run *run = payload;
	struct store *store = run->session->all->settings.store;
	AUTO_FREE char *name = note_name(run->request);
	AUTO_BUF struct buf buf = BUF_INIT;
	int64_t now = (int64_t)time(NULL);
	struct err err;

	settings_read(&run->kept, store, run->session->path);
	if (run->inspect)
		return;
	run->was_begun = store_note_get(store, NOTE_SPACE, name, &buf, &err) == 1;
	if (run->setting_count && !run->was_begun)
		run->noted = store_note_put(store, NOTE_SPACE, name, &now, sizeof now, &err) == 0;
}

static int check_cells(const struct run *run, struct err *err)
{
	const struct notebook *notebook = run->source->notebook;

	if (!notebook->cell_count)
		return err_set(err, ERR_INVALID,
		    "nothing to run in %s: it has no cell (a function with #[venus::cell])",
		    run->session->path);
	for (size_t i = 0; i < run->name_count; i++) {
		const char *near;

		if (notebook_cell_find(notebook, run->names[i]) >= 0)
			continue;
		near = notebook_cell_nearest(notebook, run->names[i]);
		return err_set(err, ERR_NOT_FOUND, "%s has no cell `%s`%s%s%s", run->session->path,
		    run->names[i], near ? ": did you mean `" : "", near ? near : "",
		    near ? "`?" : "");
	}
	return 0;
}

static int check_settings(struct run *run, struct err *err)
{
	struct session *session = run->session;

	for (size_t i = 0; i < run->setting_count; i++) {
		const Venus__V1__WidgetSetting *setting = run->settings[i];
		int index = notebook_cell_find(run->source->notebook, setting->cell);
		struct cell *cell;

		if (index < 0)
			return err_set(err, ERR_INVALID, "cannot set %s.%s: %s has no cell `%s`",
			    setting->cell, setting->id, session->path, setting->cell);
		HASH_FIND_STR(session->cells, run->source->notebook->cells[index].name, cell);
		if (settings_check(cell ? cell->execution : NULL, setting->cell, setting->id,
			setting->value, err) < 0)
			return -1;
	}
	return 0;
}

static void on_run_timeout(uv_timer_t *timer)
{
	struct run *run = timer->data;

	run->timed_out = true;
	run_cancel(run);
}

static void on_read(
    struct source *source, const struct stat *status, const struct err *err, void *payload)
{
	struct run *run = payload;
	struct session *session = run->session;
	struct err refused;

	run->in_pool = false;
	settings_take(session, &run->kept);
	if (!source)
		refused = *err;
	else
		run->source = source_ref(source);
	if (source && status->st_ino) {
		source_unref(session->source);
		session->source = source_ref(source);
	}
	if (run->cancelled && source)
		(void)err_set(&refused, ERR_CANCELLED, "cancelled before it began");
	else if (run->was_begun)
		(void)err_set(&refused, ERR_UNAVAILABLE,
		    "the daemon was restarted in the middle of this run: run it again, what was "
		    "done is kept");
	if (!source || run->cancelled || run->was_begun || check_cells(run, &refused) < 0 ||
	    check_settings(run, &refused) < 0) {
		run_answer(run, &refused);
		if (run->inspect)
			run->on_details(NULL, &refused, run->payload);
		run_leave(run);
		return;
	}
	if (run->inspect) {
		run_begin(run);
		run_step(run);
		return;
	}
	if (run->timeout_ms)
		(void)uv_timer_start(&run->timer, on_run_timeout, run->timeout_ms, 0);
	if (session->runs != run)
		run_answer(run, NULL); /* it waits behind another */
	run_start_next(session);
}

/* Looking (inspect) does not wait behind runs. */
static struct run *run_new(struct session *session, struct run **list, struct err *err)
{
	struct run *run = mem_alloc(sizeof *run), *other;
	unsigned waiting = 0;

	DL_COUNT(*list, other, waiting);
	if (waiting >= LIMIT_QUEUED_RUNS) {
		free(run);
		(void)err_set(err, ERR_FULL,
		    "%u runs of %s wait already: try again when some are done", waiting,
		    session->path);
		return NULL;
	}
	if (getrandom(run->id, sizeof run->id, 0) != (ssize_t)sizeof run->id) {
		free(run);
		(void)err_set_errno(err, errno, "no random bytes");
		return NULL;
	}
	run->session = session;
	run->first_seq = session_next_seq(session);
	run->start_ns = uv_hrtime();
	venus__v1__run_finished__init(&run->counts);
	(void)uv_timer_init(session->all->settings.loop, &run->timer);
	run->timer.data = run;
	(void)uv_timer_init(session->all->settings.loop, &run->patience);
	run->patience.data = run;
	run->list = list;
	DL_APPEND(*list, run);
	session->all->running++;
	return run;
}

/* Once all that was asked is in the run. */
static void run_read(struct run *run, const Venus__V1__Source *source)
{
	struct session *session = run->session;
	char *text = NULL;

	run->in_pool = true;
	if (source && source->has_text)
		text = mem_dup(source->text.data, source->text.len);
	source_read(session->all->settings.loop, session->path, text, source ? source->text.len : 0,
	    session->source, look_up, on_read, run);
}

int session_submit(struct session *session, const Venus__V1__SubmitCall *call,
    const uint8_t request[SESSION_ID_BYTES], session_on_submitted *on_submitted, void *payload,
    struct err *err)
{
	struct run *run = run_new(session, &session->runs, err);

	if (!run)
		return -1;
	memcpy(run->request, request, SESSION_ID_BYTES);
	run->on_submitted = on_submitted;
	run->payload = payload;
	run->release = call->release;
	run->fresh = call->fresh;
	run->timeout_ms = call->timeout_ms;
	for (size_t i = 0; i < call->n_cells; i++)
		*MEM_PUSH(run->names, run->name_count) = mem_strdup(call->cells[i]);
	for (size_t i = 0; i < call->n_settings; i++) {
		Venus__V1__WidgetSetting *setting = mem_alloc(sizeof *setting);

		venus__v1__widget_setting__init(setting);
		message_set_text(&setting->cell, call->settings[i]->cell);
		message_set_text(&setting->id, call->settings[i]->id);
		message_set_text(&setting->value, call->settings[i]->value);
		*MEM_PUSH(run->settings, run->setting_count) = setting;
	}
	run_read(run, call->source);
	return 0;
}

int session_inspect(struct session *session, const Venus__V1__InspectCall *call,
    session_on_details *on_details, void *payload, struct err *err)
{
	struct run *run = run_new(session, &session->looks, err);

	if (!run)
		return -1;
	run->inspect = true;
	run->on_details = on_details;
	run->payload = payload;
	if (call->cell[0])
		*MEM_PUSH(run->names, run->name_count) = mem_strdup(call->cell);
	run_read(run, call->source);
	return 0;
}
