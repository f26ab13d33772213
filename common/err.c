#include "common/err.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const code_names[] = {
    [ERR_NONE] = "none",
    [ERR_INTERNAL] = "internal",
    [ERR_INVALID] = "invalid",
    [ERR_NOT_FOUND] = "not-found",
    [ERR_IO] = "io",
    [ERR_FULL] = "full",
    [ERR_DENIED] = "denied",
    [ERR_UNAVAILABLE] = "unavailable",
    [ERR_CORRUPT] = "corrupt",
    [ERR_TIMEOUT] = "timeout",
    [ERR_CANCELLED] = "cancelled",
};
static_assert(sizeof code_names / sizeof *code_names == ERR_CODE_COUNT, "every code has a name");

const char *err_code_name(enum err_code code)
{
	return (unsigned)code < ERR_CODE_COUNT ? code_names[code] : "unknown";
}

static void make_one_line(char *text)
{
	for (unsigned char *c = (unsigned char *)text; *c; c++)
		if (*c < 0x20 || *c == 0x7f)
			*c = *c == '\t' || *c == '\n' ? ' ' : '?';
}

int err_set(struct err *err, enum err_code code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	err->code = code;
	(void)vsnprintf(
	    err->message, sizeof err->message, format, args); /* a long message is cut */
	va_end(args);
	make_one_line(err->message);
	return -1;
}

static enum err_code code_of_errno(int number)
{
	switch (number) {
	case ENOENT:
	case ENOTDIR: return ERR_NOT_FOUND;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
	case EMFILE:
	case ENFILE:
	case ENOMEM: return ERR_FULL;
	case EACCES:
	case EPERM:
	case EROFS: return ERR_DENIED;
	case ELOOP:
	case ENAMETOOLONG: return ERR_INVALID;
	default: return ERR_IO;
	}
}

int err_set_errno(struct err *err, int number, const char *format, ...)
{
	va_list args;
	size_t used;

	va_start(args, format);
	err->code = code_of_errno(number);
	(void)vsnprintf(err->message, sizeof err->message, format, args);
	va_end(args);
	used = strlen(err->message);
	(void)snprintf(err->message + used, sizeof err->message - used, ": %s", strerror(number));
	make_one_line(err->message);
	return -1;
}

int err_prefix(struct err *err, const char *format, ...)
{
	char old[sizeof err->message];
	va_list args;
	size_t used;

	memcpy(old, err->message, sizeof old);
	va_start(args, format);
	(void)vsnprintf(err->message, sizeof err->message, format, args);
	va_end(args);
	used = strlen(err->message);
	(void)snprintf(err->message + used, sizeof err->message - used, ": %s", old);
	make_one_line(err->message);
	return -1;
}
