/* Opening: files, streams, folders, temporary files. */
#include "venusd/runtime/wrap.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* The checked forms of a fortified program. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int folder_fd, const char *path, int flags);
int __openat64_2(int folder_fd, const char *path, int flags);

static void seen_open(int folder_fd, const char *path, int flags, int fd)
{
	struct observe_result result = {.error = fd < 0 ? errno : 0, .fd = fd};
	int access = flags & O_ACCMODE;
	bool fresh =
	    fd >= 0 && ((flags & O_TRUNC) || (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL));

	if ((flags & O_TMPFILE) == O_TMPFILE)
		return; /* it has no name */
	if (flags & O_PATH) {
		observe_path(OBSERVE_STAT, folder_fd, path, result);
		return;
	}
	if (access != O_WRONLY && !fresh)
		observe_path(
		    flags & O_DIRECTORY ? OBSERVE_LIST : OBSERVE_READ, folder_fd, path, result);
	if (access != O_RDONLY || (flags & (O_CREAT | O_TRUNC)))
		observe_path(OBSERVE_WRITE, folder_fd, path, result);
}

static int open_at(int folder_fd, const char *path, int flags, mode_t mode)
{
	int fd = real()->openat(folder_fd, path, flags, mode);

	if (observe_active())
		seen_open(folder_fd, path, flags, fd);
	return fd;
}

/* The mode is there only when a file may be created. */
#define OPEN_MODE(last)                                                                            \
	mode_t mode = 0;                                                                           \
	if (((last)&O_CREAT) || ((last)&O_TMPFILE) == O_TMPFILE) {                                 \
		va_list args;                                                                      \
                                                                                                   \
		va_start(args, last);                                                              \
		mode = va_arg(args, mode_t);                                                       \
		va_end(args);                                                                      \
	}

int open(const char *path, int flags, ...)
{
	OPEN_MODE(flags)
	return open_at(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	OPEN_MODE(flags)
	return open_at(AT_FDCWD, path, flags, mode);
}

int openat(int folder_fd, const char *path, int flags, ...)
{
	OPEN_MODE(flags)
	return open_at(folder_fd, path, flags, mode);
}

int openat64(int folder_fd, const char *path, int flags, ...)
{
	OPEN_MODE(flags)
	return open_at(folder_fd, path, flags, mode);
}

int __open_2(const char *path, int flags)
{
	return open_at(AT_FDCWD, path, flags, 0);
}

int __open64_2(const char *path, int flags)
{
	return open_at(AT_FDCWD, path, flags, 0);
}

int __openat_2(int folder_fd, const char *path, int flags)
{
	return open_at(folder_fd, path, flags, 0);
}

int __openat64_2(int folder_fd, const char *path, int flags)
{
	return open_at(folder_fd, path, flags, 0);
}

int creat(const char *path, mode_t mode)
{
	return open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

int creat64(const char *path, mode_t mode)
{
	return open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

static int flags_of(const char *mode)
{
	bool both = strchr(mode, '+') != NULL;
	int exclusive = strchr(mode, 'x') ? O_EXCL : 0;

	switch (mode[0]) {
	case 'w': return (both ? O_RDWR : O_WRONLY) | O_CREAT | O_TRUNC | exclusive;
	case 'a': return (both ? O_RDWR : O_WRONLY) | O_CREAT | O_APPEND | exclusive;
	default: return both ? O_RDWR : O_RDONLY;
	}
}

static FILE *seen_stream(const char *path, const char *mode, FILE *stream)
{
	int kept = errno;

	if (observe_active() && path && mode) {
		int fd = stream ? fileno(stream) : -1;

		errno = kept;
		seen_open(AT_FDCWD, path, flags_of(mode), fd);
	}
	errno = kept;
	return stream;
}

FILE *fopen(const char *path, const char *mode)
{
	return seen_stream(path, mode, real()->fopen(path, mode));
}

FILE *fopen64(const char *path, const char *mode)
{
	return seen_stream(path, mode, real()->fopen(path, mode));
}

FILE *freopen(const char *path, const char *mode, FILE *stream)
{
	return seen_stream(path, mode, real()->freopen(path, mode, stream));
}

FILE *freopen64(const char *path, const char *mode, FILE *stream)
{
	return seen_stream(path, mode, real()->freopen(path, mode, stream));
}

DIR *opendir(const char *path)
{
	DIR *stream = real()->opendir(path);

	if (observe_active()) {
		struct observe_result result = wrap_result(!stream);

		if (stream)
			result.fd = dirfd(stream);
		observe_path(OBSERVE_LIST, AT_FDCWD, path, result);
	}
	return stream;
}

static int scan_at(int folder_fd, const char *path, struct dirent ***ret_list,
    int (*select)(const struct dirent *),
    int (*compare)(const struct dirent **, const struct dirent **))
{
	int count = real()->scandirat(folder_fd, path, ret_list, select, compare);

	if (observe_active())
		observe_path(OBSERVE_LIST, folder_fd, path, wrap_result(count < 0));
	return count;
}

int scandir(const char *path, struct dirent ***ret_list, int (*select)(const struct dirent *),
    int (*compare)(const struct dirent **, const struct dirent **))
{
	return scan_at(AT_FDCWD, path, ret_list, select, compare);
}

int scandirat(int folder_fd, const char *path, struct dirent ***ret_list,
    int (*select)(const struct dirent *),
    int (*compare)(const struct dirent **, const struct dirent **))
{
	return scan_at(folder_fd, path, ret_list, select, compare);
}

static_assert(
    sizeof(struct dirent) == sizeof(struct dirent64), "folder entries of both names are alike");

int scandir64(const char *path, struct dirent64 ***ret_list, int (*select)(const struct dirent64 *),
    int (*compare)(const struct dirent64 **, const struct dirent64 **))
{
	return scan_at(AT_FDCWD, path, (struct dirent ***)(void *)ret_list,
	    (int (*)(const struct dirent *))(void (*)(void))select,
	    (int (*)(const struct dirent **, const struct dirent **))(void (*)(void))compare);
}

int scandirat64(int folder_fd, const char *path, struct dirent64 ***ret_list,
    int (*select)(const struct dirent64 *),
    int (*compare)(const struct dirent64 **, const struct dirent64 **))
{
	return scan_at(folder_fd, path, (struct dirent ***)(void *)ret_list,
	    (int (*)(const struct dirent *))(void (*)(void))select,
	    (int (*)(const struct dirent **, const struct dirent **))(void (*)(void))compare);
}

/* A temporary file's name is known only afterwards. */
static int make_temporary(char *pattern, int suffix_length, int flags)
{
	int fd = real()->mkostemps(pattern, suffix_length, flags);

	if (observe_active())
		observe_path(OBSERVE_WRITE, AT_FDCWD, pattern,
		    (struct observe_result){.error = fd < 0 ? errno : 0, .fd = fd});
	return fd;
}

int mkstemp(char *pattern)
{
	return make_temporary(pattern, 0, 0);
}

int mkstemp64(char *pattern)
{
	return make_temporary(pattern, 0, 0);
}

int mkostemp(char *pattern, int flags)
{
	return make_temporary(pattern, 0, flags);
}

int mkostemp64(char *pattern, int flags)
{
	return make_temporary(pattern, 0, flags);
}

int mkstemps(char *pattern, int suffix_length)
{
	return make_temporary(pattern, suffix_length, 0);
}

int mkstemps64(char *pattern, int suffix_length)
{
	return make_temporary(pattern, suffix_length, 0);
}

int mkostemps(char *pattern, int suffix_length, int flags)
{
	return make_temporary(pattern, suffix_length, flags);
}

int mkostemps64(char *pattern, int suffix_length, int flags)
{
	return make_temporary(pattern, suffix_length, flags);
}

char *mkdtemp(char *pattern)
{
	char *made = real()->mkdtemp(pattern);

	if (observe_active())
		observe_path(OBSERVE_WRITE, AT_FDCWD, pattern, wrap_result(!made));
	return made;
}
