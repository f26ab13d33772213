/*
 * A slot is a worker with what it has loaded and holds. It is made for one universe and never
 * changes it. Values are numbered; one is "current" while it is what its cell's consumers get. A
 * value that is no longer current is dropped once no value that may borrow from it is left. When
 * the worker ends, the slot is empty: exec (if one runs) is told, and the session makes a new slot
 * for the next execution.
 */

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "venusd/session/session_internal.h"

static void on_worker_end(
    struct worker *worker, const struct child_exit *exit, const char *message, void *payload)
{
	struct slot *slot = payload;
	struct exec *exec = slot->exec;

	(void)worker;
	slot->exec = NULL;
	if (exec) {
		exec_worker_ended(
		    exec, exit, message); /* reads the last output, then frees the slot */
		return;
	}
	slot_free(slot);
}

static void on_worker_output(
    struct worker *worker, enum child_stream stream, uint64_t size_bytes, void *payload)
{
	struct slot *slot = payload;

	(void)worker;
	if (slot->exec)
		exec_worker_wrote(slot->exec, stream, size_bytes);
}

static char **worker_environment(void)
{
	static const char *const passed[] = {"PATH", "LANG", "LC_ALL", "TZ", "HOME"};
	char **env = NULL;
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(passed); i++)
		if (getenv(passed[i]))
			*MEM_PUSH(env, count) = mem_printf("%s=%s", passed[i], getenv(passed[i]));
	*MEM_PUSH(env, count) = mem_strdup("RUST_BACKTRACE=0");
	*MEM_PUSH(env, count) = NULL;
	return env;
}

int slot_open(struct session *session, const struct build_result *result, uint64_t memory_bytes,
    struct slot **ret_slot, struct err *err)
{
	struct slot *slot = mem_alloc(sizeof *slot);
	char **env = worker_environment();
	struct worker_spec spec = {.program = session->all->settings.worker_program,
	    .library_path = result->library_path,
	    .folder = "/",
	    .env = (const char *const *)env,
	    .output_limit_bytes = LIMIT_OUTPUT_BYTES,
	    .limit_memory_bytes = memory_bytes};
	struct worker_handlers handlers = {
	    .on_end = on_worker_end, .on_output = on_worker_output, .payload = slot};
	int failed;

	slot->session = session;
	slot->home = ret_slot;
	slot->universe = result->universe;
	failed = worker_start(session->all->settings.spawner, &spec, &handlers, &slot->worker, err);
	for (size_t i = 0; env[i]; i++)
		free(env[i]);
	free(env);
	if (failed) {
		slot_free(slot);
		return err_prefix(err, "cannot start a worker");
	}
	*ret_slot = slot;
	return 0;
}

static void value_fini(struct live_value *value)
{
	free(value->cell);
	free(value->inputs);
}

void slot_free(struct slot *slot)
{
	if (!slot)
		return;
	if (*slot->home == slot)
		*slot->home = NULL;
	worker_free(slot->worker);
	for (size_t i = 0; i < slot->value_count; i++)
		value_fini(&slot->values[i]);
	free(slot->values);
	free(slot->objects);
	free(slot);
}

uint32_t slot_object_number(const struct slot *slot, const struct digest *object)
{
	for (size_t i = 0; i < slot->object_count; i++)
		if (digest_equal(&slot->objects[i].digest, object))
			return slot->objects[i].number;
	return 0;
}

struct live_value *slot_value(struct slot *slot, const char *cell, const struct digest *digest)
{
	for (size_t i = 0; i < slot->value_count; i++)
		if (slot->values[i].current && digest_equal(&slot->values[i].digest, digest) &&
		    strcmp(slot->values[i].cell, cell) == 0)
			return &slot->values[i];
	return NULL;
}

struct live_value *slot_value_add(struct slot *slot, const char *cell, const struct digest *digest)
{
	struct live_value *value = MEM_PUSH(slot->values, slot->value_count);

	*value = (struct live_value){
	    .number = ++slot->next_value, .cell = mem_strdup(cell), .digest = *digest};
	return value;
}

void slot_value_make_current(struct slot *slot, struct live_value *value)
{
	for (size_t i = 0; i < slot->value_count; i++)
		if (strcmp(slot->values[i].cell, value->cell) == 0)
			slot->values[i].current = false;
	value->current = true;
}

static bool is_borrowed(const struct slot *slot, uint64_t number)
{
	for (size_t i = 0; i < slot->value_count; i++)
		for (size_t k = 0; k < slot->values[i].input_count; k++)
			if (slot->values[i].inputs[k] == number)
				return true;
	return false;
}

static void on_dropped(struct worker *worker, const Venus__Worker__FromWorker *answer, int *fds,
    size_t fd_count, void *payload)
{
	(void)worker, (void)answer, (void)fds, (void)fd_count,
	    (void)payload; /* a panic in a drop harms nothing */
}

void slot_sweep(struct slot *slot)
{
	Venus__Worker__ToWorker request = VENUS__WORKER__TO_WORKER__INIT;
	Venus__Worker__Drop drop = VENUS__WORKER__DROP__INIT;
	uint64_t *numbers = NULL;
	struct err err;
	bool again = true;

	while (again) {
		again = false;
		for (size_t i = slot->value_count; i-- > 0;)
			if (!slot->values[i].current &&
			    !is_borrowed(slot, slot->values[i].number)) {
				*MEM_PUSH(numbers, drop.n_values) = slot->values[i].number;
				value_fini(&slot->values[i]);
				slot->values[i] = slot->values[--slot->value_count];
				again = true;
			}
	}
	if (drop.n_values) {
		drop.values = numbers;
		request.kind_case = VENUS__WORKER__TO_WORKER__KIND_DROP;
		request.drop = &drop;
		/* A failure means that the worker is ending, which on_worker_end tells. */
		(void)worker_request(slot->worker, &request, NULL, 0, on_dropped, NULL, &err);
	}
	free(numbers);
}
