/*
 * The daemon's life. Start: folders, the lock that makes it the only one, store, venus-spawn,
 * build, sessions, socket; then it says that it is ready. It ends on SIGTERM or SIGINT, when a
 * client asks, when venus-spawn is lost, or after a long idle time: runs are cancelled and each
 * gets its end, then everything is closed in the opposite order, and the loop is drained before the
 * store goes.
 */

#include "venusd/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/home.h"
#include "common/log.h"
#include "common/mem.h"
#include "venusd/build/build.h"
#include "venusd/request/request.h"
#include "venusd/session/session.h"
#include "venusd/store/store.h"
#include "venusd/worker/spawner.h"

#define TIDY_MS 1000

struct venusd {
	const struct options *options;
	struct home home;
	uv_loop_t loop;
	uv_signal_t signals[2];
	uv_timer_t idle;
	uv_timer_t tidy;
	uv_work_t tidying;
	bool is_tidying;
	int lock_fd;
	char *bin; /* folder of the programs */
	struct store *store;
	struct spawner *spawner;
	struct build *build;
	struct sessions *sessions;
	struct requests *requests;
	bool stopping, closed, handles;
};

/* Stopping. */

static void close_all(struct venusd *daemon)
{
	if (daemon->closed)
		return;
	daemon->closed = true;
	for (size_t i = 0; daemon->handles && i < ARRAY_LENGTH(daemon->signals); i++)
		uv_close((uv_handle_t *)&daemon->signals[i], NULL);
	if (daemon->handles) {
		uv_close((uv_handle_t *)&daemon->idle, NULL);
		uv_close((uv_handle_t *)&daemon->tidy, NULL);
	}
	if (daemon->requests)
		requests_close(daemon->requests);
	if (daemon->sessions)
		sessions_free(daemon->sessions);
	if (daemon->build)
		build_close(daemon->build);
	if (daemon->spawner)
		spawner_close(daemon->spawner);
}

static void on_idle(uv_timer_t *timer);
static void stop(struct venusd *daemon, const char *why);

/* Tidying: once after runs, when it is quiet; an idle daemon does not wake up for it again. */

static void tidy_work(uv_work_t *work)
{
	struct venusd *daemon = work->data;
	struct err err;

	if (sessions_forget_requests(daemon->store, &err) < 0 ||
	    store_maintain(daemon->store, &err) < 0)
		log_warning("the store: %s", err.message);
	store_shrink(daemon->store);
}

static void tidy_done(uv_work_t *work, int status)
{
	struct venusd *daemon = work->data;

	(void)status; /* never cancelled */
	daemon->is_tidying = false;
	(void)malloc_trim(0);
}

static void on_tidy(uv_timer_t *timer)
{
	struct venusd *daemon = timer->loop->data;

	if (daemon->is_tidying || sessions_running(daemon->sessions))
		return;
	daemon->is_tidying = true;
	daemon->tidying.data = daemon;
	if (uv_queue_work(&daemon->loop, &daemon->tidying, tidy_work, tidy_done))
		daemon->is_tidying = false;
}

static void on_runs_ended(void *payload)
{
	struct venusd *daemon = payload;

	/* From the idle timer, so that it does not happen inside the last run's own end. */
	if (daemon->stopping && !daemon->closed)
		(void)uv_timer_start(&daemon->idle, on_idle, 0, 0);
	else if (!daemon->stopping)
		(void)uv_timer_start(&daemon->tidy, on_tidy, TIDY_MS, 0);
}

static void on_idle(uv_timer_t *timer)
{
	struct venusd *daemon = timer->loop->data;

	if (daemon->stopping && !sessions_running(daemon->sessions)) {
		close_all(daemon);
	} else if (!daemon->stopping && !sessions_running(daemon->sessions)) {
		stop(daemon, "idle");
	} else if (!daemon->stopping) {
		(void)uv_timer_start(timer, on_idle, daemon->options->idle_exit_ms, 0);
	}
}

static void stop(struct venusd *daemon, const char *why)
{
	if (daemon->stopping)
		return;
	log_info("stopping: %s", why);
	daemon->stopping = true;
	requests_refuse(daemon->requests);
	sessions_cancel(daemon->sessions);
	(void)uv_timer_start(&daemon->idle, on_idle, 0, 0);
}

static void on_signal(uv_signal_t *signal, int number)
{
	stop(signal->loop->data, number == SIGTERM ? "SIGTERM" : "SIGINT");
}

static void on_stop(bool now, void *payload)
{
	stop(payload, now ? "a client asked for it, now" : "a client asked for it");
}

static void on_spawner_lost(void *payload)
{
	log_error("venus-spawn ended by itself, and every worker with it");
	stop(payload, "venus-spawn is gone");
}

static void on_activity(void *payload)
{
	struct venusd *daemon = payload;

	if (!daemon->stopping && daemon->options->idle_exit_ms)
		(void)uv_timer_start(&daemon->idle, on_idle, daemon->options->idle_exit_ms, 0);
}

/* Starting. */

static int find_programs(struct venusd *daemon, struct err *err)
{
	char path[4096];
	ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);

	if (length <= 0)
		return err_set_errno(err, errno, "cannot find out where venusd lies");
	path[length] = 0;
	daemon->bin = file_folder(path);
	return 0;
}

/* One daemon a home. The lock lives as long as the process; a second daemon says whose it is. */
static int take_lock(struct venusd *daemon, struct err *err)
{
	AUTO_FREE char *path = mem_printf("%s.pid", daemon->home.socket_path),
		       *text = mem_printf("%d\n", (int)getpid());
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return err_set_errno(err, errno, "cannot open %s", path);
	daemon->lock_fd = fd;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, ERR_UNAVAILABLE, "another venusd serves %s already",
		    daemon->home.socket_path);
	if (ftruncate(fd, 0) < 0 || file_write_all(fd, text, strlen(text), err) < 0)
		return err_set_errno(err, errno, "cannot write %s", path);
	return 0;
}

/* What a daemon that was killed left behind. We hold the lock, so nobody serves it. */
static int remove_stale_socket(const struct venusd *daemon, struct err *err)
{
	struct stat status;

	if (lstat(daemon->home.socket_path, &status) < 0)
		return 0;
	if (!S_ISSOCK(status.st_mode) || status.st_uid != geteuid())
		return err_set(err, ERR_DENIED,
		    "%s is in the way and is not a socket of yours: remove it",
		    daemon->home.socket_path);
	if (unlink(daemon->home.socket_path) < 0)
		return err_set_errno(
		    err, errno, "cannot remove the stale socket %s", daemon->home.socket_path);
	return 0;
}

static int open_store(struct venusd *daemon, struct err *err)
{
	AUTO_FREE char *folder = file_join(daemon->home.cache, "store"), *note = NULL;

	if (store_open(folder, &daemon->store, &note, err) < 0)
		return -1;
	if (note)
		log_warning("%s", note);
	return 0;
}

static int open_build(struct venusd *daemon, struct err *err)
{
	AUTO_FREE char *folder = file_join(daemon->home.cache, "build");
	AUTO_FREE char *source = mem_printf("%s/../share/venus/rust", daemon->bin);
	struct build_settings settings = {.folder = folder, .runtime_source = source};

	return build_open(
	    &daemon->loop, daemon->spawner, daemon->store, &settings, &daemon->build, err);
}

static int open_all(struct venusd *daemon, struct err *err)
{
	AUTO_FREE char *spawn = NULL;
	struct requests_settings settings = {.loop = &daemon->loop,
	    .path = daemon->home.socket_path,
	    .home = daemon->home.state,
	    .log_path = daemon->home.log,
	    .on_activity = on_activity,
	    .on_stop = on_stop,
	    .payload = daemon};
	static char worker[4096];

	if (home_make(&daemon->home, err) < 0 || find_programs(daemon, err) < 0 ||
	    take_lock(daemon, err) < 0 || remove_stale_socket(daemon, err) < 0 ||
	    open_store(daemon, err) < 0)
		return -1;
	spawn = file_join(daemon->bin, "venus-spawn");
	if (spawner_open(&daemon->loop, spawn, on_spawner_lost, daemon, &daemon->spawner, err) <
		0 ||
	    open_build(daemon, err) < 0)
		return -1;
	(void)snprintf(worker, sizeof worker, "%s/venus-worker", daemon->bin);
	daemon->sessions = sessions_new(&(struct sessions_settings){.loop = &daemon->loop,
	    .store = daemon->store,
	    .spawner = daemon->spawner,
	    .build = daemon->build,
	    .worker_program = worker});
	sessions_on_idle(daemon->sessions, on_runs_ended, daemon);
	settings.sessions = daemon->sessions;
	settings.store = daemon->store;
	return requests_open(&settings, &daemon->requests, err);
}

static void start_handles(struct venusd *daemon)
{
	static const int numbers[ARRAY_LENGTH(daemon->signals)] = {SIGTERM, SIGINT};

	daemon->handles = true;
	for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++) {
		(void)uv_signal_init(&daemon->loop, &daemon->signals[i]);
		(void)uv_signal_start(&daemon->signals[i], on_signal, numbers[i]);
	}
	(void)uv_timer_init(&daemon->loop, &daemon->idle);
	(void)uv_timer_init(&daemon->loop, &daemon->tidy);
	on_activity(daemon);
}

static void tell_ready(const struct options *options, const struct err *err)
{
	AUTO_FREE char *line = err ? mem_printf("error: %s\n", err->message) : mem_strdup("ok\n");
	struct err ignored;

	if (options->ready_fd < 0)
		return;
	(void)file_write_all(
	    options->ready_fd, line, strlen(line), &ignored); /* whoever started us may be gone */
	(void)close(options->ready_fd);
}

/* A worker or compiler costs a handful of descriptors, a client one. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(
	    RLIMIT_NOFILE, &limit); /* with less, fewer fit, and that is told when it happens */
}

int daemon_run(const struct options *options, struct err *err)
{
	struct venusd daemon = {.options = options, .lock_fd = -1};
	int failed;

	(void)umask(077);
	raise_descriptor_limit();
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is an error like a full disk */
	(void)prctl(PR_SET_DUMPABLE, 0);
	if (home_find(&daemon.home, err) < 0 || uv_loop_init(&daemon.loop)) {
		tell_ready(options, err);
		return -1;
	}
	daemon.loop.data = &daemon;
	failed = open_all(&daemon, err);
	tell_ready(options, failed ? err : NULL);
	if (failed) {
		close_all(&daemon);
	} else {
		start_handles(&daemon);
		log_info("venusd %s serves %s", VENUS_VERSION, daemon.home.socket_path);
	}
	(void)uv_run(&daemon.loop, UV_RUN_DEFAULT);
	requests_free(daemon.requests);
	store_close(daemon.store);
	(void)uv_loop_close(&daemon.loop);
	if (!failed)
		(void)unlink(daemon.home.socket_path);
	if (daemon.lock_fd >= 0)
		(void)close(daemon.lock_fd);
	free(daemon.bin);
	home_fini(&daemon.home);
	if (!failed)
		log_info("ended");
	return failed;
}
