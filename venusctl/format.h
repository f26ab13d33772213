#ifndef VENUS_CTL_FORMAT_H
#define VENUS_CTL_FORMAT_H

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"

/* Numbers, names, colours and JSON values, as people and scripts read them. */

void format_duration(
    struct buf *buf, uint64_t us); /* "850 µs", "12 ms", "1.2 s", "2 min 3 s", "5 h 4 min" */
void format_size(
    struct buf *buf, uint64_t bytes); /* "512 bytes", "12.3 kB", "1.2 MB": powers of 1000 */
void format_time(struct buf *buf, int64_t unix_ms); /* local, "2026-01-31 12:00:00" */
void format_hex(struct buf *buf, const ProtobufCBinaryData *bytes);
/* A path below the current folder without that folder, else as it is. Escaped for a terminal. */
void format_path(struct buf *buf, const char *path);

enum paint {
	PAINT_NONE,
	PAINT_BOLD,
	PAINT_DIM,
	PAINT_RED,
	PAINT_GREEN,
	PAINT_YELLOW,
	PAINT_BLUE,
	PAINT_COUNT
};
/* Adds text that is already safe, in a colour when `color`. */
void format_paint(struct buf *buf, bool color, enum paint paint, const char *text);
/* Adds `text`, each of its lines indented. It ends with a newline, unless it is empty. */
void format_indented(struct buf *buf, const char *text, unsigned columns);

/* A JSON string of any bytes; what is not UTF-8 becomes U+FFFD. NULL is "". */
json_t *format_json_bytes(const void *bytes, size_t length);
json_t *format_json_text(const char *text);
json_t *format_json_hex(const ProtobufCBinaryData *bytes);
/* Set a member unless there is nothing to say: "", no bytes, 0. */
void format_json_set_text(json_t *object, const char *key, const char *text);
void format_json_set_hex(json_t *object, const char *key, const ProtobufCBinaryData *bytes);
void format_json_set_number(json_t *object, const char *key, uint64_t number);
/* Adds the object as one line and frees it. What could fool a terminal is written as a \u escape.
 */
void format_json_line(struct buf *buf, json_t *object);

/* Writes all of the buffer and empties it. ERR_IO when the output cannot be written. */
int format_flush(struct buf *buf, int fd, struct err *err);

#endif
