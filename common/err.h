#ifndef VENUS_COMMON_ERR_H
#define VENUS_COMMON_ERR_H

/*
 * Errors. A fallible function takes `struct err *err` last, returns 0 or -1 and, on failure, has
 * called err_set once, where it failed. Callers may put context in front with err_prefix and never
 * replace the message. Messages are one line for people: what failed, on what, why, what to do.
 */

enum err_code {
	ERR_NONE = 0,
	ERR_INTERNAL,	 /* a bug, or something that has no better code */
	ERR_INVALID,	 /* the input is wrong: usage, malformed text, a frame that is not legal */
	ERR_NOT_FOUND,	 /* the named thing does not exist */
	ERR_IO,		 /* reading or writing failed */
	ERR_FULL,	 /* no space, no memory, over a limit */
	ERR_DENIED,	 /* not allowed */
	ERR_UNAVAILABLE, /* a program, a daemon or a tool that is needed is not there */
	ERR_CORRUPT,	 /* bytes are not what their digest or format says */
	ERR_TIMEOUT,	 /* a deadline passed */
	ERR_CANCELLED,	 /* somebody asked to stop */
	ERR_CODE_COUNT
};

struct err {
	enum err_code code;
	char message[1024];
};

/* Sets code and message; control characters in the message become '?'. Returns -1, so that a
 * function can return it. */
int err_set(struct err *err, enum err_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* As err_set with ": " and the text of errno `number` at the end; ENOENT, ENOSPC, EACCES and the
 * like choose the code. */
int err_set_errno(struct err *err, int number, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts context in front: "context: message". Returns -1. */
int err_prefix(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *err_code_name(enum err_code code);

#endif
