#include "tests/unit/store/fixture.h"

#include <lz4frame.h>
#include <sys/mman.h>

static void keeps_bytes_by_their_digest(void **state)
{
	struct fixture *fixture = *state;
	const char *text = "what a cell showed";
	struct digest digest = fixture_put(fixture, text, strlen(text));
	struct digest expected = digest_of(text, strlen(text));

	assert_true(digest_equal(&digest, &expected));
	assert_true(store_object_has(fixture->store, &digest));
	fixture_assert_holds(fixture, &digest, text, strlen(text));
	fixture_reopen(fixture);
	fixture_assert_holds(fixture, &digest, text, strlen(text));
}

static void keeps_no_bytes_at_all(void **state)
{
	struct fixture *fixture = *state;
	struct digest digest = fixture_put(fixture, NULL, 0);
	struct err err = {0};
	AUTO_CLOSE int fd = -1;
	uint64_t size = 7;

	fixture_assert_holds(fixture, &digest, "", 0);
	assert_int_equal(store_object_get_memfd(fixture->store, &digest, &fd, &size, &err), 0);
	assert_int_equal(size, 0);
}

static void does_not_know_what_was_never_put(void **state)
{
	struct fixture *fixture = *state;
	struct digest digest = digest_of("nothing", 7), other = fixture_put(fixture, "x", 1);
	AUTO_BUF struct buf buf = BUF_INIT;
	struct err err = {0};
	uint64_t size = 0;
	int fd = -1;

	assert_false(store_object_has(fixture->store, &digest));
	assert_int_equal(store_object_get(fixture->store, &digest, 100, &buf, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(store_object_get_memfd(fixture->store, &digest, &fd, &size, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	/* In a folder that is there, too. */
	digest = other;
	digest.bytes[31] ^= 1;
	assert_int_equal(store_object_get(fixture->store, &digest, 100, &buf, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(buf.length, 0);
}

static void refuses_more_than_the_limit(void **state)
{
	struct fixture *fixture = *state;
	struct digest digest = fixture_put(fixture, "0123456789", 10);
	AUTO_BUF struct buf buf = BUF_INIT;
	struct err err = {0};

	for (int round = 0; round < 2; round++) { /* from memory, from disk */
		assert_int_equal(store_object_get(fixture->store, &digest, 9, &buf, &err), -1);
		assert_int_equal(err.code, ERR_FULL);
		assert_int_equal(buf.length, 0);
		store_shrink(fixture->store);
	}
	assert_int_equal(store_object_get(fixture->store, &digest, 10, &buf, &err), 0);
	assert_string_equal(buf.data, "0123456789");
}

static void appends_to_what_the_buffer_holds(void **state)
{
	struct fixture *fixture = *state;
	struct digest digest = fixture_put(fixture, "world", 5);
	AUTO_BUF struct buf buf = BUF_INIT;
	struct err err = {0};

	buf_add_text(&buf, "hello ");
	assert_int_equal(fixture_get_cold(fixture, &digest, &buf, &err), 0);
	assert_string_equal(buf.data, "hello world");
}

static void does_not_write_an_object_twice(void **state)
{
	struct fixture *fixture = *state;
	struct digest digest = fixture_put(fixture, "once", 4);
	AUTO_FREE char *path = fixture_object_path(fixture, &digest);
	struct stat before, after;

	assert_int_equal(stat(path, &before), 0);
	(void)fixture_put(fixture, "once", 4);
	fixture_reopen(fixture);
	(void)fixture_put(fixture, "once", 4);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
}

static void every_object_is_a_frame_that_lz4_reads(void **state)
{
	struct fixture *fixture = *state;
	static const size_t lengths[] = {1, 1000, 65536, 300000, 700001};
	uint64_t seed = 7;

	for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++)
		for (unsigned kind = 0; kind < 3; kind++) {
			AUTO_FREE char *bytes = fixture_bytes(&seed, lengths[i], kind);
			AUTO_FREE char *decoded = mem_alloc(lengths[i] + 1);
			struct digest digest = fixture_put(fixture, bytes, lengths[i]);
			AUTO_FREE char *path = fixture_object_path(fixture, &digest);
			AUTO_BUF struct buf file = BUF_INIT;
			LZ4F_dctx *context = NULL;
			size_t made = lengths[i], used;

			fixture_read(path, &file);
			used = file.length;
			assert_int_equal(
			    LZ4F_createDecompressionContext(&context, LZ4F_VERSION), 0);
			assert_int_equal(
			    LZ4F_decompress(context, decoded, &made, file.data, &used, NULL), 0);
			assert_int_equal(used, file.length);
			assert_int_equal(made, lengths[i]);
			assert_memory_equal(decoded, bytes, made);
			(void)LZ4F_freeDecompressionContext(context);
			if (kind == 2) /* what does not shrink is kept as it is */
				assert_in_range(
				    file.length, lengths[i], lengths[i] + 64 + lengths[i] / 4096);
			if (kind == 0 && lengths[i] > 1000)
				assert_true(file.length < lengths[i] / 4);
			fixture_assert_holds(fixture, &digest, bytes, lengths[i]);
		}
}

static void puts_from_a_descriptor(void **state)
{
	struct fixture *fixture = *state;
	uint64_t seed = 3;
	AUTO_FREE char *bytes = fixture_bytes(&seed, 900000, 1);
	AUTO_FREE char *path = mem_printf("%s/file", fixture->folder);
	struct digest digest = {0}, expected = digest_of(bytes, 900000);
	struct err err = {0};
	AUTO_CLOSE int fd = -1;

	fixture_write(path, bytes, 900000);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(lseek(fd, 5, SEEK_SET), 5);
	assert_int_equal(store_object_put_fd(fixture->store, fd, 900000, &digest, &err), 0);
	assert_true(digest_equal(&digest, &expected));
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 5);
	fixture_assert_holds(fixture, &digest, bytes, 900000);

	/* Only the first bytes, and none that are not there. */
	assert_int_equal(store_object_put_fd(fixture->store, fd, 100, &digest, &err), 0);
	fixture_assert_holds(fixture, &digest, bytes, 100);
	assert_int_equal(store_object_put_fd(fixture->store, fd, 900001, &digest, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_int_equal(
	    store_object_put_fd(fixture->store, fd, STORE_OBJECT_MAX_BYTES + 1, &digest, &err), -1);
	assert_int_equal(err.code, ERR_FULL);
}

static void gives_sealed_memory_files(void **state)
{
	struct fixture *fixture = *state;
	uint64_t seed = 9, size = 0;
	AUTO_FREE char *bytes = fixture_bytes(&seed, 400000, 1);
	AUTO_FREE char *found = mem_alloc(400000);
	struct digest digest = fixture_put(fixture, bytes, 400000);
	struct err err = {0};
	AUTO_CLOSE int fd = -1;

	assert_int_equal(store_object_get_memfd(fixture->store, &digest, &fd, &size, &err), 0);
	assert_int_equal(size, 400000);
	assert_int_equal(pread(fd, found, 400000, 0), 400000);
	assert_memory_equal(found, bytes, 400000);
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_true(fcntl(fd, F_GET_SEALS) & F_SEAL_SEAL);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static void puts_many_at_once(void **state)
{
	struct fixture *fixture = *state;
	enum { COUNT = 75 };
	struct store_bytes objects[COUNT];
	struct digest digests[COUNT];
	char texts[COUNT][32];
	struct store_stats stats;
	struct err err = {0};

	for (int i = 0; i < COUNT; i++) {
		/* The last ones are there twice. */
		int number = i < 70 ? i : i - 60;

		(void)snprintf(texts[i], sizeof texts[i], "object %d of many", number);
		objects[i] = (struct store_bytes){texts[i], strlen(texts[i])};
	}
	assert_int_equal(store_object_put_many(fixture->store, objects, COUNT, digests, &err), 0);
	for (int i = 0; i < COUNT; i++)
		fixture_assert_holds(fixture, &digests[i], texts[i], strlen(texts[i]));
	assert_int_equal(store_stats_get(fixture->store, &stats, &err), 0);
	assert_int_equal(stats.objects, 70);
	assert_int_equal(store_object_put_many(fixture->store, objects, 0, digests, &err), 0);
}

static uint64_t recorded_objects(struct fixture *fixture)
{
	struct store_stats stats = {0};
	struct err err = {0};

	assert_int_equal(store_stats_get(fixture->store, &stats, &err), 0);
	return stats.objects;
}

static void a_put_soon_is_there_at_once_and_recorded_when_durable(void **state)
{
	struct fixture *fixture = *state;
	struct digest digests[70], gone, key = digest_of("key", 3);
	struct stat before, after;
	struct err err = {0};
	char text[32];

	for (int i = 0; i < 70; i++) {
		(void)snprintf(text, sizeof text, "soon %d", i);
		assert_int_equal(
		    store_object_put_soon(fixture->store, text, strlen(text), &digests[i], &err),
		    0);
		assert_true(store_object_has(fixture->store, &digests[i]));
		fixture_assert_holds(fixture, &digests[i], text, strlen(text));
	}
	/* A result may name it, and it is not written twice. */
	assert_int_equal(
	    store_result_put(fixture->store, "test", &key, "r", 1, digests, 70, &err), 0);
	AUTO_FREE char *path = fixture_object_path(fixture, &digests[69]);
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(
	    store_object_put_soon(fixture->store, text, strlen(text), &digests[69], &err), 0);
	assert_int_equal(recorded_objects(fixture), 0);

	/* One that is gone when it is its turn is nobody's trouble. */
	assert_int_equal(store_object_put_soon(fixture->store, "gone", 4, &gone, &err), 0);
	AUTO_FREE char *gone_path = fixture_object_path(fixture, &gone);
	assert_int_equal(unlink(gone_path), 0);
	assert_int_equal(store_maintain(fixture->store, &err), 0);
	assert_int_equal(recorded_objects(fixture), 70);
	assert_int_equal(
	    store_object_put(fixture->store, text, strlen(text), &digests[69], &err), 0);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);

	/* A close is as good as a store_maintain. */
	assert_int_equal(store_object_put_soon(fixture->store, "last", 4, &gone, &err), 0);
	fixture_reopen(fixture);
	assert_int_equal(recorded_objects(fixture), 71);
}

/* As after a power cut: whole header, no record. */
static void a_put_writes_an_object_without_a_record_again(void **state)
{
	struct fixture *fixture = *state;
	uint64_t seed = 4;
	AUTO_FREE char *bytes = fixture_bytes(&seed, 3000, 2);
	struct digest digest = {0};
	AUTO_BUF struct buf file = BUF_INIT;
	struct err err = {0};

	assert_int_equal(store_object_put_soon(fixture->store, bytes, 3000, &digest, &err), 0);
	AUTO_FREE char *path = fixture_object_path(fixture, &digest);
	fixture_read(path, &file);
	memset(file.data + 1000, 0, 1000);
	fixture_write(path, file.data, file.length);
	(void)fixture_put(fixture, bytes, 3000);
	fixture_assert_holds(fixture, &digest, bytes, 3000);
}

static void memory_answers_without_the_disk(void **state)
{
	struct fixture *fixture = *state;
	struct digest digest = fixture_put(fixture, "warm", 4);
	AUTO_FREE char *path = fixture_object_path(fixture, &digest);
	AUTO_BUF struct buf buf = BUF_INIT;
	struct err err = {0};

	assert_int_equal(unlink(path), 0);
	assert_int_equal(store_object_get(fixture->store, &digest, 100, &buf, &err), 0);
	assert_string_equal(buf.data, "warm");
	store_shrink(fixture->store);
	assert_int_equal(store_object_get(fixture->store, &digest, 100, &buf, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void memory_is_bounded_and_forgets_the_least_used(void **state)
{
	struct memory memory;
	AUTO_FREE char *bytes = mem_alloc(MEMORY_OBJECT_MAX_BYTES + 1);
	AUTO_BUF struct buf buf = BUF_INIT;
	struct digest first = digest_of("first", 5), large = digest_of("large", 5);
	struct digest second = digest_of("second", 6);

	(void)state;
	memory_init(&memory);
	memory_put(&memory, &large, bytes, MEMORY_OBJECT_MAX_BYTES + 1);
	assert_int_equal(memory_get(&memory, &large, SIZE_MAX, &buf), 0);
	memory_put(&memory, &first, bytes, MEMORY_OBJECT_MAX_BYTES);
	memory_put(&memory, &second, bytes, MEMORY_OBJECT_MAX_BYTES);
	for (int i = 0; i < 126; i++) {
		struct digest digest = digest_of(&i, sizeof i);

		memory_put(&memory, &digest, bytes, MEMORY_OBJECT_MAX_BYTES);
		assert_in_range(memory.bytes, 1, MEMORY_MAX_BYTES);
		assert_int_equal(memory_get(&memory, &first, SIZE_MAX, &buf), 1);
		buf_clear(&buf);
	}
	assert_int_equal(memory_get(&memory, &second, SIZE_MAX, &buf), 0);
	assert_int_equal(memory_get(&memory, &first, 10, &buf), -1);
	memory_fini(&memory);
}

/* Any put can be got, at any size, before and after a reopening. */
static void whatever_is_put_is_got(void **state)
{
	struct fixture *fixture = *state;
	enum { COUNT = 120 };
	struct digest digests[COUNT];
	char *all[COUNT];
	size_t lengths[COUNT];
	uint64_t seed = 20260131;

	for (int i = 0; i < COUNT; i++) {
		size_t most = (size_t)1 << (fixture_random(&seed) % 21);

		lengths[i] = fixture_random(&seed) % (most + 1);
		all[i] = fixture_bytes(&seed, lengths[i], (unsigned)(fixture_random(&seed) % 3));
		digests[i] = fixture_put(fixture, all[i], lengths[i]);
		if (i % 40 == 39)
			fixture_reopen(fixture);
		if (i % 3 == 0) {
			size_t which = fixture_random(&seed) % (size_t)(i + 1);

			fixture_assert_holds(fixture, &digests[which], all[which], lengths[which]);
		}
	}
	fixture_reopen(fixture);
	for (int i = 0; i < COUNT; i++) {
		fixture_assert_holds(fixture, &digests[i], all[i], lengths[i]);
		free(all[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FIXTURE_TEST(keeps_bytes_by_their_digest),
	    FIXTURE_TEST(keeps_no_bytes_at_all),
	    FIXTURE_TEST(does_not_know_what_was_never_put),
	    FIXTURE_TEST(refuses_more_than_the_limit),
	    FIXTURE_TEST(appends_to_what_the_buffer_holds),
	    FIXTURE_TEST(does_not_write_an_object_twice),
	    FIXTURE_TEST(every_object_is_a_frame_that_lz4_reads),
	    FIXTURE_TEST(puts_from_a_descriptor),
	    FIXTURE_TEST(gives_sealed_memory_files),
	    FIXTURE_TEST(puts_many_at_once),
	    FIXTURE_TEST(a_put_soon_is_there_at_once_and_recorded_when_durable),
	    FIXTURE_TEST(a_put_writes_an_object_without_a_record_again),
	    FIXTURE_TEST(memory_answers_without_the_disk),
	    FIXTURE_TEST(memory_is_bounded_and_forgets_the_least_used),
	    FIXTURE_TEST(whatever_is_put_is_got),
	};

	return cmocka_run_group_tests_name("store object", tests, NULL, NULL);
}
