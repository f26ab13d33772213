#ifndef VENUSD_SESSION_INTERNAL_H
#define VENUSD_SESSION_INTERNAL_H

#include <sys/stat.h>
#include <uthash.h>

#include "record.pb-c.h"
#include "venusd/plan/plan.h"
#include "venusd/session/session.h"
#include "venusd/worker/worker.h"

#define LIMIT_INLINE_BYTES (48u * 1024)	       /* of a display that travels in an event */
#define LIMIT_TEXT_SHOWN   (64u * 1024)	       /* of a text form, before it is cut for showing */
#define LIMIT_OUTPUT_BYTES (16u * 1024 * 1024) /* of each stream of one execution */
#define LIMIT_OUTPUT_REPLAYED                                                                      \
	(1024u * 1024) /* of each stream of a kept execution that is shown again */
#define LIMIT_OUTPUT_CHUNK  (32u * 1024)
#define LIMIT_LOG_BYTES	    (32u * 1024 * 1024) /* of a session's events */
#define LIMIT_QUEUED_RUNS   64u
#define LIMIT_TRACE_BYTES   (64u * 1024 * 1024)
#define LIMIT_TRACE_FIELDS  (1024u * 1024)
#define LIMIT_DISPLAY_BYTES (256u * 1024 * 1024)
#define LIMIT_DISPLAYS	    6u		  /* forms of one value */
#define LIMIT_LINE_BYTES    4096u	  /* of a source line that is shown with a problem */
#define LIMIT_NAMES_BYTES   (256u * 1024) /* of the cells' names in one event */

typedef Venus__V1__Problem problem;
typedef Venus__Record__Execution execution;

/* A piece of work on the loop's thread pool. `work` touches nothing but the payload; `done` runs on
 * the loop. */
void pool_start(
    uv_loop_t *loop, void (*work)(void *payload), void (*done)(void *payload), void *payload);

/* A revision of a notebook's text, understood. Never changes; shared with pool work. */
struct source {
	unsigned refs;
	struct notebook *notebook;
	struct plan_code *code;
	struct digest digest; /* of the text */
};
struct source *source_ref(struct source *source);
void source_unref(struct source *source); /* NULL is fine; loop thread only */
/* Reads and parses on the pool. `known` (may be NULL) is given back if the text is still the same.
 * `text` (taken; NULL: the file at `path`). `before` runs first, there too. */
typedef void source_on_read(
    struct source *source, const struct stat *status, const struct err *err, void *payload);
void source_read(uv_loop_t *loop, const char *path, char *text, size_t text_length,
    struct source *known, void (*before)(void *payload), source_on_read *on_read, void *payload);

/* What is known of a cell between runs. */
struct cell {
	char *name;
	Venus__V1__CellStatus status;
	bool cached;
	execution *execution;	   /* that gave its value; NULL if there is none */
	Venus__V1__Output *output; /* what is shown of it */
	problem *error;
	struct digest key;
	char *why;
	UT_hash_handle hh;
};

struct event_log {
	Venus__V1__Event **events; /* events[0] has sequence number first_seq */
	size_t *sizes;
	size_t count, capacity, bytes;
	uint64_t first_seq; /* from 1 */
	struct session_waiter *waiters;
};

struct session {
	struct sessions *all;
	uint8_t id[SESSION_ID_BYTES];
	char *path;
	struct source *source; /* the last one read */
	struct cell *cells;    /* by name */
	struct slot *slot;     /* the worker and what it holds */
	struct run *runs;      /* queue; the first one is going */
	struct run *looks;     /* inspections, which wait for nothing */
	struct setting *settings;
	size_t setting_count;
	bool settings_loaded;
	struct event_log log;
	char *title;
	UT_hash_handle hh; /* by path */
};

struct sessions {
	struct sessions_settings settings;
	struct session *by_path;
	size_t running;
	void (*on_idle)(void *payload);
	void *idle_payload;
};

struct setting {
	char *cell, *id, *value;
};
struct settings_kept {
	struct setting *settings;
	size_t count;
};
/* settings.c: widget values. Kept in the store under the notebook's id; read once a session, on
 * first use (blocking: pool). */
void settings_read(struct settings_kept *kept, struct store *store, const char *path);
/* They are the session's from now on, unless it has some already. Leaves `kept` empty. */
void settings_take(struct session *session, struct settings_kept *kept);
void settings_free(struct setting *settings, size_t count);
void settings_set(struct session *session, const char *cell, const char *id, const char *value);
void settings_forget(struct session *session, const char *cell, const char *id);
/* Those of one cell, sorted by id; owned by the caller. */
struct plan_setting *settings_of(
    const struct session *session, const char *cell, size_t *ret_count);
void plan_settings_free(struct plan_setting *settings, size_t count);
/* ERR_INVALID if the widget is known and refuses the value; `widgets` are those of its last
 * execution. */
int settings_check(
    const execution *last, const char *cell, const char *id, const char *value, struct err *err);

/* eventlog.c */
void event_log_init(struct event_log *log);
void event_log_fini(struct event_log *log);
/* Appends; takes the event. Wakes whoever waits. Its sequence number. */
uint64_t event_log_add(struct session *session, Venus__V1__Event *event);

/* message.c: making events and problems. All strings are copied. */
Venus__V1__Event *event_new(const uint8_t run[SESSION_ID_BYTES], Venus__V1__Event__KindCase kind);
problem *problem_new(Venus__V1__Problem__Kind kind, const char *cell, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
problem *problem_copy(const problem *from);
void problem_free(problem *old);
void problem_set_range(problem *at, const struct notebook *notebook, struct notebook_range range);
void problem_set_place(problem *at, const struct notebook *notebook, struct notebook_place place);
Venus__V1__Output *output_copy(const Venus__V1__Output *from);
Venus__V1__Widget *widget_from_record(const Venus__Record__Widget *from);
void message_set_bytes(ProtobufCBinaryData *field, const void *bytes, size_t length);
void message_set_text(char **field, const char *text);
execution *execution_copy(const execution *from);
void execution_free(execution *old);

problem *problem_from_notebook(
    const struct notebook *notebook, const struct notebook_problem *from);
/* sessions.c. `cell` may be NULL. */
Venus__V1__CellState *session_cell_state(const struct cell *cell, const struct notebook_cell *info);

/* slot.c: a worker with what it has loaded and holds. */
struct live_value {
	uint64_t number;
	char *cell;
	struct digest digest; /* of the value */
	uint64_t *inputs;     /* numbers of the values that it may borrow from */
	size_t input_count;
	bool current; /* what consumers get; else kept only for those that borrow */
	bool interior;
};
struct slot {
	struct session *session;
	struct slot **home; /* the pointer of its session or run that names it */
	struct worker *worker;
	struct digest universe;
	struct slot_object {
		struct digest digest;
		uint32_t number;
	} * objects;
	size_t object_count;
	struct live_value *values;
	size_t value_count;
	uint32_t next_object;
	uint64_t next_value, next_run;
	uint64_t output_seen[CHILD_STREAM_COUNT]; /* offsets up to which output was told */
	struct exec *exec;			  /* what it is doing */
};
/* `ret_slot` is the slot's home: it is NULL again when the slot is freed, by whom ever. */
int slot_open(struct session *session, const struct build_result *result, uint64_t memory_bytes,
    struct slot **ret_slot, struct err *err);
void slot_free(struct slot *slot);
uint32_t slot_object_number(
    const struct slot *slot, const struct digest *object); /* 0: not loaded */
struct live_value *slot_value(struct slot *slot, const char *cell, const struct digest *digest);
/* Not current yet. */
struct live_value *slot_value_add(struct slot *slot, const char *cell, const struct digest *digest);
void slot_value_make_current(struct slot *slot, struct live_value *value);
/* Drops what nobody needs any more. Nothing may be executed in the slot: what an execution has
 * decoded for itself, or has just given, is needed, and not current. */
void slot_sweep(struct slot *slot);

/* exec.c: one execution in a slot. */
struct exec_input {
	const char *cell;	       /* the producer, borrowed */
	const execution *record;       /* of the producer, borrowed */
	const struct build_cell *code; /* with the glue of the producer's type, borrowed */
};
struct exec_request {
	const char *cell; /* function's name */
	size_t cell_index;
	const struct build_cell *code;
	const struct build_result *build;
	struct exec_input *inputs; /* a parameter each; borrowed until the end, as all above */
	size_t input_count;
	const struct plan_setting *settings;
	size_t setting_count;
	struct digest key;
	bool keep_digest; /* executed again only for its value: it keeps this digest */
	struct digest digest;
	int64_t built_ns; /* Unix time at which the build began */
	uint64_t timeout_ms, memory_bytes;
	const char *folder;
};
struct exec_result {
	execution *execution;	   /* taken by the callee when it succeeded */
	Venus__V1__Output *output; /* taken */
	problem *error;		   /* taken; NULL: it worked */
	bool lost_input; /* a value could not be brought back: its producer must run again */
	size_t lost;	 /* which input */
	bool lost_code;	 /* a compiled object is damaged or gone: it must be built again */
};
typedef void exec_on_end(struct exec_result *result, void *payload);
typedef void exec_on_output(bool is_stderr, const char *bytes, size_t length, void *payload);
/* The slot must be idle. `source` places panics. It may end inside the call; `ret_exec` is set
 * before it does. */
void exec_start(struct slot *slot, const struct exec_request *request, struct source *source,
    exec_on_output *on_output, exec_on_end *on_end, void *payload, struct exec **ret_exec);
/* Ends the worker; the callback does not come. */
void exec_cancel(struct exec *exec);
/* From slot.c: the worker is gone, or wrote. */
void exec_worker_ended(struct exec *exec, const struct child_exit *exit, const char *message);
void exec_worker_wrote(struct exec *exec, enum child_stream stream, uint64_t size_bytes);

/* display.c: what is shown of an execution, read from the store (blocking: pool). `ret_lost`: some
 * of it is damaged or gone. */
Venus__V1__Output *display_load(
    struct store *store, const char *cell, const execution *record, bool *ret_lost);
/* A stream's text, at most LIMIT_OUTPUT_REPLAYED, with a line at the end that says what is missing.
 * NULL: nothing was written. Owned. */
char *display_log(struct store *store, const Venus__Record__Log *log, size_t *ret_length);

/* run.c */
struct run;
void run_start_next(struct session *session);
void run_cancel(struct run *run);
bool run_is(const struct run *run, const uint8_t id[SESSION_ID_BYTES]);
struct run *run_next(struct run *run);

#endif
