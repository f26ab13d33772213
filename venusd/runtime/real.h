#ifndef VENUSD_RUNTIME_REAL_H
#define VENUSD_RUNTIME_REAL_H

#include <dirent.h>
#include <fcntl.h>
#include <fts.h>
#include <ftw.h>
#include <glob.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

/*
 * The C library's own functions, behind those that venus-worker defines in their place (observe.h).
 * A member is NULL where the C library has no such function. Where the kernel has an "at" form of a
 * call, only that is kept: the others are written with it.
 */
/* clang-format off */
#define REAL_FUNCTIONS(F)                                                                          \
	F(int, openat, (int, const char *, int, ...))                                              \
	F(FILE *, fopen, (const char *, const char *))                                             \
	F(FILE *, freopen, (const char *, const char *, FILE *))                                   \
	F(DIR *, opendir, (const char *))                                                          \
	F(int, scandirat, (int, const char *, struct dirent ***, int (*)(const struct dirent *),   \
	    int (*)(const struct dirent **, const struct dirent **)))                              \
	F(int, mkostemps, (char *, int, int))                                                      \
	F(char *, mkdtemp, (char *))                                                               \
	F(int, fstatat, (int, const char *, struct stat *, int))                                   \
	F(int, statx, (int, const char *, int, unsigned int, struct statx *))                      \
	F(int, faccessat, (int, const char *, int, int))                                           \
	F(ssize_t, readlinkat, (int, const char *, char *, size_t))                                \
	F(char *, realpath, (const char *, char *))                                                \
	F(int, mkdirat, (int, const char *, mode_t))                                               \
	F(int, mknodat, (int, const char *, mode_t, dev_t))                                        \
	F(int, unlinkat, (int, const char *, int))                                                 \
	F(int, remove, (const char *))                                                             \
	F(int, renameat, (int, const char *, int, const char *))                                   \
	F(int, renameat2, (int, const char *, int, const char *, unsigned int))                    \
	F(int, symlinkat, (const char *, int, const char *))                                       \
	F(int, linkat, (int, const char *, int, const char *, int))                                \
	F(int, truncate, (const char *, off_t))                                                    \
	F(int, fchmodat, (int, const char *, mode_t, int))                                         \
	F(int, fchownat, (int, const char *, uid_t, gid_t, int))                                   \
	F(int, utimensat, (int, const char *, const struct timespec *, int))                       \
	F(int, chdir, (const char *))                                                              \
	F(int, fchdir, (int))                                                                      \
	F(pid_t, fork, (void))                                                                     \
	F(int, posix_spawn, (pid_t *, const char *, const posix_spawn_file_actions_t *,            \
	    const posix_spawnattr_t *, char *const[], char *const[]))                              \
	F(int, posix_spawnp, (pid_t *, const char *, const posix_spawn_file_actions_t *,           \
	    const posix_spawnattr_t *, char *const[], char *const[]))                              \
	F(ssize_t, getrandom, (void *, size_t, unsigned int))                                      \
	F(int, system, (const char *))                                                             \
	F(FILE *, popen, (const char *, const char *))                                             \
	F(int, glob, (const char *, int, int (*)(const char *, int), glob_t *))                    \
	F(int, ftw, (const char *, __ftw_func_t, int))                                             \
	F(int, nftw, (const char *, __nftw_func_t, int, int))                                      \
	F(FTS *, fts_open, (char *const *, int, int (*)(const FTSENT **, const FTSENT **)))        \
	F(long, syscall, (long, ...))                                                              \
	F(int, pthread_create, (pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))

/* NOLINTNEXTLINE(bugprone-macro-parentheses): parts of a declaration take none */
#define REAL_MEMBER(type, name, parameters) type(*name) parameters;
struct real {
	REAL_FUNCTIONS(REAL_MEMBER)
};
#undef REAL_MEMBER
/* clang-format on */

/* Any thread, from the first instruction of the process on. */
const struct real *real(void);

#endif
