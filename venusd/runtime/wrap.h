#ifndef VENUSD_RUNTIME_WRAP_H
#define VENUSD_RUNTIME_WRAP_H

/*
 * What every wrap_*.c begins with, before any other header: the fortified forms of the C library's
 * headers would define, inline, the very functions that these files replace. The functions are
 * exported by exports.list, so that the undefined symbols of what the worker loads bind to them;
 * calls inside the C library do not.
 */
#undef _FORTIFY_SOURCE

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "venusd/runtime/observe.h"
#include "venusd/runtime/real.h"

static_assert(sizeof(off_t) == 8 && sizeof(struct stat) == sizeof(struct stat64),
    "the 64-bit names of the C library mean the same as the plain ones");

static inline struct observe_result wrap_result(bool failed)
{
	return (struct observe_result){.error = failed ? errno : 0, .fd = -1};
}

#endif
