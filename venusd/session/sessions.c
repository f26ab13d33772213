/*
 * The table of sessions. A session is opened by the first request that names its notebook, and is
 * kept.
 */

#include "venusd/session/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/mem.h"
#include "venusd/session/run_internal.h"

struct sessions *sessions_new(const struct sessions_settings *settings)
{
	struct sessions *sessions = mem_alloc(sizeof *sessions);

	sessions->settings = *settings;
	return sessions;
}

static void cell_free(struct cell *cell)
{
	free(cell->name);
	free(cell->why);
	problem_free(cell->error);
	execution_free(cell->execution);
	if (cell->output)
		venus__v1__output__free_unpacked(cell->output, NULL);
	free(cell);
}

static void session_free(struct session *session)
{
	struct cell *cell, *next;

	event_log_fini(&session->log);
	slot_free(session->slot);
	HASH_ITER (hh, session->cells, cell, next) {
		HASH_DEL(session->cells, cell);
		cell_free(cell);
	}
	settings_free(session->settings, session->setting_count);
	source_unref(session->source);
	free(session->title);
	free(session->path);
	free(session);
}

/* From the back, so that ending one does not start the next. How many are told. */
static unsigned cancel_all(struct run *const *list)
{
	struct run *run, *next;
	unsigned count = 0;

	for (run = *list ? (*list)->prev : NULL; run; run = next) {
		next = run == *list ? NULL : run->prev;
		run_cancel(run);
		count++;
	}
	return count;
}

void sessions_cancel(struct sessions *sessions)
{
	struct session *session, *next;

	HASH_ITER (hh, sessions->by_path, session, next) {
		(void)cancel_all(&session->runs);
		(void)cancel_all(&session->looks);
	}
}

void sessions_free(struct sessions *sessions)
{
	struct session *session, *next;

	if (!sessions)
		return;
	HASH_ITER (hh, sessions->by_path, session, next) {
		HASH_DEL(sessions->by_path, session);
		session_free(session);
	}
	free(sessions);
}

size_t sessions_running(const struct sessions *sessions)
{
	return sessions->running;
}

size_t sessions_workers(const struct sessions *sessions)
{
	size_t count = 0;

	for (struct session *session = sessions->by_path; session; session = session->hh.next)
		count += session->slot != NULL;
	return count;
}

void sessions_on_idle(struct sessions *sessions, void (*on_idle)(void *payload), void *payload)
{
	sessions->on_idle = on_idle;
	sessions->idle_payload = payload;
}

struct session *session_by_path(struct sessions *sessions, const char *path)
{
	struct session *session;

	HASH_FIND_STR(sessions->by_path, path, session);
	return session;
}

struct session *session_open(struct sessions *sessions, const char *path)
{
	struct session *session = session_by_path(sessions, path);
	struct digest digest;

	if (session)
		return session;
	session = mem_alloc(sizeof *session);
	session->all = sessions;
	session->path = mem_strdup(path);
	if (getrandom(session->id, sizeof session->id, GRND_NONBLOCK) !=
	    (ssize_t)sizeof session->id) {
		/* Only early in a machine's start; an id need not be secret, only its own. */
		digest = digest_of(path, strlen(path));
		memcpy(session->id, digest.bytes, sizeof session->id);
	}
	event_log_init(&session->log);
	HASH_ADD_KEYPTR(hh, sessions->by_path, session->path, strlen(session->path), session);
	return session;
}

struct session *session_by_id(struct sessions *sessions, const uint8_t id[SESSION_ID_BYTES])
{
	for (struct session *session = sessions->by_path; session; session = session->hh.next)
		if (memcmp(session->id, id, SESSION_ID_BYTES) == 0)
			return session;
	return NULL;
}

static struct run *find_run(struct session *session, const uint8_t *id)
{
	struct run *run = session->runs;

	while (run && !run_is(run, id))
		run = run_next(run);
	return run;
}

struct session *session_by_run(struct sessions *sessions, const uint8_t id[SESSION_ID_BYTES])
{
	for (struct session *session = sessions->by_path; session; session = session->hh.next)
		if (find_run(session, id))
			return session;
	return NULL;
}

struct session *session_first(struct sessions *sessions)
{
	return sessions->by_path;
}

struct session *session_next(struct session *session)
{
	return session->hh.next;
}

const uint8_t *session_id(const struct session *session)
{
	return session->id;
}

unsigned session_cancel(struct session *session, const uint8_t *id)
{
	struct run *run;

	if (!id)
		return cancel_all(&session->runs);
	run = find_run(session, id);
	if (run)
		run_cancel(run);
	return run != NULL;
}

Venus__V1__CellState *session_cell_state(const struct cell *cell, const struct notebook_cell *info)
{
	Venus__V1__CellState *state = mem_alloc(sizeof *state);

	venus__v1__cell_state__init(state);
	message_set_text(&state->name, info->name);
	message_set_text(&state->display_name, info->display_name);
	state->line = info->line;
	state->status = cell ? cell->status : VENUS__V1__CELL_STATUS__NEVER_RUN;
	if (!cell)
		return state;
	state->cached = cell->cached;
	if (cell->error)
		state->error = problem_copy(cell->error);
	if (cell->output) {
		state->outputs = mem_alloc(sizeof(Venus__V1__Output *));
		state->outputs[state->n_outputs++] = output_copy(cell->output);
	}
	if (cell->execution) {
		message_set_bytes(
		    &state->value_digest, cell->execution->value.data, cell->execution->value.len);
		message_set_text(&state->type, cell->execution->type);
	}
	return state;
}

Venus__V1__SessionState *session_state(struct session *session)
{
	Venus__V1__SessionState *state = mem_alloc(sizeof *state);
	const struct notebook *notebook = session->source ? session->source->notebook : NULL;

	venus__v1__session_state__init(state);
	message_set_bytes(&state->session, session->id, SESSION_ID_BYTES);
	message_set_text(&state->path, session->path);
	message_set_text(&state->title, session->title ? session->title : "");
	state->next_seq = session_next_seq(session);
	if (session->runs && session->runs->begun)
		message_set_bytes(&state->run, session->runs->id, SESSION_ID_BYTES);
	if (session->slot && session->slot->worker)
		state->worker_pid = (uint32_t)child_pid(worker_child(session->slot->worker));
	if (!notebook)
		return state;
	state->cells = mem_alloc((notebook->cell_count + 1) * sizeof(Venus__V1__CellState *));
	for (size_t i = 0; i < notebook->cell_count; i++) {
		struct cell *cell;

		HASH_FIND_STR(session->cells, notebook->cells[i].name, cell);
		state->cells[state->n_cells++] = session_cell_state(cell, &notebook->cells[i]);
	}
	state->problems = mem_alloc((notebook->problem_count + 1) * sizeof(Venus__V1__Problem *));
	for (size_t i = 0; i < notebook->problem_count; i++)
		state->problems[state->n_problems++] =
		    problem_from_notebook(notebook, &notebook->problems[i]);
	return state;
}
