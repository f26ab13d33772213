#ifndef VENUSD_SESSION_H
#define VENUSD_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "common/err.h"
#include "venus.pb-c.h"
#include "venusd/build/build.h"
#include "venusd/store/store.h"
#include "venusd/worker/spawner.h"

/*
 * Open notebooks: their cells' states, their workers and values, the runs that bring them up to
 * date, and the log of events that clients follow. Loop thread only; nothing blocks (store, hashing
 * and parsing run on the loop's thread pool). Callbacks come from the loop or from inside the call,
 * as said.
 */

#define SESSION_ID_BYTES 16

struct sessions;
struct session;

struct sessions_settings {
	uv_loop_t *loop;
	struct store *store;
	struct spawner *spawner;
	struct build *build;
	const char *worker_program; /* venus-worker */
};

struct sessions *sessions_new(const struct sessions_settings *settings);
/* Tells every run, and every look, to stop. Each gets its end, at once or when its work on the
 * thread pool is through: see sessions_on_idle. */
void sessions_cancel(struct sessions *sessions);
/* Ends every worker. Nothing may be running. The loop must go on until what is on its thread pool
 * is through. */
void sessions_free(struct sessions *sessions);
/* Runs that are going on or wait. */
size_t sessions_running(const struct sessions *sessions);
/* Forgets requests that are too old to be sent again. Blocking; any thread. */
int sessions_forget_requests(struct store *store, struct err *err);
/* Live workers. */
size_t sessions_workers(const struct sessions *sessions);
/* Called whenever the last run that was going on or waited has ended. */
void sessions_on_idle(struct sessions *sessions, void (*on_idle)(void *payload), void *payload);

/* The session of a path (absolute, resolved), opened if it is not. */
struct session *session_open(struct sessions *sessions, const char *path);
struct session *session_by_path(struct sessions *sessions, const char *path);
struct session *session_by_id(struct sessions *sessions, const uint8_t id[SESSION_ID_BYTES]);
struct session *session_by_run(struct sessions *sessions, const uint8_t id[SESSION_ID_BYTES]);
struct session *session_first(struct sessions *sessions);
struct session *session_next(struct session *session);
const uint8_t *session_id(const struct session *session);

/*
 * Puts a run into the session's queue; its events go to the log. `call` is borrowed during the
 * call. Calls back once, from the loop: with `err` if there is nothing to run (the notebook cannot
 * be read, has no cell, not the named one …; ERR_UNAVAILABLE: an earlier daemon began
 * this request), else as soon as the run is finished or is known to
 * take longer than a look at what is kept. The run's events are those from `first_seq` on that bear
 * its id. ERR_FULL: too many runs wait.
 */
typedef void session_on_submitted(struct session *session, const uint8_t run[SESSION_ID_BYTES],
    uint64_t first_seq, const struct err *err, void *payload);
int session_submit(struct session *session, const Venus__V1__SubmitCall *call,
    const uint8_t request[SESSION_ID_BYTES], session_on_submitted *on_submitted, void *payload,
    struct err *err);
/* Calls back once the notebook is read and it is known what would have to be done; nothing is
 * executed. The result is borrowed; it may be changed. */
typedef void session_on_details(
    Venus__V1__InspectResult *result, const struct err *err, void *payload);
int session_inspect(struct session *session, const Venus__V1__InspectCall *call,
    session_on_details *on_details, void *payload, struct err *err);
/* Tells a run (NULL: every one of the session) to stop. How many are told. */
unsigned session_cancel(struct session *session, const uint8_t *run);
/* Owned by the caller: venus__v1__session_state__free_unpacked. */
Venus__V1__SessionState *session_state(struct session *session);

/* The log. Events from `from_seq` on, at most `limit_bytes` of them (at least one); borrowed until
 * the loop goes on. True if events before the first that is given were lost. `from_seq` 0 is the
 * first. */
bool session_events(struct session *session, uint64_t from_seq, size_t limit_bytes,
    Venus__V1__Event ***ret_events, size_t *ret_count, uint64_t *ret_next_seq);
uint64_t session_next_seq(const struct session *session);

/* Waits for an event with `from_seq` or a later one: calls back once, from the loop, when there is
 * one, when `max_wait_ms` passed, or when the session ends (session is NULL then). */
struct session_waiter;
typedef void session_on_events(struct session *session, void *payload);
struct session_waiter *session_wait(struct session *session, uint64_t from_seq,
    uint32_t max_wait_ms, session_on_events *on_events, void *payload);
void session_waiter_cancel(struct session_waiter *waiter); /* the callback does not come */

#endif
