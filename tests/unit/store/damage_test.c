#include "tests/unit/store/fixture.h"

#include <lz4frame.h>

/* Objects whose files are not what was written: each get says so and moves the file aside, and the
 * next put heals. */

static void assert_damaged(struct fixture *fixture, const struct digest *digest)
{
	AUTO_FREE char *path = fixture_object_path(fixture, digest);
	AUTO_FREE char *bad = mem_printf("%s/bad", fixture->path);
	size_t aside = fixture_entries(bad);
	AUTO_BUF struct buf buf = BUF_INIT;
	struct err err = {0};
	char hex[DIGEST_HEX + 1];
	struct stat status;

	digest_to_hex(digest, hex);
	assert_int_equal(fixture_get_cold(fixture, digest, &buf, &err), -1);
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_non_null(strstr(err.message, hex));
	assert_int_equal(buf.length, 0);
	assert_int_equal(lstat(path, &status), -1);
	assert_int_equal(errno, ENOENT);
	assert_false(store_object_has(fixture->store, digest));
	assert_int_equal(fixture_get_cold(fixture, digest, &buf, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_true(fixture_entries(bad) == aside || fixture_entries(bad) == aside + 1);
	assert_true(fixture_entries(bad) > 0);
}

static void any_flipped_byte_is_seen(void **state)
{
	struct fixture *fixture = *state;
	const char *text = "bytes bytes bytes bytes bytes that shrink, and some that do not";
	struct digest digest = fixture_put(fixture, text, strlen(text));
	AUTO_FREE char *path = fixture_object_path(fixture, &digest);
	AUTO_BUF struct buf file = BUF_INIT;

	fixture_read(path, &file);
	assert_true(file.length > 20);
	for (size_t at = 0; at < file.length; at++)
		for (int bit = 0; bit < 8; bit++) {
			file.data[at] = (char)(file.data[at] ^ (1 << bit));
			fixture_write(path, file.data, file.length);
			assert_damaged(fixture, &digest);
			file.data[at] = (char)(file.data[at] ^ (1 << bit));
			(void)fixture_put(fixture, text, strlen(text));
			fixture_assert_holds(fixture, &digest, text, strlen(text));
		}
}

static void any_cut_is_seen(void **state)
{
	struct fixture *fixture = *state;
	const char *text = "what is cut off somewhere, cut off somewhere";
	struct digest digest = fixture_put(fixture, text, strlen(text));
	AUTO_FREE char *path = fixture_object_path(fixture, &digest);
	AUTO_BUF struct buf file = BUF_INIT;

	fixture_read(path, &file);
	for (size_t length = 0; length < file.length; length++) {
		fixture_write(path, file.data, length);
		assert_damaged(fixture, &digest);
		(void)fixture_put(fixture, text, strlen(text));
	}
	fixture_assert_holds(fixture, &digest, text, strlen(text));
}

static void a_large_object_is_checked_to_its_end(void **state)
{
	struct fixture *fixture = *state;
	uint64_t seed = 5;
	AUTO_FREE char *bytes = fixture_bytes(&seed, 1500000, 2);
	struct digest digest = fixture_put(fixture, bytes, 1500000);
	AUTO_FREE char *path = fixture_object_path(fixture, &digest);
	AUTO_BUF struct buf file = BUF_INIT;
	struct err err = {0};
	uint64_t size = 0;
	int fd = -1;

	fixture_read(path, &file);
	for (int i = 0; i < 20; i++) {
		size_t at = fixture_random(&seed) % file.length;

		file.data[at] = (char)(file.data[at] ^ 0x20);
		fixture_write(path, file.data, file.length);
		file.data[at] = (char)(file.data[at] ^ 0x20);
		assert_int_equal(
		    store_object_get_memfd(fixture->store, &digest, &fd, &size, &err), -1);
		assert_int_equal(err.code, ERR_CORRUPT);
	}
	fixture_write(path, file.data, file.length - 1);
	assert_damaged(fixture, &digest);
	assert_int_equal(fd, -1);
}

static void another_object_under_the_name_is_seen(void **state)
{
	struct fixture *fixture = *state;
	struct digest one = fixture_put(fixture, "one", 3), two = fixture_put(fixture, "two", 3);
	AUTO_FREE char *first = fixture_object_path(fixture, &one);
	AUTO_FREE char *second = fixture_object_path(fixture, &two);
	AUTO_BUF struct buf file = BUF_INIT;

	fixture_read(second, &file);
	fixture_write(first, file.data, file.length);
	assert_damaged(fixture, &one);
	fixture_assert_holds(fixture, &two, "two", 3);
}

static void what_is_no_file_is_seen(void **state)
{
	struct fixture *fixture = *state;
	struct digest digest = fixture_put(fixture, "plain", 5);
	AUTO_FREE char *path = fixture_object_path(fixture, &digest);
	AUTO_FREE char *inside = mem_printf("%s/x", path);
	AUTO_FREE char *elsewhere = mem_printf("%s/elsewhere", fixture->folder);

	/* A link to a file that would do. */
	assert_int_equal(rename(path, elsewhere), 0);
	assert_int_equal(symlink(elsewhere, path), 0);
	assert_damaged(fixture, &digest);
	assert_true(file_exists(elsewhere));

	assert_int_equal(mkfifo(path, 0600), 0);
	assert_damaged(fixture, &digest);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_damaged(fixture, &digest);

	/* A put replaces what stands in its way, a folder that is not empty included. */
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(mkdir(inside, 0700), 0);
	(void)fixture_put(fixture, "plain", 5);
	fixture_assert_holds(fixture, &digest, "plain", 5);
}

static void a_linked_folder_is_never_written_through(void **state)
{
	struct fixture *fixture = *state;
	struct digest digest = digest_of("plain", 5);
	AUTO_FREE char *path = fixture_object_path(fixture, &digest);
	AUTO_FREE char *fan = file_folder(path);
	AUTO_FREE char *elsewhere = mem_printf("%s/elsewhere", fixture->folder);
	AUTO_BUF struct buf buf = BUF_INIT;
	struct err err = {0};

	assert_int_equal(mkdir(elsewhere, 0700), 0);
	assert_int_equal(symlink(elsewhere, fan), 0);
	assert_int_equal(store_object_get(fixture->store, &digest, 100, &buf, &err), -1);
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_int_equal(symlink(elsewhere, fan), 0);
	(void)fixture_put(fixture, "plain", 5);
	assert_int_equal(fixture_entries(elsewhere), 0);
	fixture_assert_holds(fixture, &digest, "plain", 5);
}

/* Writes a frame of `bytes` made with other options under the name of `digest`. */
static void write_frame(struct fixture *fixture, const struct digest *digest,
    const LZ4F_preferences_t *preferences, const void *bytes, size_t length, const char *behind)
{
	AUTO_FREE char *path = fixture_object_path(fixture, digest);
	size_t bound = LZ4F_compressFrameBound(length, preferences), made;
	AUTO_FREE char *frame = mem_alloc(bound + strlen(behind) + 64);

	made = LZ4F_compressFrame(frame, bound, bytes, length, preferences);
	assert_false(LZ4F_isError(made));
	(void)strcpy(frame + made, behind);
	fixture_write(path, frame, made + strlen(behind));
}

static void frames_of_another_make_are_refused(void **state)
{
	struct fixture *fixture = *state;
	const char *text = "right bytes in the wrong frame";
	size_t length = strlen(text);
	struct digest digest = fixture_put(fixture, text, length);
	LZ4F_preferences_t preferences = {0};

	preferences.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
	preferences.frameInfo.blockChecksumFlag = LZ4F_blockChecksumEnabled;
	preferences.frameInfo.contentSize = length;
	write_frame(fixture, &digest, &preferences, text, length, "");
	fixture_assert_holds(fixture, &digest, text, length);

	write_frame(fixture, &digest, &preferences, text, length, "x");
	assert_damaged(fixture, &digest);

	preferences.frameInfo.dictID = 77;
	write_frame(fixture, &digest, &preferences, text, length, "");
	assert_damaged(fixture, &digest);
	preferences.frameInfo.dictID = 0;

	preferences.frameInfo.contentChecksumFlag = LZ4F_noContentChecksum;
	write_frame(fixture, &digest, &preferences, text, length, "");
	assert_damaged(fixture, &digest);
	preferences.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;

	preferences.frameInfo.blockChecksumFlag = LZ4F_noBlockChecksum;
	write_frame(fixture, &digest, &preferences, text, length, "");
	assert_damaged(fixture, &digest);
	preferences.frameInfo.blockChecksumFlag = LZ4F_blockChecksumEnabled;

	preferences.frameInfo.contentSize = 0; /* unknown: a frame of any size */
	write_frame(fixture, &digest, &preferences, text, length, "");
	assert_damaged(fixture, &digest);
}

/* The file of a frame that claims `claimed` bytes and holds `length` zeros. */
static void write_liar(
    struct fixture *fixture, const struct digest *digest, uint64_t claimed, size_t length)
{
	AUTO_FREE char *path = fixture_object_path(fixture, digest);
	AUTO_FREE char *zeros = mem_alloc(length);
	LZ4F_preferences_t preferences = {0};
	size_t bound = LZ4F_compressBound(length, &preferences) + 64, made = 0, more;
	AUTO_FREE char *frame = mem_alloc(bound);
	LZ4F_cctx *context = NULL;

	preferences.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
	preferences.frameInfo.blockChecksumFlag = LZ4F_blockChecksumEnabled;
	preferences.frameInfo.contentSize = claimed;
	preferences.autoFlush = 1;
	assert_int_equal(LZ4F_createCompressionContext(&context, LZ4F_VERSION), 0);
	made = LZ4F_compressBegin(context, frame, bound, &preferences);
	assert_false(LZ4F_isError(made));
	more = LZ4F_compressUpdate(context, frame + made, bound - made, zeros, length, NULL);
	assert_false(LZ4F_isError(more));
	made += more;
	memset(frame + made, 0, 8); /* end mark, checksum */
	fixture_write(path, frame, made + 8);
	(void)LZ4F_freeCompressionContext(context);
}

static void a_lying_size_is_refused(void **state)
{
	struct fixture *fixture = *state;
	static const struct {
		uint64_t claimed;
		size_t length;
	} liars[] = {
	    {(uint64_t)1 << 40, 1000000},			 /* more than anything may have */
	    {(uint64_t)4 << 30, 1000000},			 /* more than its file can hold */
	    {1000001, 1000000}, {999999, 1000000}, {1, 8000000}, /* a bomb behind a small claim */
	};

	for (size_t i = 0; i < ARRAY_LENGTH(liars); i++) {
		AUTO_FREE char *zeros = mem_alloc(1000000);
		struct digest digest = fixture_put(fixture, zeros, 1000000);

		write_liar(fixture, &digest, liars[i].claimed, liars[i].length);
		assert_damaged(fixture, &digest);
	}
}

static void zeros_may_shrink_as_far_as_they_do(void **state)
{
	struct fixture *fixture = *state;
	AUTO_FREE char *zeros = mem_alloc(20000000);
	struct digest digest = fixture_put(fixture, zeros, 20000000);
	struct err err = {0};
	AUTO_CLOSE int fd = -1;
	uint64_t size = 0;

	assert_int_equal(store_object_get_memfd(fixture->store, &digest, &fd, &size, &err), 0);
	assert_int_equal(size, 20000000);
}

/* A put looks at the header of what is there, and does not take another size for its object. */
static void a_put_replaces_what_is_plainly_wrong(void **state)
{
	struct fixture *fixture = *state;
	struct digest digest = fixture_put(fixture, "content", 7);
	AUTO_FREE char *path = fixture_object_path(fixture, &digest);

	fixture_write(path, "", 0);
	(void)fixture_put(fixture, "content", 7);
	fixture_assert_holds(fixture, &digest, "content", 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FIXTURE_TEST(any_flipped_byte_is_seen),
	    FIXTURE_TEST(any_cut_is_seen),
	    FIXTURE_TEST(a_large_object_is_checked_to_its_end),
	    FIXTURE_TEST(another_object_under_the_name_is_seen),
	    FIXTURE_TEST(what_is_no_file_is_seen),
	    FIXTURE_TEST(a_linked_folder_is_never_written_through),
	    FIXTURE_TEST(frames_of_another_make_are_refused),
	    FIXTURE_TEST(a_lying_size_is_refused),
	    FIXTURE_TEST(zeros_may_shrink_as_far_as_they_do),
	    FIXTURE_TEST(a_put_replaces_what_is_plainly_wrong),
	};

	return cmocka_run_group_tests_name("store damage", tests, NULL, NULL);
}
