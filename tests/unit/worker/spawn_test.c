/* The inside of venus-spawn, event by event: what the program as a whole does only when things
 * happen at the same time. */
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "tests/unit/worker/fixture.h"
#include "venusd/worker/spawn/start.h"

struct bench {
	struct jobs jobs;
	int daemon_fd, signal_fd;
	int spools[WIRE_STREAMS];
	struct frame frame; /* the next request */
};

static int bench_open(void **state)
{
	struct bench *bench = mem_alloc(sizeof *bench);
	sigset_t mask;
	int fds[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	bench->jobs.venusd_fd = fds[0];
	bench->daemon_fd = fds[1];
	bench->jobs.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	bench->jobs.null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &bench->jobs.files), 0);
	assert_int_equal(epoll_ctl(bench->jobs.epoll_fd, EPOLL_CTL_ADD, fds[0],
			     &(struct epoll_event){.events = EPOLLIN}),
	    0);
	assert_int_equal(sigemptyset(&mask) | sigaddset(&mask, SIGCHLD), 0);
	assert_int_equal(sigprocmask(SIG_BLOCK, &mask, NULL), 0);
	bench->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	for (int i = 0; i < WIRE_STREAMS; i++)
		bench->spools[i] = memfd_create("spool", MFD_CLOEXEC);
	*state = bench;
	return 0;
}

static int bench_close(void **state)
{
	struct bench *bench = *state;

	jobs_end(&bench->jobs, bench->signal_fd);
	assert_null(bench->jobs.list);
	(void)close(bench->jobs.venusd_fd);
	(void)close(bench->daemon_fd);
	(void)close(bench->signal_fd);
	(void)close(bench->jobs.epoll_fd);
	(void)close(bench->jobs.null_fd);
	for (int i = 0; i < WIRE_STREAMS; i++)
		(void)close(bench->spools[i]);
	free(bench);
	return 0;
}

static void request(struct bench *bench, const void *bytes, size_t length)
{
	memcpy(bench->frame.bytes, bytes, length);
	bench->frame.length = length;
	jobs_request(&bench->jobs, &bench->frame);
	assert_int_equal(bench->frame.fd_count, 0); /* closed or kept */
}

/* As venusd would ask, but for what a test changes in `start`. */
static void request_start(
    struct bench *bench, const struct wire_start *start, const char *text, size_t length)
{
	char bytes[4096];

	memcpy(bytes, start, sizeof *start);
	memcpy(bytes + sizeof *start, text, length);
	for (int i = 0; i < WIRE_STREAMS; i++)
		bench->frame.fds[i] = fcntl(bench->spools[i], F_DUPFD_CLOEXEC, 0);
	bench->frame.fd_count = WIRE_STREAMS;
	request(bench, bytes, sizeof *start + length);
}

static struct wire_start make_start(uint64_t child)
{
	return (struct wire_start){
	    .head = {.version = WIRE_VERSION, .kind = WIRE_START, .child = child},
	    .output_limit_bytes = 1 << 20,
	    .argv_count = 3};
}

static void start_shell(struct bench *bench, uint64_t child, const char *script)
{
	const struct wire_start start = make_start(child);
	AUTO_BUF struct buf text = BUF_INIT;

	buf_add(&text, "/bin/sh\0/\0sh\0-c", 16);
	buf_add(&text, script, strlen(script) + 1);
	request_start(bench, &start, text.data, text.length);
}

static void request_sync(struct bench *bench, uint64_t child, uint64_t limit)
{
	const struct wire_sync sync = {
	    .head = {.version = WIRE_VERSION, .kind = WIRE_SYNC, .child = child},
	    .output_limit_bytes = limit};

	request(bench, &sync, sizeof sync);
}

/* The next report; its kind, or 0 when there is none. */
static uint32_t next_report(struct bench *bench, struct wire_report *ret_report)
{
	ssize_t got;

	jobs_report(&bench->jobs);
	got = recv(bench->daemon_fd, ret_report, sizeof *ret_report, 0);
	if (got < 0)
		return 0;
	assert_int_equal(got, sizeof *ret_report);
	assert_int_equal(ret_report->head.version, WIRE_VERSION);
	return ret_report->head.kind;
}

static void wait_in_pipe(const struct bench *bench, int length)
{
	int waiting = 0;

	while (waiting < length) {
		assert_int_equal(
		    ioctl(bench->jobs.list->streams[0].pipe_fd, FIONREAD, &waiting), 0);
		(void)sched_yield();
	}
}

/* A sync moves what is in the pipes by itself. */
static void test_sync(void **state)
{
	struct bench *bench = *state;
	struct wire_report report;
	struct stat status;

	start_shell(bench, 1, "printf %05000d 1; exec sleep 1000");
	wait_in_pipe(bench, 5000);
	request_sync(bench, 1, 100);
	assert_int_equal(next_report(bench, &report), WIRE_SYNCED);
	assert_int_equal(report.stored_bytes[0], 5000);
	assert_int_equal(report.total_bytes[0], 5000);
	assert_int_equal(report.stored_bytes[1], 0);
	assert_int_equal(report.cut[0], 0);
	assert_int_equal(fstat(bench->spools[0], &status), 0);
	assert_int_equal(status.st_size, 5000);
	assert_int_equal(next_report(bench, &report), 0);
}

/* It ends although the writer does not. */
static void test_sync_flood(void **state)
{
	struct bench *bench = *state;
	struct wire_report report;

	start_shell(bench, 1, "exec yes");
	wait_in_pipe(bench, 10000);
	for (int i = 0; i < 100; i++) {
		request_sync(bench, 1, 1000);
		assert_int_equal(next_report(bench, &report), WIRE_SYNCED);
	}
	assert_int_equal(report.head.child, 1);
	assert_true(report.total_bytes[0] >= 10000);
}

static void wait_zombie(pid_t pid)
{
	siginfo_t info;

	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

/* The end brings what is in the pipes, and how the program began. */
static void test_exit(void **state)
{
	struct bench *bench = *state;
	struct wire_report report;

	start_shell(bench, 7, "printf %05000d 1; echo bad >&2; exit 4");
	wait_zombie(bench->jobs.list->pid);
	jobs_reap(&bench->jobs);
	assert_int_equal(next_report(bench, &report), WIRE_STARTED);
	assert_int_equal(next_report(bench, &report), WIRE_EXITED);
	assert_int_equal(report.head.child, 7);
	assert_int_equal(report.end, WIRE_END_EXITED);
	assert_int_equal(report.code, 4);
	assert_int_equal(report.stored_bytes[0], 5000);
	assert_int_equal(report.stored_bytes[1], 4);
	assert_null(bench->jobs.list);
}

static void test_forgotten(void **state)
{
	struct bench *bench = *state;
	const struct wire_head forget = {.version = WIRE_VERSION, .kind = WIRE_FORGET, .child = 1};
	struct wire_report report;
	pid_t pid;

	start_shell(bench, 1, "exec sleep 1000");
	pid = bench->jobs.list->pid;
	request(bench, &forget, sizeof forget);
	request_sync(bench, 1, 5); /* which it does not know any more */
	wait_zombie(pid);
	jobs_reap(&bench->jobs);
	assert_int_equal(next_report(bench, &report), 0);
	assert_null(bench->jobs.list);
}

static void assert_refused(
    struct bench *bench, const struct wire_start *start, const char *text, size_t length)
{
	struct wire_report report;

	request_start(bench, start, text, length);
	assert_int_equal(next_report(bench, &report), WIRE_EXITED);
	assert_int_equal(report.end, WIRE_END_NOT_STARTED);
	assert_int_equal(report.step, WIRE_STEP_REQUEST);
	assert_int_equal(report.code, EINVAL);
	assert_null(bench->jobs.list);
}

static void test_bad_starts(void **state)
{
	static const char text[] = "/bin/true\0/\0a\0b\0c";
	struct bench *bench = *state;
	struct wire_start start = make_start(1);

	assert_refused(bench, &start, text, sizeof text - 1); /* the last NUL is missing */
	assert_refused(bench, &start, text, sizeof text - 3); /* an argument is missing */
	assert_refused(bench, &start, text, 0);
	start.argv_count = 2; /* a string too many */
	assert_refused(bench, &start, text, sizeof text);
	start.argv_count = 0;
	assert_refused(bench, &start, text, sizeof text);
	start = make_start(1);
	start.env_count = UINT32_MAX;
	assert_refused(bench, &start, text, sizeof text);
	start = make_start(1);
	start.flags = WIRE_CONTROL; /* whose descriptor is missing */
	assert_refused(bench, &start, text, sizeof text);
	start = make_start(1);
	start.launcher = WIRE_LAUNCHER_COUNT;
	assert_refused(bench, &start, text, sizeof text);
}

static void test_bad_requests(void **state)
{
	struct bench *bench = *state;
	struct wire_head head = {.version = WIRE_VERSION, .kind = WIRE_KILL, .child = 1};
	struct wire_report report;

	start_shell(bench, 1, "exec sleep 1000");
	request(bench, &head, sizeof head); /* too short for its kind */
	request(bench, &head, 3);
	head.kind = WIRE_EXITED; /* not one of venusd's */
	request(bench, &head, sizeof head);
	head.kind = 4000000;
	request(bench, &head, sizeof head);
	request_sync(bench, 99, 1);
	assert_int_equal(next_report(bench, &report), 0);
	assert_int_equal(kill(bench->jobs.list->pid, 0), 0);
	assert_false(bench->jobs.gone);
	head.version++;
	request(bench, &head, sizeof head);
	assert_true(bench->jobs.gone);
}

/* A venusd that does not read loses nothing, and is told each thing once. */
static void test_full_socket(void **state)
{
	enum { COUNT = 2000 };
	struct bench *bench = *state;
	bool told[COUNT] = {false};
	struct wire_report report;
	unsigned count = 0;

	for (uint64_t i = 0; i < COUNT; i++) {
		const struct wire_start start = make_start(i + 1);

		request_start(bench, &start, "", 0);
		jobs_report(&bench->jobs);
	}
	assert_true(bench->jobs.writable_wanted);
	while (next_report(bench, &report) == WIRE_EXITED) {
		assert_in_range(report.head.child, 1, COUNT);
		assert_false(told[report.head.child - 1]);
		told[report.head.child - 1] = true;
		count++;
	}
	assert_int_equal(count, COUNT);
	assert_false(bench->jobs.writable_wanted);
	assert_null(bench->jobs.list);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, bench_open, bench_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_sync),
	    TEST(test_sync_flood),
	    TEST(test_exit),
	    TEST(test_forgotten),
	    TEST(test_bad_starts),
	    TEST(test_bad_requests),
	    TEST(test_full_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
