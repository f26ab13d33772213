#include "tests/unit/store/fixture.h"

#include <pthread.h>
#include <signal.h>

/* One store for several threads, one folder for several processes. */

enum { ROUNDS = 60 };

struct job {
	struct store *store;
	uint64_t seed;
	int failures;
	char message[1024];
};

static int check_result(const void *bytes, size_t length, void *payload)
{
	/* A result is the digest of the object that it names. */
	*(struct digest *)payload = *(const struct digest *)bytes;
	return length == sizeof(struct digest) ? 1 : 2;
}

static int one_round(struct job *job, struct err *err)
{
	AUTO_BUF struct buf buf = BUF_INIT;
	uint64_t number = fixture_random(&job->seed) % 20; /* few, so that they meet */
	size_t length = 100 + (size_t)number * 3000;
	AUTO_FREE char *bytes = fixture_bytes(&number, length, (unsigned)number % 3);
	struct digest digest = {0}, found = {0}, key = digest_of(bytes, 10);
	char name[32];
	int got = fixture_random(&job->seed) % 2
		      ? store_object_put(job->store, bytes, length, &digest, err)
		      : store_object_put_soon(job->store, bytes, length, &digest, err);

	if (got < 0 ||
	    store_result_put(job->store, "test", &key, &digest, sizeof digest, &digest, 1, err) < 0)
		return -1;
	got = store_result_each(job->store, "test", &key, check_result, &found, err);
	if (got < 0)
		return -1;
	if (got != 1)
		return err_set(err, ERR_INTERNAL, "a result is not what was put");
	if (fixture_random(&job->seed) % 4 == 0)
		store_shrink(job->store);
	if (store_object_get(job->store, &found, 1 << 20, &buf, err) < 0)
		return -1;
	(void)snprintf(name, sizeof name, "note %llu", (unsigned long long)(number % 5));
	if (store_note_put(job->store, "test", name, buf.data, buf.length, err) < 0 ||
	    store_file_digest(job->store, STORE_FILE_READ, "/proc/version", &found, err) < 0)
		return -1;
	return fixture_random(&job->seed) % 8 == 0 ? store_maintain(job->store, err) : 0;
}

static void *work(void *payload)
{
	struct job *job = payload;
	struct err err = {0};

	for (int i = 0; i < ROUNDS && !job->failures; i++)
		if (one_round(job, &err) < 0) {
			job->failures++;
			(void)strcpy(job->message, err.message);
		}
	return NULL;
}

static void threads_share_a_store(void **state)
{
	struct fixture *fixture = *state;
	struct job jobs[4];
	pthread_t threads[ARRAY_LENGTH(jobs)];

	for (size_t i = 0; i < ARRAY_LENGTH(jobs); i++) {
		jobs[i] = (struct job){.store = fixture->store, .seed = 11 + i};
		assert_int_equal(pthread_create(&threads[i], NULL, work, &jobs[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_LENGTH(jobs); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (size_t i = 0; i < ARRAY_LENGTH(jobs); i++)
		if (jobs[i].failures)
			fail_msg("%s", jobs[i].message);
}

static int work_in_process(const char *path, uint64_t seed)
{
	struct job job = {.seed = seed};
	struct err err = {0};
	char *note = NULL;

	if (store_open(path, &job.store, &note, &err) < 0) {
		print_error("%s\n", err.message);
		return 2;
	}
	(void)work(&job);
	store_close(job.store);
	if (job.failures)
		print_error("%s\n", job.message);
	if (note)
		print_error("%s\n", note);
	free(note);
	return job.failures || note ? 3 : 0;
}

static void processes_share_a_folder(void **state)
{
	struct fixture *fixture = *state;
	struct store_stats stats;
	struct err err = {0};
	pid_t children[2];

	/* They begin with none, so that who is first creates it. */
	fixture_close(fixture);
	assert_int_equal(file_remove_tree(fixture->path, &err), 0);
	(void)fflush(NULL);
	for (size_t i = 0; i < ARRAY_LENGTH(children); i++) {
		children[i] = fork();
		assert_true(children[i] >= 0);
		if (children[i] == 0)
			_exit(work_in_process(fixture->path, 100 + i));
	}
	for (size_t i = 0; i < ARRAY_LENGTH(children); i++)
		assert_int_equal(fixture_wait(children[i]), 0);
	fixture_open(fixture);
	assert_int_equal(store_stats_get(fixture->store, &stats, &err), 0);
	assert_in_range(stats.objects, 1, 20);
	assert_int_equal(stats.results, stats.objects);
}

static void what_one_process_puts_another_gets(void **state)
{
	struct fixture *fixture = *state;
	struct digest digest = digest_of("from the child", 14), key = digest_of("key", 3),
		      found = {0};
	struct err err = {0};
	pid_t child;

	(void)fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct store *store = NULL;
		char *note = NULL;

		_exit(store_open(fixture->path, &store, &note, &err) < 0 ||
		      store_object_put(store, "from the child", 14, &digest, &err) < 0 ||
		      store_result_put(
			  store, "test", &key, &digest, sizeof digest, &digest, 1, &err) < 0);
	}
	assert_int_equal(fixture_wait(child), 0);
	/* That child never closed its store: what was put is there all the same. */
	fixture_assert_holds(fixture, &digest, "from the child", 14);
	assert_int_equal(
	    store_result_each(fixture->store, "test", &key, check_result, &found, &err), 1);
	assert_true(digest_equal(&found, &digest));
}

/* A process is killed in the middle of its puts, again and again: no half object is ever seen. */
static void a_killed_process_leaves_nothing_half_done(void **state)
{
	struct fixture *fixture = *state;
	AUTO_FREE char *tmp = mem_printf("%s/tmp", fixture->path);
	char text[64];

	fixture_close(fixture);
	for (int round = 0; round < 10; round++) {
		int pipes[2], done = -1, status;
		pid_t child;

		assert_int_equal(pipe(pipes), 0);
		(void)fflush(NULL);
		child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			struct fixture other = {.path = fixture->path};
			struct err err = {0};

			if (store_open(other.path, &other.store, &other.note, &err) < 0)
				_exit(1);
			for (int i = 0;; i++) {
				struct digest digest;

				(void)snprintf(
				    text, sizeof text, "object %d of round %d", i, round);
				if (store_object_put(
					other.store, text, strlen(text), &digest, &err) < 0 ||
				    write(pipes[1], &i, sizeof i) != sizeof i)
					_exit(1);
			}
		}
		assert_int_equal(close(pipes[1]), 0);
		do
			assert_int_equal(read(pipes[0], &done, sizeof done), sizeof done);
		while (done < 3 + 2 * round);
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(close(pipes[0]), 0);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(fixture_entries(tmp), 1);
		fixture_open(fixture);
		assert_int_equal(fixture_entries(tmp), 1); /* ours, not the dead one's */
		for (int i = 0; i <= done; i++) {
			struct digest digest;

			(void)snprintf(text, sizeof text, "object %d of round %d", i, round);
			digest = digest_of(text, strlen(text));
			fixture_assert_holds(fixture, &digest, text, strlen(text));
		}
		fixture_close(fixture);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FIXTURE_TEST(threads_share_a_store),
	    FIXTURE_TEST(processes_share_a_folder),
	    FIXTURE_TEST(what_one_process_puts_another_gets),
	    FIXTURE_TEST(a_killed_process_leaves_nothing_half_done),
	};

	return cmocka_run_group_tests_name("store share", tests, NULL, NULL);
}
