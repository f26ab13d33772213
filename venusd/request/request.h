#ifndef VENUSD_REQUEST_H
#define VENUSD_REQUEST_H

#include <stddef.h>
#include <uv.h>

#include "common/err.h"
#include "venusd/session/session.h"
#include "venusd/store/store.h"

/*
 * The door: a socket that clients dial, and what each of their calls does. proto/PROTOCOL.md has
 * the rules. Loop thread only.
 */

struct requests;

struct requests_settings {
	uv_loop_t *loop;
	struct sessions *sessions;
	struct store *store;
	const char *path; /* of the socket, free to be bound */
	const char *home; /* for people: where state is kept */
	const char *log_path;
	void (*on_activity)(void *payload); /* a client asked for something */
	void (*on_stop)(
	    bool now, void *payload); /* a client asked for the end; it has its answer */
	void *payload;
};

int requests_open(
    const struct requests_settings *settings, struct requests **ret_requests, struct err *err);
/* From now on nothing new is begun: a Submit or an Inspect is told that the daemon is stopping. */
void requests_refuse(struct requests *requests);
/* Answers what is held, closes the socket. The loop must run once more before requests_free. */
void requests_close(struct requests *requests);
void requests_free(struct requests *requests);

#endif
