#include "venusctl/format.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "venusctl/text_safe.h"

void format_duration(struct buf *buf, uint64_t us)
{
	uint64_t s = us / 1000000;

	if (us < 1000)
		buf_printf(buf, "%" PRIu64 " µs", us);
	else if (us < 9950)
		buf_printf(buf, "%.1f ms", (double)us / 1e3);
	else if (us < 999500)
		buf_printf(buf, "%.0f ms", (double)us / 1e3);
	else if (us < 59950000)
		buf_printf(buf, "%.1f s", (double)us / 1e6);
	else if (s < 3600)
		buf_printf(buf, "%" PRIu64 " min %" PRIu64 " s", s / 60, s % 60);
	else
		buf_printf(buf, "%" PRIu64 " h %" PRIu64 " min", s / 3600, s / 60 % 60);
}

void format_size(struct buf *buf, uint64_t bytes)
{
	static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
	double size = (double)bytes / 1000;
	size_t unit = 0;

	if (bytes < 1000) {
		buf_printf(buf, "%" PRIu64 " byte%s", bytes, bytes == 1 ? "" : "s");
		return;
	}
	while (size >= 999.95 && unit + 1 < ARRAY_LENGTH(units)) {
		size /= 1000;
		unit++;
	}
	buf_printf(buf, "%.1f %s", size, units[unit]);
}

void format_time(struct buf *buf, int64_t unix_ms)
{
	time_t seconds = (time_t)(unix_ms / 1000);
	struct tm parts;
	char text[64];

	if (!localtime_r(&seconds, &parts) ||
	    !strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts))
		buf_printf(buf, "%" PRId64 " ms", unix_ms); /* a year that does not fit */
	else
		buf_add_text(buf, text);
}

void format_hex(struct buf *buf, const ProtobufCBinaryData *bytes)
{
	for (size_t i = 0; i < bytes->len; i++)
		buf_printf(buf, "%02x", bytes->data[i]);
}

void format_path(struct buf *buf, const char *path)
{
	char folder[PATH_MAX];
	size_t length = getcwd(folder, sizeof folder) ? strlen(folder) : 0;

	if (length > 1 && strncmp(path, folder, length) == 0 && path[length] == '/' &&
	    path[length + 1])
		path += length + 1;
	text_add_safe_text(buf, path, TEXT_LINE);
}

void format_paint(struct buf *buf, bool color, enum paint paint, const char *text)
{
	static const char *const codes[] = {[PAINT_NONE] = "",
	    [PAINT_BOLD] = "1",
	    [PAINT_DIM] = "2",
	    [PAINT_RED] = "1;31",
	    [PAINT_GREEN] = "32",
	    [PAINT_YELLOW] = "1;33",
	    [PAINT_BLUE] = "1;34"};
	static_assert(sizeof codes / sizeof *codes == PAINT_COUNT, "every paint has a code");

	if (color && paint != PAINT_NONE)
		buf_printf(buf, "\x1b[%sm%s\x1b[0m", codes[paint], text);
	else
		buf_add_text(buf, text);
}

void format_indented(struct buf *buf, const char *text, unsigned columns)
{
	while (*text) {
		size_t length = strcspn(text, "\n");

		if (length)
			buf_printf(buf, "%*s", (int)columns, "");
		buf_add(buf, text, length);
		buf_add_char(buf, '\n');
		text += length + (text[length] == '\n');
	}
}

json_t *format_json_bytes(const void *bytes, size_t length)
{
	AUTO_BUF struct buf clean = BUF_INIT;
	json_t *text;

	text_add_utf8(&clean, bytes, length);
	text = json_stringn(clean.data ? clean.data : "", clean.length);
	assert(text); /* it is UTF-8 now */
	return text;
}

json_t *format_json_text(const char *text)
{
	return format_json_bytes(text ? text : "", text ? strlen(text) : 0);
}

json_t *format_json_hex(const ProtobufCBinaryData *bytes)
{
	AUTO_BUF struct buf hex = BUF_INIT;

	format_hex(&hex, bytes);
	return json_string(hex.data ? hex.data : "");
}

void format_json_set_text(json_t *object, const char *key, const char *text)
{
	if (text && text[0])
		(void)json_object_set_new(
		    object, key, format_json_text(text)); /* fails only without memory */
}

void format_json_set_hex(json_t *object, const char *key, const ProtobufCBinaryData *bytes)
{
	if (bytes->len)
		(void)json_object_set_new(object, key, format_json_hex(bytes)); /* as above */
}

void format_json_set_number(json_t *object, const char *key, uint64_t number)
{
	if (number)
		(void)json_object_set_new(
		    object, key, json_integer((json_int_t)number)); /* as above */
}

/* Outside of strings JSON is plain ASCII, so an escape may stand for any other character wherever
 * it is met. */
static void add_json_escaped(struct buf *buf, const char *text, size_t length)
{
	for (size_t i = 0; i < length;) {
		uint32_t scalar = 0;
		size_t bad = 1, used = text_decode(text + i, length - i, &scalar, &bad);

		if (used && scalar >= 0x10000 && text_is_unsafe(scalar))
			buf_printf(buf, "\\u%04x\\u%04x",
			    (unsigned)(0xd800 + ((scalar - 0x10000) >> 10)),
			    (unsigned)(0xdc00 + (scalar & 0x3ff)));
		else if (used && text_is_unsafe(scalar))
			buf_printf(buf, "\\u%04x", (unsigned)scalar);
		else
			buf_add(buf, text + i, used ? used : bad);
		i += used ? used : bad;
	}
}

void format_json_line(struct buf *buf, json_t *object)
{
	AUTO_FREE char *text = json_dumps(object, JSON_COMPACT);

	json_decref(object);
	assert(text);
	add_json_escaped(buf, text, strlen(text));
	buf_add_char(buf, '\n');
}

static int write_some(
    int fd, const char *bytes, size_t length, size_t *ret_written, struct err *err)
{
	struct pollfd item = {.fd = fd, .events = POLLOUT};
	ssize_t put = write(fd, bytes, length);

	*ret_written = put > 0 ? (size_t)put : 0;
	if (put >= 0 || errno == EINTR)
		return 0;
	if (errno != EAGAIN)
		return err_set(err, ERR_IO, "cannot write the output: %s", strerror(errno));
	(void)poll(&item, 1,
	    -1); /* a terminal that somebody else set to non-blocking; the write is tried again */
	return 0;
}

int format_flush(struct buf *buf, int fd, struct err *err)
{
	size_t done = 0, written;
	int result = 0;

	while (result == 0 && done < buf->length) {
		result = write_some(fd, buf->data + done, buf->length - done, &written, err);
		done += written;
	}
	buf_clear(buf);
	return result;
}
