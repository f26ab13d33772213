/*
 * A session's log of events. Bounded by bytes: the oldest are let go, and a follower that asks for
 * them is told of a gap. Waiting is a list of waiters, woken from an idle step of the loop so that
 * a burst of events is one answer.
 */

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/mem.h"
#include "venusd/session/session_internal.h"

struct session_waiter {
	struct session *session;
	uint64_t from_seq;
	session_on_events *on_events;
	void *payload;
	uv_timer_t timer;
	bool done;
	struct session_waiter *prev, *next;
};

void event_log_init(struct event_log *log)
{
	*log = (struct event_log){.first_seq = 1};
}

static void on_timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void waiter_finish(struct session_waiter *waiter)
{
	waiter->done = true;
	DL_DELETE(waiter->session->log.waiters, waiter);
	uv_close((uv_handle_t *)&waiter->timer, on_timer_closed);
}

void event_log_fini(struct event_log *log)
{
	while (log->waiters) {
		struct session_waiter *waiter = log->waiters;

		waiter_finish(waiter);
		waiter->on_events(NULL, waiter->payload);
	}
	for (size_t i = 0; i < log->count; i++)
		venus__v1__event__free_unpacked(log->events[i], NULL);
	free(log->events);
	free(log->sizes);
}

static void on_timer(uv_timer_t *timer)
{
	struct session_waiter *waiter = timer->data;

	waiter_finish(waiter);
	waiter->on_events(waiter->session, waiter->payload);
}

struct session_waiter *session_wait(struct session *session, uint64_t from_seq,
    uint32_t max_wait_ms, session_on_events *on_events, void *payload)
{
	struct session_waiter *waiter = mem_alloc(sizeof *waiter);

	*waiter = (struct session_waiter){
	    .session = session, .from_seq = from_seq, .on_events = on_events, .payload = payload};
	(void)uv_timer_init(session->all->settings.loop, &waiter->timer);
	waiter->timer.data = waiter;
	(void)uv_timer_start(
	    &waiter->timer, on_timer, from_seq < session_next_seq(session) ? 0 : max_wait_ms, 0);
	DL_APPEND(session->log.waiters, waiter);
	return waiter;
}

void session_waiter_cancel(struct session_waiter *waiter)
{
	if (waiter && !waiter->done)
		waiter_finish(waiter);
}

static void let_go(struct event_log *log)
{
	size_t gone = 0;

	while (log->bytes > LIMIT_LOG_BYTES && gone + 1 < log->count) {
		log->bytes -= log->sizes[gone];
		venus__v1__event__free_unpacked(log->events[gone++], NULL);
	}
	if (!gone)
		return;
	log->count -= gone;
	log->first_seq += gone;
	memmove(log->events, log->events + gone, log->count * sizeof(Venus__V1__Event *));
	memmove(log->sizes, log->sizes + gone, log->count * sizeof *log->sizes);
}

uint64_t event_log_add(struct session *session, Venus__V1__Event *event)
{
	struct event_log *log = &session->log;

	if (log->count == log->capacity) {
		log->capacity = log->capacity ? log->capacity * 2 : 64;
		log->events =
		    mem_realloc_array(log->events, log->capacity, sizeof(Venus__V1__Event *));
		log->sizes = mem_realloc_array(log->sizes, log->capacity, sizeof *log->sizes);
	}
	event->seq = log->first_seq + log->count;
	log->events[log->count] = event;
	log->sizes[log->count] = venus__v1__event__get_packed_size(event) + 64;
	log->bytes += log->sizes[log->count++];
	if (log->bytes > LIMIT_LOG_BYTES + LIMIT_LOG_BYTES / 8)
		let_go(log);
	for (struct session_waiter *waiter = log->waiters; waiter; waiter = waiter->next)
		if (waiter->from_seq <= event->seq && uv_timer_get_due_in(&waiter->timer) > 0)
			(void)uv_timer_start(&waiter->timer, on_timer, 0, 0);
	return event->seq;
}

uint64_t session_next_seq(const struct session *session)
{
	return session->log.first_seq + session->log.count;
}

bool session_events(struct session *session, uint64_t from_seq, size_t limit_bytes,
    Venus__V1__Event ***ret_events, size_t *ret_count, uint64_t *ret_next_seq)
{
	struct event_log *log = &session->log;
	uint64_t asked = from_seq ? from_seq : 1;
	bool gap = asked < log->first_seq;
	size_t first = gap ? 0 : (size_t)(asked - log->first_seq), last, bytes = 0;

	if (asked > session_next_seq(session))
		first = log->count;
	for (last = first;
	     last < log->count && (last == first || bytes + log->sizes[last] <= limit_bytes);
	     last++)
		bytes += log->sizes[last];
	*ret_events = log->events ? log->events + first : NULL;
	*ret_count = last - first;
	*ret_next_seq = log->first_seq + last;
	return gap;
}
