#include "venusd/build/build_env.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/mem.h"
#include "venusd/build/rust_cargo.h"

/*
 * Finding an environment. In the usual case everything is known: two notes and a few file
 * identities, no process. Else rustc is asked what it is, and cargo brings the crates.
 */

#define SOURCE_FILES_MAX 1000u
#define SOURCE_DEPTH_MAX 8

enum env_step {
	ENV_LOOK_UP,
	ENV_ASK,
	ENV_LEARN,
	ENV_PROJECT,
	ENV_PROJECT_TAKE,
	ENV_RESOLVE,
	ENV_RESOLVED,
	ENV_FETCH,
	ENV_FETCHED,
	ENV_BUILD,
	ENV_BUILT,
	ENV_STEP_COUNT
};

struct env_job {
	struct build_job job;
	struct build_env *env;
	const struct notebook *notebook; /* borrowed */
	char *path, *folder;
	struct digest toolchain_key;
	struct rust_cargo cargo;
	struct buf resolved;
	char *cargo_text; /* what cargo said when it failed */
	build_on_env *on_env;
	build_on_progress *on_progress;
	void *payload;
};

struct build_env *build_env_ref(struct build_env *env)
{
	env->references++;
	return env;
}

void build_env_unref(struct build_env *env)
{
	if (!env || --env->references > 0)
		return;
	rust_toolchain_fini(&env->toolchain);
	rust_crates_fini(&env->crates);
	free(env->text);
	free(env);
}

const struct digest *build_env_digest(const struct build_env *env)
{
	return &env->digest;
}

const char *build_env_toolchain(const struct build_env *env)
{
	return env->text;
}

/* ---- the runtime crate's source ---- */

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void free_names(struct build_args *names)
{
	build_args_fini(names);
}

static int read_names(const char *folder, struct build_args *names, struct err *err)
{
	DIR *entries = opendir(folder);
	const struct dirent *entry;

	if (!entries)
		return err_set(err, ERR_UNAVAILABLE,
		    "the runtime crate is not at `%s`: install venus again, or set its share "
		    "folder",
		    folder);
	while ((entry = readdir(entries)) && names->count < SOURCE_FILES_MAX) {
		if (entry->d_name[0] != '.')
			build_args_add(names, "%s", entry->d_name);
	}
	(void)closedir(entries); /* it was only read */
	if (names->count > 0)
		qsort(names->items, names->count, sizeof *names->items, compare_names);
	return 0;
}

/* Names and contents of all `.rs` files below a folder. */
static int add_source(struct store *store, const char *folder, int depth,
    struct digest_stream *stream, struct err *err)
{
	__attribute__((cleanup(free_names))) struct build_args names = {0};

	if (depth > SOURCE_DEPTH_MAX)
		return 0;
	if (read_names(folder, &names, err) != 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		AUTO_FREE char *path = file_join(folder, names.items[i]);
		const size_t length = strlen(names.items[i]);
		struct digest digest;

		if (length > 3 && strcmp(names.items[i] + length - 3, ".rs") == 0) {
			if (store_file_digest(store, STORE_FILE_READ, path, &digest, err) != 0)
				return -1;
			digest_stream_add_text(stream, names.items[i]);
			digest_stream_add(stream, digest.bytes, DIGEST_BYTES);
		} else if (!strchr(names.items[i], '.')) {
			digest_stream_add_text(stream, names.items[i]);
			if (add_source(store, path, depth + 1, stream, err) != 0)
				return -1;
		}
	}
	return 0;
}

static int runtime_digest(const struct build *build, struct digest *ret_digest, struct err *err)
{
	AUTO_FREE char *folder = file_join(build->runtime_source, "venus/src");
	struct digest_stream *stream = digest_stream_new();
	const int status = add_source(build->store, folder, 0, stream, err);

	*ret_digest = digest_stream_finish(stream);
	return status;
}

/* ---- the steps ---- */

static int complete(struct env_job *job)
{
	struct build_env *env = job->env;
	struct digest_stream *stream = digest_stream_new();

	digest_stream_add_text(stream, "environment 1");
	digest_stream_add(stream, env->toolchain.identity.bytes, DIGEST_BYTES);
	digest_stream_add(stream, env->runtime_source.bytes, DIGEST_BYTES);
	digest_stream_add(stream, env->crates_digest.bytes, DIGEST_BYTES);
	digest_stream_add(stream, &env->edition, sizeof env->edition);
	digest_stream_add_text(stream, env->release ? "release" : "dev");
	env->digest = digest_stream_finish(stream);
	env->text = mem_printf("rustc %s, %s, %s", env->toolchain.version, env->toolchain.host,
	    env->release ? "release" : "dev");
	return BUILD_STEP_DONE;
}

static int look_up_crates(struct env_job *job, struct err *err)
{
	struct rust_cargo *cargo = &job->cargo;
	int status = rust_cargo_plan(cargo, job->path, &job->env->toolchain, err);

	if (status < 0)
		return -1;
	if (status == 0)
		return complete(job);
	status = rust_cargo_look_up(cargo, job->env, err);
	if (status < 0)
		return -1;
	if (status == 1)
		return complete(job);
	if (cargo->project)
		return ENV_PROJECT;
	return rust_cargo_write(cargo, err) == 0 ? ENV_RESOLVE : BUILD_STEP_FAILED;
}

static int look_up(struct build_job *base, struct err *err)
{
	struct env_job *job = (struct env_job *)base;
	int status;

	if (runtime_digest(base->build, &job->env->runtime_source, err) != 0)
		return -1;
	job->env->edition = rust_manifest_edition(job->notebook->cargo);
	job->cargo.block = mem_strdup(job->notebook->cargo);
	status = rust_toolchain_look_up(
	    base->build->store, job->folder, &job->env->toolchain, &job->toolchain_key, err);
	if (status < 0)
		return -1;
	return status == 1 ? look_up_crates(job, err) : ENV_ASK;
}

static int ask(struct build_job *base, struct err *err)
{
	struct env_job *job = (struct env_job *)base;

	base->next = ENV_LEARN;
	return rust_toolchain_ask(base, &job->env->toolchain, job->folder, err) == 0
		   ? BUILD_STEP_WAIT
		   : BUILD_STEP_FAILED;
}

static int learn(struct build_job *base, struct err *err)
{
	struct env_job *job = (struct env_job *)base;

	if (rust_toolchain_learn(base, &job->toolchain_key, &job->env->toolchain, err) != 0)
		return -1;
	return look_up_crates(job, err);
}

static void on_cargo_line(const char *line, void *payload)
{
	static const char *const verbs[] = {
	    "Compiling ", "Downloading ", "Downloaded ", "Updating "};
	struct env_job *job = payload;

	line += strspn(line, " ");
	for (size_t i = 0; job->on_progress && i < ARRAY_LENGTH(verbs); i++) {
		if (strncmp(line, verbs[i], strlen(verbs[i])) == 0) {
			AUTO_FREE char *text = mem_strndup(line, strcspn(line, "("));

			text[0] = (char)(text[0] - 'A' + 'a');
			job->on_progress(text, job->payload);
			return;
		}
	}
}

static int cargo_start(struct env_job *job, enum rust_cargo_call call, int next, struct err *err)
{
	job->job.next = next;
	return rust_cargo_start(
		   &job->job, &job->cargo, &job->env->toolchain, call, on_cargo_line, job, err) == 0
		   ? BUILD_STEP_WAIT
		   : BUILD_STEP_FAILED;
}

/* Takes a failed cargo's words. */
static int cargo_failed(struct env_job *job, const struct build_run *run, struct err *err)
{
	if (build_run_check(run, err) != 0)
		return -1;
	job->cargo_text = mem_strndup(run->err.data ? run->err.data : "", run->err.length);
	return err_set(err, ERR_INVALID, "cargo failed");
}

static int project(struct build_job *base, struct err *err)
{
	return cargo_start((struct env_job *)base, RUST_CARGO_PROJECT, ENV_PROJECT_TAKE, err);
}

static int project_take(struct build_job *base, struct err *err)
{
	struct env_job *job = (struct env_job *)base;
	const struct build_run *run = base->runs[0];

	if (!build_run_ok(run))
		return cargo_failed(job, run, err);
	if (rust_cargo_project_take(&job->cargo, run->out.data, run->out.length, err) != 0 ||
	    rust_cargo_write(&job->cargo, err) != 0)
		return -1;
	return ENV_RESOLVE;
}

static int resolve(struct build_job *base, struct err *err)
{
	return cargo_start((struct env_job *)base, RUST_CARGO_RESOLVE, ENV_RESOLVED, err);
}

static int resolved(struct build_job *base, struct err *err)
{
	struct env_job *job = (struct env_job *)base;
	const struct build_run *run = base->runs[0];

	if (build_run_ok(run)) {
		buf_add(&job->resolved, run->out.data, run->out.length);
		return ENV_BUILD;
	}
	if (build_run_check(run, err) != 0 || job->cargo.fetched)
		return cargo_failed(job, run, err);
	return ENV_FETCH;
}

static int fetch(struct build_job *base, struct err *err)
{
	struct env_job *job = (struct env_job *)base;

	if (job->on_progress)
		job->on_progress("fetching crates", job->payload);
	return cargo_start(job, RUST_CARGO_FETCH, ENV_FETCHED, err);
}

static int fetched(struct build_job *base, struct err *err)
{
	struct env_job *job = (struct env_job *)base;

	if (!build_run_ok(base->runs[0]))
		return cargo_failed(job, base->runs[0], err);
	job->cargo.fetched = true;
	return ENV_RESOLVE;
}

static int build_crates(struct build_job *base, struct err *err)
{
	return cargo_start((struct env_job *)base, RUST_CARGO_BUILD, ENV_BUILT, err);
}

static int built(struct build_job *base, struct err *err)
{
	struct env_job *job = (struct env_job *)base;
	const struct build_run *run = base->runs[0];

	if (!build_run_ok(run))
		return cargo_failed(job, run, err);
	if (run->cut)
		return err_set(err, ERR_FULL, "cargo said more than venus reads");
	if (rust_cargo_take(&job->cargo, job->env, job->resolved.data, job->resolved.length,
		run->out.data, run->out.length, err) != 0)
		return -1;
	return complete(job);
}

static const struct build_step env_steps[] = {
    [ENV_LOOK_UP] = {"look up the environment", BUILD_ON_POOL, look_up},
    [ENV_ASK] = {"ask rustc what it is", BUILD_ON_LOOP, ask},
    [ENV_LEARN] = {"learn what rustc is", BUILD_ON_POOL, learn},
    [ENV_PROJECT] = {"read the project", BUILD_ON_LOOP, project},
    [ENV_PROJECT_TAKE] = {"take the project's crates", BUILD_ON_POOL, project_take},
    [ENV_RESOLVE] = {"resolve crates", BUILD_ON_LOOP, resolve},
    [ENV_RESOLVED] = {"look at the resolution", BUILD_ON_POOL, resolved},
    [ENV_FETCH] = {"fetch crates", BUILD_ON_LOOP, fetch},
    [ENV_FETCHED] = {"look at what was fetched", BUILD_ON_POOL, fetched},
    [ENV_BUILD] = {"build crates", BUILD_ON_LOOP, build_crates},
    [ENV_BUILT] = {"take the crates", BUILD_ON_POOL, built},
};
static_assert(ARRAY_LENGTH(env_steps) == ENV_STEP_COUNT, "a row for each step");

static void finish(struct build_job *base, const struct err *err)
{
	struct env_job *job = (struct env_job *)base;
	Venus__V1__Problem *problem;

	if (!err) {
		job->on_env(job->env, NULL, job->payload);
		return;
	}
	problem = job->cargo_text
		      ? rust_cargo_problem(&job->cargo, job->notebook, job->cargo_text)
		      : build_problem_new(VENUS__V1__PROBLEM__KIND__INTERNAL, err->message);
	job->on_env(NULL, problem, job->payload);
	venus__v1__problem__free_unpacked(problem, NULL);
}

static void destroy(struct build_job *base)
{
	struct env_job *job = (struct env_job *)base;

	build_env_unref(job->env);
	rust_cargo_fini(&job->cargo);
	buf_fini(&job->resolved);
	free(job->cargo_text);
	free(job->path);
	free(job->folder);
	free(job);
}

int build_env_find(struct build *build, const struct notebook *notebook,
    const struct build_options *options, build_on_env *on_env, build_on_progress *on_progress,
    void *payload, struct build_job **ret_job, struct err *err)
{
	struct env_job *job;

	if (options->path[0] != '/')
		return err_set(
		    err, ERR_INVALID, "the notebook's path `%s` is not absolute", options->path);
	job = mem_alloc(sizeof *job);
	job->env = mem_alloc(sizeof *job->env);
	job->env->references = 1;
	job->env->release = options->release;
	job->notebook = notebook;
	job->path = mem_strdup(options->path);
	job->folder = file_folder(options->path);
	job->cargo.build = build;
	job->cargo.folder = job->folder;
	job->cargo.release = options->release;
	job->on_env = on_env;
	job->on_progress = on_progress;
	job->payload = payload;
	job->job.finish = finish;
	job->job.destroy = destroy;
	build_job_begin(build, &job->job, env_steps);
	*ret_job = &job->job;
	return 0;
}
