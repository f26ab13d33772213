#include "common/home.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/mem.h"

#define IPC_SCHEME "ipc://"

void home_fini(struct home *home)
{
	free(home->socket_path);
	free(home->url);
	free(home->runtime);
	free(home->lock);
	free(home->state);
	free(home->cache);
	free(home->config);
	free(home->log);
	memset(home, 0, sizeof *home);
}

/* The XDG rules: a variable that is empty or holds a relative path counts as unset. */
static const char *absolute_variable(const char *name)
{
	const char *value = getenv(name);

	return value && value[0] == '/' ? value : NULL;
}

static int make_absolute(const char *path, char **ret_path, struct err *err)
{
	char folder[PATH_MAX];

	if (path[0] == '/') {
		*ret_path = mem_strdup(path);
		return 0;
	}
	if (!getcwd(folder, sizeof folder))
		return err_set_errno(err, errno, "%s: cannot tell the current folder", path);
	*ret_path = file_join(folder, path);
	return 0;
}

static void strip_slashes(char *path)
{
	for (size_t end = strlen(path); end > 1 && path[end - 1] == '/'; end--)
		path[end - 1] = 0;
}

static int check_socket_length(const struct home *home, struct err *err)
{
	size_t length = strlen(home->socket_path);

	if (length <= HOME_SOCKET_PATH_MAX)
		return 0;
	return err_set(err, ERR_FULL,
	    "the path of the daemon's socket, %s, has %zu bytes, and the system allows %d: set "
	    "VENUS_HOME to a folder with a shorter path",
	    home->socket_path, length, HOME_SOCKET_PATH_MAX);
}

/* Fills what follows from the folders. */
static int finish(struct home *home, struct err *err)
{
	home->socket_path = file_join(home->runtime, "venusd.sock");
	home->url = mem_printf(IPC_SCHEME "%s", home->socket_path);
	home->lock = file_join(home->runtime, "venusd.lock");
	home->log = file_join(home->state, "venusd.log");
	return check_socket_length(home, err);
}

static int find_in_one_folder(const char *folder, struct home *home, struct err *err)
{
	if (make_absolute(folder, &home->runtime, err) < 0)
		return err_prefix(err, "VENUS_HOME");
	strip_slashes(home->runtime);
	home->state = file_join(home->runtime, "state");
	home->cache = file_join(home->runtime, "cache");
	home->config = file_join(home->runtime, "config");
	return finish(home, err);
}

static int find_user_folder(char **ret_folder, struct err *err)
{
	const char *folder = absolute_variable("HOME");
	const struct passwd *user;

	if (!folder) {
		user = getpwuid(geteuid());
		folder = user && user->pw_dir && user->pw_dir[0] == '/' ? user->pw_dir : NULL;
	}
	if (!folder)
		return err_set(err, ERR_UNAVAILABLE,
		    "user %u has no home folder: set HOME, or VENUS_HOME to a folder for venus to "
		    "use",
		    (unsigned)geteuid());
	*ret_folder = mem_strdup(folder);
	return 0;
}

static char *find_base(const char *variable, const char *user_folder, const char *otherwise)
{
	const char *base = absolute_variable(variable);

	return base ? file_join(base, "venus") : mem_printf("%s/%s/venus", user_folder, otherwise);
}

static int find_in_base_folders(struct home *home, struct err *err)
{
	const char *runtime = absolute_variable("XDG_RUNTIME_DIR");
	AUTO_FREE char *user_folder = NULL;

	if (find_user_folder(&user_folder, err) < 0)
		return -1;
	strip_slashes(user_folder);
	home->runtime_is_shared = !runtime;
	home->runtime = runtime ? file_join(runtime, "venus")
				: mem_printf("/tmp/venus-%u", (unsigned)geteuid());
	home->state = find_base("XDG_STATE_HOME", user_folder, ".local/state");
	home->cache = find_base("XDG_CACHE_HOME", user_folder, ".cache");
	home->config = find_base("XDG_CONFIG_HOME", user_folder, ".config");
	return finish(home, err);
}

int home_find(struct home *ret_home, struct err *err)
{
	AUTO_HOME struct home home = {0};
	const char *folder = getenv("VENUS_HOME");
	int result = folder && folder[0] ? find_in_one_folder(folder, &home, err)
					 : find_in_base_folders(&home, err);

	if (result < 0)
		return -1;
	*ret_home = home;
	memset(&home, 0, sizeof home);
	return 0;
}

int home_set_socket(struct home *home, const char *url, struct err *err)
{
	const char *path = url;
	AUTO_FREE char *absolute = NULL;

	if (strncmp(url, IPC_SCHEME, strlen(IPC_SCHEME)) == 0)
		path = url + strlen(IPC_SCHEME);
	else if (strstr(url, "://"))
		return err_set(
		    err, ERR_INVALID, "the socket %s is not of the form ipc://PATH", url);
	if (!path[0])
		return err_set(err, ERR_INVALID, "the socket %s has no path", url);
	if (make_absolute(path, &absolute, err) < 0)
		return -1;
	free(home->socket_path);
	free(home->url);
	home->url = mem_printf(IPC_SCHEME "%s", absolute);
	home->socket_path = TAKE_PTR(absolute);
	return check_socket_length(home, err);
}

/* `is_shared`: the parent is writable for everybody, so a link or a folder that somebody else put
 * there must not be used. */
static int make_private_folder(const char *path, bool is_shared, struct err *err)
{
	mode_t forbidden = is_shared ? S_IRWXG | S_IRWXO : S_IWGRP | S_IWOTH;
	AUTO_CLOSE int fd = -1;
	struct stat status;

	if (file_make_folders(path, 0700, err) < 0)
		return -1;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (is_shared ? O_NOFOLLOW : 0));
	if (fd < 0 && is_shared && (errno == ELOOP || errno == ENOTDIR))
		return err_set(err, ERR_DENIED,
		    "%s is not a folder: remove it, or set VENUS_HOME to a folder of your own",
		    path);
	if (fd < 0 || fstat(fd, &status) < 0)
		return err_set_errno(err, errno, "cannot use the folder %s", path);
	if (status.st_uid != geteuid())
		return err_set(err, ERR_DENIED,
		    "the folder %s belongs to user %u, not to you: set VENUS_HOME to a folder of "
		    "your own",
		    path, (unsigned)status.st_uid);
	if (status.st_mode & forbidden)
		return err_set(err, ERR_DENIED,
		    "the folder %s is open to other users (mode %04o): run chmod %s %s", path,
		    (unsigned)(status.st_mode & 07777), is_shared ? "go-rwx" : "go-w", path);
	return 0;
}

int home_make(const struct home *home, struct err *err)
{
	if (make_private_folder(home->runtime, home->runtime_is_shared, err) < 0 ||
	    make_private_folder(home->state, false, err) < 0 ||
	    make_private_folder(home->cache, false, err) < 0 ||
	    make_private_folder(home->config, false, err) < 0)
		return -1;
	return 0;
}
