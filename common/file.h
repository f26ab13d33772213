#ifndef VENUS_COMMON_FILE_H
#define VENUS_COMMON_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/buf.h"
#include "common/err.h"

/* Files and paths. Blocking; any thread. Every descriptor is close-on-exec. */

/* Appends a regular file's bytes to `buf`. A directory, a fifo, or more than `limit_bytes` is an
 * error; so is no such file. */
int file_read(const char *path, size_t limit_bytes, struct buf *buf, struct err *err);
/* Temporary file, fsync, rename, fsync of the folder: afterwards the path holds the old or the new
 * bytes, never a mix. */
int file_write_atomic(
    const char *path, const void *bytes, size_t length, mode_t mode, struct err *err);
/* Creates a folder and its parents, each with `mode`; existing ones stay as they are. */
int file_make_folders(const char *path, mode_t mode, struct err *err);
/* Removes a folder with all below it, never following a symbolic link. What is not there is no
 * error. */
int file_remove_tree(const char *path, struct err *err);
int file_write_all(int fd, const void *bytes, size_t length, struct err *err);
bool file_exists(const char *path);
/* "a/b" from "a" and "b"; a `name` that begins with '/' stands alone. Owned by the caller. */
char *file_join(const char *folder, const char *name);
/* Folder part of a path: "/a" of "/a/b", "." of "b". Owned by the caller. */
char *file_folder(const char *path);
/* Absolute path without symbolic links. ERR_NOT_FOUND if it is not there. Owned by the caller. */
int file_resolve(const char *path, char **ret_path, struct err *err);
/* A memfd with these bytes, sealed against every change. */
int file_sealed_memfd(
    const char *name, const void *bytes, size_t length, int *ret_fd, struct err *err);

#endif
