#include "tests/unit/store/fixture.h"

struct gathered {
	char texts[32][16];
	int count, stop_at, answer;
};

static int gather(const void *bytes, size_t length, void *payload)
{
	struct gathered *gathered = payload;

	assert_in_range(length, 0, 15);
	assert_in_range(gathered->count, 0, 31);
	memcpy(gathered->texts[gathered->count++], bytes, length);
	return gathered->count == gathered->stop_at ? gathered->answer : 0;
}

static void put(struct fixture *fixture, const char *space, const char *key, const char *text)
{
	struct digest digest = digest_of(key, strlen(key));
	struct err err = {0};

	if (store_result_put(fixture->store, space, &digest, text, strlen(text), NULL, 0, &err) < 0)
		fail_msg("%s", err.message);
}

static struct gathered results(struct fixture *fixture, const char *space, const char *key)
{
	struct digest digest = digest_of(key, strlen(key));
	struct gathered gathered = {0};
	struct err err = {0};

	assert_int_equal(
	    store_result_each(fixture->store, space, &digest, gather, &gathered, &err), 0);
	return gathered;
}

static void newest_results_come_first_in_a_new_process_too(void **state)
{
	struct fixture *fixture = *state;
	struct gathered found;

	put(fixture, "execution", "a", "first");
	put(fixture, "execution", "b", "of b");
	put(fixture, "execution", "a", "second");
	put(fixture, "object", "a", "other space");
	for (int round = 0; round < 2; round++) {
		found = results(fixture, "execution", "a");
		assert_int_equal(found.count, 2);
		assert_string_equal(found.texts[0], "second");
		assert_string_equal(found.texts[1], "first");
		assert_int_equal(results(fixture, "execution", "b").count, 1);
		assert_int_equal(results(fixture, "object", "a").count, 1);
		assert_int_equal(results(fixture, "object", "b").count, 0);
		fixture_reopen(fixture);
	}
}

static void a_callback_stops_and_its_answer_is_given(void **state)
{
	struct fixture *fixture = *state;
	struct digest key = digest_of("k", 1);
	struct gathered gathered = {.stop_at = 2, .answer = 42};
	struct err err = {0};

	put(fixture, "s", "k", "1");
	put(fixture, "s", "k", "2");
	put(fixture, "s", "k", "3");
	assert_int_equal(store_result_each(fixture->store, "s", &key, gather, &gathered, &err), 42);
	assert_int_equal(gathered.count, 2);
	/* The statement is free again. */
	assert_int_equal(results(fixture, "s", "k").count, 3);
}

static void only_the_newest_are_kept(void **state)
{
	struct fixture *fixture = *state;
	struct gathered found;
	struct store_stats stats;
	struct err err = {0};
	char text[16];

	for (int i = 0; i < STORE_RESULTS_PER_KEY + 5; i++) {
		(void)snprintf(text, sizeof text, "%d", i);
		put(fixture, "s", "k", text);
	}
	found = results(fixture, "s", "k");
	assert_int_equal(found.count, STORE_RESULTS_PER_KEY);
	assert_string_equal(found.texts[0], "12");
	assert_string_equal(found.texts[7], "5");
	assert_int_equal(store_stats_get(fixture->store, &stats, &err), 0);
	assert_int_equal(stats.results, STORE_RESULTS_PER_KEY);
}

static void the_same_bytes_again_are_the_newest_and_stand_once(void **state)
{
	struct fixture *fixture = *state;
	struct gathered found;

	put(fixture, "s", "k", "one");
	put(fixture, "s", "k", "two");
	put(fixture, "s", "k", "one");
	found = results(fixture, "s", "k");
	assert_int_equal(found.count, 2);
	assert_string_equal(found.texts[0], "one");
	assert_string_equal(found.texts[1], "two");
}

static void a_key_is_forgotten(void **state)
{
	struct fixture *fixture = *state;
	struct digest key = digest_of("k", 1);
	struct err err = {0};

	put(fixture, "s", "k", "one");
	put(fixture, "s", "other", "two");
	assert_int_equal(store_result_forget(fixture->store, "s", &key, &err), 0);
	assert_int_equal(store_result_forget(fixture->store, "s", &key, &err), 0);
	assert_int_equal(results(fixture, "s", "k").count, 0);
	assert_int_equal(results(fixture, "s", "other").count, 1);
}

static void a_result_names_only_objects_that_are_there(void **state)
{
	struct fixture *fixture = *state;
	struct digest key = digest_of("k", 1);
	struct digest objects[2] = {fixture_put(fixture, "there", 5), digest_of("not there", 9)};
	struct err err = {0};
	char hex[DIGEST_HEX + 1];

	digest_to_hex(&objects[1], hex);
	assert_int_equal(store_result_put(fixture->store, "s", &key, "r", 1, objects, 1, &err), 0);
	assert_int_equal(store_result_put(fixture->store, "s", &key, "q", 1, objects, 2, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_non_null(strstr(err.message, hex));
	assert_int_equal(results(fixture, "s", "k").count, 1);
}

static void what_is_no_word_or_too_large_is_refused(void **state)
{
	struct fixture *fixture = *state;
	static const char *const spaces[] = {"", "Upper", "with space", "a/b", "a\n", "\xc3\xa9",
	    "longer-than-thirty-two-characters"};
	AUTO_FREE char *large = mem_alloc(STORE_RESULT_MAX_BYTES + 1);
	struct digest key = digest_of("k", 1);
	struct gathered gathered = {0};
	struct err err = {0};

	for (size_t i = 0; i < ARRAY_LENGTH(spaces); i++) {
		assert_int_equal(
		    store_result_put(fixture->store, spaces[i], &key, "r", 1, NULL, 0, &err), -1);
		assert_int_equal(err.code, ERR_INVALID);
		assert_int_equal(
		    store_result_each(fixture->store, spaces[i], &key, gather, &gathered, &err),
		    -1);
		assert_int_equal(store_note_put(fixture->store, spaces[i], "n", "v", 1, &err), -1);
	}
	assert_int_equal(store_result_put(fixture->store, "s", &key, large,
			     STORE_RESULT_MAX_BYTES + 1, NULL, 0, &err),
	    -1);
	assert_int_equal(err.code, ERR_FULL);
	assert_int_equal(store_result_put(fixture->store, "s", &key, large, STORE_RESULT_MAX_BYTES,
			     NULL, 0, &err),
	    0);
	assert_int_equal(
	    store_note_put(fixture->store, "s", "n", large, STORE_NOTE_MAX_BYTES + 1, &err), -1);
	assert_int_equal(err.code, ERR_FULL);
	memset(large, 'n', STORE_NOTE_NAME_MAX_BYTES + 1);
	assert_int_equal(store_note_put(fixture->store, "s", large, "v", 1, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_int_equal(store_note_put(fixture->store, "s", "", "v", 1, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
}

static void an_empty_result_is_a_result(void **state)
{
	struct fixture *fixture = *state;

	put(fixture, "s", "k", "");
	assert_int_equal(results(fixture, "s", "k").count, 1);
}

static void notes_hold_any_bytes_until_forgotten(void **state)
{
	struct fixture *fixture = *state;
	static const char *const names[] = {"plain", "../../etc/passwd", "'); DROP TABLE notes; --",
	    "%2e", "\xff\xfe not UTF-8", "-rf"};
	const char value[] = "any\0bytes\xff";
	struct err err = {0};

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		assert_int_equal(store_note_put(fixture->store, "widget", names[i], value,
				     sizeof value - i, &err),
		    0);
	fixture_reopen(fixture);
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		AUTO_BUF struct buf buf = BUF_INIT;

		buf_add_text(&buf, ">");
		assert_int_equal(store_note_get(fixture->store, "widget", names[i], &buf, &err), 1);
		assert_int_equal(buf.length, sizeof value - i + 1);
		assert_memory_equal(buf.data + 1, value, sizeof value - i);
		assert_int_equal(store_note_forget(fixture->store, "widget", names[i], &err), 0);
		assert_int_equal(store_note_get(fixture->store, "widget", names[i], &buf, &err), 0);
		assert_int_equal(store_note_forget(fixture->store, "widget", names[i], &err), 0);
	}
}

static void a_note_is_replaced_and_may_be_empty(void **state)
{
	struct fixture *fixture = *state;
	AUTO_BUF struct buf buf = BUF_INIT;
	struct err err = {0};

	assert_int_equal(store_note_put(fixture->store, "s", "n", "old", 3, &err), 0);
	assert_int_equal(store_note_put(fixture->store, "s", "n", NULL, 0, &err), 0);
	assert_int_equal(store_note_get(fixture->store, "s", "n", &buf, &err), 1);
	assert_int_equal(buf.length, 0);
	assert_int_equal(store_note_get(fixture->store, "s", "other", &buf, &err), 0);
	assert_int_equal(store_note_get(fixture->store, "other", "n", &buf, &err), 0);
}

static int join(const char *name, const void *value, size_t length, void *payload)
{
	struct buf *buf = payload;

	buf_printf(buf, "%s=%.*s ", name, (int)length, (const char *)value);
	return strcmp(name, "stop") == 0 ? 9 : 0;
}

static void notes_are_gone_through_by_name(void **state)
{
	struct fixture *fixture = *state;
	AUTO_BUF struct buf buf = BUF_INIT;
	struct err err = {0};

	assert_int_equal(store_note_put(fixture->store, "s", "b", "2", 1, &err), 0);
	assert_int_equal(store_note_put(fixture->store, "s", "a", "1", 1, &err), 0);
	assert_int_equal(store_note_put(fixture->store, "t", "c", "3", 1, &err), 0);
	assert_int_equal(store_note_each(fixture->store, "s", join, &buf, &err), 0);
	assert_string_equal(buf.data, "a=1 b=2 ");
	assert_int_equal(store_note_put(fixture->store, "s", "stop", "", 0, &err), 0);
	assert_int_equal(store_note_put(fixture->store, "s", "z", "", 0, &err), 0);
	buf_clear(&buf);
	assert_int_equal(store_note_each(fixture->store, "s", join, &buf, &err), 9);
	assert_string_equal(buf.data, "a=1 b=2 stop= ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FIXTURE_TEST(newest_results_come_first_in_a_new_process_too),
	    FIXTURE_TEST(a_callback_stops_and_its_answer_is_given),
	    FIXTURE_TEST(only_the_newest_are_kept),
	    FIXTURE_TEST(the_same_bytes_again_are_the_newest_and_stand_once),
	    FIXTURE_TEST(a_key_is_forgotten),
	    FIXTURE_TEST(a_result_names_only_objects_that_are_there),
	    FIXTURE_TEST(what_is_no_word_or_too_large_is_refused),
	    FIXTURE_TEST(an_empty_result_is_a_result),
	    FIXTURE_TEST(notes_hold_any_bytes_until_forgotten),
	    FIXTURE_TEST(a_note_is_replaced_and_may_be_empty),
	    FIXTURE_TEST(notes_are_gone_through_by_name),
	};

	return cmocka_run_group_tests_name("store result", tests, NULL, NULL);
}
