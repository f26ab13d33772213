#include "common/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *check(void *pointer)
{
	if (!pointer) {
		(void)fputs("venus: out of memory\n", stderr);
		abort();
	}
	return pointer;
}

void *mem_alloc(size_t size)
{
	return check(calloc(1, size ? size : 1));
}

void *mem_realloc_array(void *pointer, size_t count, size_t size)
{
	return check(reallocarray(pointer, count ? count : 1, size ? size : 1));
}

char *mem_strdup(const char *text)
{
	return text ? check(strdup(text)) : NULL;
}

char *mem_strndup(const char *text, size_t length)
{
	return check(strndup(text, length));
}

void *mem_dup(const void *bytes, size_t length)
{
	char *copy = check(malloc(length + 1));

	if (length)
		memcpy(copy, bytes, length);
	copy[length] = 0;
	return copy;
}

char *mem_printf(const char *format, ...)
{
	va_list args;
	char *text = NULL;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	return check(text);
}

void *mem_push_(void **array, size_t *count, size_t size)
{
	char *base = *array;

	if ((*count & (*count - 1)) == 0) /* full at every power of two */
		base = mem_realloc_array(base, *count ? *count * 2 : 1, size);
	*array = base;
	memset(base + *count * size, 0, size);
	return base + (*count)++ * size;
}
