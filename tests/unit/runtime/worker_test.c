/* Every request of proto/worker.proto, legal and not, and what a cell may do to its process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/mem.h"
#include "harness.h"

#define OK	VENUS__WORKER__DONE__STATUS__OK
#define ERR	VENUS__WORKER__DONE__STATUS__ERR
#define REFUSED VENUS__WORKER__DONE__STATUS__REFUSED

static void check_text(struct harness *harness, const struct harness_run *run, const char *expected)
{
	AUTO_BUF struct buf text = BUF_INIT;

	(void)harness_run_text(harness, run, &text);
	assert_string_equal(text.data, expected);
}

static void test_run(void **state)
{
	struct harness *harness = harness_open(NULL);
	uint32_t cells = harness_load_plain(harness);
	const Venus__Worker__Done *done;

	(void)state;
	done = harness_run(harness, &(struct harness_run){.object = cells, .symbol = "hello"});
	assert_int_equal(done->status, OK);
	assert_string_equal(done->type_name, "Text");
	assert_string_equal(done->file, "nb.rs");
	assert_true(done->encodable);
	assert_false(done->interior);
	assert_false(done->threads_left);
	assert_int_equal(done->duration_us, 1234);
	done = harness_run(harness,
	    &(struct harness_run){.object = cells, .symbol = "hello", .glue = "memory_glue"});
	assert_int_equal(done->status, OK);
	assert_string_equal(done->type_name, "Rc<Text>");
	assert_false(done->encodable);
	assert_true(done->interior);
	assert_null(done->value);
	check_text(harness,
	    &(struct harness_run){.object = cells, .symbol = "join", .args = {1, 2, 1}},
	    "hellohellohello");
	check_text(harness, &(struct harness_run){.object = cells, .symbol = "own_name"}, "4711");
	harness_close(harness);
}

static void test_folder(void **state)
{
	struct harness *harness = harness_open(NULL);
	uint32_t cells = harness_load_plain(harness);
	const Venus__Worker__Done *done;

	(void)state;
	/* The cell leaves for "/"; the next one begins where it should. */
	check_text(
	    harness, &(struct harness_run){.object = cells, .symbol = "where"}, harness->folder);
	check_text(
	    harness, &(struct harness_run){.object = cells, .symbol = "where"}, harness->folder);
	done = harness_run(harness,
	    &(struct harness_run){.object = cells, .symbol = "where", .folder = "/no/such/folder"});
	assert_int_equal(done->status, REFUSED);
	assert_non_null(strstr(done->message, "/no/such/folder"));
	harness_close(harness);
}

static void check_refused(struct harness *harness, const struct harness_run *run, const char *part)
{
	const Venus__Worker__Done *done = harness_run(harness, run);

	assert_int_equal(done->status, REFUSED);
	if (!strstr(done->message, part))
		fail_msg("\"%s\" does not say \"%s\"", done->message, part);
	assert_null(done->value);
}

static void test_refused(void **state)
{
	struct harness *harness = harness_open(NULL);
	uint32_t cells = harness_load_file(harness, HARNESS_OBJECTS "libfiles.so", false, false);

	(void)state;
	assert_int_equal(cells, 0); /* its runtime is not there yet */
	assert_non_null(strstr(harness->answer->loaded->error, "plain_"));
	check_refused(harness, &(struct harness_run){.object = 1, .symbol = "hello"},
	    "the runtime crate is not loaded");
	cells = harness_load_plain(harness);
	check_refused(harness, &(struct harness_run){.object = 77, .symbol = "hello"},
	    "object 77 is not loaded");
	check_refused(harness, &(struct harness_run){.object = cells, .symbol = "absent"},
	    "no symbol absent");
	check_refused(harness,
	    &(struct harness_run){.object = cells, .symbol = "hello", .glue = "absent"},
	    "no symbol absent");
	/* It is in a library that the object could reach, which is not the object. */
	check_refused(harness, &(struct harness_run){.object = cells, .symbol = "getpid"},
	    "no symbol getpid");
	check_refused(
	    harness, &(struct harness_run){.object = cells, .symbol = "join", .args = {99}}, "99");
	check_text(harness, &(struct harness_run){.object = cells, .symbol = "hello"}, "hello");
	harness_close(harness);
}

static void check_failure(
    struct harness *harness, uint32_t cells, const char *status, const char *count, bool broken)
{
	const Venus__Worker__Done *done = harness_run(harness,
	    &(struct harness_run){.object = cells,
		.symbol = "fail",
		.settings = {{"status", status}, {"n", count}, {"broken", broken ? "1" : "0"}}});
	size_t length = strlen(done->message);

	assert_int_equal(done->status, (int)(status[0] - '0'));
	assert_int_equal(done->line, 7);
	assert_int_equal(done->column, 3);
	assert_null(done->value);
	assert_true(length <= 8192 &&
		    length % 2 == 0); /* cut between characters, which are of two bytes here */
	assert_memory_equal(done->message + 2, "\xc3\xa9\xc3\xa9", 4);
	assert_memory_equal(done->message, broken ? "??" : "\xc3\xa9", 2);
	assert_memory_equal(done->message + length - 2, "\xc3\xa9", 2);
}

static void test_failures(void **state)
{
	struct harness *harness = harness_open(NULL);
	uint32_t cells = harness_load_plain(harness);

	(void)state;
	check_failure(harness, cells, "2", "10", false);
	check_failure(harness, cells, "3", "4096", false);
	check_failure(harness, cells, "3", "1000000", false);
	check_failure(harness, cells, "4", "20", true);
	harness_close(harness);
}

static void check_size(
    struct harness *harness, uint32_t cells, const char *count, size_t bytes, size_t fds)
{
	AUTO_BUF struct buf text = BUF_INIT, shown = BUF_INIT;
	const Venus__Worker__Done *done = harness_run_text(harness,
	    &(struct harness_run){
		.object = cells, .symbol = "size", .settings = {{"n", count}, {"shown", count}}},
	    &text);

	assert_int_equal(text.length, bytes);
	for (size_t i = 0; i < bytes; i += 997)
		assert_int_equal(text.data[i], 'v');
	assert_int_equal(harness->frame.fd_count, fds);
	assert_int_equal(done->n_displays, bytes ? 1 : 0);
	if (!bytes)
		return;
	assert_string_equal(done->displays[0]->mime, "text/plain");
	assert_int_equal(done->displays[0]->full_size, bytes);
	harness_blob(harness, done->displays[0]->data, &shown);
	assert_int_equal(shown.length, bytes);
	assert_int_equal(shown.data[bytes - 1], 'd');
}

static void test_sizes(void **state)
{
	struct harness *harness = harness_open(NULL);
	uint32_t cells = harness_load_plain(harness);

	(void)state;
	check_size(harness, cells, "0", 0, 0);
	check_size(harness, cells, "1", 1, 0);
	check_size(harness, cells, "8192", 8192, 0);
	check_size(harness, cells, "8193", 8193, 2);
	check_size(harness, cells, "65536", 65536, 2);
	check_size(harness, cells, "20000000", 20000000, 2);
	harness_close(harness);
}

static const Venus__Worker__Done *run_forms(
    struct harness *harness, uint32_t cells, const char *count, const char *size)
{
	return harness_run(harness,
	    &(struct harness_run){
		.object = cells, .symbol = "forms", .settings = {{"n", count}, {"size", size}}});
}

static void test_many_forms(void **state)
{
	struct harness *harness = harness_open(NULL);
	uint32_t cells = harness_load_plain(harness);
	const Venus__Worker__Done *done = run_forms(harness, cells, "12", "10000");

	(void)state;
	assert_int_equal(done->status, OK);
	assert_int_equal(done->n_displays, 12);
	assert_int_equal(harness->frame.fd_count, 12);
	done = run_forms(harness, cells, "12", "6000");
	assert_int_equal(done->n_displays, 12);
	assert_int_equal(harness->frame.fd_count, 10);
	/* More is refused; the value is dropped, not lost. */
	done = run_forms(harness, cells, "13", "10");
	assert_int_equal(done->status, ERR);
	assert_non_null(strstr(done->message, "13"));
	assert_int_equal(done->n_displays, 0);
	check_text(harness, &(struct harness_run){.object = cells, .symbol = "dropped"}, "1");
	harness_close(harness);
}

static void test_widgets(void **state)
{
	struct harness *harness = harness_open(NULL);
	uint32_t cells = harness_load_plain(harness);
	AUTO_BUF struct buf text = BUF_INIT;
	const Venus__Worker__Done *done = harness_run_text(harness,
	    &(struct harness_run){
		.object = cells, .symbol = "widgets", .settings = {{"n", "3"}, {"scale", "2.5"}}},
	    &text);
	const Venus__Worker__Widget *widget;

	(void)state;
	assert_string_equal(text.data, "2.5");
	assert_int_equal(done->n_widgets, 1);
	widget = done->widgets[0];
	assert_int_equal(widget->kind, VENUS__WORKER__WIDGET__KIND__SELECT);
	assert_string_equal(widget->id, "scale");
	assert_string_equal(widget->label, "Label");
	assert_string_equal(widget->value, "2.5");
	assert_string_equal(widget->initial, "1");
	assert_string_equal(widget->placeholder, "type");
	assert_true(widget->min == -1 && widget->max == 10 && widget->step == 0.5);
	assert_int_equal(widget->n_options, 3);
	assert_string_equal(widget->options[2], "option");
	done = harness_run(
	    harness, &(struct harness_run){
			 .object = cells, .symbol = "widgets", .settings = {{"n", "1000"}}});
	assert_int_equal(done->n_widgets, 1);
	assert_int_equal(done->widgets[0]->n_options, 1000);
	done = harness_run(
	    harness, &(struct harness_run){
			 .object = cells, .symbol = "widgets", .settings = {{"n", "100000"}}});
	assert_int_equal(done->status, ERR);
	assert_non_null(strstr(done->message, "widgets"));
	harness_close(harness);
}

static const char *decode(struct harness *harness, uint32_t glue_object, const char *glue,
    const void *bytes, size_t length, bool in_file)
{
	Venus__Worker__ToWorker request = VENUS__WORKER__TO_WORKER__INIT;
	Venus__Worker__Decode message = VENUS__WORKER__DECODE__INIT;
	Venus__Worker__Blob blob = VENUS__WORKER__BLOB__INIT;
	const Venus__Worker__FromWorker *answer;
	AUTO_CLOSE int fd = -1;
	struct err err;

	message.value = ++harness->next_value;
	message.glue_object = glue_object;
	message.glue_symbol = (char *)(uintptr_t)glue;
	message.data = &blob;
	blob.size = length;
	if (in_file) {
		assert_int_equal(file_sealed_memfd("value", bytes, length, &fd, &err), 0);
		blob.place_case = VENUS__WORKER__BLOB__PLACE_FD_INDEX;
	} else {
		blob.place_case = VENUS__WORKER__BLOB__PLACE_INLINE_BYTES;
		blob.inline_bytes.data = (uint8_t *)(uintptr_t)bytes;
		blob.inline_bytes.len = length;
	}
	request.kind_case = VENUS__WORKER__TO_WORKER__KIND_DECODE;
	request.decode = &message;
	harness_send(harness, &request, &fd, in_file);
	answer = harness_receive(harness);
	assert_non_null(answer);
	assert_int_equal(answer->kind_case, VENUS__WORKER__FROM_WORKER__KIND_DECODED);
	assert_int_equal(answer->decoded->value, message.value);
	return answer->decoded->error;
}

static void test_decode(void **state)
{
	struct harness *harness = harness_open(NULL);
	uint32_t cells = harness_load_plain(harness);
	AUTO_FREE char *large = mem_alloc(300001);
	AUTO_BUF struct buf text = BUF_INIT;

	(void)state;
	memset(large, 'L', 300000);
	assert_string_equal(decode(harness, cells, "text_glue", "small", 5, false), "");
	assert_string_equal(decode(harness, cells, "text_glue", "", 0, false), "");
	assert_string_equal(decode(harness, cells, "text_glue", large, 300000, true), "");
	assert_non_null(strstr(decode(harness, cells, "text_glue", "!bad", 4, false), "text_glue"));
	assert_non_null(strstr(decode(harness, cells, "absent", "x", 1, false), "absent"));
	assert_non_null(strstr(decode(harness, 99, "text_glue", "x", 1, false), "99"));
	check_text(harness,
	    &(struct harness_run){.object = cells, .symbol = "join", .args = {1, 2, 1}},
	    "smallsmall");
	(void)harness_run_text(harness,
	    &(struct harness_run){.object = cells, .symbol = "join", .args = {3, 1}}, &text);
	assert_int_equal(text.length, 300005);
	harness_close(harness);
}

static const char *drop(struct harness *harness, uint64_t *values, size_t count)
{
	Venus__Worker__ToWorker request = VENUS__WORKER__TO_WORKER__INIT;
	Venus__Worker__Drop message = VENUS__WORKER__DROP__INIT;
	const Venus__Worker__FromWorker *answer;

	message.values = values;
	message.n_values = count;
	request.kind_case = VENUS__WORKER__TO_WORKER__KIND_DROP;
	request.drop = &message;
	harness_send(harness, &request, NULL, 0);
	answer = harness_receive(harness);
	if (!answer)
		return NULL;
	assert_int_equal(answer->kind_case, VENUS__WORKER__FROM_WORKER__KIND_DROPPED);
	return answer->dropped->error;
}

static void test_drop(void **state)
{
	struct harness *harness = harness_open(NULL);
	uint32_t cells = harness_load_plain(harness);

	(void)state;
	for (int i = 0; i < 3; i++)
		check_text(harness,
		    &(struct harness_run){
			.object = cells, .symbol = "hello", .glue = i == 1 ? "bad_glue" : NULL},
		    "hello");
	assert_string_equal(drop(harness, (uint64_t[]){3}, 1), "");
	check_refused(harness,
	    &(struct harness_run){.object = cells, .symbol = "join", .args = {1, 3}},
	    "parameter 2");
	assert_non_null(strstr(drop(harness, (uint64_t[]){2, 1}, 2), "value 2 panicked"));
	assert_string_equal(drop(harness, NULL, 0), "");
	assert_string_equal(drop(harness, (uint64_t[]){2}, 1), "value 2 is not there");
	check_text(harness, &(struct harness_run){.object = cells, .symbol = "dropped"}, "3");
	harness_close(harness);
}

/* Copies of one object that differ in a few bytes, each sent on the same descriptor number. */
static void load_many(const struct harness_options *options, int count)
{
	struct harness *harness = harness_open(options);
	AUTO_BUF struct buf image = BUF_INIT;
	uint32_t objects[300];
	char *place, name[24];
	struct err err;

	(void)harness_load_plain(harness);
	assert_int_equal(file_read(HARNESS_OBJECTS "libcells.so", 64u << 20, &image, &err), 0);
	place = memmem(image.data, image.length, "MARKER-00000", 12);
	assert_non_null(place);
	for (int i = 0; i < count; i++) {
		(void)snprintf(name, sizeof name, "MARKER-%05d", i + 1);
		memcpy(place, name, 12);
		objects[i] = harness_load(harness, image.data, image.length, false, false);
		assert_int_not_equal(objects[i], 0);
	}
	for (int i = 0; i < count; i++) {
		(void)snprintf(name, sizeof name, "MARKER-%05d", i + 1);
		check_text(harness,
		    &(struct harness_run){.object = objects[i], .symbol = "show_marker"}, name);
	}
	harness_close(harness);
}

static void test_300_objects(void **state)
{
	(void)state;
	load_many(NULL, 300);
}

/* With few descriptors the objects' own cannot be kept, and their numbers come back. */
static void test_objects_with_few_descriptors(void **state)
{
	(void)state;
	load_many(&(struct harness_options){.descriptors = 40}, 100);
}

static void test_load_errors(void **state)
{
	struct harness *harness = harness_open(NULL);
	uint32_t cells;

	(void)state;
	assert_int_equal(harness_load(harness, "not an object", 13, false, false), 0);
	assert_non_null(strstr(harness->answer->loaded->error, "object 1"));
	assert_int_equal(harness_load_name(harness, "libno-such-library.so.7"), 0);
	assert_non_null(strstr(harness->answer->loaded->error, "libno-such-library.so.7"));
	assert_int_equal(harness_load_file(harness, HARNESS_OBJECTS "libold.so", true, true), 0);
	assert_non_null(strstr(harness->answer->loaded->error, "9999"));
	assert_int_not_equal(harness_load_name(harness, "libm.so.6"), 0);
	harness_close(harness);
	/* An object without the entry points is no runtime. */
	harness = harness_open(NULL);
	cells = harness_load_plain(harness);
	assert_int_not_equal(cells, 0);
	assert_int_equal(harness_load_file(harness, HARNESS_OBJECTS "libplain.so", true, true), 0);
	assert_non_null(strstr(harness->answer->loaded->error, "already"));
	harness_close(harness);
}

/* The worker must end with code 1 and say `part`. */
static void check_ends(struct harness *harness, const char *part)
{
	AUTO_BUF struct buf errors = BUF_INIT;
	int status;

	assert_null(harness_receive(harness));
	status = harness_wait(harness, &errors);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_non_null(errors.data);
	assert_memory_equal(errors.data, "venus-worker: ", 14);
	if (!strstr(errors.data, part))
		fail_msg("\"%s\" does not say \"%s\"", errors.data, part);
	harness_close(harness);
}

/* A request made of the four kinds by what is not NULL, sent as it is. */
static struct harness *with_illegal(Venus__Worker__Load *load, Venus__Worker__Run *run,
    Venus__Worker__Decode *decode_, Venus__Worker__Drop *drop_, int fds)
{
	struct harness *harness = harness_open(NULL);
	Venus__Worker__ToWorker request = VENUS__WORKER__TO_WORKER__INIT;
	int list[2] = {STDERR_FILENO, STDERR_FILENO};

	(void)harness_load_plain(harness);
	if (load) {
		request.kind_case = VENUS__WORKER__TO_WORKER__KIND_LOAD;
		request.load = load;
	} else if (run) {
		request.kind_case = VENUS__WORKER__TO_WORKER__KIND_RUN;
		request.run = run;
	} else if (decode_) {
		request.kind_case = VENUS__WORKER__TO_WORKER__KIND_DECODE;
		request.decode = decode_;
	} else if (drop_) {
		request.kind_case = VENUS__WORKER__TO_WORKER__KIND_DROP;
		request.drop = drop_;
	}
	harness_send(harness, &request, list, (size_t)fds);
	return harness;
}

static void test_illegal_loads(void **state)
{
	static const char *const names[] = {"../libm.so.6", "/lib/libm.so.6", "$ORIGIN", "a b"};
	Venus__Worker__Load load = VENUS__WORKER__LOAD__INIT;

	(void)state;
	check_ends(with_illegal(&load, NULL, NULL, NULL, 1), "object number");
	load.object = 1;
	check_ends(with_illegal(&load, NULL, NULL, NULL, 1), "object number");
	load.object = 9;
	check_ends(with_illegal(&load, NULL, NULL, NULL, 0), "neither");
	check_ends(with_illegal(&load, NULL, NULL, NULL, 2), "neither");
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		load.name = (char *)(uintptr_t)names[i];
		check_ends(with_illegal(&load, NULL, NULL, NULL, 0), "neither");
	}
	load.name = (char *)(uintptr_t) "libm.so.6";
	check_ends(with_illegal(&load, NULL, NULL, NULL, 1), "neither");
}

static void test_illegal_runs(void **state)
{
	Venus__Worker__Run run = VENUS__WORKER__RUN__INIT, good;

	(void)state;
	run.run = 1;
	run.value = 1;
	run.object = run.glue_object = 2;
	run.symbol = (char *)(uintptr_t) "hello";
	run.glue_symbol = (char *)(uintptr_t) "text_glue";
	run.folder = (char *)(uintptr_t) "/";
	good = run;
	run.run = 0;
	check_ends(with_illegal(NULL, &run, NULL, NULL, 0), "number that is not new");
	run = good;
	run.value = 0;
	check_ends(with_illegal(NULL, &run, NULL, NULL, 0), "value number");
	run = good;
	run.folder = (char *)(uintptr_t) "relative";
	check_ends(with_illegal(NULL, &run, NULL, NULL, 0), "absolute folder");
	run = good;
	run.symbol = (char *)(uintptr_t) "";
	check_ends(with_illegal(NULL, &run, NULL, NULL, 0), "symbols");
	check_ends(with_illegal(NULL, &good, NULL, NULL, 1), "descriptors");
}

static void test_repeated_numbers(void **state)
{
	struct harness *harness = harness_open(NULL);
	uint32_t cells = harness_load_plain(harness);
	struct harness_run hello = {.object = cells, .symbol = "hello"};

	(void)state;
	check_text(harness, &hello, "hello");
	harness->next_run--;
	harness_run_send(harness, &hello);
	check_ends(harness, "Run with a number that is not new");
	harness = harness_open(NULL);
	(void)harness_load_plain(harness);
	check_text(harness, &hello, "hello");
	harness->next_value--;
	harness_run_send(harness, &hello);
	check_ends(harness, "value number that is not new");
}

static void test_illegal_decodes_and_drops(void **state)
{
	Venus__Worker__Decode decode_ = VENUS__WORKER__DECODE__INIT;
	Venus__Worker__Blob blob = VENUS__WORKER__BLOB__INIT;
	Venus__Worker__Drop drop_ = VENUS__WORKER__DROP__INIT;

	(void)state;
	check_ends(with_illegal(NULL, NULL, &decode_, NULL, 0), "value number");
	decode_.value = 1;
	decode_.glue_object = 2;
	decode_.glue_symbol = (char *)(uintptr_t) "text_glue";
	check_ends(with_illegal(NULL, NULL, &decode_, NULL, 0), "without data");
	decode_.data = &blob;
	check_ends(with_illegal(NULL, NULL, &decode_, NULL, 0), "blob");
	blob.place_case = VENUS__WORKER__BLOB__PLACE_FD_INDEX;
	blob.size = 100;
	check_ends(with_illegal(NULL, NULL, &decode_, NULL, 0), "blob");
	blob.size = UINT64_MAX;
	check_ends(with_illegal(NULL, NULL, &decode_, NULL, 1), "blob");
	blob.place_case = VENUS__WORKER__BLOB__PLACE_INLINE_BYTES;
	check_ends(with_illegal(NULL, NULL, &decode_, NULL, 0), "another size");
	check_ends(with_illegal(NULL, NULL, NULL, &drop_, 1), "descriptors");
}

static void send_raw(struct harness *harness, const void *bytes, size_t length)
{
	struct err err;

	assert_int_equal(frame_send(harness->control_fd, bytes, length, NULL, 0, &err), 0);
}

static void test_illegal_frames(void **state)
{
	struct harness *harness = harness_open(NULL);

	(void)state;
	send_raw(harness, "\xff\xff\xff", 3);
	check_ends(harness, "malformed");
	harness = harness_open(NULL);
	send_raw(harness, "\x08\x01", 2); /* seq 1 and no kind */
	check_ends(harness, "kind");
	harness = harness_open(NULL);
	send_raw(harness, "\x08\x02", 2);
	check_ends(harness, "number 2");
	harness = harness_open(NULL);
	send_raw(harness, "\x08\x01\x10\x09", 4);
	check_ends(harness, "acknowledges 9");
}

static void test_no_control_socket(void **state)
{
	AUTO_BUF struct buf errors = BUF_INIT;
	struct harness *harness = harness_open(&(struct harness_options){.without_control = true});
	int status = harness_wait(harness, &errors);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_non_null(strstr(errors.data, "descriptor 10 is not a control socket"));
	harness_close(harness);
}

static void test_output(void **state)
{
	struct harness *harness = harness_open(NULL);
	uint32_t cells = harness_load_plain(harness);
	AUTO_BUF struct buf output = BUF_INIT;

	(void)state;
	/* What was printed is out when the answer is here. */
	(void)harness_run(
	    harness, &(struct harness_run){
			 .object = cells, .symbol = "print", .settings = {{"text", "no newline"}}});
	harness_output(harness, harness->stdout_fd, &output);
	assert_string_equal(output.data, "no newline");
	harness_close(harness);
}

static struct harness_run closing(uint32_t cells, const char *first, const char *last)
{
	return (struct harness_run){
	    .object = cells, .symbol = "close_fds", .settings = {{"first", first}, {"last", last}}};
}

static void test_closed_standard_streams(void **state)
{
	struct harness *harness = harness_open(NULL);
	uint32_t cells = harness_load_plain(harness);
	struct harness_run run = closing(cells, "0", "2");
	AUTO_BUF struct buf output = BUF_INIT;

	(void)state;
	check_text(harness, &run, "");
	(void)harness_run(harness,
	    &(struct harness_run){
		.object = cells, .symbol = "print", .settings = {{"text", "still heard"}}});
	harness_output(harness, harness->stdout_fd, &output);
	assert_string_equal(output.data, "still heard");
	/* Large values come in files that did not become descriptor 1 or 2. */
	check_size(harness, cells, "100000", 100000, 2);
	check_text(harness, &(struct harness_run){.object = cells, .symbol = "hello"}, "hello");
	harness_close(harness);
}

static void test_closed_control_socket(void **state)
{
	struct harness *harness = harness_open(NULL);
	uint32_t cells = harness_load_plain(harness);
	struct harness_run run = closing(cells, "3", "4000");

	(void)state;
	harness_run_send(harness, &run);
	check_ends(harness, "control");
}

static void test_no_descriptors_left(void **state)
{
	struct harness *harness = harness_open(NULL);
	uint32_t cells = harness_load_plain(harness);
	const Venus__Worker__Done *done =
	    harness_run(harness, &(struct harness_run){.object = cells, .symbol = "greedy"});

	struct harness_run some = closing(cells, "20", "800");

	(void)state;
	assert_int_equal(done->status, ERR);
	assert_non_null(strstr(done->message, "Too many open files"));
	check_text(harness, &(struct harness_run){.object = cells, .symbol = "hello"}, "hello");
	check_text(harness, &(struct harness_run){.object = cells, .symbol = "dropped"}, "1");
	check_text(harness, &some, ""); /* so that the process can end in order */
	harness_close(harness);
}

static void test_threads_left(void **state)
{
	struct harness *harness = harness_open(NULL);
	uint32_t cells = harness_load_plain(harness);
	struct harness_run left = {.object = cells, .symbol = "threads"};
	struct harness_run joined = {
	    .object = cells, .symbol = "threads", .settings = {{"joined", "1"}}};
	struct harness_run release = {
	    .object = cells, .symbol = "threads", .settings = {{"release", "1"}}};

	(void)state;
	assert_false(harness_run(harness, &joined)->threads_left);
	assert_true(harness_run(harness, &left)->threads_left);
	assert_true(harness_run(harness, &(struct harness_run){.object = cells, .symbol = "hello"})
			->threads_left);
	assert_false(harness_run(harness, &release)->threads_left);
	harness_close(harness);
}

static void test_forks(void **state)
{
	static const char *const how[] = {"", "return", "crash", "vfork"};
	static const char *const expected[] = {"exited", "exited", "signalled", "exited"};
	struct harness *harness = harness_open(NULL);
	uint32_t cells = harness_load_plain(harness);

	(void)state;
	/* One answer each, the parent's; a child that crashes is nobody's crash. */
	for (size_t i = 0; i < ARRAY_LENGTH(how); i++) {
		struct harness_run run = {
		    .object = cells, .symbol = "forks", .settings = {{how[i], "1"}}};

		check_text(harness, &run, expected[i]);
	}
	harness_close(harness);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_run),
	    cmocka_unit_test(test_folder),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_failures),
	    cmocka_unit_test(test_sizes),
	    cmocka_unit_test(test_many_forms),
	    cmocka_unit_test(test_widgets),
	    cmocka_unit_test(test_decode),
	    cmocka_unit_test(test_drop),
	    cmocka_unit_test(test_300_objects),
	    cmocka_unit_test(test_objects_with_few_descriptors),
	    cmocka_unit_test(test_load_errors),
	    cmocka_unit_test(test_illegal_loads),
	    cmocka_unit_test(test_illegal_runs),
	    cmocka_unit_test(test_repeated_numbers),
	    cmocka_unit_test(test_illegal_decodes_and_drops),
	    cmocka_unit_test(test_illegal_frames),
	    cmocka_unit_test(test_no_control_socket),
	    cmocka_unit_test(test_output),
	    cmocka_unit_test(test_closed_standard_streams),
	    cmocka_unit_test(test_closed_control_socket),
	    cmocka_unit_test(test_no_descriptors_left),
	    cmocka_unit_test(test_threads_left),
	    cmocka_unit_test(test_forks),
	};

	return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
