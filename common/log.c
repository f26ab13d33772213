#include "common/log.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[] = {
    [LOG_ERROR] = "error", [LOG_WARNING] = "warn ", [LOG_INFO] = "info ", [LOG_DEBUG] = "debug"};
static_assert(
    sizeof level_names / sizeof *level_names == LOG_LEVEL_COUNT, "every level has a name");

static enum log_level current = LOG_INFO;

void log_set_level(enum log_level level)
{
	current = level;
}

void log_line(enum log_level level, const char *format, ...)
{
	char line[2048];
	struct timespec now;
	struct tm parts;
	size_t used;
	va_list args;

	if (level > current)
		return;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &parts);
	used = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%S", &parts);
	used += (size_t)snprintf(line + used, sizeof line - used, ".%03ldZ %s ",
	    now.tv_nsec / 1000000, level_names[level]);
	va_start(args, format);
	(void)vsnprintf(line + used, sizeof line - used - 1, format, args);
	va_end(args);
	for (char *c = line; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	used = strlen(line);
	line[used++] = '\n';
	if (write(STDERR_FILENO, line, used) < 0)
		return; /* a log that cannot be written must not stop the daemon */
}
