/*
 * What leaves the reach of observation: child processes, walks inside the C library, bare system
 * calls. And new threads, which get a signal stack, so that an overflow of theirs is told like one
 * of the main thread.
 */
#include "venusd/runtime/wrap.h"

#include <pty.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utmp.h>

#include "venusd/runtime/control.h"
#include "venusd/runtime/crash.h"

static pid_t fork_unobserved(void)
{
	pid_t pid;

	observe_incomplete();
	pid = real()->fork();
	if (pid == 0) {
		observe_stop_in_child();
		control_close_in_child();
	}
	return pid;
}

pid_t fork(void)
{
	return fork_unobserved();
}

/* A child that shares its parent's memory until it ends would stop the parent's observation; POSIX
 * allows vfork to be fork. */
pid_t vfork(void)
{
	return fork_unobserved();
}

int posix_spawn(pid_t *ret_pid, const char *path, const posix_spawn_file_actions_t *actions,
    const posix_spawnattr_t *attributes, char *const argv[], char *const env[])
{
	observe_incomplete();
	return real()->posix_spawn(ret_pid, path, actions, attributes, argv, env);
}

int posix_spawnp(pid_t *ret_pid, const char *file, const posix_spawn_file_actions_t *actions,
    const posix_spawnattr_t *attributes, char *const argv[], char *const env[])
{
	observe_incomplete();
	return real()->posix_spawnp(ret_pid, file, actions, attributes, argv, env);
}

/* Rust seeds its HashMaps with bytes that need not be random (GRND_INSECURE): with the same ones
 * each time, a map is walked in the same order each time. Who asks for real randomness gets it. */
ssize_t getrandom(void *buffer, size_t length, unsigned int flags)
{
	if (!(flags & GRND_INSECURE))
		return real()->getrandom(buffer, length, flags);
	memset(buffer, 0x5a, length);
	return (ssize_t)length;
}

int system(const char *command)
{
	observe_incomplete();
	return real()->system(command);
}

FILE *popen(const char *command, const char *mode)
{
	observe_incomplete();
	return real()->popen(command, mode);
}

int glob(const char *pattern, int flags, int (*on_error)(const char *, int), glob_t *ret_paths)
{
	observe_incomplete();
	return real()->glob(pattern, flags, on_error, ret_paths);
}

static_assert(sizeof(glob_t) == sizeof(glob64_t), "both names of glob fill the same structure");

int glob64(const char *pattern, int flags, int (*on_error)(const char *, int), glob64_t *ret_paths)
{
	observe_incomplete();
	return real()->glob(pattern, flags, on_error, (glob_t *)(void *)ret_paths);
}

int ftw(const char *path, __ftw_func_t visit, int descriptors)
{
	observe_incomplete();
	return real()->ftw(path, visit, descriptors);
}

int ftw64(const char *path, __ftw64_func_t visit, int descriptors)
{
	observe_incomplete();
	return real()->ftw(path, (__ftw_func_t)(void (*)(void))visit, descriptors);
}

int nftw(const char *path, __nftw_func_t visit, int descriptors, int flags)
{
	observe_incomplete();
	return real()->nftw(path, visit, descriptors, flags);
}

int nftw64(const char *path, __nftw64_func_t visit, int descriptors, int flags)
{
	observe_incomplete();
	return real()->nftw(path, (__nftw_func_t)(void (*)(void))visit, descriptors, flags);
}

FTS *fts_open(char *const *paths, int options, int (*compare)(const FTSENT **, const FTSENT **))
{
	observe_incomplete();
	return real()->fts_open(paths, options, compare);
}

/* System calls that name files, or make processes, by number. */
static bool is_followed(long number)
{
	switch (number) {
	case SYS_openat:
	case SYS_openat2:
	case SYS_open_by_handle_at:
	case SYS_newfstatat:
	case SYS_statx:
	case SYS_faccessat:
	case SYS_faccessat2:
	case SYS_readlinkat:
	case SYS_mkdirat:
	case SYS_mknodat:
	case SYS_unlinkat:
	case SYS_renameat2:
	case SYS_symlinkat:
	case SYS_linkat:
	case SYS_truncate:
	case SYS_fchmodat:
	case SYS_fchownat:
	case SYS_utimensat:
	case SYS_clone:
	case SYS_clone3:
	case SYS_io_uring_enter:
#ifdef SYS_open
	case SYS_open:
	case SYS_creat:
	case SYS_stat:
	case SYS_lstat:
	case SYS_access:
	case SYS_readlink:
	case SYS_mkdir:
	case SYS_mknod:
	case SYS_rmdir:
	case SYS_unlink:
	case SYS_rename:
	case SYS_renameat:
	case SYS_symlink:
	case SYS_link:
	case SYS_chmod:
	case SYS_chown:
	case SYS_lchown:
	case SYS_utimes:
	case SYS_fork:
	case SYS_vfork:
#endif
		return true;
	default: return false;
	}
}

/* Six arguments are fetched whatever the caller gave, as the C library's own function does; the
 * surplus goes unused, and a checker of memory accesses must not look at it. */
__attribute__((no_sanitize("address"))) long syscall(long number, ...)
{
	long argument[6], result;
	va_list args;

	va_start(args, number);
	for (size_t i = 0; i < 6; i++)
		argument[i] = va_arg(args, long);
	va_end(args);
	if (observe_active() && is_followed(number))
		observe_incomplete();
	result = real()->syscall(
	    number, argument[0], argument[1], argument[2], argument[3], argument[4], argument[5]);
	if (number == SYS_chdir || number == SYS_fchdir)
		observe_folder_changed();
	return result;
}

struct start {
	void *(*main)(void *argument);
	void *argument;
};

static void leave_thread(void *stack)
{
	crash_stack_close(stack);
}

static void *enter_thread(void *payload)
{
	struct start start = *(struct start *)payload;
	void *result;

	free(payload);
	pthread_cleanup_push(leave_thread, crash_stack_open());
	result = start.main(start.argument);
	pthread_cleanup_pop(1);
	return result;
}

int pthread_create(pthread_t *ret_thread, const pthread_attr_t *attributes,
    void *(*main)(void *argument), void *argument)
{
	struct start *start = malloc(sizeof *start);
	int result;

	if (!start)
		return EAGAIN;
	*start = (struct start){main, argument};
	result = real()->pthread_create(ret_thread, attributes, enter_thread, start);
	if (result != 0)
		free(start);
	return result;
}
