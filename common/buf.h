#ifndef VENUS_COMMON_BUF_H
#define VENUS_COMMON_BUF_H

#include <stddef.h>
#include <stdint.h>

/* A growing byte buffer. A zeroed one is empty and valid; data has a NUL after the last byte once
 * anything was added. */
struct buf {
	char *data;
	size_t length, capacity;
};

#define BUF_INIT                                                                                   \
	{                                                                                          \
		NULL, 0, 0                                                                         \
	}

void buf_fini(struct buf *buf);
void buf_clear(struct buf *buf); /* keeps the memory */
void buf_reserve(struct buf *buf, size_t more);
void buf_add(struct buf *buf, const void *bytes, size_t length);
void buf_add_text(struct buf *buf, const char *text);
void buf_add_char(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Gives the bytes to the caller (to be freed with free) and leaves the buffer empty; never NULL. */
char *buf_take(struct buf *buf);

#define AUTO_BUF __attribute__((cleanup(buf_fini)))

#endif
