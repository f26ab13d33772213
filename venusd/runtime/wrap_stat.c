/* Asking about files: metadata, access, links, true paths. */
#include "venusd/runtime/wrap.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* The names that programs built before glibc 2.33 call; the first argument is the version of
 * `struct stat`, of which 64-bit Linux has one. */
int __xstat(int version, const char *path, struct stat *ret_status);
int __xstat64(int version, const char *path, struct stat64 *ret_status);
int __lxstat(int version, const char *path, struct stat *ret_status);
int __lxstat64(int version, const char *path, struct stat64 *ret_status);
int __fxstatat(int version, int folder_fd, const char *path, struct stat *ret_status, int flags);
int __fxstatat64(
    int version, int folder_fd, const char *path, struct stat64 *ret_status, int flags);
/* The checked forms of a fortified program. */
ssize_t __readlink_chk(const char *path, char *room, size_t size, size_t room_size);
ssize_t __readlinkat_chk(
    int folder_fd, const char *path, char *room, size_t size, size_t room_size);
char *__realpath_chk(const char *path, char *room, size_t room_size);

#define STAT_VERSION_LAST 1

static int stat_at(int folder_fd, const char *path, void *ret_status, int flags)
{
	int result = real()->fstatat(folder_fd, path, ret_status, flags);

	if (observe_active()) {
		struct observe_result seen = wrap_result(result < 0);

		seen.status = result < 0 ? NULL : ret_status;
		observe_path(OBSERVE_STAT, folder_fd, path, seen);
	}
	return result;
}

static int old_stat_at(int version, int folder_fd, const char *path, void *ret_status, int flags)
{
	if (version < 0 || version > STAT_VERSION_LAST) {
		errno = EINVAL;
		return -1;
	}
	return stat_at(folder_fd, path, ret_status, flags);
}

int stat(const char *path, struct stat *ret_status)
{
	return stat_at(AT_FDCWD, path, ret_status, 0);
}

int stat64(const char *path, struct stat64 *ret_status)
{
	return stat_at(AT_FDCWD, path, ret_status, 0);
}

int lstat(const char *path, struct stat *ret_status)
{
	return stat_at(AT_FDCWD, path, ret_status, AT_SYMLINK_NOFOLLOW);
}

int lstat64(const char *path, struct stat64 *ret_status)
{
	return stat_at(AT_FDCWD, path, ret_status, AT_SYMLINK_NOFOLLOW);
}

int fstatat(int folder_fd, const char *path, struct stat *ret_status, int flags)
{
	return stat_at(folder_fd, path, ret_status, flags);
}

int fstatat64(int folder_fd, const char *path, struct stat64 *ret_status, int flags)
{
	return stat_at(folder_fd, path, ret_status, flags);
}

int __xstat(int version, const char *path, struct stat *ret_status)
{
	return old_stat_at(version, AT_FDCWD, path, ret_status, 0);
}

int __xstat64(int version, const char *path, struct stat64 *ret_status)
{
	return old_stat_at(version, AT_FDCWD, path, ret_status, 0);
}

int __lxstat(int version, const char *path, struct stat *ret_status)
{
	return old_stat_at(version, AT_FDCWD, path, ret_status, AT_SYMLINK_NOFOLLOW);
}

int __lxstat64(int version, const char *path, struct stat64 *ret_status)
{
	return old_stat_at(version, AT_FDCWD, path, ret_status, AT_SYMLINK_NOFOLLOW);
}

int __fxstatat(int version, int folder_fd, const char *path, struct stat *ret_status, int flags)
{
	return old_stat_at(version, folder_fd, path, ret_status, flags);
}

int __fxstatat64(int version, int folder_fd, const char *path, struct stat64 *ret_status, int flags)
{
	return old_stat_at(version, folder_fd, path, ret_status, flags);
}

int statx(int folder_fd, const char *path, int flags, unsigned int mask, struct statx *ret_status)
{
	int result = real()->statx(folder_fd, path, flags, mask, ret_status);

	if (observe_active()) {
		struct observe_result seen = wrap_result(result < 0);
		struct stat status = {0};

		/* Fields that were not asked for may still be there; without an inode the rest has
		 * no use. */
		if (result == 0 && (ret_status->stx_mask & STATX_INO)) {
			status.st_dev =
			    makedev(ret_status->stx_dev_major, ret_status->stx_dev_minor);
			status.st_ino = ret_status->stx_ino;
			status.st_size = (off_t)ret_status->stx_size;
			status.st_mtim.tv_sec = ret_status->stx_mtime.tv_sec;
			status.st_mtim.tv_nsec = ret_status->stx_mtime.tv_nsec;
			seen.status = &status;
		}
		observe_path(OBSERVE_STAT, folder_fd, path, seen);
	}
	return result;
}

static int access_at(int folder_fd, const char *path, int mode, int flags)
{
	int result = real()->faccessat(folder_fd, path, mode, flags);

	if (observe_active())
		observe_path(OBSERVE_STAT, folder_fd, path, wrap_result(result < 0));
	return result;
}

int access(const char *path, int mode)
{
	return access_at(AT_FDCWD, path, mode, 0);
}

int faccessat(int folder_fd, const char *path, int mode, int flags)
{
	return access_at(folder_fd, path, mode, flags);
}

int euidaccess(const char *path, int mode)
{
	return access_at(AT_FDCWD, path, mode, AT_EACCESS);
}

int eaccess(const char *path, int mode)
{
	return access_at(AT_FDCWD, path, mode, AT_EACCESS);
}

static ssize_t link_at(int folder_fd, const char *path, char *room, size_t size)
{
	ssize_t length = real()->readlinkat(folder_fd, path, room, size);

	if (observe_active())
		observe_path(OBSERVE_LINK, folder_fd, path, wrap_result(length < 0));
	return length;
}

ssize_t readlink(const char *path, char *room, size_t size)
{
	return link_at(AT_FDCWD, path, room, size);
}

ssize_t readlinkat(int folder_fd, const char *path, char *room, size_t size)
{
	return link_at(folder_fd, path, room, size);
}

ssize_t __readlink_chk(const char *path, char *room, size_t size, size_t room_size)
{
	assert(size <= room_size);
	return link_at(AT_FDCWD, path, room, size);
}

ssize_t __readlinkat_chk(int folder_fd, const char *path, char *room, size_t size, size_t room_size)
{
	assert(size <= room_size);
	return link_at(folder_fd, path, room, size);
}

/* The true path depends on every link on the way: its identity is kept, and the place that was
 * found is asked about too. */
static char *resolve(const char *path, char *room)
{
	char *resolved = real()->realpath(path, room);

	if (observe_active()) {
		struct observe_result seen = wrap_result(!resolved);
		struct stat status;
		int kept = errno;

		if (resolved && real()->fstatat(AT_FDCWD, resolved, &status, 0) == 0)
			seen.status = &status;
		observe_path(OBSERVE_STAT, AT_FDCWD, path, seen);
		if (resolved)
			observe_path(OBSERVE_STAT, AT_FDCWD, resolved, seen);
		errno = kept;
	}
	return resolved;
}

char *realpath(const char *path, char *room)
{
	return resolve(path, room);
}

char *canonicalize_file_name(const char *path)
{
	return resolve(path, NULL);
}

char *__realpath_chk(const char *path, char *room, size_t room_size)
{
	assert(room_size >= PATH_MAX);
	return resolve(path, room);
}
