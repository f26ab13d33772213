#include "venusd/build/build_internal.h"

#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/file.h"
#include "common/mem.h"

/*
 * Programs that a job runs: compilers, the linker, cargo. They are children of venus-spawn; what
 * they print is read when they end. One that does not end in its time is killed with all of its
 * process group.
 */

static const char *const rustc_variables[] = {
    "PATH", "HOME", "RUSTUP_HOME", "CARGO_HOME", "RUSTUP_TOOLCHAIN", "TMPDIR", "SOURCE_DATE_EPOCH"};
/* What reaching a registry takes. */
static const char *const cargo_variables[] = {"CARGO_NET_OFFLINE", "CARGO_HTTP_PROXY",
    "CARGO_HTTP_CAINFO", "CARGO_HTTP_TIMEOUT", "CARGO_HTTP_MULTIPLEXING", "CARGO_NET_RETRY",
    "CARGO_NET_GIT_FETCH_WITH_CLI", "SSL_CERT_FILE", "SSL_CERT_DIR", "http_proxy", "https_proxy",
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"};

void build_args_add(struct build_args *args, const char *format, ...)
{
	AUTO_BUF struct buf text = BUF_INIT;
	char *item;
	va_list list;
	int length;

	va_start(list, format);
	length = vasprintf(&item, format, list);
	va_end(list);
	if (length < 0)
		abort();
	args->items = mem_realloc_array(args->items, args->count + 2, sizeof *args->items);
	args->items[args->count++] = item;
	args->items[args->count] = NULL;
}

void build_args_fini(struct build_args *args)
{
	for (size_t i = 0; i < args->count; i++)
		free(args->items[i]);
	free(args->items);
	*args = (struct build_args){0};
}

void build_command_fini(struct build_command *command)
{
	build_args_fini(&command->args);
	build_args_fini(&command->env);
	free(command->folder);
	*command = (struct build_command){0};
}

static void add_variables(struct build_args *env, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *value = getenv(names[i]);

		if (value)
			build_args_add(env, "%s=%s", names[i], value);
	}
}

void build_environment_add(struct build_args *env, enum build_environment kind)
{
	add_variables(env, rustc_variables, ARRAY_LENGTH(rustc_variables));
	if (kind == BUILD_ENVIRONMENT_CARGO)
		add_variables(env, cargo_variables, ARRAY_LENGTH(cargo_variables));
	build_args_add(env, "LANG=C");
	/* A toolchain that a folder asks for and nobody installed is a message, never a download.
	 */
	build_args_add(env, "RUSTUP_AUTO_INSTALL=0");
}

char *build_program_find(const char *name)
{
	const char *path = getenv("PATH");

	while (path && *path) {
		size_t length = strcspn(path, ":");
		AUTO_FREE char *folder = mem_strndup(path, length);
		AUTO_FREE char *file = file_join(folder, name);
		struct stat status;

		if (folder[0] == '/' && stat(file, &status) == 0 && S_ISREG(status.st_mode) &&
		    access(file, X_OK) == 0)
			return TAKE_PTR(file);
		path += length + (path[length] == ':');
	}
	return NULL;
}

uint64_t build_timeout_ms(uint64_t standard_ms)
{
	const char *text = getenv("VENUS_BUILD_TIMEOUT_MS");
	char *end;
	unsigned long long value;

	if (!text || !*text)
		return standard_ms;
	value = strtoull(text, &end, 10);
	return *end || value == 0 ? standard_ms : value;
}

bool build_run_ok(const struct build_run *run)
{
	return run->done && !run->timed_out && run->end == CHILD_EXITED && run->code == 0;
}

int build_run_check(const struct build_run *run, struct err *err)
{
	if (run->timed_out)
		return err_set(err, ERR_TIMEOUT,
		    "%s did not end within %llu s and was killed: make the code smaller, or set "
		    "VENUS_BUILD_TIMEOUT_MS",
		    run->what, (unsigned long long)((run->timeout_ms + 999) / 1000));
	switch (run->end) {
	case CHILD_EXITED: return 0;
	case CHILD_SIGNALLED:
		return err_set(err, ERR_UNAVAILABLE, "%s was killed by signal %d (%s)", run->what,
		    run->code, strsignal(run->code));
	case CHILD_NOT_STARTED:
		return err_set_errno(err, run->code, "%s cannot be started", run->what);
	case CHILD_LOST: break;
	}
	return err_set(err, ERR_UNAVAILABLE, "%s was lost: venus-spawn ended", run->what);
}

static void timer_closed(uv_handle_t *handle)
{
	free(handle);
}

static void timer_stop(struct build_run *run)
{
	if (run->timer) {
		run->timer->data = NULL;
		uv_close((uv_handle_t *)run->timer, timer_closed);
		run->timer = NULL;
	}
}

static void run_free(struct build_run *run)
{
	timer_stop(run);
	child_free(run->child);
	buf_fini(&run->out);
	buf_fini(&run->err);
	buf_fini(&run->line);
	free(run);
}

void build_job_runs_clear(struct build_job *job)
{
	for (size_t i = 0; i < job->run_count; i++)
		run_free(job->runs[i]);
	free(job->runs);
	job->runs = NULL;
	job->run_count = job->runs_left = 0;
}

static void stream_read(struct build_run *run, enum child_stream stream, struct buf *buf)
{
	struct err ignored;
	uint64_t offset = 0;

	for (;;) {
		ssize_t count;

		buf_reserve(buf, 65536);
		count = child_output_read(
		    run->child, stream, offset, buf->data + buf->length, 65536, &ignored);
		if (count <= 0)
			break;
		buf->length += (size_t)count;
		offset += (uint64_t)count;
	}
	buf_add(buf, "", 0);
	run->cut = run->cut || child_output_cut(run->child, stream);
}

static void on_output(
    struct child *child, enum child_stream stream, uint64_t size_bytes, void *payload)
{
	struct build_run *run = payload;
	char bytes[4096];
	struct err ignored;

	if (stream != CHILD_STDERR || !run->on_line)
		return;
	while (run->line_offset < size_bytes) {
		ssize_t count = child_output_read(
		    child, stream, run->line_offset, bytes, sizeof bytes, &ignored);

		if (count <= 0)
			return;
		run->line_offset += (uint64_t)count;
		for (ssize_t i = 0; i < count; i++) {
			if (bytes[i] == '\n') {
				buf_add(&run->line, "", 1);
				run->on_line(run->line.data, run->payload);
				buf_clear(&run->line);
			} else if (run->line.length < 400 && bytes[i]) {
				buf_add_char(&run->line, bytes[i]);
			}
		}
	}
}

static void run_exited(struct child *child, const struct child_exit *exit, void *payload)
{
	struct build_run *run = payload;
	struct build_job *job = run->job;

	(void)child;
	timer_stop(run);
	stream_read(run, CHILD_STDOUT, &run->out);
	stream_read(run, CHILD_STDERR, &run->err);
	run->end = exit->end;
	run->code = exit->code;
	run->done = true;
	child_free(run->child);
	run->child = NULL;
	build_job_run_ended(job);
}

static void on_timeout(uv_timer_t *timer)
{
	struct build_run *run = timer->data;

	if (run) {
		run->timed_out = true;
		child_kill(run->child, SIGKILL);
	}
}

static int timer_start(struct build_run *run, struct err *err)
{
	uv_timer_t *timer = mem_alloc(sizeof *timer);
	int status = uv_timer_init(run->job->build->loop, timer);

	if (status != 0) {
		free(timer);
		return err_set(
		    err, ERR_INTERNAL, "%s: no timer: %s", run->what, uv_strerror(status));
	}
	timer->data = run;
	run->timer = timer;
	(void)uv_timer_start(
	    timer, on_timeout, run->timeout_ms, 0); /* fails only without a callback */
	return 0;
}

int build_job_run(struct build_job *job, struct build_command *command, struct err *err)
{
	struct build_run *run = mem_alloc(sizeof *run);
	const struct child_spec spec = {
	    .program = command->args.items[0],
	    .argv = (const char *const *)command->args.items,
	    .env = (const char *const *)command->env.items,
	    .folder = command->folder,
	    .control_fd = -1,
	    .output_limit_bytes = BUILD_OUTPUT_MAX_BYTES,
	};
	const struct child_handlers handlers = {
	    .on_output = on_output, .on_exit = run_exited, .payload = run};

	run->job = job;
	run->what = command->what;
	run->timeout_ms = command->timeout_ms;
	run->on_line = command->on_line;
	run->payload = command->payload;
	if (timer_start(run, err) != 0 ||
	    child_start(job->build->spawner, &spec, &handlers, &run->child, err) != 0) {
		run_free(run);
		return -1;
	}
	job->runs = mem_realloc_array(job->runs, job->run_count + 1, sizeof *job->runs);
	job->runs[job->run_count++] = run;
	job->runs_left++;
	return 0;
}
