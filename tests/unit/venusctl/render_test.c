#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "venusctl/format.h"
#include "venusctl/render.h"

static uint8_t run_id[16] = {1, 2, 3};
static int fd = -1; /* what renderers write to */

static int setup(void **state)
{
	(void)state;
	fd = memfd_create("output", MFD_CLOEXEC);
	return fd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	return close(fd);
}

static char *read_output(void)
{
	off_t length = lseek(fd, 0, SEEK_END);
	char *text = mem_alloc((size_t)length + 1);

	assert_int_equal(pread(fd, text, (size_t)length, 0), length);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return text;
}

static struct render_settings settings(void)
{
	return (struct render_settings){.fd = fd, .path = "/books/nb.rs"};
}

static void send(struct renderer *renderer, Venus__V1__Event__KindCase kind, void *message)
{
	Venus__V1__Event event = VENUS__V1__EVENT__INIT;
	struct err err;

	event.run = (ProtobufCBinaryData){sizeof run_id, run_id};
	event.kind_case = kind;
	event.cell_started = message; /* every member of the union is a pointer */
	assert_int_equal(renderer->ops->event(renderer, &event, &err), 0);
}

static void send_output(
    struct renderer *renderer, const char *cell, const char *text, size_t length)
{
	Venus__V1__CellOutput output = VENUS__V1__CELL_OUTPUT__INIT;
	AUTO_FREE char *name = mem_strdup(cell);
	AUTO_FREE uint8_t *bytes = mem_dup(text, length);

	output.cell = name;
	output.text = (ProtobufCBinaryData){length, bytes};
	send(renderer, VENUS__V1__EVENT__KIND_CELL_OUTPUT, &output);
}

struct cell {
	Venus__V1__CellFinished finished;
	Venus__V1__Output output, *outputs[1];
	Venus__V1__Bundle bundle;
	Venus__V1__MimeData form, *forms[1];
	Venus__V1__Problem problem;
	char name[16], mime[16], value[64], type[16], text[64];
};

static void make_cell(struct cell *cell, Venus__V1__CellStatus status, const char *value)
{
	venus__v1__cell_finished__init(&cell->finished);
	venus__v1__output__init(&cell->output);
	venus__v1__bundle__init(&cell->bundle);
	venus__v1__mime_data__init(&cell->form);
	venus__v1__problem__init(&cell->problem);
	strcpy(cell->name, "total");
	strcpy(cell->mime, "text/plain");
	strcpy(cell->type, "f64");
	cell->finished.cell = cell->output.name = cell->name;
	cell->finished.status = status;
	cell->finished.asked = true;
	cell->form.mime = cell->mime;
	cell->output.type = cell->type;
	cell->outputs[0] = &cell->output;
	cell->forms[0] = &cell->form;
	cell->output.bundle = &cell->bundle;
	if (!value)
		return;
	strcpy(cell->value, value);
	cell->form.data = (ProtobufCBinaryData){strlen(value), (uint8_t *)cell->value};
	cell->bundle.data = cell->forms;
	cell->bundle.n_data = 1;
	cell->finished.outputs = cell->outputs;
	cell->finished.n_outputs = 1;
}

static void finish(struct renderer *renderer, struct cell *cell)
{
	send(renderer, VENUS__V1__EVENT__KIND_CELL_FINISHED, &cell->finished);
}

static void expect(const char *text)
{
	AUTO_FREE char *got = read_output();

	assert_string_equal(got, text);
}

/* ---- plain ---- */

static void test_lines(void **state)
{
	struct render_settings s = settings();
	AUTO_RENDERER struct renderer *plain = render_plain_new(&s);
	struct cell cell;

	(void)state;
	send_output(plain, "a", "one\ntw", 6);
	send_output(plain, "b", "other\n", 6);
	send_output(plain, "a", "o\r\n\nthree", 9);
	expect("a │ one\nb │ other\na │ two\na │ \n");
	make_cell(&cell, VENUS__V1__CELL_STATUS__OK, "first\nsecond\n");
	strcpy(cell.name, "a");
	cell.finished.cached = true;
	finish(plain, &cell);
	expect("a │ three\n✓ a  cached\n    first\n    second\n");
}

static void test_long_line(void **state)
{
	struct render_settings s = settings();
	AUTO_RENDERER struct renderer *plain = render_plain_new(&s);
	AUTO_FREE char *text = mem_alloc(200000), *got = NULL;

	(void)state;
	memset(text, 'x', 200000);
	send_output(plain, "a", text, 200000);
	got = read_output();
	assert_true(strlen(got) >= 200000); /* it is not held back without a bound */
}

static void test_not_ok(void **state)
{
	struct render_settings s = settings();
	AUTO_RENDERER struct renderer *plain = render_plain_new(&s);
	struct cell cell;

	(void)state;
	make_cell(&cell, VENUS__V1__CELL_STATUS__FAILED, NULL);
	cell.finished.error = &cell.problem;
	cell.problem.kind = VENUS__V1__PROBLEM__KIND__PANIC;
	strcpy(cell.text, "no\x1b[m");
	cell.problem.message = cell.text;
	cell.problem.line = 3;
	finish(plain, &cell);
	expect("✗ total  failed\npanic: no\\x1b[m\n --> /books/nb.rs:3\n");
	cell.finished.status = VENUS__V1__CELL_STATUS__SKIPPED;
	strcpy(cell.text, "config");
	cell.problem.because = cell.text;
	finish(plain, &cell);
	expect("- total  skipped: needs config\n");
	cell.finished.status = VENUS__V1__CELL_STATUS__CANCELLED;
	cell.finished.error = NULL;
	finish(plain, &cell);
	expect("- total  cancelled\n");
	cell.finished.status =
	    (Venus__V1__CellStatus)12345; /* from a newer daemon: never taken for ok */
	finish(plain, &cell);
	expect("✗ total  failed\n");
}

static void test_values(void **state)
{
	struct render_settings s = settings();
	AUTO_RENDERER struct renderer *plain = render_plain_new(&s);
	struct cell cell;

	(void)state;
	make_cell(&cell, VENUS__V1__CELL_STATUS__OK, "x\x1b]0;t\a");
	finish(plain, &cell);
	expect("✓ total\n    x\\x1b]0;t\\x07\n");
	cell.finished.asked = false; /* one that another cell needs */
	finish(plain, &cell);
	expect("✓ total\n");
	cell.finished.asked = true;
	strcpy(cell.mime, "image/png");
	cell.form.size = 12300;
	finish(plain, &cell);
	expect("✓ total\n    image/png (12.3 kB)\n");
	strcpy(cell.mime, "text/plain");
	memcpy(cell.value, "ab\xe2\x82", 5);
	cell.form.data.len = 4;
	cell.form.cut = true;
	finish(plain, &cell);
	expect("✓ total\n    ab… (12.3 kB in all)\n");
}

static void test_quiet(void **state)
{
	struct render_settings s = settings();
	struct renderer *quiet;
	struct cell cell;

	(void)state;
	s.quiet = true;
	quiet = render_plain_new(&s);
	send_output(quiet, "total", "noise\n", 6);
	make_cell(&cell, VENUS__V1__CELL_STATUS__OK, "1\n2");
	finish(quiet, &cell);
	expect("total:\n    1\n    2\n");
	quiet->ops->free(quiet);
	s.value_only = true;
	quiet = render_plain_new(&s);
	finish(quiet, &cell);
	expect("1\n2\n");
	quiet->ops->free(quiet);
}

static void test_summary(void **state)
{
	struct render_settings s = settings();
	AUTO_RENDERER struct renderer *plain = render_plain_new(&s);
	Venus__V1__RunFinished run = VENUS__V1__RUN_FINISHED__INIT;

	(void)state;
	run.status = VENUS__V1__CELL_STATUS__FAILED;
	run.ok = 4;
	run.cached = 3;
	run.failed = 1;
	run.skipped = 2;
	run.duration_us = 1200000;
	send(plain, VENUS__V1__EVENT__KIND_RUN_FINISHED, &run);
	expect("4 ok (3 cached), 1 failed, 2 skipped in 1.2 s\n");
}

/* ---- a terminal ---- */

/* What a screen of 80 columns shows after the output, its last `rows` lines; knows just what the
 * renderer may send. */
struct screen {
	char rows[64][256];
	size_t row, column;
	bool cursor_hidden;
};

static const char *play_escape(struct screen *screen, const char *c)
{
	unsigned number = 0;

	assert_int_equal(*c, '[');
	c++;
	if (strncmp(c, "?25", 3) == 0) {
		assert_true(c[3] == 'l' || c[3] == 'h');
		screen->cursor_hidden = c[3] == 'l';
		return c + 4;
	}
	while (*c >= '0' && *c <= '9')
		number = number * 10 + (unsigned)(*c++ - '0');
	if (*c == 'A') {
		number = number ? number : 1;
		assert_true(screen->row >= number);
		screen->row -= number;
	} else {
		assert_int_equal(*c, 'K');
		assert_int_equal(number, 2);
		screen->rows[screen->row][0] = 0;
	}
	return c + 1;
}

static void play(struct screen *screen, const char *text)
{
	for (const char *c = text; *c;) {
		if (*c == '\x1b') {
			c = play_escape(screen, c + 1);
			continue;
		}
		if (*c == '\n') {
			screen->row++;
			screen->column = 0;
		} else if (*c == '\r') {
			screen->column = 0;
		} else {
			screen->rows[screen->row][screen->column++] = *c;
			screen->rows[screen->row][screen->column] = 0;
		}
		assert_true(screen->row < 63 && screen->column < 250);
		c++;
	}
}

static void play_output(struct screen *screen)
{
	AUTO_FREE char *text = read_output();

	play(screen, text);
}

static void tick(struct renderer *renderer)
{
	struct err err;

	assert_int_equal(renderer->ops->tick(renderer, &err), 0);
}

static void test_live_part(void **state)
{
	struct render_settings s = settings();
	struct renderer *tty = render_tty_new(&s);
	Venus__V1__CellStarted started = VENUS__V1__CELL_STARTED__INIT;
	Venus__V1__RunFinished run = VENUS__V1__RUN_FINISHED__INIT;
	struct screen screen = {0};
	char name[300];
	struct cell cell;

	(void)state;
	strcpy(name, "total");
	started.cell = name;
	started.action = VENUS__V1__CELL_STARTED__ACTION__EXECUTE;
	send(tty, VENUS__V1__EVENT__KIND_CELL_STARTED, &started);
	expect(""); /* nothing flickers in a run that is over at once */
	tick(tty);
	play_output(&screen);
	assert_non_null(strstr(screen.rows[0], "total  running  0."));
	assert_true(screen.cursor_hidden);
	send_output(tty, "total", "hello\n", 6);
	play_output(&screen);
	assert_string_equal(screen.rows[0], "total │ hello");
	assert_non_null(strstr(screen.rows[1], "total  running"));
	memset(name, 'w', sizeof name - 1); /* wider than the terminal: cut, still one row */
	name[sizeof name - 1] = 0;
	send(tty, VENUS__V1__EVENT__KIND_CELL_STARTED, &started);
	play_output(&screen);
	assert_non_null(strstr(screen.rows[2], "w…"));
	assert_int_equal(screen.row, 3);
	make_cell(&cell, VENUS__V1__CELL_STATUS__OK, "1");
	finish(tty, &cell);
	play_output(&screen);
	assert_string_equal(screen.rows[1], "✓ total");
	assert_string_equal(screen.rows[2], "    1");
	assert_non_null(strstr(screen.rows[3], "www"));
	send(tty, VENUS__V1__EVENT__KIND_RUN_FINISHED, &run);
	play_output(&screen);
	assert_string_equal(screen.rows[3], "0 ok in 0 µs");
	assert_string_equal(screen.rows[4], "");
	assert_false(screen.cursor_hidden);
	tty->ops->free(tty);
	expect("");
}

static void test_many_rows(void **state)
{
	struct render_settings s = settings();
	struct renderer *tty = render_tty_new(&s);
	Venus__V1__CellStarted started = VENUS__V1__CELL_STARTED__INIT;
	struct screen screen = {0};
	char name[16];

	(void)state;
	started.cell = name;
	for (int i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof name, "cell%d", i);
		send(tty, VENUS__V1__EVENT__KIND_CELL_STARTED, &started);
	}
	tick(tty);
	play_output(&screen);
	assert_int_equal(screen.row, 13); /* of the 24 of a terminal whose size is not known */
	assert_non_null(strstr(screen.rows[12], "and 88 more"));
	tty->ops->free(tty); /* leaves in the middle: the screen is clean */
	play_output(&screen);
	assert_int_equal(screen.row, 0);
	assert_string_equal(screen.rows[0], "");
	assert_false(screen.cursor_hidden);
}

/* ---- JSON ---- */

static json_t *read_object(void)
{
	AUTO_FREE char *line = read_output();
	json_t *object;

	assert_int_equal(line[strlen(line) - 1], '\n');
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	object = json_loads(line, JSON_ALLOW_NUL, NULL);
	assert_non_null(object);
	return object;
}

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static void test_json_output(void **state)
{
	struct render_settings s = settings();
	AUTO_RENDERER struct renderer *json = render_json_new(&s);
	json_t *object;

	(void)state;
	send_output(json, "a", "x\xe2\x82", 3);
	object = read_object();
	assert_string_equal(text_of(object, "text"), "x");
	assert_string_equal(text_of(object, "run"), "01020300000000000000000000000000");
	json_decref(object);
	send_output(json, "a", "\xac\xff\0y", 4);
	object = read_object();
	assert_int_equal(json_string_length(json_object_get(object, "text")), 8);
	assert_memory_equal(text_of(object, "text"), "€\xef\xbf\xbd\0y", 8);
	json_decref(object);
}

/* The held beginning of a character is told when the cell ends. */
static void test_json_rest(void **state)
{
	struct render_settings s = settings();
	AUTO_RENDERER struct renderer *json = render_json_new(&s);
	AUTO_FREE char *text = NULL;
	struct cell cell;

	(void)state;
	send_output(json, "total", "\xe2", 1);
	expect("");
	make_cell(&cell, VENUS__V1__CELL_STATUS__SKIPPED, NULL);
	finish(json, &cell);
	text = read_output();
	assert_non_null(strstr(text, "\"text\":\"\xef\xbf\xbd\"}\n{\"event\":\"cell_finished\""));
	assert_non_null(strstr(text, "\"status\":\"skipped\""));
}

static void test_json_terminal(void **state)
{
	struct render_settings s = settings();
	AUTO_RENDERER struct renderer *json = render_json_new(&s);
	AUTO_FREE char *text = NULL;

	(void)state;
	send_output(json, "a", "\x1b\xc2\x9b\x7f\xe2\x80\xae\xf3\xa0\x81\xa1", 11);
	text = read_output();
	assert_non_null(strstr(text, "\"\\u001B\\u009b\\u007f\\u202e\\udb40\\udc61\""));
}

static void test_json_finished(void **state)
{
	struct render_settings s = settings();
	AUTO_RENDERER struct renderer *json = render_json_new(&s);
	Venus__V1__Widget widget = VENUS__V1__WIDGET__INIT, *widgets[] = {&widget};
	json_t *object, *error;
	struct cell cell;

	(void)state;
	make_cell(&cell, VENUS__V1__CELL_STATUS__OK, "\x89PNG\xff");
	strcpy(cell.mime, "image/png");
	strcpy(cell.text, "slider");
	widget.id = widget.kind = cell.text;
	widget.max = 1.0 / 0.0;
	cell.finished.widgets = widgets;
	cell.finished.n_widgets = 1;
	finish(json, &cell);
	object = read_object();
	assert_string_equal(text_of(json_object_get(object, "display"), "image/png"), "iVBOR/8=");
	assert_string_equal(text_of(object, "type"), "f64");
	assert_null(json_object_get(object, "error"));
	assert_null(json_object_get(object, "digest"));
	assert_null(json_object_get(json_array_get(json_object_get(object, "widgets"), 0), "max"));
	json_decref(object);
	make_cell(&cell, VENUS__V1__CELL_STATUS__FAILED, NULL);
	cell.finished.error = &cell.problem;
	cell.problem.kind = VENUS__V1__PROBLEM__KIND__COMPILE;
	strcpy(cell.text, "bad \xff");
	cell.problem.message = cell.text;
	cell.problem.line = 12;
	finish(json, &cell);
	object = read_object();
	error = json_object_get(object, "error");
	assert_string_equal(text_of(error, "kind"), "compile");
	assert_string_equal(text_of(error, "message"), "bad \xef\xbf\xbd");
	assert_int_equal(json_integer_value(json_object_get(error, "line")), 12);
	assert_null(json_object_get(error, "column"));
	assert_null(json_object_get(object, "display"));
	json_decref(object);
}

/* ---- numbers ---- */

static void test_formats(void **state)
{
	static const struct {
		uint64_t us;
		const char *text;
	} times[] = {{0, "0 µs"}, {999, "999 µs"}, {1500, "1.5 ms"}, {9949, "9.9 ms"},
	    {9950, "10 ms"}, {999499, "999 ms"}, {999500, "1.0 s"}, {1200000, "1.2 s"},
	    {59950000, "0 min 59 s"}, {61000000, "1 min 1 s"}, {18240000000, "5 h 4 min"}};
	static const struct {
		uint64_t bytes;
		const char *text;
	} sizes[] = {{0, "0 bytes"}, {1, "1 byte"}, {999, "999 bytes"}, {1000, "1.0 kB"},
	    {999949, "999.9 kB"}, {999950, "1.0 MB"}, {12345678, "12.3 MB"},
	    {UINT64_MAX, "18.4 EB"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(times); i++) {
		AUTO_BUF struct buf buf = BUF_INIT;

		format_duration(&buf, times[i].us);
		assert_string_equal(buf.data, times[i].text);
	}
	for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
		AUTO_BUF struct buf buf = BUF_INIT;

		format_size(&buf, sizes[i].bytes);
		assert_string_equal(buf.data, sizes[i].text);
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_lines),
	    TEST(test_long_line),
	    TEST(test_not_ok),
	    TEST(test_values),
	    TEST(test_quiet),
	    TEST(test_summary),
	    TEST(test_live_part),
	    TEST(test_many_rows),
	    TEST(test_json_output),
	    TEST(test_json_rest),
	    TEST(test_json_terminal),
	    TEST(test_json_finished),
	    TEST(test_formats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
