#include "venusctl/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/mem.h"
#include "venusctl/format.h"
#include "venusctl/text_safe.h"

/*
 * The log is a file, so it can be read when there is no daemon. With -f the folder is watched: the
 * file grows, is cut, or is replaced by another one, and then reading begins anew.
 */

#define PIECE_BYTES    (64 * 1024)
#define LINE_MAX_BYTES (64 * 1024) /* a longer line is broken */

struct tail {
	const struct options *options;
	const char *path;
	int fd; /* -1: the file is not there */
	off_t offset;
	struct buf line; /* the beginning of one */
	struct buf out;
};

/* "2026-01-31T12:00:00.123Z info  text" */
static void add_json_line(struct buf *out, const char *line, size_t length)
{
	json_t *object = json_object();
	const char *time_end = memchr(line, ' ', length);
	size_t time_length = time_end ? (size_t)(time_end - line) : 0;
	size_t rest = time_length + 1, level_length = 0;

	format_json_set_text(object, "event", "log");
	if (time_length == strlen("2026-01-31T12:00:00.123Z") && line[10] == 'T') {
		while (rest + level_length < length && line[rest + level_length] != ' ')
			level_length++;
		(void)json_object_set_new(
		    object, "time", format_json_bytes(line, time_length)); /* only without memory */
		(void)json_object_set_new(
		    object, "level", format_json_bytes(line + rest, level_length)); /* as above */
		rest += level_length;
		while (rest < length && line[rest] == ' ')
			rest++;
		line += rest;
		length -= rest;
	}
	(void)json_object_set_new(object, "text", format_json_bytes(line, length)); /* as above */
	format_json_line(out, object);
}

static void add_line(struct tail *tail, const char *line, size_t length)
{
	if (tail->options->json) {
		add_json_line(&tail->out, line, length);
		return;
	}
	text_add_safe(&tail->out, line, length, TEXT_LINE);
	buf_add_char(&tail->out, '\n');
}

static void add_bytes(struct tail *tail, const char *bytes, size_t length)
{
	while (length) {
		const char *newline = memchr(bytes, '\n', length);
		size_t part = newline ? (size_t)(newline - bytes) : length;

		buf_add(&tail->line, bytes, part);
		part += newline ? 1 : 0;
		bytes += part;
		length -= part;
		if (newline || tail->line.length >= LINE_MAX_BYTES) {
			add_line(tail, tail->line.data ? tail->line.data : "", tail->line.length);
			buf_clear(&tail->line);
		}
	}
}

/* Prints what is there from the offset on. */
static int print_new(struct tail *tail, struct err *err)
{
	char piece[PIECE_BYTES];
	ssize_t got;

	while (tail->fd >= 0 && (got = pread(tail->fd, piece, sizeof piece, tail->offset)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set_errno(err, errno, "cannot read %s", tail->path);
		tail->offset += got;
		add_bytes(tail, piece, (size_t)got);
		if (format_flush(&tail->out, STDOUT_FILENO, err) < 0)
			return -1;
	}
	return 0;
}

/* Where the last `lines` lines begin. */
static int find_start(struct tail *tail, uint64_t lines, struct err *err)
{
	char piece[PIECE_BYTES];
	off_t end = lseek(tail->fd, 0, SEEK_END), at = end;
	uint64_t newlines = 0;

	while (at > 0) {
		size_t length = at < (off_t)sizeof piece ? (size_t)at : sizeof piece;
		ssize_t got = pread(tail->fd, piece, length, at - (off_t)length);

		if (got != (ssize_t)length)
			return err_set(err, ERR_IO,
			    "cannot read %s: it changed meanwhile; try again", tail->path);
		for (size_t i = length; i > 0; i--) {
			bool is_last = at - (off_t)length + (off_t)i == end;

			if (piece[i - 1] != '\n' || is_last)
				continue;
			if (++newlines < lines)
				continue;
			tail->offset = at - (off_t)length + (off_t)i;
			return 0;
		}
		at -= (off_t)length;
	}
	tail->offset = 0;
	return 0;
}

static int open_log(struct tail *tail, struct err *err)
{
	struct stat status;

	tail->fd = open(tail->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (tail->fd < 0 && errno != ENOENT)
		return err_set_errno(err, errno, "cannot open the log %s", tail->path);
	if (tail->fd >= 0 && (fstat(tail->fd, &status) < 0 || !S_ISREG(status.st_mode)))
		return err_set(err, ERR_IO, "the log %s is not a file: remove it", tail->path);
	return 0;
}

/* Begins anew when the file was cut, or another one has its name. */
static int check_file(struct tail *tail, struct err *err)
{
	struct stat own, named;
	bool is_there = stat(tail->path, &named) == 0;

	if (tail->fd >= 0 && fstat(tail->fd, &own) == 0) {
		if (is_there && own.st_dev == named.st_dev && own.st_ino == named.st_ino) {
			if (own.st_size < tail->offset)
				tail->offset = 0;
			return 0;
		}
		if (print_new(tail, err) < 0)
			return -1;
		(void)close(tail->fd);
		tail->fd = -1;
	}
	tail->offset = 0;
	return is_there ? open_log(tail, err) : 0;
}

static int follow(struct tail *tail, struct err *err)
{
	AUTO_FREE char *folder = file_folder(tail->path);
	AUTO_CLOSE int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char events[4096];

	if (watch < 0 ||
	    inotify_add_watch(watch, folder, IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE) < 0)
		return err_set_errno(err, errno, "cannot watch the folder %s", folder);
	for (;;) {
		struct pollfd item = {.fd = watch, .events = POLLIN};

		if (check_file(tail, err) < 0 || print_new(tail, err) < 0)
			return -1;
		if (poll(&item, 1, -1) < 0 && errno != EINTR)
			return err_set_errno(err, errno, "cannot wait for the log");
		while (read(watch, events, sizeof events) > 0)
			continue; /* that something happened is all there is to know */
	}
}

static int print_log(struct tail *tail, struct err *err)
{
	const struct options *options = tail->options;

	if (open_log(tail, err) < 0)
		return -1;
	if (tail->fd < 0 && !options->follow)
		return err_set(err, ERR_UNAVAILABLE, "there is no log at %s: no daemon has run yet",
		    tail->path);
	if (tail->fd >= 0 && options->lines == 0)
		tail->offset = lseek(tail->fd, 0, SEEK_END);
	else if (tail->fd >= 0 && find_start(tail, options->lines, err) < 0)
		return -1;
	if (print_new(tail, err) < 0)
		return -1;
	if (options->follow)
		return follow(tail, err);
	if (tail->line.length)
		add_line(tail, tail->line.data, tail->line.length);
	return format_flush(&tail->out, STDOUT_FILENO, err);
}

int command_logs(const struct options *options, const struct home *home, struct err *err)
{
	struct tail tail = {.options = options, .path = home->log, .fd = -1};
	int result = print_log(&tail, err);

	if (tail.fd >= 0)
		(void)close(tail.fd);
	buf_fini(&tail.line);
	buf_fini(&tail.out);
	return result < 0 ? -1 : EXIT_DONE;
}
