#include "tests/unit/worker/children.h"

#define LIMIT (1u << 20)

/* One child and what was told of it. */
struct seen {
	struct fixture *fixture;
	struct child *child;
	unsigned exits, outputs, synced;
	struct child_exit exit;
	uint64_t sizes[CHILD_STREAM_COUNT], synced_sizes[CHILD_STREAM_COUNT];
	bool synced_cut;
	bool free_at_output;
	int control;
};

static void on_output(
    struct child *child, enum child_stream stream, uint64_t size_bytes, void *payload)
{
	struct seen *seen = payload;

	assert_ptr_equal(child, seen->child);
	assert_int_equal(seen->exits, 0);
	assert_true(size_bytes > seen->sizes[stream]);
	seen->sizes[stream] = size_bytes;
	seen->outputs++;
	if (seen->free_at_output) {
		child_free(child);
		seen->child = NULL;
	}
}

static void on_exit_(struct child *child, const struct child_exit *exit, void *payload)
{
	struct seen *seen = payload;

	assert_ptr_equal(child, seen->child);
	assert_int_equal(seen->fixture->lost, 0); /* on_lost comes after */
	seen->exit = *exit;
	seen->exits++;
}

static void on_synced(
    struct child *child, const uint64_t size_bytes[CHILD_STREAM_COUNT], void *payload)
{
	struct seen *seen = payload;

	assert_int_equal(seen->exits, 0);
	memcpy(seen->synced_sizes, size_bytes, sizeof seen->synced_sizes);
	seen->synced_cut = child_output_cut(child, CHILD_STDOUT);
	seen->synced++;
}

static void start_spec(
    struct fixture *fixture, const struct child_spec *spec, struct seen *ret_seen)
{
	const struct child_handlers handlers = {
	    .on_output = on_output, .on_exit = on_exit_, .payload = ret_seen};
	struct err err = {0};

	ret_seen->fixture = fixture;
	if (child_start(fixture->spawner, spec, &handlers, &ret_seen->child, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(ret_seen->exits, 0); /* never from inside a call */
}

static const char *const no_env[] = {NULL};

static void start_shell(struct fixture *fixture, const char *script, struct seen *ret_seen)
{
	const char *const argv[] = {"sh", "-c", script, NULL};
	const struct child_spec spec = {.program = "/bin/sh",
	    .argv = argv,
	    .env = no_env,
	    .folder = "/",
	    .control_fd = -1,
	    .output_limit_bytes = LIMIT};

	start_spec(fixture, &spec, ret_seen);
}

/* Starts this program with a control socket, whose other end is ret_seen->control. */
static void start_own(
    struct fixture *fixture, const char *what, uint64_t limit, struct seen *ret_seen)
{
	const char *const argv[] = {"child", what, NULL};
	int fds[2];
	struct child_spec spec = {.program = own_path(),
	    .argv = argv,
	    .env = no_env,
	    .folder = "/",
	    .output_limit_bytes = limit};

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	spec.held_fd = ret_seen->control = fds[0];
	spec.control_fd = fds[1];
	start_spec(fixture, &spec, ret_seen);
	(void)close(fds[1]);
}

static void seen_free(struct seen *seen)
{
	child_free(seen->child);
	if (seen->control > 0)
		(void)close(seen->control);
}

static void assert_exit(const struct seen *seen, enum child_end end, int code)
{
	assert_int_equal(seen->exit.end, end);
	assert_int_equal(seen->exit.code, code);
}

static void test_output(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = {0};
	AUTO_BUF struct buf text = BUF_INIT;

	start_shell(fixture, "pwd; echo more; echo bad >&2; exit 3", &seen);
	run_until(fixture, seen.exits);
	assert_exit(&seen, CHILD_EXITED, 3);
	read_output(seen.child, CHILD_STDOUT, &text);
	assert_string_equal(text.data, "/\nmore\n");
	read_output(seen.child, CHILD_STDERR, &text);
	assert_string_equal(text.data, "bad\n");
	assert_int_equal(seen.exit.output_bytes[CHILD_STDOUT], 7);
	assert_int_equal(seen.exit.output_bytes[CHILD_STDERR], 4);
	assert_int_equal(seen.sizes[CHILD_STDOUT], 7);
	assert_int_equal(seen.sizes[CHILD_STDERR], 4);
	assert_false(child_output_cut(seen.child, CHILD_STDOUT));
	seen_free(&seen);
}

static void test_environment(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = {"env", NULL}, *const env[] = {
						      "ONE=1", "PATH=/nowhere", "EMPTY=", NULL};
	const struct child_spec spec = {.program = "/usr/bin/env",
	    .argv = argv,
	    .env = env,
	    .folder = "/",
	    .control_fd = -1,
	    .output_limit_bytes = LIMIT};
	struct seen seen = {0};
	AUTO_BUF struct buf text = BUF_INIT;

	assert_int_equal(setenv("PLANTED_SECRET", "1", 1), 0);
	start_spec(fixture, &spec, &seen);
	run_until(fixture, seen.exits);
	read_output(seen.child, CHILD_STDOUT, &text);
	assert_string_equal(text.data, "ONE=1\nPATH=/nowhere\nEMPTY=\n");
	seen_free(&seen);
}

static int planted[40];

/* Descriptors that are not close-on-exec, so that venus-spawn itself gets them; one is likely to be
 * number 10. */
static int fixture_open_planted(void **state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(planted); i++)
		planted[i] = dup(STDERR_FILENO);
	return fixture_open(state);
}

static int fixture_close_planted(void **state)
{
	int result = fixture_close(state);

	for (size_t i = 0; i < ARRAY_LENGTH(planted); i++)
		(void)close(planted[i]);
	return result;
}

static void test_clean_child(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = {0};
	AUTO_BUF struct buf text = BUF_INIT;

	start_own(fixture, "look", LIMIT, &seen);
	run_until(fixture, seen.exits);
	assert_exit(&seen, CHILD_EXITED, 0);
	read_output(seen.child, CHILD_STDOUT, &text);
	assert_string_equal(
	    text.data, "0 1 2 10 blocked=0 ignored=0 leader=1 group=1 core=0 umask=022 stdin=0\n");
	seen_free(&seen);
	/* Standard streams, socket, epoll, /dev/null, signals. */
	while (count_fds(spawner_pid(fixture->spawner)) != 7)
		(void)sched_yield();
}

static void test_memory_limit(void **state)
{
	struct fixture *fixture = *state;
	const char *const argv[] = {"sh", "-c", "ulimit -v", NULL};
	const struct child_spec spec = {.program = "/bin/sh",
	    .argv = argv,
	    .env = no_env,
	    .folder = "/",
	    .control_fd = -1,
	    .output_limit_bytes = LIMIT,
	    .limit_memory_bytes = 256u << 20};
	struct seen seen = {0};
	AUTO_BUF struct buf text = BUF_INIT;

	start_spec(fixture, &spec, &seen);
	run_until(fixture, seen.exits);
	read_output(seen.child, CHILD_STDOUT, &text);
	assert_string_equal(text.data, "262144\n");
	seen_free(&seen);
}

static void assert_not_started(
    struct fixture *fixture, const char *program, const char *folder, int error, const char *failed)
{
	const char *const argv[] = {"x", NULL};
	const struct child_spec spec = {
	    .program = program, .argv = argv, .env = no_env, .folder = folder, .control_fd = -1};
	struct seen seen = {0};
	AUTO_BUF struct buf text = BUF_INIT;

	start_spec(fixture, &spec, &seen);
	run_until(fixture, seen.exits);
	assert_exit(&seen, CHILD_NOT_STARTED, error);
	assert_string_equal(seen.exit.failed, failed);
	child_exit_describe(&seen.exit, &text);
	assert_non_null(strstr(text.data, "could not be started: "));
	assert_non_null(strstr(text.data, strerror(error)));
	seen_free(&seen);
}

static void test_not_started(void **state)
{
	struct fixture *fixture = *state;

	assert_not_started(fixture, "/nowhere/program", "/", ENOENT, "the program");
	assert_not_started(fixture, "/etc/passwd", "/", EACCES, "the program");
	assert_not_started(fixture, "/bin/sh", "/nowhere", ENOENT, "the working directory");
	assert_not_started(fixture, "/bin/sh", "/etc/passwd", ENOTDIR, "the working directory");
}

static void test_refused(void **state)
{
	struct fixture *fixture = *state;
	AUTO_FREE char *large = mem_alloc(70000);
	const char *argv[] = {"sh", large, NULL};
	struct child_spec spec = {
	    .program = "/bin/sh", .argv = argv, .env = no_env, .folder = "/", .control_fd = -1};
	const struct child_handlers handlers = {.on_exit = on_exit_};
	struct child *child = NULL;
	struct err err;

	memset(large, 'x', 69999);
	assert_int_equal(child_start(fixture->spawner, &spec, &handlers, &child, &err), -1);
	assert_int_equal(err.code, ERR_FULL);
	assert_non_null(
	    strstr(err.message, "cannot start /bin/sh: arguments and environment are over"));
	argv[1] = NULL;
	spec.program = "sh";
	assert_int_equal(child_start(fixture->spawner, &spec, &handlers, &child, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_null(child);
}

static void talk(struct seen *seen, uint32_t count)
{
	uint32_t answer = 0;

	assert_int_equal(send(seen->control, &count, sizeof count, 0), sizeof count);
	assert_int_equal(recv(seen->control, &answer, sizeof answer, 0), sizeof answer);
	assert_int_equal(answer, count);
}

static void sync_now(struct seen *seen, uint64_t limit)
{
	unsigned before = seen->synced;

	child_sync(seen->child, limit, on_synced, seen);
	assert_int_equal(seen->synced, before);
	run_until(seen->fixture, seen->synced > before);
}

/* What was written before the word on the control socket is there, and nothing else, each time. */
static void test_attribution(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = {0};
	uint64_t total = 0;
	AUTO_BUF struct buf text = BUF_INIT;

	start_own(fixture, "talk", 10 * LIMIT, &seen);
	for (uint32_t i = 0; i < 60; i++) {
		uint32_t count = i * 577 % 40000;

		talk(&seen, count);
		sync_now(&seen, 10 * LIMIT);
		assert_int_equal(seen.synced_sizes[CHILD_STDOUT], total + count);
		assert_int_equal(seen.synced_sizes[CHILD_STDERR], 0);
		read_output(seen.child, CHILD_STDOUT, &text);
		assert_int_equal(text.length, total + count);
		for (uint64_t at = total; at < total + count; at++)
			if (text.data[at] != (char)('a' + i % 26))
				fail_msg(
				    "byte %ju is %c in step %u", (uintmax_t)at, text.data[at], i);
		total += count;
	}
	seen_free(&seen);
}

static void test_limit(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = {0};

	start_own(fixture, "talk", 1000, &seen);
	talk(&seen, 5000);
	sync_now(&seen, 700);
	assert_int_equal(seen.synced_sizes[CHILD_STDOUT], 1000);
	assert_true(seen.synced_cut);
	assert_false(child_output_cut(seen.child, CHILD_STDOUT));
	talk(&seen, 600);
	sync_now(&seen, 700);
	assert_int_equal(seen.synced_sizes[CHILD_STDOUT], 1600);
	assert_false(seen.synced_cut);
	talk(&seen, 701);
	(void)shutdown(seen.control, SHUT_RDWR);
	run_until(fixture, seen.exits);
	assert_exit(&seen, CHILD_EXITED, 0);
	assert_true(child_output_cut(seen.child, CHILD_STDOUT));
	assert_int_equal(seen.sizes[CHILD_STDOUT], 2300);
	assert_int_equal(seen.exit.output_bytes[CHILD_STDOUT], 5000 + 600 + 701);
	seen_free(&seen);
}

static void test_flood(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = {0}, other = {0};
	AUTO_BUF struct buf text = BUF_INIT;

	start_own(fixture, "flood", 100000, &seen);
	run_until(fixture, child_output_cut(seen.child, CHILD_STDOUT));
	start_shell(fixture, "echo alive",
	    &other); /* one that never stops does not keep the others waiting */
	run_until(fixture, other.exits);
	sync_now(&seen, 0);
	assert_int_equal(seen.synced_sizes[CHILD_STDOUT], 100000);
	child_kill(seen.child, SIGKILL);
	run_until(fixture, seen.exits);
	assert_exit(&seen, CHILD_SIGNALLED, SIGKILL);
	assert_true(seen.exit.output_bytes[CHILD_STDOUT] > 100000);
	read_output(seen.child, CHILD_STDOUT, &text);
	assert_int_equal(text.length, 100000);
	child_exit_describe(&seen.exit, &text);
	assert_non_null(strstr(text.data, "was killed by signal 9 (SIGKILL)"));
	seen_free(&seen);
	seen_free(&other);
}

/* While nobody looks, many writes become one notice. */
static void test_notices(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = {0};
	char byte;

	start_own(fixture, "loud", LIMIT, &seen);
	assert_int_equal(recv(seen.control, &byte, 1, 0), 1);
	sync_now(&seen, LIMIT);
	assert_int_equal(seen.synced_sizes[CHILD_STDOUT], 1000);
	assert_in_range(seen.outputs, 1, 2);
	seen_free(&seen);
}

static void test_discard(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = {0};
	AUTO_BUF struct buf text = BUF_INIT;

	start_own(fixture, "talk", LIMIT, &seen);
	talk(&seen, 10000);
	talk(&seen, 10);
	sync_now(&seen, LIMIT);
	child_output_discard(seen.child, CHILD_STDOUT, 10000);
	read_output(seen.child, CHILD_STDOUT, &text);
	assert_int_equal(text.length, 10010);
	assert_int_equal(text.data[0], 0);
	assert_int_equal(text.data[9999], 0);
	assert_string_equal(text.data + 10000, "bbbbbbbbbb");
	seen_free(&seen);
}

static void test_kill_group(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = {0};
	AUTO_BUF struct buf text = BUF_INIT;
	int first, second;

	start_shell(fixture, "sleep 1000 & a=$!; sleep 1000 & echo $a $!; wait", &seen);
	run_until(fixture, seen.sizes[CHILD_STDOUT]);
	read_output(seen.child, CHILD_STDOUT, &text);
	assert_int_equal(sscanf(text.data, "%d %d", &first, &second), 2);
	assert_int_equal(kill(first, 0), 0);
	assert_true(child_pid(seen.child) > 0);
	child_kill(seen.child, SIGTERM);
	run_until(fixture, seen.exits);
	assert_exit(&seen, CHILD_SIGNALLED, SIGTERM);
	wait_gone(first);
	wait_gone(second);
	seen_free(&seen);
}

/* A process that left the session, and holds the pipes, neither delays the end nor survives it. */
static void test_leftovers(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = {0}, group = {0};
	AUTO_BUF struct buf text = BUF_INIT;

	start_own(fixture, "leave", LIMIT, &seen);
	run_until(fixture, seen.exits);
	assert_exit(&seen, CHILD_EXITED, 7);
	read_output(seen.child, CHILD_STDOUT, &text);
	assert_true(atoi(text.data) > 1);
	wait_gone(atoi(text.data));
	seen_free(&seen);
	start_shell(fixture, "sleep 1000 & echo $!", &group);
	run_until(fixture, group.exits);
	read_output(group.child, CHILD_STDOUT, &text);
	wait_gone(atoi(text.data));
	seen_free(&group);
}

static void test_free_running(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = {.free_at_output = true}, other = {0};
	pid_t pid;

	start_shell(fixture, "echo x; sleep 1000", &seen);
	start_shell(fixture, "sleep 1000", &other);
	run_until(fixture, child_pid(other.child));
	pid = child_pid(other.child);
	seen_free(&other);
	run_until(fixture, !seen.child);
	wait_gone(pid);
	assert_int_equal(seen.exits + other.exits, 0);
}

/* Also that neither side keeps a descriptor of children that are gone. */
static void test_forest(void **state)
{
	enum { COUNT = 256 };
	struct fixture *fixture = *state;
	struct seen *seen = mem_alloc(COUNT * sizeof *seen), first = {0};
	size_t own_fds, spawn_fds, exits = 0;

	start_shell(fixture, "exit 0", &first);
	run_until(fixture, first.exits);
	seen_free(&first);
	own_fds = count_fds(getpid());
	spawn_fds = count_fds(spawner_pid(fixture->spawner));
	for (int i = 0; i < COUNT; i++)
		start_shell(fixture, "echo $$; exec sleep 1000", &seen[i]);
	for (int i = 0; i < COUNT; i++)
		run_until(fixture, child_pid(seen[i].child) && seen[i].sizes[CHILD_STDOUT]);
	assert_true(count_fds(spawner_pid(fixture->spawner)) >= spawn_fds + 4 * COUNT);
	for (int i = 0; i < COUNT; i++)
		child_kill(seen[i].child, SIGTERM);
	for (int i = 0; i < COUNT; i++) {
		run_until(fixture, seen[i].exits);
		assert_exit(&seen[i], CHILD_SIGNALLED, SIGTERM);
		exits += seen[i].exits;
		seen_free(&seen[i]);
	}
	assert_int_equal(exits, COUNT);
	assert_int_equal(count_fds(getpid()), own_fds);
	while (count_fds(spawner_pid(fixture->spawner)) != spawn_fds)
		(void)sched_yield(); /* the last one is told of before it is forgotten */
	free(seen);
}

/* Starts that venus-spawn does not come to read wait in order, and not without end. */
static void test_starts_wait(void **state)
{
	enum { MOST = 1000 };
	struct fixture *fixture = *state;
	struct child_handlers handlers = {.on_exit = on_exit_};
	struct seen *seen = mem_alloc(MOST * sizeof *seen);
	AUTO_FREE char *large = mem_alloc(50001);
	const char *const argv[] = {"sh", "-c", "exit 6", large, NULL};
	const struct child_spec spec = {
	    .program = "/bin/sh", .argv = argv, .env = no_env, .folder = "/", .control_fd = -1};
	pid_t spawn = spawner_pid(fixture->spawner);
	struct err err = {0};
	size_t count = 0;

	memset(large, 'x', 50000);
	assert_int_equal(kill(spawn, SIGSTOP), 0);
	for (; count < MOST; count++) {
		seen[count].fixture = fixture;
		handlers.payload = &seen[count];
		if (child_start(fixture->spawner, &spec, &handlers, &seen[count].child, &err) < 0)
			break;
	}
	assert_in_range(count, 10, MOST - 1);
	assert_int_equal(err.code, ERR_FULL);
	assert_int_equal(kill(spawn, SIGCONT), 0);
	for (size_t i = 0; i < count; i++) {
		run_until(fixture, seen[i].exits);
		assert_exit(&seen[i], CHILD_EXITED, 6);
		seen_free(&seen[i]);
	}
	free(seen);
}

static char state_of(pid_t pid)
{
	AUTO_FREE char *path = mem_printf("/proc/%d/stat", pid);
	AUTO_FCLOSE FILE *file = fopen(path, "re");
	char letter = 'X';

	if (file && fscanf(file, "%*d (%*[^)]) %c", &letter) != 1)
		letter = 'X';
	return letter;
}

/* What a child left behind while it runs itself is not taken for another's leftover. */
static void test_orphan_of_living(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = {0};
	AUTO_BUF struct buf text = BUF_INIT;
	pid_t orphan;

	start_shell(fixture, "(sleep 1000 & echo $!); exec sleep 1000", &seen);
	run_until(fixture, seen.sizes[CHILD_STDOUT]);
	read_output(seen.child, CHILD_STDOUT, &text);
	orphan = atoi(text.data);
	for (int i = 0; i < 5; i++) {
		struct seen other = {0};

		start_shell(fixture, "exit 0", &other);
		run_until(fixture, other.exits);
		seen_free(&other);
	}
	assert_in_set((unsigned char)state_of(orphan), ((uintmax_t[]){'S', 'R', 'D'}), 3);
	child_kill(seen.child, SIGKILL);
	run_until(fixture, seen.exits);
	wait_gone(orphan);
	seen_free(&seen);
}

/* However many descriptors are left, a start works or is refused with the reason, and costs none in
 * the end. */
static void test_no_descriptors(void **state)
{
	struct fixture *fixture = *state;
	struct seen running = {0};
	pid_t spawn = spawner_pid(fixture->spawner);
	struct rlimit many, few;
	unsigned refused = 0, started = 0;
	size_t used;

	/* Once something was started venus-spawn has set itself up, and will not raise its limit
	 * again. */
	start_own(fixture, "talk", LIMIT, &running);
	run_until(fixture, child_pid(running.child));
	used = count_fds(spawn);
	assert_int_equal(prlimit(spawn, RLIMIT_NOFILE, NULL, &many), 0);
	for (unsigned left = 0; left < 16; left++) {
		struct seen seen = {0};

		few = (struct rlimit){.rlim_cur = used + left, .rlim_max = many.rlim_max};
		assert_int_equal(prlimit(spawn, RLIMIT_NOFILE, &few, NULL), 0);
		start_own(fixture, "talk", LIMIT, &seen);
		run_until(fixture, child_pid(seen.child) || seen.exits);
		if (seen.exits) {
			assert_exit(&seen, CHILD_NOT_STARTED, EMFILE);
			assert_non_null(strstr(seen.exit.failed, "descriptors"));
			refused++;
		} else {
			started++;
		}
		seen_free(&seen);
		while (count_fds(spawn) != used) {
			(void)uv_run(&fixture->loop, UV_RUN_NOWAIT);
			(void)sched_yield();
		}
	}
	assert_in_range(refused, 8, 15);
	assert_in_range(started, 1, 8);
	assert_int_equal(running.exits, 0);
	seen_free(&running);
}

static void test_lost(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen[3] = {0};
	struct err err;
	const char *const argv[] = {"sh", NULL};
	const struct child_spec spec = {
	    .program = "/bin/sh", .argv = argv, .env = no_env, .folder = "/", .control_fd = -1};
	const struct child_handlers handlers = {.on_exit = on_exit_};
	struct child *none;
	AUTO_BUF struct buf text = BUF_INIT;

	for (int i = 0; i < 3; i++)
		start_shell(fixture, "sleep 1000 & echo $!; wait", &seen[i]);
	for (int i = 0; i < 3; i++)
		run_until(fixture, seen[i].sizes[CHILD_STDOUT] && child_pid(seen[i].child));
	child_sync(seen[0].child, 1, on_synced, &seen[0]);
	assert_int_equal(kill(spawner_pid(fixture->spawner), SIGKILL), 0);
	run_until(fixture, fixture->lost);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(seen[i].exits, 1);
		assert_exit(&seen[i], CHILD_LOST, 0);
		read_output(seen[i].child, CHILD_STDOUT, &text);
		wait_gone(child_pid(seen[i].child));
		wait_gone(atoi(text.data));
	}
	assert_int_equal(seen[0].synced, 1);
	assert_int_equal(child_start(fixture->spawner, &spec, &handlers, &none, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	for (int i = 0; i < 3; i++)
		seen_free(&seen[i]);
	assert_int_equal(fixture->lost, 1);
}

static pid_t start_parent(int *ret_spawn, int *ret_child)
{
	AUTO_CLOSE int read_fd = -1;
	char line[64] = {0};
	int fds[2];
	pid_t parent;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	parent = fork();
	if (parent == 0) {
		(void)dup2(fds[1], 1);
		(void)execl(own_path(), "child", "parent", NULL);
		_exit(1);
	}
	(void)close(fds[1]);
	read_fd = fds[0];
	assert_true(read(read_fd, line, sizeof line - 1) > 0);
	assert_int_equal(sscanf(line, "%d %d", ret_spawn, ret_child), 2);
	assert_int_equal(kill(*ret_child, 0), 0);
	return parent;
}

static void test_parent_dies(void **state)
{
	int spawn, child;
	pid_t parent = start_parent(&spawn, &child);

	(void)state;
	assert_int_equal(kill(parent, SIGKILL), 0);
	assert_int_equal(waitpid(parent, NULL, 0), parent);
	wait_gone(spawn);
	wait_gone(child);
}

/* A child dies with venus-spawn also when there is no venusd to see to it. */
static void test_both_die(void **state)
{
	int spawn, child;
	pid_t parent = start_parent(&spawn, &child);

	(void)state;
	assert_int_equal(kill(parent, SIGSTOP), 0);
	assert_int_equal(waitpid(parent, NULL, WUNTRACED), parent);
	assert_int_equal(kill(spawn, SIGKILL), 0);
	while (state_of(child) != 'X' && state_of(child) != 'Z') {
		(void)waitpid(child, NULL, WNOHANG);
		(void)sched_yield();
	}
	assert_int_equal(kill(parent, SIGKILL), 0);
	assert_int_equal(waitpid(parent, NULL, 0), parent);
	wait_gone(spawn);
	wait_gone(child);
}

/* Closing with children that run, callbacks pending and requests on their way. */
static void test_close_running(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen[2] = {0};
	struct err err;
	pid_t pid;

	start_shell(fixture, "exec sleep 1000", &seen[0]);
	run_until(fixture, child_pid(seen[0].child));
	pid = child_pid(seen[0].child);
	start_shell(fixture, "exec sleep 1000", &seen[1]);
	child_sync(seen[0].child, 1, on_synced, &seen[0]);
	spawner_close(fixture->spawner);
	assert_int_equal(uv_run(&fixture->loop, UV_RUN_DEFAULT), 0);
	wait_gone(pid);
	assert_int_equal(seen[0].exits + seen[1].exits + seen[0].synced, 0);
	seen_free(&seen[0]);
	seen_free(&seen[1]);
	if (spawner_open(
		&fixture->loop, spawn_path, on_spawner_lost, fixture, &fixture->spawner, &err) < 0)
		fail_msg("%s", err.message);
}

static void test_no_program(void **state)
{
	struct fixture *fixture = *state;
	struct spawner *spawner;
	struct err err;

	assert_int_equal(spawner_open(&fixture->loop, "/nowhere/venus-spawn", on_spawner_lost, NULL,
			     &spawner, &err),
	    -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_non_null(strstr(err.message, "cannot start /nowhere/venus-spawn"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_open, fixture_close)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_output),
	    TEST(test_environment),
	    cmocka_unit_test_setup_teardown(
		test_clean_child, fixture_open_planted, fixture_close_planted),
	    TEST(test_memory_limit),
	    TEST(test_not_started),
	    TEST(test_refused),
	    TEST(test_attribution),
	    TEST(test_limit),
	    TEST(test_flood),
	    TEST(test_notices),
	    TEST(test_discard),
	    TEST(test_kill_group),
	    TEST(test_leftovers),
	    TEST(test_free_running),
	    TEST(test_forest),
	    TEST(test_starts_wait),
	    TEST(test_orphan_of_living),
	    TEST(test_no_descriptors),
	    TEST(test_lost),
	    TEST(test_close_running),
	    TEST(test_no_program),
	    cmocka_unit_test(test_parent_dies),
	    cmocka_unit_test(test_both_die),
	};

	if (argc > 1)
		return child_main(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
