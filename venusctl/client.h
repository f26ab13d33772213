#ifndef VENUS_CTL_CLIENT_H
#define VENUS_CTL_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/home.h"
#include "venus.pb-c.h"

/*
 * One connection to venusd: requests out, replies in. Not thread-safe; every function may block,
 * none longer than its deadline and the time to start a daemon.
 *
 * Errors. ERR_INVALID and ERR_NOT_FOUND are the daemon's answers to what was asked; ERR_DENIED: it
 * refuses this user, or the socket belongs to another user; ERR_CANCELLED: the watch said so; all
 * others: the daemon cannot be reached or failed.
 */

#define CLIENT_WIRE_VERSION	 1
#define CLIENT_BEHAVIOUR_VERSION 1
#define CLIENT_REPLY_MAX	 (1024 * 1024) /* bytes */
#define CLIENT_DEADLINE_MS	 10000	       /* of calls that have no reason for another one */
#define CLIENT_BLOB_PIECE	 (48 * 1024)   /* bytes that one GetBlob gives at most */

struct client;

/* What else to do while a reply is awaited. */
struct client_watch {
	int fd;		  /* polled for input; -1: none */
	unsigned tick_ms; /* time between ticks; 0: none */
	void *payload;
	/* Called when fd is readable. 0: go on waiting; -1: give up, err is set. */
	int (*ready)(void *payload, struct err *err);
	/* Called every tick_ms. As above. */
	int (*tick)(void *payload, struct err *err);
};

/* Connects. With `start_daemon` and nobody there, starts venusd; otherwise that is ERR_UNAVAILABLE.
 * `home` is borrowed. */
int client_open(
    const struct home *home, bool start_daemon, struct client **ret_client, struct err *err);
/* As client_open without start_daemon, but *ret_client is NULL when nobody is there. */
int client_find(const struct home *home, struct client **ret_client, struct err *err);
/* Whether the daemon was started to open this client. */
bool client_started_daemon(const struct client *client);
void client_close(struct client *client); /* NULL is fine */
/* `watch` is borrowed; NULL ends it. */
void client_set_watch(struct client *client, const struct client_watch *watch);

/*
 * Sends a request with the call of `call` and waits for its reply at most deadline_ms. A lost
 * connection is made anew once, and the request resent with the same id. The reply is owned by the
 * caller and holds the result that belongs to the call; an error that the daemon reports comes back
 * as err.
 */
int client_call(struct client *client, const Venus__V1__Request *call, uint64_t deadline_ms,
    Venus__V1__Reply **ret_reply, struct err *err);

/* Adds at most `limit_bytes` of a blob to `buf`. ERR_FULL when it has more. */
int client_get_blob(struct client *client, const ProtobufCBinaryData *digest, uint64_t limit_bytes,
    struct buf *buf, struct err *err);

static inline void client_close_p(struct client **client)
{
	client_close(*client);
}
static inline void client_reply_free_p(Venus__V1__Reply **reply)
{
	venus__v1__reply__free_unpacked(*reply, NULL);
}
#define AUTO_CLIENT __attribute__((cleanup(client_close_p)))
#define AUTO_REPLY  __attribute__((cleanup(client_reply_free_p)))

#endif
