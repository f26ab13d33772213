#ifndef VENUS_COMMON_CLEANUP_H
#define VENUS_COMMON_CLEANUP_H

/*
 * Cleanup attributes. An owning local is declared AUTO_*, and is handed off with TAKE_PTR or
 * TAKE_FD. Other folders define theirs beside the type: `static inline void thing_free_p(struct
 * thing **t) { thing_free(*t); }` and AUTO(thing_free_p).
 */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define AUTO(function) __attribute__((cleanup(function)))

static inline void cleanup_free_p(void *pointer)
{
	free(*(void **)pointer);
}

static inline void cleanup_close_p(const int *fd)
{
	if (*fd >= 0)
		(void)close(
		    *fd); /* nothing can be done about a failing close of something being dropped */
}

static inline void cleanup_fclose_p(FILE **file)
{
	if (*file)
		(void)fclose(*file);
}

#define AUTO_FREE   AUTO(cleanup_free_p)
#define AUTO_CLOSE  AUTO(cleanup_close_p)
#define AUTO_FCLOSE AUTO(cleanup_fclose_p)

#define TAKE_PTR(pointer)                                                                          \
	__extension__({                                                                            \
		__typeof__(pointer) taken_ = (pointer);                                            \
		(pointer) = NULL;                                                                  \
		taken_;                                                                            \
	})
#define TAKE_FD(fd)                                                                                \
	__extension__({                                                                            \
		int taken_ = (fd);                                                                 \
		(fd) = -1;                                                                         \
		taken_;                                                                            \
	})

#endif
