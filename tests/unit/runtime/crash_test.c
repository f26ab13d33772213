/* How a worker ends when a cell ends it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "common/mem.h"
#include "harness.h"

/* The cell must send a crash frame and die of the signal. */
static void check_crash(const struct harness_run *run, int signal, bool overflow)
{
	struct harness *harness = harness_open(NULL);
	struct harness_run here = *run;
	const Venus__Worker__FromWorker *last;
	int status;

	here.object = harness_load_plain(harness);
	/* Numbers that need two bytes each, as they would in a worker that has run for a while. */
	for (int i = 0; i < 150; i++)
		(void)harness_run(
		    harness, &(struct harness_run){.object = here.object, .symbol = "hello"});
	harness_run_send(harness, &here);
	last = harness_receive(harness);
	assert_non_null(last);
	assert_int_equal(last->kind_case, VENUS__WORKER__FROM_WORKER__KIND_CRASH);
	assert_int_equal(last->crash->signal, signal);
	assert_int_equal(last->crash->stack_overflow, overflow);
	assert_null(harness_receive(harness));
	status = harness_wait(harness, NULL);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), signal);
	harness->pid = 0;
	harness_close(harness);
}

static void test_signals(void **state)
{
	static const struct {
		const char *how;
		int signal;
	} cases[] = {{"segv", SIGSEGV}, {"abort", SIGABRT}, {"ill", SIGILL}, {"fpe", SIGFPE},
	    {"bus", SIGBUS}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
		check_crash(
		    &(struct harness_run){.symbol = "crash", .settings = {{"how", cases[i].how}}},
		    cases[i].signal, false);
}

static void test_overflow(void **state)
{
	(void)state;
	check_crash(&(struct harness_run){.symbol = "deep", .settings = {{"n", "1000000000"}}},
	    SIGSEGV, true);
	check_crash(&(struct harness_run){.symbol = "deep",
			.settings = {{"n", "100000000"}, {"leap", "1"}}},
	    SIGSEGV, true);
	check_crash(
	    &(struct harness_run){.symbol = "deep_thread", .settings = {{"n", "1000000000"}}},
	    SIGSEGV, true);
}

/* 60 of the 64 MiB that a cell may use. */
static void test_deep_recursion(void **state)
{
	struct harness *harness = harness_open(NULL);
	AUTO_BUF struct buf text = BUF_INIT;
	struct harness_run run = {.symbol = "deep", .settings = {{"n", "62914560"}}};

	(void)state;
	run.object = harness_load_plain(harness);
	(void)harness_run_text(harness, &run, &text);
	assert_string_equal(text.data, "back");
	harness_close(harness);
}

static void test_exit(void **state)
{
	static const char *const codes[] = {"0", "3", "255"};
	static const int expected[] = {0, 3, 255};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(codes); i++) {
		struct harness *harness = harness_open(NULL);
		AUTO_BUF struct buf output = BUF_INIT;
		struct harness_run run = {.symbol = "leave", .settings = {{"code", codes[i]}}};
		int status;

		run.object = harness_load_plain(harness);
		harness_run_send(harness, &run);
		assert_null(harness_receive(harness));
		status = harness_wait(harness, NULL);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), expected[i]);
		harness_output(harness, harness->stdout_fd, &output);
		assert_string_equal(output.data, "before exit\nat exit\n");
		harness_close(harness);
	}
}

static void test_kill(void **state)
{
	struct harness *harness = harness_open(NULL);
	struct harness_run run = {.symbol = "crash", .settings = {{"how", "kill"}}};
	int status;

	(void)state;
	run.object = harness_load_plain(harness);
	harness_run_send(harness, &run);
	assert_null(harness_receive(harness));
	status = harness_wait(harness, NULL);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
	harness_close(harness);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_signals),
	    cmocka_unit_test(test_overflow),
	    cmocka_unit_test(test_deep_recursion),
	    cmocka_unit_test(test_exit),
	    cmocka_unit_test(test_kill),
	};

	return cmocka_run_group_tests_name("crash", tests, NULL, NULL);
}
