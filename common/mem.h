#ifndef VENUS_COMMON_MEM_H
#define VENUS_COMMON_MEM_H

#include <stddef.h>

/* Small allocations: a failure aborts. A size that comes from outside is checked against a named
 * limit first. */
void *mem_alloc(size_t size); /* zeroed */
void *mem_realloc_array(void *pointer, size_t count, size_t size);
char *mem_strdup(const char *text); /* NULL gives NULL */
char *mem_strndup(const char *text, size_t length);
void *mem_dup(const void *bytes, size_t length); /* with a NUL after the last byte */
char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Makes room for one more element at the end of a growing array and returns it, zeroed: `struct x
 * *e = MEM_PUSH(a, n);` where a is a pointer and n its count (the capacity is the next power of
 * two). */
#define MEM_PUSH(array, count)                                                                     \
	((__typeof__(array))mem_push_((void **)(void *)&(array), &(count), sizeof *(array)))
void *mem_push_(void **array, size_t *count, size_t size);

#define ARRAY_LENGTH(array) (sizeof(array) / sizeof *(array))

#endif
