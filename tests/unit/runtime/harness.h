#ifndef TESTS_UNIT_RUNTIME_HARNESS_H
#define TESTS_UNIT_RUNTIME_HARNESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "common/buf.h"
#include "common/frame.h"
#include "worker.pb-c.h"

/* A real venus-worker and the daemon's end of its control socket. What fails here fails the running
 * cmocka test. */
struct harness {
	pid_t pid; /* 0: it has ended */
	int control_fd, stdout_fd, stderr_fd;
	uint64_t sent, received;
	uint64_t next_run, next_value;
	uint32_t next_object;
	struct frame frame; /* of the last answer */
	Venus__Worker__FromWorker *answer;
	char folder[64]; /* an empty temporary folder, the cells' working directory */
};

struct harness_options {
	const char *library_path; /* LD_LIBRARY_PATH; NULL: none */
	rlim_t descriptors;	  /* hard limit; 0: as it is */
	bool with_leaks;	  /* what is loaded loses memory on purpose */
	bool without_control;	  /* descriptor 10 is /dev/null */
};

struct harness *harness_open(
    const struct harness_options *options); /* NULL: the plain ones. Has said hello, if it can. */
void harness_close(
    struct harness *harness); /* it must end by itself, with code 0, unless it has ended */
/* Waits for the worker's end; what it printed on stderr is appended to `errors` if that is not
 * NULL. Returns waitpid's status. */
int harness_wait(struct harness *harness, struct buf *errors);
void harness_output(struct harness *harness, int fd, struct buf *buf);

void harness_send(
    struct harness *harness, Venus__Worker__ToWorker *request, const int *fds, size_t fd_count);
/* The next frame, checked for its numbers, or NULL at the end. It lives until the next. */
const Venus__Worker__FromWorker *harness_receive(struct harness *harness);

/* Loads bytes, a file, or a name; returns the object's number, or 0 with the error in `answer`. */
uint32_t harness_load(
    struct harness *harness, const void *bytes, size_t length, bool global, bool runtime);
uint32_t harness_load_file(struct harness *harness, const char *path, bool global, bool runtime);
uint32_t harness_load_name(struct harness *harness, const char *name);
/* The plain runtime, then cells.c; returns the number of the latter. */
uint32_t harness_load_plain(struct harness *harness);

struct harness_run {
	uint32_t object;
	const char *symbol;
	const char *settings[8][2]; /* ends with NULL */
	uint64_t args[4];	    /* ends with 0 */
	uint32_t glue_object;	    /* 0: `object` */
	const char *glue;	    /* NULL: "text_glue" */
	const char *folder;	    /* NULL: the harness's */
};

void harness_run_send(
    struct harness *harness, const struct harness_run *run); /* next_value - 1 is its value */
const Venus__Worker__Done *harness_run(struct harness *harness, const struct harness_run *run);
/* Runs with status OK and an encodable value, which is appended to `text`. */
const Venus__Worker__Done *harness_run_text(
    struct harness *harness, const struct harness_run *run, struct buf *text);
/* The bytes of a blob of the last answer; a descriptor must be sealed. */
void harness_blob(struct harness *harness, const Venus__Worker__Blob *blob, struct buf *buf);
/* The last answer's trace as lines: "read a.txt", "stat none ENOENT", with paths relative to the
 * harness's folder, and "incomplete". What is outside of the folder is not told. */
void harness_trace(struct harness *harness, struct buf *text);

#define HARNESS_OBJECTS VENUS_BINARY_DIR "/tests/objects/"

#endif
