#include "tests/unit/worker/fake.h"

struct seen {
	struct fixture *fixture;
	struct worker *worker;
	unsigned ends, answers;
	char message[256];
	struct child_exit exit;
	uint64_t last_run;
	struct buf value;
	bool free_at_answer;
	unsigned sync_at_answer; /* which asks for a sync */
	unsigned synced;
	unsigned fds_open;
	char log[4096];
};

static void on_end(
    struct worker *worker, const struct child_exit *exit, const char *message, void *payload)
{
	struct seen *seen = payload;

	assert_ptr_equal(worker, seen->worker);
	(void)snprintf(seen->message, sizeof seen->message, "%s", message);
	seen->exit = *exit;
	seen->ends++;
}

static void start_mode(
    struct fixture *fixture, const char *mode, uint32_t patience_ms, struct seen *ret_seen)
{
	AUTO_FREE char *variable = mem_printf("FAKE=%s", mode);
	const char *const env[] = {variable, NULL};
	const struct worker_spec spec = {.program = own_path(),
	    .library_path = "/some/lib",
	    .folder = "/",
	    .env = env,
	    .output_limit_bytes = 1 << 20,
	    .patience_ms = patience_ms};
	const struct worker_handlers handlers = {.on_end = on_end, .payload = ret_seen};
	struct err err;

	ret_seen->fixture = fixture;
	if (worker_start(fixture->spawner, &spec, &handlers, &ret_seen->worker, &err) < 0)
		fail_msg("%s", err.message);
}

static void seen_free(struct seen *seen)
{
	worker_free(seen->worker);
	buf_fini(&seen->value);
}

static void note(struct seen *seen, char what)
{
	size_t length = strlen(seen->log);

	if (length + 1 < sizeof seen->log)
		seen->log[length] = what;
	seen->answers++;
}

static void on_answer_synced(
    struct child *child, const uint64_t size_bytes[CHILD_STREAM_COUNT], void *payload)
{
	struct seen *seen = payload;

	(void)child;
	assert_int_equal(size_bytes[CHILD_STDOUT], 0);
	assert_int_equal(seen->ends, 0);
	seen->synced++;
}

static void on_answer(struct worker *worker, const Venus__Worker__FromWorker *answer, int *fds,
    size_t fd_count, void *payload)
{
	struct seen *seen = payload;
	struct err err;

	assert_ptr_equal(worker, seen->worker);
	for (size_t i = 0; i < fd_count; i++)
		seen->fds_open += fds[i] >= 0;
	if (answer->kind_case == VENUS__WORKER__FROM_WORKER__KIND_DONE) {
		const Venus__Worker__Done *done = answer->done;

		note(seen, 'D');
		seen->last_run = done->run;
		buf_clear(&seen->value);
		assert_int_equal(worker_blob_read(done->value, fds, fd_count, FAKE_BYTES - 1,
				     &seen->value, &err),
		    -1);
		assert_int_equal(err.code, ERR_FULL);
		assert_int_equal(
		    worker_blob_read(done->displays[0]->data, fds, fd_count, 4, &seen->value, &err),
		    0);
		assert_string_equal(seen->value.data, "text");
		buf_clear(&seen->value);
		assert_int_equal(
		    worker_blob_read(done->value, fds, fd_count, FAKE_BYTES, &seen->value, &err),
		    0);
		assert_int_equal(
		    fcntl(fds[0], F_GET_SEALS) & (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW),
		    F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW);
	} else {
		note(seen, answer->kind_case == VENUS__WORKER__FROM_WORKER__KIND_LOADED	   ? 'L'
			   : answer->kind_case == VENUS__WORKER__FROM_WORKER__KIND_DECODED ? 'd'
											   : 'x');
	}
	if (seen->answers == seen->sync_at_answer)
		child_sync(worker_child(worker), 1, on_answer_synced, seen);
	if (seen->free_at_answer) {
		worker_free(worker);
		seen->worker = NULL;
	}
}

static int ask_load(
    struct seen *seen, uint32_t object, const int *fds, size_t fd_count, struct err *err)
{
	Venus__Worker__ToWorker request = VENUS__WORKER__TO_WORKER__INIT;
	Venus__Worker__Load load = VENUS__WORKER__LOAD__INIT;

	load.object = object;
	request.kind_case = VENUS__WORKER__TO_WORKER__KIND_LOAD;
	request.load = &load;
	return worker_request(seen->worker, &request, fds, fd_count, on_answer, seen, err);
}

static int ask_run(struct seen *seen, uint64_t number, struct err *err)
{
	Venus__Worker__ToWorker request = VENUS__WORKER__TO_WORKER__INIT;
	Venus__Worker__Run run = VENUS__WORKER__RUN__INIT;
	char symbol[] = "cell", folder[] = "/";

	run.run = run.value = number;
	run.symbol = run.glue_symbol = symbol;
	run.folder = folder;
	request.kind_case = VENUS__WORKER__TO_WORKER__KIND_RUN;
	request.run = &run;
	return worker_request(seen->worker, &request, NULL, 0, on_answer, seen, err);
}

static int ask_decode(struct seen *seen, uint64_t value, size_t length, struct err *err)
{
	Venus__Worker__ToWorker request = VENUS__WORKER__TO_WORKER__INIT;
	Venus__Worker__Decode decode = VENUS__WORKER__DECODE__INIT;
	Venus__Worker__Blob data = VENUS__WORKER__BLOB__INIT;
	AUTO_FREE uint8_t *bytes = mem_alloc(length);

	data.place_case = VENUS__WORKER__BLOB__PLACE_INLINE_BYTES;
	data.inline_bytes = (ProtobufCBinaryData){.data = bytes, .len = length};
	data.size = length;
	decode.value = value;
	decode.data = &data;
	request.kind_case = VENUS__WORKER__TO_WORKER__KIND_DECODE;
	request.decode = &decode;
	return worker_request(seen->worker, &request, NULL, 0, on_answer, seen, err);
}

static int ask_drop(struct seen *seen, struct err *err)
{
	Venus__Worker__ToWorker request = VENUS__WORKER__TO_WORKER__INIT;
	Venus__Worker__Drop drop = VENUS__WORKER__DROP__INIT;

	request.kind_case = VENUS__WORKER__TO_WORKER__KIND_DROP;
	request.drop = &drop;
	return worker_request(seen->worker, &request, NULL, 0, on_answer, seen, err);
}

static void test_answers(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = {0};
	struct err err;

	start_mode(fixture, "good", 0, &seen);
	assert_int_equal(ask_load(&seen, 1, &(int){1}, 1, &err), 0); /* before its hello */
	assert_int_equal(ask_run(&seen, 1, &err), 0);
	assert_int_equal(ask_decode(&seen, 2, 10, &err), 0);
	assert_int_equal(ask_drop(&seen, &err), 0);
	assert_int_equal(ask_run(&seen, 7, &err), 0);
	assert_int_equal(seen.answers, 0);
	run_until(fixture, seen.answers == 5 || seen.ends);
	assert_string_equal(seen.message, "");
	assert_string_equal(seen.log, "LDdxD");
	assert_int_equal(seen.last_run, 7);
	assert_int_equal(seen.value.length, FAKE_BYTES);
	for (size_t i = 0; i < FAKE_BYTES; i++)
		assert_int_equal(seen.value.data[i], 'v');
	child_kill(worker_child(seen.worker), SIGTERM);
	run_until(fixture, seen.ends);
	assert_string_equal(seen.message, "was killed by signal 15 (SIGTERM)");
	assert_int_equal(ask_run(&seen, 8, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	seen_free(&seen);
}

static void on_synced(
    struct child *child, const uint64_t size_bytes[CHILD_STREAM_COUNT], void *payload)
{
	uint64_t *size = payload;

	(void)child;
	*size = size_bytes[CHILD_STDOUT];
}

/* Output that came before an answer is there once the answer's sync is. */
static void test_output(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = {0};
	struct err err;
	AUTO_BUF struct buf text = BUF_INIT;

	start_mode(fixture, "good", 0, &seen);
	for (uint64_t i = 1; i <= 9; i++) {
		uint64_t size = 0;

		assert_int_equal(ask_run(&seen, i, &err), 0);
		run_until(fixture, seen.answers == i || seen.ends);
		child_sync(worker_child(seen.worker), 1 << 20, on_synced, &size);
		run_until(fixture, size || seen.ends);
		assert_int_equal(size, 6 * i);
	}
	read_output(worker_child(seen.worker), CHILD_STDOUT, &text);
	assert_string_equal(text.data + 48, "run 9\n");
	seen_free(&seen);
}

/* More than the socket takes at once, in both directions, in order. */
static void test_queue(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = {0};
	struct err err;
	unsigned asked = 0;

	start_mode(fixture, "good", 0, &seen);
	while (ask_decode(&seen, asked + 1, 60000, &err) == 0)
		asked++;
	assert_int_equal(err.code, ERR_FULL);
	assert_in_range(asked, 100, WORKER_REQUESTS_MAX);
	run_until(fixture, seen.answers == asked || seen.ends);
	assert_int_equal(seen.ends, 0);
	asked = 0;
	while (ask_load(&seen, asked + 1, NULL, 0, &err) == 0)
		asked++;
	assert_int_equal(asked, WORKER_REQUESTS_MAX);
	seen.answers = 0;
	run_until(fixture, seen.answers == asked || seen.ends);
	assert_int_equal(ask_decode(&seen, 1, FRAME_MAX, &err), -1);
	assert_int_equal(err.code, ERR_FULL);
	assert_int_equal(ask_load(&seen, 1, NULL, 0, &err), 0);
	run_until(fixture, seen.answers == asked + 1 || seen.ends);
	assert_int_equal(seen.ends, 0);
	seen_free(&seen);
}

/* Descriptors that no blob names are not handed on, and not kept. */
static void test_surplus(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = {0};
	struct err err;
	size_t before;

	start_mode(fixture, "surplus", 0, &seen);
	assert_int_equal(ask_load(&seen, 1, NULL, 0, &err), 0);
	run_until(fixture, seen.answers == 1);
	before = count_fds(getpid());
	assert_int_equal(ask_run(&seen, 1, &err), 0);
	run_until(fixture, seen.answers == 2 || seen.ends);
	assert_int_equal(seen.ends, 0);
	assert_int_equal(seen.fds_open, 1);
	assert_int_equal(count_fds(getpid()), before);
	seen_free(&seen);
}

static const struct {
	const char *mode, *message;
	bool exact;
} faults[] = {
    {"garbage", "sent a frame that is not legal: a FromWorker message is malformed", true},
    {"oversize", "sent a frame that is not legal: a control frame was over 65536 bytes", false},
    {"nokind", "sent a frame that is not legal: it is of no known kind", true},
    {"fields", "sent a frame that is not legal: a message has more than 4096 fields", true},
    {"protocol", "sent a frame that is not legal: it speaks protocol 2 and this is 1", true},
    {"sequence", "sent a frame that is not legal: its number is 2 and not 1", true},
    {"ack", "sent a frame that is not legal: it acknowledges 1, sent was 0", true},
    {"early", "sent a frame that is not legal: something before hello", true},
    {"fds", "sent a frame that is not legal: a control frame was over", false},
    {"unasked", "sent a frame that is not legal: an answer", false},
    {"hello-again", "sent a frame that is not legal: a second hello", true},
    {"kind", "sent a frame that is not legal: an answer of another kind than what was asked", true},
    {"forged", "sent a frame that is not legal: an answer about number 43, asked was 42", true},
    {"twice", "sent a frame that is not legal: an answer to nothing that was asked", true},
    {"noack", "sent a frame that is not legal: it acknowledges 0", false},
    {"noack-first",
	"sent a frame that is not legal: an answer to a request that it does not acknowledge",
	true},
    {"unsealable",
	"sent a frame that is not legal: descriptor 0 is not a memory file that can be sealed",
	true},
    {"mapped",
	"sent a frame that is not legal: descriptor 0 is not a memory file that can be sealed",
	true},
    {"pipe", "sent a frame that is not legal: descriptor 0 is not a memory file that can be sealed",
	true},
    {"file", "sent a frame that is not legal: descriptor 0 is not a memory file that can be sealed",
	true},
    {"short", "sent a frame that is not legal: descriptor 0 holds 99999 bytes of 100000", true},
    {"index", "sent a frame that is not legal: a blob is in descriptor 1 of 1", true},
    {"inline-size", "sent a frame that is not legal: a blob of 4 bytes says it has 5", true},
    {"status", "sent a frame that is not legal: there is no status 99", true},
    {"utf8", "sent a frame that is not legal: field message of a Done message is not UTF-8", true},
    {"overflow-talk", "sent a frame that is not legal: a frame after it crashed", true},
    {"exit", "exited with code 3", true},
    {"segv", "was killed by signal 11 (SIGSEGV)", true},
    {"crash", "was killed by signal 6 (SIGABRT)", true},
    {"overflow", "overflowed its stack", true},
    {"overflow-lie", "exited with code 3", true},
};

/* Each fault ends the worker with its message, and leaves nothing open. */
static void test_faults(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_LENGTH(faults); i++) {
		struct seen seen = {0};
		struct err err;
		size_t fds_before = count_fds(getpid());
		unsigned answers_wanted = strcmp(faults[i].mode, "twice") == 0;

		start_mode(fixture, faults[i].mode, 0, &seen);
		if (strcmp(faults[i].mode, "noack") == 0) {
			assert_int_equal(ask_load(&seen, 1, NULL, 0, &err), 0);
			answers_wanted = 1;
		}
		assert_int_equal(ask_run(&seen, 42, &err), 0);
		run_until(fixture, seen.ends);
		if (faults[i].exact ? strcmp(seen.message, faults[i].message) != 0
				    : !strstr(seen.message, faults[i].message))
			fail_msg("%s: %s", faults[i].mode, seen.message);
		assert_int_equal(seen.answers, answers_wanted);
		seen_free(&seen);
		(void)uv_run(&fixture->loop, UV_RUN_NOWAIT);
		assert_int_equal(count_fds(getpid()), fds_before);
	}
}

static void test_patience(void **state)
{
	struct fixture *fixture = *state;
	struct seen silent = {0}, gone = {0}, crashed = {0};

	start_mode(fixture, "silent", 1, &silent);
	start_mode(fixture, "overflow-stay", 300, &crashed);
	start_mode(fixture, "hang-up", 300, &gone);
	run_until(fixture, silent.ends && gone.ends && crashed.ends);
	assert_string_equal(silent.message, "did not say hello within 0.001 s");
	assert_int_equal(silent.exit.end, CHILD_SIGNALLED);
	assert_int_equal(silent.exit.code, SIGKILL);
	/* On a machine that is slow enough these two do not come to their hello either. */
	if (!strstr(gone.message, "did not say hello"))
		assert_string_equal(gone.message, "closed its control socket");
	if (!strstr(crashed.message, "did not say hello"))
		assert_string_equal(crashed.message, "crashed and did not end");
	seen_free(&silent);
	seen_free(&gone);
	seen_free(&crashed);
}

/* An answer counts although its sender was dead, with requests unread, before it was looked at. */
static void test_last_words(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 0; i < 20; i++) {
		struct seen seen = {0};
		struct err err;

		start_mode(fixture, "last-words", 0, &seen);
		for (uint32_t object = 1; object <= 5; object++)
			assert_int_equal(ask_load(&seen, object, NULL, 0, &err), 0);
		run_until(fixture, seen.ends);
		assert_string_equal(seen.message, "exited with code 9");
		assert_int_equal(seen.answers, 1);
		seen_free(&seen);
	}
}

/* The end is known while answers are still unread: they come first, and so do the syncs that they
 * lead to. */
static void test_many_words(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = {.sync_at_answer = 1 + MANY_WORDS};
	struct err err;

	start_mode(fixture, "many-words", 0, &seen);
	assert_int_equal(ask_load(&seen, 1, NULL, 0, &err), 0);
	run_until(fixture, seen.answers);
	for (uint32_t i = 1; i <= MANY_WORDS; i++)
		assert_int_equal(ask_load(&seen, 1 + i, NULL, 0, &err), 0);
	wait_gone(child_pid(worker_child(seen.worker)));
	run_until(fixture, seen.ends);
	assert_string_equal(seen.message, "exited with code 9");
	assert_int_equal(seen.answers, 1 + MANY_WORDS);
	assert_int_equal(seen.synced, 1);
	seen_free(&seen);
}

static void test_free_in_callback(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = {.free_at_answer = true};
	struct err err;

	start_mode(fixture, "twice", 0, &seen);
	assert_int_equal(ask_run(&seen, 1, &err), 0);
	assert_int_equal(ask_run(&seen, 2, &err), 0);
	run_until(fixture, !seen.worker);
	assert_int_equal(seen.answers, 1);
	assert_int_equal(seen.ends, 0);
	seen_free(&seen);
}

static void test_not_started(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = {.fixture = fixture};
	const struct worker_spec spec = {
	    .program = "/nowhere/venus-worker", .library_path = "", .folder = "/"};
	const struct worker_handlers handlers = {.on_end = on_end, .payload = &seen};
	struct err err;

	assert_int_equal(worker_start(fixture->spawner, &spec, &handlers, &seen.worker, &err), 0);
	run_until(fixture, seen.ends);
	assert_string_equal(
	    seen.message, "could not be started: the program: No such file or directory");
	seen_free(&seen);
}

static void test_lost(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = {0};
	struct err err;

	start_mode(fixture, "good", 0, &seen);
	assert_int_equal(ask_run(&seen, 1, &err), 0);
	run_until(fixture, seen.answers);
	assert_int_equal(kill(spawner_pid(fixture->spawner), SIGKILL), 0);
	run_until(fixture, fixture->lost);
	assert_int_equal(seen.ends, 1);
	assert_string_equal(seen.message, "was lost: venus-spawn ended");
	seen_free(&seen);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_answers),
	    TEST(test_output),
	    TEST(test_queue),
	    TEST(test_surplus),
	    TEST(test_faults),
	    TEST(test_patience),
	    TEST(test_last_words),
	    TEST(test_many_words),
	    TEST(test_free_in_callback),
	    TEST(test_not_started),
	    TEST(test_lost),
	};
	const char *mode = getenv("FAKE");

	return mode ? fake_main(mode) : cmocka_run_group_tests(tests, NULL, NULL);
}
