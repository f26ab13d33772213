#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <signal.h>

#include "common/file.h"
#include "common/mem.h"
#include "venusd/build/build_memory.h"

/*
 * From a notebook to code that a worker loads.
 *
 * Two calls make all of it: build_env_find (build_env.c: which rustc, the notebook's crates) and
 * build_cells (build_cells.c and what it uses: the runtime crate, the definitions as one
 * `universe`, cells in batches, glue for their types). Each call is a job: a table of named steps
 * of which one is being done. A step either runs on the loop, where it may start compilers
 * (rust_compile.c, rust_link.c, rust_cargo.c) and then waits for them, or on the thread pool, where
 * it generates text, reads diagnostics, and uses the store. While a step is on the pool the loop
 * does not touch the job.
 *
 * What is found or made is recorded in the store under a digest of all that went into it, so that
 * the same code is never compiled twice; what failed to compile is remembered in memory only
 * (build_memory.c).
 *
 * A job is freed after its callback. One that is cancelled loses its compilers at once and calls
 * nothing; if a step of it is on the pool, the caller waits for that step, milliseconds, since it
 * may read the notebook that the caller is about to free.
 *
 * Files: <folder>/scratch/<pid>/ belongs to a running daemon and goes with it; <folder>/crates/
 * holds cargo's target folders.
 */

static void job_advance(struct build_job *job);

/* Loop thread. The job is in no list any more and nothing of it runs. */
static void job_free(struct build_job *job)
{
	struct err ignored;

	build_job_runs_clear(job);
	if (job->scratch)
		(void)file_remove_tree(
		    job->scratch, &ignored); /* the next daemon removes what is left */
	free(job->scratch);
	uv_sem_destroy(&job->pool_done);
	job->destroy(job);
}

static void job_unlink(struct build_job *job)
{
	struct build *build = job->build;

	if (job->previous)
		job->previous->following = job->following;
	else
		build->jobs = job->following;
	if (job->following)
		job->following->previous = job->previous;
	if (!build->jobs)
		build_memory_trim(build);
}

static void job_end(struct build_job *job, const struct err *err)
{
	job_unlink(job);
	job->finish(job, err);
	job_free(job);
}

static void pool_work(uv_work_t *work)
{
	struct build_job *job = work->data;

	job->outcome = job->steps[job->state].run(job, &job->err);
	uv_sem_post(&job->pool_done);
}

static void pool_after(uv_work_t *work, int status)
{
	struct build_job *job = work->data;

	job->on_pool = false;
	if (job->cancelled) {
		job_free(job);
		return;
	}
	if (status != 0)
		job->outcome = err_set(&job->err, ERR_CANCELLED, "the build was stopped");
	else
		uv_sem_wait(&job->pool_done);
	job_advance(job);
}

static void job_pool(struct build_job *job)
{
	job->work.data = job;
	job->on_pool = true;
	/* Fails only without a work function. */
	(void)uv_queue_work(job->build->loop, &job->work, pool_work, pool_after);
}

/* Goes on from `job->outcome`. */
static void job_advance(struct build_job *job)
{
	for (;;) {
		switch (job->outcome) {
		case BUILD_STEP_FAILED: job_end(job, &job->err); return;
		case BUILD_STEP_DONE: job_end(job, NULL); return;
		case BUILD_STEP_WAIT: return;
		default: break;
		}
		job->state = job->outcome;
		log_debug(
		    "build %llu: %s", (unsigned long long)job->number, job->steps[job->state].name);
		if (job->steps[job->state].where == BUILD_ON_POOL) {
			job_pool(job);
			return;
		}
		build_job_runs_clear(job);
		job->outcome = job->steps[job->state].run(job, &job->err);
	}
}

void build_job_run_ended(struct build_job *job)
{
	if (--job->runs_left > 0)
		return;
	job->outcome = job->next;
	job_advance(job);
}

void build_job_begin(struct build *build, struct build_job *job, const struct build_step *steps)
{
	job->build = build;
	job->steps = steps;
	job->number = ++build->next_job;
	job->following = build->jobs;
	if (build->jobs)
		build->jobs->previous = job;
	build->jobs = job;
	if (uv_sem_init(&job->pool_done, 0) != 0)
		abort();
	assert(
	    steps[0].where == BUILD_ON_POOL); /* so that no callback comes from inside the call */
	job_pool(job);
}

void build_job_cancel(struct build_job *job)
{
	job->cancelled = true;
	if (job->on_pool && uv_cancel((uv_req_t *)&job->work) != 0)
		uv_sem_wait(&job->pool_done);
	job_unlink(job);
	build_job_runs_clear(job);
	if (!job->on_pool)
		job_free(job);
}

const char *build_job_scratch(struct build_job *job, struct err *err)
{
	AUTO_FREE char *folder = NULL;

	if (job->scratch)
		return job->scratch;
	folder = mem_printf("%s/%llu", job->build->process_folder, (unsigned long long)job->number);
	if (file_make_folders(folder, 0700, err) != 0)
		return NULL;
	job->scratch = TAKE_PTR(folder);
	return job->scratch;
}

int build_file_write(
    const char *folder, const char *name, const void *bytes, size_t length, struct err *err)
{
	AUTO_FREE char *path = file_join(folder, name);
	AUTO_FCLOSE FILE *file = fopen(path, "we");

	if (!file || (length > 0 && fwrite(bytes, length, 1, file) != 1) || fflush(file) != 0)
		return err_set_errno(err, errno, "cannot write `%s`", path);
	return 0;
}

/* Removes what daemons that are gone left behind. */
static void remove_old_scratch(const char *folder)
{
	AUTO_FREE char *scratch = file_join(folder, "scratch");
	DIR *entries = opendir(scratch);
	struct dirent *entry;
	struct err ignored;

	while (entries && (entry = readdir(entries))) {
		char *end;
		const long pid = strtol(entry->d_name, &end, 10);
		AUTO_FREE char *path = file_join(scratch, entry->d_name);

		if (*end || pid <= 0 || (kill((pid_t)pid, 0) != 0 && errno == ESRCH) ||
		    pid == getpid()) {
			if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
				(void)file_remove_tree(path, &ignored); /* tried again next time */
		}
	}
	if (entries)
		(void)closedir(entries); /* it was only read */
}

int build_open(uv_loop_t *loop, struct spawner *spawner, struct store *store,
    const struct build_settings *settings, struct build **ret_build, struct err *err)
{
	struct build *build;
	AUTO_FREE char *folder = NULL;
	AUTO_FREE char *process_folder = NULL;

	if (file_make_folders(settings->folder, 0700, err) != 0 ||
	    file_resolve(settings->folder, &folder, err) != 0)
		return -1;
	remove_old_scratch(folder);
	process_folder = mem_printf("%s/scratch/%ld", folder, (long)getpid());
	if (file_make_folders(process_folder, 0700, err) != 0)
		return -1;
	build = mem_alloc(sizeof *build);
	if (uv_mutex_init(&build->memory_lock) != 0)
		abort();
	build->loop = loop;
	build->spawner = spawner;
	build->store = store;
	build->folder = TAKE_PTR(folder);
	build->process_folder = TAKE_PTR(process_folder);
	build->runtime_source = mem_strdup(settings->runtime_source);
	*ret_build = build;
	return 0;
}

void build_close(struct build *build)
{
	struct err ignored;

	if (!build)
		return;
	while (build->jobs)
		build_job_cancel(build->jobs);
	(void)file_remove_tree(
	    build->process_folder, &ignored); /* the next daemon removes what is left */
	build_memory_fini(build);
	uv_mutex_destroy(&build->memory_lock);
	free(build->folder);
	free(build->process_folder);
	free(build->runtime_source);
	free(build);
}
