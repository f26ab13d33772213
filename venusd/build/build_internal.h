#ifndef VENUSD_BUILD_INTERNAL_H
#define VENUSD_BUILD_INTERNAL_H

#include <assert.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/log.h"
#include "venusd/build/build.h"

/* What the files of this folder share: the driver's state, jobs, and programs that jobs run.
 * build.c has the theory of operation. */

/* What is kept of each stream of a compiler. */
#define BUILD_OUTPUT_MAX_BYTES ((uint64_t)16 << 20)
#define BUILD_OBJECT_MAX_BYTES ((size_t)1 << 30)

struct build {
	uv_loop_t *loop;
	struct spawner *spawner;
	struct store *store;
	char *folder;	      /* absolute */
	char *runtime_source; /* absolute */
	char *process_folder; /* <folder>/scratch/<pid>: everything in it ends with the daemon */
	struct build_job *jobs;
	uint64_t next_job;
	uv_mutex_t memory_lock; /* over what follows, which pool steps use: build_memory.h */
	struct build_failure *failures;
	size_t failure_count, failure_next;
};

/* A NULL-terminated list of strings that it owns. */
struct build_args {
	char **items;
	size_t count;
};
void build_args_add(struct build_args *args, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void build_args_fini(struct build_args *args);

/* A program to run. Everything in it is owned by it. */
struct build_command {
	const char *what;	/* for messages: "rustc", "cargo"; static */
	struct build_args args; /* args.items[0] is the program, absolute */
	struct build_args env;
	char *folder;
	uint64_t timeout_ms;
	void (*on_line)(
	    const char *line, void *payload); /* each whole line of stderr as it comes; NULL */
	void *payload;
};
void build_command_fini(struct build_command *command);

enum build_environment { BUILD_ENVIRONMENT_RUSTC, BUILD_ENVIRONMENT_CARGO };
/* The variables of the daemon's that a tool gets, and no others. */
void build_environment_add(struct build_args *env, enum build_environment kind);
/* Absolute path of an executable regular file found along PATH, or NULL. Owned by the caller. */
char *build_program_find(const char *name);
/* `standard_ms` unless VENUS_BUILD_TIMEOUT_MS says otherwise. */
uint64_t build_timeout_ms(uint64_t standard_ms);

/* What became of a program. */
struct build_run {
	struct build_job *job;
	const char *what;
	struct child *child;
	struct uv_timer_s *timer;
	bool done, timed_out, cut;
	uint64_t timeout_ms;
	enum child_end end;
	int code;
	struct buf out, err;
	uint64_t line_offset; /* of stderr: where the next line to be told starts */
	struct buf line;
	void (*on_line)(const char *line, void *payload);
	void *payload;
};
/* True if it ended by itself with exit code 0. */
bool build_run_ok(const struct build_run *run);
/* Sets `err` when the program did not come to an end of its own: time limit, signal, not started.
 * 0: it ended with an exit code. */
int build_run_check(const struct build_run *run, struct err *err);

/*
 * A job is a state machine: a table of named steps. A step runs on the loop or on the thread pool
 * and says which step is next, or, having started programs, that it waits for them; `job->next` is
 * then the step that looks at them.
 */
enum { BUILD_STEP_FAILED = -1, BUILD_STEP_WAIT = -2, BUILD_STEP_DONE = -3 };
enum build_place_of_step { BUILD_ON_LOOP, BUILD_ON_POOL };

struct build_step {
	const char *name;
	enum build_place_of_step where;
	int (*run)(struct build_job *job, struct err *err);
};

struct build_job {
	struct build *build;
	struct build_job *previous, *following;
	const struct build_step *steps;
	int state, next;
	uint64_t number;
	bool on_pool, cancelled;
	int outcome; /* of the pool's step */
	uv_work_t work;
	uv_sem_t pool_done;
	struct build_run **runs; /* of the step that waits, and of the one that looks at them */
	size_t run_count, runs_left;
	struct err err;
	void (*finish)(struct build_job *job,
	    const struct err *err);		/* tells the caller; err is NULL if it worked */
	void (*destroy)(struct build_job *job); /* frees the job's own parts and its memory */
	char *scratch; /* folder of this job's files; NULL until one is needed */
};

void build_job_begin(struct build *build, struct build_job *job, const struct build_step *steps);
/* Starts a program for the present step. Loop thread. */
int build_job_run(struct build_job *job, struct build_command *command, struct err *err);
/* One of its programs ended. */
void build_job_run_ended(struct build_job *job);
/* Forgets the programs of the step before. */
void build_job_runs_clear(struct build_job *job);
/* The job's scratch folder, made if it is not there. Any thread. NULL on failure. */
const char *build_job_scratch(struct build_job *job, struct err *err);
int build_file_write(
    const char *folder, const char *name, const void *bytes, size_t length, struct err *err);

#endif
