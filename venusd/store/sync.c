#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "venusd/store/store_internal.h"

struct sync_job {
	pthread_t thread;
	int fd, failed;
	bool started;
};

static void *sync_one(void *payload)
{
	struct sync_job *job = payload;

	job->failed = fsync(job->fd) < 0 ? errno : 0;
	return NULL;
}

/* A thread for each, for no longer than this takes: only syncs that wait at the same time share a
 * commit and a flush, and syncfs would wait for what other programs wrote. glibc's aio_fsync does
 * the same, but hangs in a process that was forked. */
int sync_together(const int *fds, size_t count)
{
	struct sync_job jobs[SYNC_TOGETHER_MAX] = {0};
	int failed = 0;

	assert(count > 0 && count <= SYNC_TOGETHER_MAX);
	for (size_t i = 0; i < count; i++) {
		jobs[i].fd = fds[i];
		jobs[i].started =
		    i > 0 && pthread_create(&jobs[i].thread, NULL, sync_one, &jobs[i]) == 0;
	}
	for (size_t i = 0; i < count; i++)
		if (!jobs[i].started)
			(void)sync_one(&jobs[i]); /* its result is in the job */
	for (size_t i = 0; i < count; i++) {
		if (jobs[i].started)
			(void)pthread_join(
			    jobs[i].thread, NULL); /* a thread of ours, not yet joined */
		if (jobs[i].failed)
			failed = jobs[i].failed;
	}
	errno = failed;
	return failed ? -1 : 0;
}
