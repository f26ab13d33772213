/* Cells of every temper. */
#include "plain.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "venusd/runtime/rt.h"

const struct plain_glue text_glue = {"Text", true, false, false};
const struct plain_glue memory_glue = {"Rc<Text>", false, true, false};
const struct plain_glue bad_glue = {"Bad", true, false, true};

/* Changed in copies of this object's bytes, each of which is loaded as one more object. */
const char marker[] = "MARKER-00000";

/* A function of venus-worker's own libraries: an object's own must not be replaced by it. */
int frame_send(void);
int frame_send(void)
{
	return 4711;
}

plain_cell show_marker, hello, join, size, fail, forms, widgets, crash, deep, deep_thread, leave,
    print, close_fds, forks, threads, dropped, own_name, where, greedy;

void show_marker(struct plain_frame *frame)
{
	plain_text(frame, marker);
}

void hello(struct plain_frame *frame)
{
	plain_text(frame, "hello");
}

void join(struct plain_frame *frame)
{
	const char *part;

	for (size_t i = 0; (part = plain_arg(frame, i)); i++)
		plain_text(frame, part);
}

void size(struct plain_frame *frame)
{
	plain_fill(frame, 'v', plain_number(frame, "n"));
	if (plain_number(frame, "shown"))
		plain_show(
		    frame, "text/plain", plain_number(frame, "shown"), plain_number(frame, "n"));
}

void fail(struct plain_frame *frame)
{
	size_t count = plain_number(frame, "n");
	char *message = malloc(count * 2 + 1);

	for (size_t i = 0; i < count; i++)
		memcpy(message + 2 * i, "\xc3\xa9", 2);
	message[2 * count] = 0;
	if (plain_number(frame, "broken"))
		message[0] = '\xff';
	plain_fail(frame, (uint32_t)plain_number(frame, "status"), message);
	free(message);
}

void forms(struct plain_frame *frame)
{
	for (size_t i = 0; i < plain_number(frame, "n"); i++)
		plain_show(
		    frame, "image/png", plain_number(frame, "size"), plain_number(frame, "size"));
}

void widgets(struct plain_frame *frame)
{
	plain_widget(frame, "scale", plain_number(frame, "n"), "option");
	plain_text(frame, plain_setting(frame, "scale"));
}

void crash(struct plain_frame *frame)
{
	const char *how = plain_setting(frame, "how");
	volatile int zero = 0;

	if (strcmp(how, "segv") == 0)
		*(volatile int *)8 = 1;
	if (strcmp(how, "abort") == 0)
		abort();
	if (strcmp(how, "ill") == 0)
		__builtin_trap();
	if (strcmp(how, "fpe") == 0)
		zero = 100 / zero;
	if (strcmp(how, "bus") == 0)
		(void)raise(SIGBUS);
	if (strcmp(how, "kill") == 0)
		(void)raise(SIGKILL);
}

/* Uses `bytes` of stack, page after page as probed code does. */
static __attribute__((noinline)) size_t dig(size_t bytes)
{
	volatile char page[4096];

	page[0] = (char)bytes;
	if (bytes <= sizeof page)
		return (size_t)page[0];
	return dig(bytes - sizeof page) + (size_t)page[0];
}

/* The same in one step, touching the far end first, as code without probes may. */
static __attribute__((noinline)) char leap(size_t bytes)
{
	volatile char *room = __builtin_alloca(bytes);

	room[0] = 1;
	return room[0];
}

void deep(struct plain_frame *frame)
{
	size_t bytes = plain_number(frame, "n");

	plain_text(frame,
	    (plain_number(frame, "leap") ? (size_t)leap(bytes) : dig(bytes)) ? "back" : "back");
}

static void *dig_thread(void *bytes)
{
	(void)dig(*(size_t *)bytes);
	return NULL;
}

void deep_thread(struct plain_frame *frame)
{
	size_t bytes = plain_number(frame, "n");
	pthread_t thread;

	(void)pthread_create(&thread, NULL, dig_thread, &bytes);
	(void)pthread_join(thread, NULL);
	plain_text(frame, "back");
}

static void on_leave(void)
{
	(void)printf("at exit\n");
}

void leave(struct plain_frame *frame)
{
	(void)printf("before exit\n");
	(void)atexit(on_leave);
	exit((int)plain_number(frame, "code"));
}

void print(struct plain_frame *frame)
{
	(void)printf("%s", plain_setting(frame, "text"));
}

void close_fds(struct plain_frame *frame)
{
	size_t first = plain_number(frame, "first"), last = plain_number(frame, "last");

	for (size_t fd = first; fd <= last; fd++)
		(void)close((int)fd);
}

void forks(struct plain_frame *frame)
{
	pid_t pid = plain_number(frame, "vfork") ? vfork() : fork();
	int status = 0;

	if (pid == 0) {
		if (plain_number(frame, "crash"))
			abort();
		if (plain_number(frame, "return"))
			return;
		_exit(open("/nowhere/at/all", O_RDONLY) < 0 ? 5 : 6);
	}
	if (waitpid(pid, &status, 0) == pid)
		plain_text(frame, WIFEXITED(status) ? "exited" : "signalled");
}

static void *wait_for_pipe(void *fd)
{
	char byte;

	return (void *)(intptr_t)read(*(int *)fd, &byte, 1);
}

/* One thread that ends before the cell, and one that waits on until a later run lets it go. */
void threads(struct plain_frame *frame)
{
	static pthread_t waiting;
	static int fds[2];
	int short_fds[2];
	pthread_t thread;

	if (plain_number(frame, "release")) {
		(void)close(fds[1]);
		(void)pthread_join(waiting, NULL);
	} else if (plain_number(frame, "joined")) {
		(void)pipe(short_fds);
		(void)pthread_create(&thread, NULL, wait_for_pipe, &short_fds[0]);
		(void)close(short_fds[1]);
		(void)pthread_join(thread, NULL);
		(void)close(short_fds[0]);
	} else {
		(void)pipe(fds);
		(void)pthread_create(&waiting, NULL, wait_for_pipe, &fds[0]);
	}
}

void dropped(struct plain_frame *frame)
{
	char text[32];

	(void)snprintf(text, sizeof text, "%zu", plain_dropped());
	plain_text(frame, text);
}

void own_name(struct plain_frame *frame)
{
	char text[32];

	(void)snprintf(text, sizeof text, "%d", frame_send());
	plain_text(frame, text);
}

void where(struct plain_frame *frame)
{
	char path[4096];

	plain_text(frame, getcwd(path, sizeof path) ? path : "nowhere");
	(void)chdir("/");
}

/* Opens descriptors until there are none left. */
void greedy(struct plain_frame *frame)
{
	plain_fill(frame, 'g', 100000);
	while (open("/dev/null", O_RDONLY) >= 0)
		;
}
