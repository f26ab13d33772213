#ifndef VENUSD_WORKER_H
#define VENUSD_WORKER_H

#include "common/buf.h"
#include "venusd/worker/spawner.h"
#include "worker.pb-c.h"

/*
 * One venus-worker as the daemon sees it: a queue of requests answered in order
 * (proto/worker.proto), and its end. Loop thread only. A worker is hostile: a frame that is not
 * legal in the present state, too large, malformed, or with text that is not UTF-8 ends it, with a
 * message saying what it did. Requests that had no answer then get none: on_end tells instead.
 */

struct worker;

struct worker_spec {
	const char *program; /* venus-worker */
	const char
	    *library_path;  /* LD_LIBRARY_PATH of the child: where libstd-*.so is; "" for none */
	const char *folder; /* working directory at the start */
	const char *const *env;	     /* further "NAME=value", NULL at the end; may be NULL */
	uint64_t output_limit_bytes; /* of each stream until the first sync */
	uint64_t limit_memory_bytes; /* 0: none */
	uint32_t patience_ms; /* until its hello, and until it is gone after a crash frame or the
				 end of its socket; 0: WORKER_PATIENCE_MS */
};
#define WORKER_PATIENCE_MS 10000

struct worker_handlers {
	/* The worker is gone; `message` is one line for people that begins with a verb phrase ("was
	 * killed by signal 11 (SIGSEGV)", "overflowed its stack", "exited with code 3", "sent a
	 * frame that is not legal: …"). Output is complete. Once; the worker is freed by
	 * worker_free. */
	void (*on_end)(struct worker *worker, const struct child_exit *exit, const char *message,
	    void *payload);
	void (*on_output)(
	    struct worker *worker, enum child_stream stream, uint64_t size_bytes, void *payload);
	void *payload;
};

int worker_start(struct spawner *spawner, const struct worker_spec *spec,
    const struct worker_handlers *handlers, struct worker **ret_worker, struct err *err);
/* Kills it if it runs. May be called from any of its callbacks. No callback comes after this. NULL
 * is fine. */
void worker_free(struct worker *worker);
/* For its output and for child_sync, child_kill; freed with the worker. */
struct child *worker_child(struct worker *worker);

/* An answer's descriptors: `fds[i]` is what Blob.fd_index i names; each is a sealed memfd, checked
 * to hold at least the Blob's size. They are closed after the callback unless set to -1. One that
 * no Blob names is closed before and is -1. `answer` is borrowed for the callback. */
typedef void worker_answer(struct worker *worker, const Venus__Worker__FromWorker *answer, int *fds,
    size_t fd_count, void *payload);

/* Queues a request: `request->seq` and `ack` are filled in. `fds` are duplicated. The answer's kind
 * is that of the request (Load → Loaded …), checked, and so are its echoed numbers. ERR_FULL: the
 * message is over 64 KiB (large parts travel as descriptors), or more than WORKER_REQUESTS_MAX
 * wait; ERR_UNAVAILABLE: the worker is gone or going. */
#define WORKER_REQUESTS_MAX 1024
int worker_request(struct worker *worker, Venus__Worker__ToWorker *request, const int *fds,
    size_t fd_count, worker_answer *on_answer, void *payload, struct err *err);

/* The bytes of a Blob of an answer, appended to `buf`. A Blob of more than `limit_bytes` is
 * ERR_FULL. */
int worker_blob_read(const Venus__Worker__Blob *blob, const int *fds, size_t fd_count,
    size_t limit_bytes, struct buf *buf, struct err *err);

#endif
