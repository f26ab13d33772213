#ifndef TESTS_UNIT_STORE_FIXTURE_H
#define TESTS_UNIT_STORE_FIXTURE_H

/* A store in a private folder for each test, and a count of descriptors around it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/digest.h"
#include "common/file.h"
#include "common/mem.h"
#include "venusd/store/store.h"
#include "venusd/store/store_internal.h"

struct fixture {
	char folder[64]; /* holds the store and what else a test needs */
	char *path;	 /* of the store */
	struct store *store;
	char *note;
	size_t descriptors;
};

static inline size_t fixture_entries(const char *path)
{
	DIR *folder = opendir(path);
	size_t count = 0;

	if (!folder)
		return 0;
	while (readdir(folder))
		count++;
	(void)closedir(folder);
	return count - 2;
}

static inline void fixture_open(struct fixture *fixture)
{
	struct err err = {0};

	free(TAKE_PTR(fixture->note));
	if (store_open(fixture->path, &fixture->store, &fixture->note, &err) < 0)
		fail_msg("store_open: %s", err.message);
}

static inline void fixture_close(struct fixture *fixture)
{
	store_close(TAKE_PTR(fixture->store));
}

static inline void fixture_reopen(struct fixture *fixture)
{
	fixture_close(fixture);
	fixture_open(fixture);
}

static inline int fixture_setup(void **state)
{
	struct fixture *fixture = mem_alloc(sizeof *fixture);

	fixture->descriptors = fixture_entries("/proc/self/fd");
	(void)strcpy(fixture->folder, "/tmp/venus-store-XXXXXX");
	if (!mkdtemp(fixture->folder))
		return -1;
	fixture->path = mem_printf("%s/store", fixture->folder);
	fixture_open(fixture);
	*state = fixture;
	return 0;
}

static inline int fixture_teardown(void **state)
{
	struct fixture *fixture = *state;
	struct err err;
	int failed;

	fixture_close(fixture);
	failed = file_remove_tree(fixture->folder, &err);
	if (fixture_entries("/proc/self/fd") != fixture->descriptors) {
		print_error("a descriptor was lost\n");
		failed = -1;
	}
	free(fixture->note);
	free(fixture->path);
	free(fixture);
	return failed;
}

static inline char *fixture_object_path(const struct fixture *fixture, const struct digest *digest)
{
	char hex[DIGEST_HEX + 1];

	digest_to_hex(digest, hex);
	return mem_printf("%s/cas/%.2s/%s", fixture->path, hex, hex + 2);
}

static inline struct digest fixture_put(struct fixture *fixture, const void *bytes, size_t length)
{
	struct digest digest = {0};
	struct err err = {0};

	if (store_object_put(fixture->store, bytes, length, &digest, &err) < 0)
		fail_msg("store_object_put: %s", err.message);
	return digest;
}

/* The object's file is read, not what memory kept of it. */
static inline int fixture_get_cold(
    struct fixture *fixture, const struct digest *digest, struct buf *buf, struct err *err)
{
	store_shrink(fixture->store);
	return store_object_get(fixture->store, digest, SIZE_MAX / 4, buf, err);
}

static inline void fixture_assert_holds(
    struct fixture *fixture, const struct digest *digest, const void *bytes, size_t length)
{
	AUTO_BUF struct buf buf = BUF_INIT;
	struct err err = {0};

	if (fixture_get_cold(fixture, digest, &buf, &err) < 0)
		fail_msg("store_object_get: %s", err.message);
	assert_int_equal(buf.length, length);
	if (length)
		assert_memory_equal(buf.data, bytes, length);
}

static inline void fixture_read(const char *path, struct buf *buf)
{
	struct err err = {0};

	if (file_read(path, SIZE_MAX / 4, buf, &err) < 0)
		fail_msg("%s", err.message);
}

static inline void fixture_write(const char *path, const void *bytes, size_t length)
{
	struct err err = {0};

	if (file_write_atomic(path, bytes, length, 0600, &err) < 0)
		fail_msg("%s", err.message);
}

/* A small generator, so that a failing run can be repeated. */
static inline uint64_t fixture_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Bytes that shrink well, a little, or not at all. */
static inline char *fixture_bytes(uint64_t *seed, size_t length, unsigned kind)
{
	char *bytes = mem_alloc(length + 8);

	for (size_t i = 0; i < length; i++)
		bytes[i] = (char)(kind == 0   ? i / 100
				  : kind == 1 ? fixture_random(seed) % 8
					      : fixture_random(seed) >> 11);
	return bytes;
}

/* The status of a child that ended by itself; anything else fails the test. */
static inline int fixture_wait(pid_t child)
{
	int status = 0;

	while (waitpid(child, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#define FIXTURE_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

#endif
