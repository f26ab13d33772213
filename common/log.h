#ifndef VENUS_COMMON_LOG_H
#define VENUS_COMMON_LOG_H

/* One line an event on stderr: "2026-01-31T12:00:00.123Z info  text". Any thread. Folders log at
 * debug only; main, the step driver and the CLI log the rest. Control characters in the text become
 * '?'. */
enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG, LOG_LEVEL_COUNT };

void log_set_level(enum log_level level);
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)	 log_line(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...)	 log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...)	 log_line(LOG_DEBUG, __VA_ARGS__)

#endif
