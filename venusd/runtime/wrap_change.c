/* Changing the file system: names, links, folders, metadata; and the current folder. */
#include "venusd/runtime/wrap.h"

#include <stdio.h>
#include <sys/time.h>
#include <unistd.h>
#include <utime.h>

static int seen(enum observe_kind kind, int folder_fd, const char *path, int result)
{
	if (observe_active())
		observe_path(kind, folder_fd, path, wrap_result(result < 0));
	return result;
}

int mkdir(const char *path, mode_t mode)
{
	return seen(OBSERVE_WRITE, AT_FDCWD, path, real()->mkdirat(AT_FDCWD, path, mode));
}

int mkdirat(int folder_fd, const char *path, mode_t mode)
{
	return seen(OBSERVE_WRITE, folder_fd, path, real()->mkdirat(folder_fd, path, mode));
}

int mknod(const char *path, mode_t mode, dev_t device)
{
	return seen(OBSERVE_WRITE, AT_FDCWD, path, real()->mknodat(AT_FDCWD, path, mode, device));
}

int mknodat(int folder_fd, const char *path, mode_t mode, dev_t device)
{
	return seen(OBSERVE_WRITE, folder_fd, path, real()->mknodat(folder_fd, path, mode, device));
}

int mkfifo(const char *path, mode_t mode)
{
	return seen(
	    OBSERVE_WRITE, AT_FDCWD, path, real()->mknodat(AT_FDCWD, path, mode | S_IFIFO, 0));
}

int mkfifoat(int folder_fd, const char *path, mode_t mode)
{
	return seen(
	    OBSERVE_WRITE, folder_fd, path, real()->mknodat(folder_fd, path, mode | S_IFIFO, 0));
}

int rmdir(const char *path)
{
	return seen(OBSERVE_REMOVE, AT_FDCWD, path, real()->unlinkat(AT_FDCWD, path, AT_REMOVEDIR));
}

int unlink(const char *path)
{
	return seen(OBSERVE_REMOVE, AT_FDCWD, path, real()->unlinkat(AT_FDCWD, path, 0));
}

int unlinkat(int folder_fd, const char *path, int flags)
{
	return seen(OBSERVE_REMOVE, folder_fd, path, real()->unlinkat(folder_fd, path, flags));
}

int remove(const char *path)
{
	return seen(OBSERVE_REMOVE, AT_FDCWD, path, real()->remove(path));
}

static int seen_rename(int old_fd, const char *old_path, int new_fd, const char *new_path,
    unsigned int flags, int result)
{
	if (!observe_active())
		return result;
	(void)seen(OBSERVE_REMOVE, old_fd, old_path, result);
	(void)seen(OBSERVE_WRITE, new_fd, new_path, result);
	if (flags & RENAME_EXCHANGE) {
		(void)seen(OBSERVE_WRITE, old_fd, old_path, result);
		(void)seen(OBSERVE_REMOVE, new_fd, new_path, result);
	}
	if (result == 0)
		observe_folder_changed(); /* the current folder may stand below what was renamed */
	return result;
}

int rename(const char *old_path, const char *new_path)
{
	return seen_rename(AT_FDCWD, old_path, AT_FDCWD, new_path, 0,
	    real()->renameat(AT_FDCWD, old_path, AT_FDCWD, new_path));
}

int renameat(int old_fd, const char *old_path, int new_fd, const char *new_path)
{
	return seen_rename(old_fd, old_path, new_fd, new_path, 0,
	    real()->renameat(old_fd, old_path, new_fd, new_path));
}

int renameat2(
    int old_fd, const char *old_path, int new_fd, const char *new_path, unsigned int flags)
{
	return seen_rename(old_fd, old_path, new_fd, new_path, flags,
	    real()->renameat2(old_fd, old_path, new_fd, new_path, flags));
}

int symlink(const char *target, const char *path)
{
	return seen(OBSERVE_WRITE, AT_FDCWD, path, real()->symlinkat(target, AT_FDCWD, path));
}

int symlinkat(const char *target, int folder_fd, const char *path)
{
	return seen(OBSERVE_WRITE, folder_fd, path, real()->symlinkat(target, folder_fd, path));
}

/* What the new name holds is what the old one held. */
static int seen_link(int old_fd, const char *old_path, int new_fd, const char *new_path, int result)
{
	(void)seen(OBSERVE_READ, old_fd, old_path, result);
	return seen(OBSERVE_WRITE, new_fd, new_path, result);
}

int link(const char *old_path, const char *new_path)
{
	return seen_link(AT_FDCWD, old_path, AT_FDCWD, new_path,
	    real()->linkat(AT_FDCWD, old_path, AT_FDCWD, new_path, 0));
}

int linkat(int old_fd, const char *old_path, int new_fd, const char *new_path, int flags)
{
	return seen_link(old_fd, old_path, new_fd, new_path,
	    real()->linkat(old_fd, old_path, new_fd, new_path, flags));
}

int truncate(const char *path, off_t size)
{
	return seen(OBSERVE_WRITE, AT_FDCWD, path, real()->truncate(path, size));
}

int truncate64(const char *path, off64_t size)
{
	return seen(OBSERVE_WRITE, AT_FDCWD, path, real()->truncate(path, size));
}

int chmod(const char *path, mode_t mode)
{
	return seen(OBSERVE_WRITE, AT_FDCWD, path, real()->fchmodat(AT_FDCWD, path, mode, 0));
}

int fchmodat(int folder_fd, const char *path, mode_t mode, int flags)
{
	return seen(OBSERVE_WRITE, folder_fd, path, real()->fchmodat(folder_fd, path, mode, flags));
}

int chown(const char *path, uid_t user, gid_t group)
{
	return seen(
	    OBSERVE_WRITE, AT_FDCWD, path, real()->fchownat(AT_FDCWD, path, user, group, 0));
}

int lchown(const char *path, uid_t user, gid_t group)
{
	return seen(OBSERVE_WRITE, AT_FDCWD, path,
	    real()->fchownat(AT_FDCWD, path, user, group, AT_SYMLINK_NOFOLLOW));
}

int fchownat(int folder_fd, const char *path, uid_t user, gid_t group, int flags)
{
	return seen(
	    OBSERVE_WRITE, folder_fd, path, real()->fchownat(folder_fd, path, user, group, flags));
}

int utimensat(int folder_fd, const char *path, const struct timespec times[2], int flags)
{
	return seen(
	    OBSERVE_WRITE, folder_fd, path, real()->utimensat(folder_fd, path, times, flags));
}

int utimes(const char *path, const struct timeval times[2])
{
	struct timespec exact[2];

	for (size_t i = 0; times && i < 2; i++) {
		if (times[i].tv_usec < 0 || times[i].tv_usec > 999999) {
			errno = EINVAL;
			return -1;
		}
		exact[i] = (struct timespec){times[i].tv_sec, times[i].tv_usec * 1000};
	}
	return seen(OBSERVE_WRITE, AT_FDCWD, path,
	    real()->utimensat(AT_FDCWD, path, times ? exact : NULL, 0));
}

int utime(const char *path, const struct utimbuf *times)
{
	struct timespec exact[2] = {{0}};

	if (times) {
		exact[0].tv_sec = times->actime;
		exact[1].tv_sec = times->modtime;
	}
	return seen(OBSERVE_WRITE, AT_FDCWD, path,
	    real()->utimensat(AT_FDCWD, path, times ? exact : NULL, 0));
}

int chdir(const char *path)
{
	int result = real()->chdir(path);

	if (observe_active()) {
		(void)seen(OBSERVE_STAT, AT_FDCWD, path, result);
		if (result == 0)
			observe_folder_changed();
	}
	return result;
}

int fchdir(int folder_fd)
{
	int result = real()->fchdir(folder_fd);

	observe_folder_changed();
	return result;
}
