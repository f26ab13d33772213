#include "common/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/mem.h"

int file_read(const char *path, size_t limit_bytes, struct buf *buf, struct err *err)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;
	size_t start = buf->length;

	if (fd < 0)
		return err_set_errno(err, errno, "cannot read %s", path);
	if (fstat(fd, &status) < 0)
		return err_set_errno(err, errno, "cannot read %s", path);
	if (S_ISDIR(status.st_mode))
		return err_set(err, ERR_INVALID, "%s is a directory, not a file", path);
	if (!S_ISREG(status.st_mode))
		return err_set(err, ERR_INVALID, "%s is not a regular file", path);
	if ((uintmax_t)status.st_size > limit_bytes)
		return err_set(err, ERR_INVALID, "%s is too large: %jd bytes, at most %zu are read",
		    path, (intmax_t)status.st_size, limit_bytes);
	buf_reserve(buf, (size_t)status.st_size + 1);
	for (;;) {
		size_t room = buf->capacity - buf->length - 1;
		ssize_t got = read(fd, buf->data + buf->length, room);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set_errno(err, errno, "cannot read %s", path);
		if (got == 0)
			break;
		buf->length += (size_t)got;
		if (buf->length - start > limit_bytes)
			return err_set(err, ERR_INVALID,
			    "%s is too large: at most %zu bytes are read", path, limit_bytes);
		buf_reserve(buf, 4096);
	}
	buf->data[buf->length] = 0;
	return 0;
}

int file_write_all(int fd, const void *bytes, size_t length, struct err *err)
{
	const char *next = bytes;

	while (length) {
		ssize_t put = write(fd, next, length);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return err_set_errno(err, errno, "cannot write");
		next += put;
		length -= (size_t)put;
	}
	return 0;
}

static int sync_folder(const char *path, struct err *err)
{
	AUTO_FREE char *folder = file_folder(path);
	AUTO_CLOSE int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return err_set_errno(err, errno, "cannot sync the folder %s", folder);
	return 0;
}

int file_write_atomic(
    const char *path, const void *bytes, size_t length, mode_t mode, struct err *err)
{
	AUTO_FREE char *temporary = mem_printf("%s.XXXXXX", path);
	AUTO_CLOSE int fd = mkostemp(temporary, O_CLOEXEC);

	if (fd < 0)
		return err_set_errno(err, errno, "cannot create a file beside %s", path);
	if (file_write_all(fd, bytes, length, err) < 0) {
		(void)unlink(temporary);
		return err_prefix(err, "%s", path);
	}
	if (fchmod(fd, mode) < 0 || fsync(fd) < 0 || rename(temporary, path) < 0) {
		(void)err_set_errno(err, errno, "cannot write %s", path);
		(void)unlink(temporary);
		return -1;
	}
	return sync_folder(path, err);
}

int file_make_folders(const char *path, mode_t mode, struct err *err)
{
	AUTO_FREE char *copy = mem_strdup(path);

	for (char *slash = copy + 1; *copy; slash++) {
		char kept = *slash;

		if (kept && kept != '/')
			continue;
		*slash = 0;
		if (mkdir(copy, mode) < 0 && errno != EEXIST)
			return err_set_errno(err, errno, "cannot create the folder %s", copy);
		*slash = kept;
		if (!kept)
			break;
	}
	return 0;
}

static int remove_at(int parent, const char *name, struct err *err)
{
	struct dirent *entry;
	DIR *folder;
	int fd, result = 0;

	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return err_set_errno(err, errno, "cannot remove %s", name);
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	folder = fd < 0 ? NULL : fdopendir(fd);
	if (!folder) {
		(void)err_set_errno(err, errno, "cannot open the folder %s", name);
		if (fd >= 0)
			(void)close(fd);
		return -1;
	}
	while (result == 0 && (entry = readdir(folder)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			result = remove_at(fd, entry->d_name, err);
	(void)closedir(folder);
	if (result == 0 && unlinkat(parent, name, AT_REMOVEDIR) < 0)
		return err_set_errno(err, errno, "cannot remove the folder %s", name);
	return result;
}

int file_remove_tree(const char *path, struct err *err)
{
	return remove_at(AT_FDCWD, path, err);
}

bool file_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

char *file_join(const char *folder, const char *name)
{
	if (name[0] == '/' || !folder[0])
		return mem_strdup(name);
	return mem_printf("%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/", name);
}

char *file_folder(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return mem_strdup(".");
	return slash == path ? mem_strdup("/") : mem_strndup(path, (size_t)(slash - path));
}

int file_resolve(const char *path, char **ret_path, struct err *err)
{
	char *resolved = realpath(path, NULL);

	if (!resolved)
		return err_set_errno(err, errno, "%s", path);
	*ret_path = resolved;
	return 0;
}

int file_sealed_memfd(
    const char *name, const void *bytes, size_t length, int *ret_fd, struct err *err)
{
	AUTO_CLOSE int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return err_set_errno(err, errno, "cannot create a memory file");
	if (file_write_all(fd, bytes, length, err) < 0)
		return err_prefix(err, "memory file");
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return err_set_errno(err, errno, "cannot seal a memory file");
	*ret_fd = TAKE_FD(fd);
	return 0;
}
