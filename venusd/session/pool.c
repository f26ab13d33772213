#include <assert.h>
#include <stdlib.h>

#include "common/mem.h"
#include "venusd/session/session_internal.h"

struct pool_work {
	uv_work_t request;
	void (*work)(void *payload);
	void (*done)(void *payload);
	void *payload;
};

static void on_work(uv_work_t *request)
{
	struct pool_work *work = request->data;

	work->work(work->payload);
}

static void on_done(uv_work_t *request, int status)
{
	struct pool_work *work = request->data;

	(void)status; /* never cancelled: `done` frees what `work` was given */
	work->done(work->payload);
	free(work);
}

void pool_start(
    uv_loop_t *loop, void (*work)(void *payload), void (*done)(void *payload), void *payload)
{
	struct pool_work *item = mem_alloc(sizeof *item);
	int failed;

	*item = (struct pool_work){.work = work, .done = done, .payload = payload};
	item->request.data = item;
	failed = uv_queue_work(loop, &item->request, on_work, on_done);
	assert(!failed);
}
