/* Cells that each do one thing with files. The working directory holds in.txt, sub/a.txt, and link,
 * which leads to in.txt. */
#include "plain.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <ftw.h>
#include <glob.h>
#include <limits.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utime.h>

int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int folder_fd, const char *path, int flags);
int __openat64_2(int folder_fd, const char *path, int flags);
int __xstat(int version, const char *path, struct stat *ret_status);
int __xstat64(int version, const char *path, struct stat64 *ret_status);
int __lxstat(int version, const char *path, struct stat *ret_status);
int __lxstat64(int version, const char *path, struct stat64 *ret_status);
int __fxstatat(int version, int folder_fd, const char *path, struct stat *ret_status, int flags);
int __fxstatat64(
    int version, int folder_fd, const char *path, struct stat64 *ret_status, int flags);
ssize_t __readlink_chk(const char *path, char *room, size_t size, size_t room_size);
ssize_t __readlinkat_chk(
    int folder_fd, const char *path, char *room, size_t size, size_t room_size);
char *__realpath_chk(const char *path, char *room, size_t room_size);

const struct plain_glue text_glue = {"Text", true, false, false};

static struct stat status;
static struct stat64 status64;
static char room[PATH_MAX];

static void done(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

static void done_stream(FILE *stream)
{
	if (stream)
		(void)fclose(stream);
}

/* The value of a cell says what its calls returned where the test wants to know. */
static void told(struct plain_frame *frame, long result)
{
	char text[64];

	(void)snprintf(
	    text, sizeof text, "%ld %s;", result, result < 0 ? strerrorname_np(errno) : "");
	plain_text(frame, text);
}

static void scanned(struct plain_frame *frame, int count, void **list)
{
	told(frame, count);
	for (int i = 0; i < count; i++)
		free(list[i]);
	free(list);
}

/* clang-format off */
#define CELL(name, ...)                                                                            \
	plain_cell name;                                                                           \
	void name(struct plain_frame *frame) { (void)frame; __VA_ARGS__; }

CELL(c_open, done(open("in.txt", O_RDONLY)))
CELL(c_open64, done(open64("in.txt", O_RDONLY)))
CELL(c_openat, done(openat(AT_FDCWD, "in.txt", O_RDONLY)))
CELL(c_openat64, done(openat64(AT_FDCWD, "in.txt", O_RDONLY)))
CELL(c_open_checked, done(__open_2("in.txt", O_RDONLY)); done(__open64_2("./sub//a.txt", O_RDONLY)))
CELL(c_openat_checked, done(__openat_2(AT_FDCWD, "in.txt", O_RDONLY)); done(__openat64_2(AT_FDCWD, "sub/a.txt", O_RDONLY)))
CELL(c_open_missing, errno = 0; told(frame, open("none", O_RDONLY)))
CELL(c_open_create, done(open("new", O_WRONLY | O_CREAT, 0640)); told(frame, stat("new", &status)); told(frame, status.st_mode & 0777))
CELL(c_open_update, done(open("in.txt", O_RDWR)))
CELL(c_open_truncate, done(open("in.txt", O_RDWR | O_TRUNC)))
CELL(c_open_exclusive, done(open("in.txt", O_RDWR | O_CREAT | O_EXCL, 0600)); done(open("fresh", O_RDWR | O_CREAT | O_EXCL, 0600)))
CELL(c_open_unnamed, done(open(".", O_TMPFILE | O_RDWR, 0600)))
CELL(c_open_path, done(open("sub", O_PATH | O_DIRECTORY)))
CELL(c_open_folder, done(open("sub", O_RDONLY)); done(open("sub", O_RDONLY | O_DIRECTORY)))
CELL(c_creat, done(creat("one", 0600)); done(creat64("two", 0600)))
CELL(c_fopen, done_stream(fopen("in.txt", "r")); done_stream(fopen64("out.txt", "we")))
CELL(c_fopen_update, done_stream(fopen("in.txt", "r+")); done_stream(fopen("out.txt", "a")); done_stream(fopen("none", "r")))
CELL(c_fopen_exclusive, done_stream(fopen("in.txt", "wx")); done_stream(fopen("out.txt", "w+")))
CELL(c_freopen, done_stream(freopen64("sub/a.txt", "r", freopen("in.txt", "r", fopen("/dev/null", "r")))))
CELL(c_opendir, DIR *d = opendir("sub"); closedir(d); (void)!opendir("none"))
CELL(c_scandir, struct dirent **l; struct dirent64 **m; int n = scandir("sub", &l, NULL, alphasort); scanned(frame, n, (void **)l);
	n = scandir64("sub/", &m, NULL, alphasort64); scanned(frame, n, (void **)m);
	n = scandirat64(AT_FDCWD, "./sub/", &m, NULL, alphasort64); scanned(frame, n, (void **)m);
	told(frame, scandirat(AT_FDCWD, "none", &l, NULL, NULL)))
CELL(c_temporary, char a[] = "a-XXXXXX", b[] = "b-XXXXXX.txt", c[] = "c-XXXXXX", d[] = "d-XXXXXX";
	done(mkstemp(a)); done(mkostemps64(b, 4, O_CLOEXEC)); done(mkostemp(c, 0)); told(frame, mkdtemp(d) == d);
	plain_text(frame, a); plain_text(frame, b); plain_text(frame, c); plain_text(frame, d))

CELL(c_stat, stat("in.txt", &status); stat64("sub", &status64); told(frame, stat("none", &status)))
CELL(c_lstat, lstat("link", &status); lstat64("sub", &status64))
CELL(c_fstatat, fstatat(AT_FDCWD, "in.txt", &status, 0); fstatat64(AT_FDCWD, "sub", &status64, 0))
CELL(c_old_stat, __xstat(1, "in.txt", &status); __xstat64(1, "sub", &status64); __lxstat(1, "link", &status);
	__lxstat64(1, "none", &status64); told(frame, __xstat(99, "sub/a.txt", &status)))
CELL(c_old_fstatat, __fxstatat(1, AT_FDCWD, "in.txt", &status, 0); __fxstatat64(1, AT_FDCWD, "sub", &status64, 0))
CELL(c_statx, struct statx x; statx(AT_FDCWD, "in.txt", 0, STATX_ALL, &x); statx(AT_FDCWD, "none", 0, STATX_ALL, &x))
CELL(c_itself, struct statx x; int fd = open("in.txt", O_RDONLY); statx(fd, "", AT_EMPTY_PATH, STATX_ALL, &x);
	fstatat(fd, "", &status, AT_EMPTY_PATH); fstat(fd, &status); told(frame, (long)status.st_size); done(fd))
CELL(c_access, access("in.txt", R_OK); faccessat(AT_FDCWD, "sub", R_OK, 0); euidaccess("none", F_OK); eaccess("sub/a.txt", F_OK))
CELL(c_readlink, told(frame, readlink("link", room, sizeof room)); readlinkat(AT_FDCWD, "in.txt", room, sizeof room))
CELL(c_readlink_checked, __readlink_chk("link", room, 10, sizeof room); __readlinkat_chk(AT_FDCWD, "sub", room, 10, sizeof room))
CELL(c_realpath, free(realpath("link", NULL)); free(canonicalize_file_name("none")); __realpath_chk("sub/../sub", room, sizeof room))

CELL(c_mkdir, mkdir("d1", 0700); mkdirat(AT_FDCWD, "d2", 0700); mkdir("sub", 0700))
CELL(c_mknod, mkfifo("f1", 0600); mkfifoat(AT_FDCWD, "f2", 0600); mknod("f3", S_IFIFO | 0600, 0); mknodat(AT_FDCWD, "f4", S_IFREG, 0))
CELL(c_remove, unlink("in.txt"); unlinkat(AT_FDCWD, "link", 0); remove("sub/a.txt"); rmdir("sub"); remove("none"))
CELL(c_rename, rename("in.txt", "x"); renameat(AT_FDCWD, "x", AT_FDCWD, "y"); renameat2(AT_FDCWD, "y", AT_FDCWD, "z", RENAME_NOREPLACE))
CELL(c_exchange, renameat2(AT_FDCWD, "in.txt", AT_FDCWD, "sub/a.txt", RENAME_EXCHANGE))
CELL(c_links, symlink("in.txt", "s1"); symlinkat("in.txt", AT_FDCWD, "s2"); link("in.txt", "h1"); linkat(AT_FDCWD, "sub/a.txt", AT_FDCWD, "h2", 0))
CELL(c_metadata, chmod("in.txt", 0600); truncate("sub/a.txt", 1); chown("none", 1, 1); lchown("none2", 1, 1); fchmodat(AT_FDCWD, "none3", 0600, 0);
	fchownat(AT_FDCWD, "none4", 1, 1, 0); truncate64("none5", 1))
CELL(c_times, struct timeval bad[2] = {{0, 5000000}, {0, 0}}; utimensat(AT_FDCWD, "in.txt", NULL, 0); told(frame, utimes("sub/a.txt", NULL));
	told(frame, utimes("none", bad)); told(frame, utime("none2", NULL)))

CELL(c_folders, told(frame, chdir("sub")); done(open("a.txt", O_RDONLY)); told(frame, chdir("none")); done(open("../in.txt", O_RDONLY)))
CELL(c_fchdir, int fd = open("sub", O_PATH); told(frame, fchdir(fd)); done(fd); done(open("a.txt", O_RDONLY)))
CELL(c_syscall_chdir, told(frame, syscall(SYS_chdir, "sub")); done(open("a.txt", O_RDONLY)))
CELL(c_moved, mkdir("was", 0700); told(frame, chdir("was")); told(frame, rename("../was", "../is")); done(creat("file", 0600)))
CELL(c_removed, mkdir("gone", 0700); told(frame, chdir("gone")); told(frame, rmdir("../gone")); told(frame, open("file", O_RDONLY)))
CELL(c_relative, int fd = open("sub", O_RDONLY | O_DIRECTORY); done(openat(fd, "a.txt", O_RDONLY)); fstatat(fd, "none", &status, 0);
	unlinkat(fd, "a.txt", 0); told(frame, openat(-5, "in.txt", O_RDONLY)); done(fd))
CELL(c_system_files, done(open("/proc/self/stat", O_RDONLY)); done(open("/dev/null", O_RDONLY)); stat("/sys", &status);
	done(open("/proc", O_RDONLY)))
CELL(c_odd_paths, told(frame, open("", O_RDONLY)); told(frame, open((const char *)8, O_RDONLY)); told(frame, stat("in.txt/", &status));
	done(open(".//sub/./a.txt", O_RDONLY)); stat("sub/", &status); stat("sub", &status))
CELL(c_long_path, char p[PATH_MAX + 2]; memset(p, 'x', PATH_MAX + 1); p[PATH_MAX + 1] = 0; told(frame, open(p, O_RDONLY)))
CELL(c_foreign_text, told(frame, open("\xff\xfe", O_RDONLY)))
CELL(c_twice, done(open("in.txt", O_RDONLY)); done(creat("out", 0600)); done(open("in.txt", O_RDONLY)); stat("in.txt", &status);
	stat("in.txt", &status))
CELL(c_kept_errno, errno = ESTALE; done(open("in.txt", O_RDONLY)); stat("in.txt", &status); (void)access("in.txt", F_OK);
	done_stream(fopen("in.txt", "r")); told(frame, errno == ESTALE))

CELL(c_fork, pid_t pid = fork(); if (pid == 0) _exit(open("in.txt", O_RDONLY) < 0); waitpid(pid, NULL, 0))
CELL(c_spawn, pid_t pid; char *argv[] = {"true", NULL}; told(frame, posix_spawn(&pid, "/bin/true", NULL, NULL, argv, NULL)); waitpid(pid, NULL, 0))
CELL(c_spawnp, pid_t pid; char *argv[] = {"true", NULL}; told(frame, posix_spawnp(&pid, "true", NULL, NULL, argv, NULL)); waitpid(pid, NULL, 0))
CELL(c_system, told(frame, system("exit 0")))
CELL(c_popen, pclose(popen("exit 0", "r")))
CELL(c_glob, glob_t g; told(frame, glob("*.txt", 0, NULL, &g)); globfree(&g))
CELL(c_syscall, done((int)syscall(SYS_openat, AT_FDCWD, "in.txt", O_RDONLY)))
CELL(c_syscall_other, told(frame, syscall(SYS_getpid) == getpid()))

static int visit(const char *path, const struct stat *s, int kind, struct FTW *f) { (void)path; (void)s; (void)kind; (void)f; return 0; }
CELL(c_nftw, told(frame, nftw("sub", visit, 3, 0)))
CELL(c_fts, char *paths[] = {"sub", NULL}; FTS *f = fts_open(paths, FTS_PHYSICAL, NULL); told(frame, f && fts_read(f)); fts_close(f))
/* clang-format on */

plain_cell c_threads, c_many, c_again;

static void *open_in_thread(void *path)
{
	done(open(path, O_RDONLY));
	return NULL;
}

void c_threads(struct plain_frame *frame)
{
	static char paths[4][16] = {"in.txt", "sub/a.txt", "none1", "none2"};
	pthread_t threads[4];

	(void)frame;
	for (size_t i = 0; i < 4; i++)
		(void)pthread_create(&threads[i], NULL, open_in_thread, paths[i]);
	for (size_t i = 0; i < 4; i++)
		(void)pthread_join(threads[i], NULL);
}

/* Asks about `n` different paths of `length` characters. */
void c_many(struct plain_frame *frame)
{
	size_t count = plain_number(frame, "n"), length = plain_number(frame, "length");
	char path[PATH_MAX];

	for (size_t i = 0; i < count; i++) {
		int used = snprintf(path, sizeof path, "%zu-", i);

		for (size_t k = (size_t)used; k < length; k++)
			path[k] = k % 200 == 199 ? '/' : 'x';
		path[length > (size_t)used ? length : (size_t)used] = 0;
		(void)access(path, F_OK);
	}
}

/* Opens one file `n` times and says how many microseconds that took. */
void c_again(struct plain_frame *frame)
{
	size_t count = plain_number(frame, "n");
	const char *path = plain_setting(frame, "path");
	struct timeval before, after;

	(void)gettimeofday(&before, NULL);
	for (size_t i = 0; i < count; i++)
		done(open(path, O_RDONLY));
	(void)gettimeofday(&after, NULL);
	told(frame, (after.tv_sec - before.tv_sec) * 1000000 + after.tv_usec - before.tv_usec);
}
