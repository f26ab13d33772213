/*
 * One execution in a slot. Its steps, each waiting for the worker or the thread pool:
 *
 *   objects   what the wrapper, its glue and the inputs' glue need, loaded one after the other
 *   inputs    values that the worker does not hold are decoded from the store
 *   run       the cell runs; its output is told as it comes
 *   sync      venus-spawn says that all it wrote is in the spools
 *   record    value, displays, logs and trace go into the store (exec_record.c)
 *
 * The end is told once. If the worker ends in the middle, that is the end; if pool work is under
 * way then, the exec is freed when it comes back.
 */

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "venusd/session/exec_internal.h"

static void step_objects(struct exec *exec);
static void step_inputs(struct exec *exec);
static void step_run(struct exec *exec);

static void on_timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void exec_free(struct exec *exec)
{
	source_unref(exec->source);
	for (size_t i = 0; i < CHILD_STREAM_COUNT; i++)
		buf_fini(&exec->output[i]);
	if (exec->done)
		venus__worker__from_worker__free_unpacked(exec->done, NULL);
	for (size_t i = 0; i < exec->done_fd_count; i++)
		if (exec->done_fds[i] >= 0)
			(void)close(exec->done_fds[i]);
	execution_free(exec->record);
	for (size_t i = 0; i < exec->built_count; i++)
		free(exec->built[i]);
	free(exec->built);
	if (exec->shown)
		venus__v1__output__free_unpacked(exec->shown, NULL);
	free(exec->numbers);
	uv_close((uv_handle_t *)&exec->timer,
	    on_timer_closed); /* frees exec, of which the timer is the first member */
}

/* The end: detaches from the slot and tells. Frees a slot whose worker is gone. */
static void finish(struct exec *exec, struct exec_result *result)
{
	if (exec->slot)
		exec->slot->exec = NULL;
	exec->ended = true;
	(void)uv_timer_stop(&exec->timer);
	exec->on_end(result, exec->payload);
	if (!exec->in_pool)
		exec_free(exec);
}

static void fail(struct exec *exec, problem *error)
{
	struct exec_result result = {.error = error};

	if (!error->line)
		problem_set_range(error, exec->source->notebook,
		    exec->source->notebook->cells[exec->request.cell_index].name_range);
	finish(exec, &result);
}

static void fail_internal(struct exec *exec, const struct err *err)
{
	fail(exec, problem_new(
		       VENUS__V1__PROBLEM__KIND__INTERNAL, exec->request.cell, "%s", err->message));
}

/* Pool work that belongs to an exec comes back through here: true if the exec is over and has been
 * freed. */
static bool over_after_pool(struct exec *exec)
{
	exec->in_pool = false;
	if (!exec->ended)
		return false;
	exec_free(exec);
	return true;
}

/* Objects. */

static const struct build_cell *code_of_object(struct exec *exec, size_t index)
{
	return index < exec->request.input_count ? exec->request.inputs[index].code
						 : exec->request.code;
}

/* The next object that is not loaded. False: all are. */
static bool next_object(struct exec *exec)
{
	const struct build_result *build = exec->request.build;
	size_t inputs = exec->request.input_count, libraries = build->library_count;

	for (; exec->object_index < libraries + inputs + 2; exec->object_index++) {
		size_t i = exec->object_index;

		exec->library = i < libraries ? &build->libraries[i] : NULL;
		if (exec->library && digest_is_zero(&exec->library->object))
			exec->object =
			    digest_of(exec->library->soname, strlen(exec->library->soname));
		else if (exec->library)
			exec->object = exec->library->object;
		else if (i < libraries + inputs + 1)
			exec->object = code_of_object(exec, i - libraries)->glue_object;
		else
			exec->object = exec->request.code->object;
		if (!digest_is_zero(&exec->object) &&
		    !slot_object_number(exec->slot, &exec->object))
			return true;
	}
	return false;
}

static void on_loaded(struct worker *worker, const Venus__Worker__FromWorker *answer, int *fds,
    size_t fd_count, void *payload)
{
	struct exec *exec = payload;

	(void)worker, (void)fds, (void)fd_count;
	if (answer->loaded->error[0]) {
		fail(exec, problem_new(VENUS__V1__PROBLEM__KIND__INTERNAL, exec->request.cell,
			       "the compiled code cannot be loaded: %s", answer->loaded->error));
		return;
	}
	*MEM_PUSH(exec->slot->objects, exec->slot->object_count) =
	    (struct slot_object){exec->object, answer->loaded->object};
	exec->object_index++;
	step_objects(exec);
}

static void send_load(struct exec *exec, int fd)
{
	Venus__Worker__ToWorker request = VENUS__WORKER__TO_WORKER__INIT;
	Venus__Worker__Load load = VENUS__WORKER__LOAD__INIT;
	struct err err;

	load.object = ++exec->slot->next_object;
	load.global = exec->library != NULL;
	load.runtime = exec->library && exec->library->runtime;
	if (fd < 0)
		load.name = exec->library->soname;
	request.kind_case = VENUS__WORKER__TO_WORKER__KIND_LOAD;
	request.load = &load;
	if (worker_request(
		exec->slot->worker, &request, &fd, fd < 0 ? 0 : 1, on_loaded, exec, &err) < 0)
		fail_internal(exec, &err);
}

static void fetch_work(void *payload)
{
	struct exec *exec = payload;

	exec->fetch_failed = store_object_get_memfd(exec->store, &exec->object, &exec->fetched,
				 &exec->fetched_size, &exec->err) < 0;
}

static void object_fetched(void *payload)
{
	struct exec *exec = payload;
	AUTO_CLOSE int fd = exec->fetch_failed ? -1 : exec->fetched;

	if (over_after_pool(exec))
		return;
	if (!exec->fetch_failed) {
		send_load(exec, fd);
	} else if (exec->err.code == ERR_NOT_FOUND || exec->err.code == ERR_CORRUPT) {
		struct exec_result result = {.lost_code = true};

		finish(exec, &result);
	} else {
		fail_internal(exec, &exec->err);
	}
}

static void step_objects(struct exec *exec)
{
	if (!next_object(exec)) {
		step_inputs(exec);
	} else if (exec->library && digest_is_zero(&exec->library->object)) {
		send_load(exec, -1);
	} else {
		exec->in_pool = true;
		pool_start(exec->session->all->settings.loop, fetch_work, object_fetched, exec);
	}
}

/* Inputs. */

static void lose_input(struct exec *exec)
{
	struct exec_result result = {.lost_input = true, .lost = exec->input_index};

	finish(exec, &result);
}

static void on_decoded(struct worker *worker, const Venus__Worker__FromWorker *answer, int *fds,
    size_t fd_count, void *payload)
{
	struct exec *exec = payload;
	const struct exec_input *input = &exec->request.inputs[exec->input_index];
	struct live_value *value;

	(void)worker, (void)fds, (void)fd_count;
	if (answer->decoded->error[0]) {
		lose_input(exec);
		return;
	}
	value = slot_value_add(exec->slot, input->cell, &exec->object);
	value->interior = input->record->interior;
	if (!value->interior)
		slot_value_make_current(exec->slot, value);
	exec->numbers[exec->input_index++] = value->number;
	step_inputs(exec);
}

static void value_fetched(void *payload)
{
	struct exec *exec = payload;
	AUTO_CLOSE int fd = exec->fetch_failed ? -1 : exec->fetched;
	Venus__Worker__ToWorker request = VENUS__WORKER__TO_WORKER__INIT;
	Venus__Worker__Decode decode = VENUS__WORKER__DECODE__INIT;
	Venus__Worker__Blob blob = VENUS__WORKER__BLOB__INIT;
	const struct exec_input *input;

	if (over_after_pool(exec))
		return;
	if (exec->fetch_failed) {
		lose_input(exec);
		return;
	}
	input = &exec->request.inputs[exec->input_index];
	blob.place_case = VENUS__WORKER__BLOB__PLACE_FD_INDEX;
	blob.size = exec->fetched_size;
	decode.value =
	    exec->slot->next_value + 1; /* slot_value_add gives this number once it is there */
	decode.glue_object = slot_object_number(exec->slot, &input->code->glue_object);
	decode.glue_symbol = input->code->glue_symbol;
	decode.data = &blob;
	request.kind_case = VENUS__WORKER__TO_WORKER__KIND_DECODE;
	request.decode = &decode;
	if (worker_request(exec->slot->worker, &request, &fd, 1, on_decoded, exec, &exec->err) < 0)
		fail_internal(exec, &exec->err);
}

static void step_inputs(struct exec *exec)
{
	for (; exec->input_index < exec->request.input_count; exec->input_index++) {
		const struct exec_input *input = &exec->request.inputs[exec->input_index];
		struct live_value *value;

		memcpy(exec->object.bytes, input->record->value.data, DIGEST_BYTES);
		value = slot_value(exec->slot, input->cell, &exec->object);
		if (value && (!value->interior || input->record->memory_only)) {
			exec->numbers[exec->input_index] = value->number;
			continue;
		}
		if (input->record->memory_only) {
			lose_input(exec);
			return;
		}
		exec->in_pool = true;
		pool_start(exec->session->all->settings.loop, fetch_work, value_fetched, exec);
		return;
	}
	step_run(exec);
}

/* Output. */

static void tell_output(struct exec *exec, enum child_stream stream, uint64_t size_bytes)
{
	static const char over[] = "\n[more output is thrown away: over the limit of 16 MiB]\n";
	struct slot *slot = exec->slot;
	struct child *child = worker_child(slot->worker);
	char chunk[LIMIT_OUTPUT_CHUNK];

	while (slot->output_seen[stream] < size_bytes) {
		uint64_t left = size_bytes - slot->output_seen[stream];
		ssize_t got = child_output_read(child, stream, slot->output_seen[stream], chunk,
		    left < sizeof chunk ? (size_t)left : sizeof chunk, &exec->err);

		if (got <= 0)
			break;
		slot->output_seen[stream] += (uint64_t)got;
		buf_add(&exec->output[stream], chunk, (size_t)got);
		exec->on_output(stream == CHILD_STDERR, chunk, (size_t)got, exec->payload);
	}
	if (child_output_cut(child, stream) && !exec->cut[stream]) {
		exec->cut[stream] = true;
		exec->on_output(stream == CHILD_STDERR, over, strlen(over), exec->payload);
	}
}

void exec_worker_wrote(struct exec *exec, enum child_stream stream, uint64_t size_bytes)
{
	tell_output(exec, stream, size_bytes);
}

/* The run. */

/* The new value becomes what consumers get, unless it is equal to the one that is there: that one
 * may be borrowed from. */
static void place_value(struct exec *exec)
{
	struct slot *slot = exec->slot;
	struct digest digest;
	bool replace;

	memcpy(digest.bytes, exec->record->value.data, DIGEST_BYTES);
	replace = exec->request.keep_digest || !slot_value(slot, exec->request.cell, &digest);
	for (size_t i = 0; i < slot->value_count; i++) {
		struct live_value *value = &slot->values[i];

		if (value->number != exec->result_number)
			continue;
		value->digest = digest;
		value->interior = exec->record->interior;
		if (replace)
			slot_value_make_current(slot, value);
		/* Its consumers get decoded copies. */
		if (value->interior && !exec->record->memory_only)
			value->current = false;
	}
}

static void recorded(void *payload)
{
	struct exec *exec = payload;
	struct exec_result result = {0};

	if (over_after_pool(exec))
		return;
	if (exec->fetch_failed) {
		fail_internal(exec, &exec->err);
		return;
	}
	if (exec->slot) /* the worker may have ended after it was done */
		place_value(exec);
	result.execution = TAKE_PTR(exec->record);
	result.output = TAKE_PTR(exec->shown);
	finish(exec, &result);
}

static void after_output(struct exec *exec)
{
	if (exec->done->done->status != VENUS__WORKER__DONE__STATUS__OK) {
		fail(exec, exec_problem(exec));
		return;
	}
	exec_take_built(exec);
	exec->in_pool = true;
	pool_start(exec->session->all->settings.loop, exec_record, recorded, exec);
}

static void on_synced(
    struct child *child, const uint64_t size_bytes[CHILD_STREAM_COUNT], void *payload)
{
	struct exec *exec = payload;

	for (int stream = 0; stream < CHILD_STREAM_COUNT; stream++) {
		tell_output(exec, (enum child_stream)stream, size_bytes[stream]);
		child_output_discard(
		    child, (enum child_stream)stream, exec->slot->output_seen[stream]);
	}
	after_output(exec);
}

static void on_done(struct worker *worker, const Venus__Worker__FromWorker *answer, int *fds,
    size_t fd_count, void *payload)
{
	struct exec *exec = payload;
	size_t size = venus__worker__from_worker__get_packed_size(answer);
	AUTO_FREE uint8_t *bytes = mem_alloc(size);

	(void)uv_timer_stop(&exec->timer);
	(void)venus__worker__from_worker__pack(answer, bytes);
	exec->done = venus__worker__from_worker__unpack(NULL, size, bytes);
	exec->done_fd_count = fd_count;
	for (size_t i = 0; i < fd_count; i++)
		exec->done_fds[i] = TAKE_FD(fds[i]);
	if (exec->done->done->status == VENUS__WORKER__DONE__STATUS__OK) {
		static const struct digest unknown;
		struct live_value *value = slot_value_add(exec->slot, exec->request.cell, &unknown);

		/* Not current until its digest is known; until then the old one stays what
		 * consumers get. */
		value->inputs =
		    mem_dup(exec->numbers, exec->request.input_count * sizeof *exec->numbers);
		value->input_count = exec->request.input_count;
		exec->result_number = value->number;
	}
	child_sync(worker_child(worker), LIMIT_OUTPUT_BYTES, on_synced, exec);
}

static void on_timeout(uv_timer_t *timer)
{
	struct exec *exec = timer->data;

	exec->timed_out = true;
	child_kill(worker_child(exec->slot->worker), SIGKILL);
}

static void step_run(struct exec *exec)
{
	Venus__Worker__ToWorker request = VENUS__WORKER__TO_WORKER__INIT;
	Venus__Worker__Run run = VENUS__WORKER__RUN__INIT;
	size_t count = exec->request.setting_count;
	AUTO_FREE Venus__Worker__WidgetValue *values = mem_alloc(count * sizeof *values);
	AUTO_FREE Venus__Worker__WidgetValue **list = mem_alloc(count * sizeof *list);

	for (size_t i = 0; i < count; i++) {
		venus__worker__widget_value__init(&values[i]);
		values[i].id = exec->request.settings[i].id;
		values[i].value = exec->request.settings[i].value;
		list[i] = &values[i];
	}
	run.run = ++exec->slot->next_run;
	run.object = slot_object_number(exec->slot, &exec->request.code->object);
	run.symbol = exec->request.code->symbol;
	run.glue_object = slot_object_number(exec->slot, &exec->request.code->glue_object);
	run.glue_symbol = exec->request.code->glue_symbol;
	run.cell_name = (char *)(uintptr_t)exec->request.cell; /* only read while packing */
	run.n_args = exec->request.input_count;
	run.args = exec->numbers;
	run.value = exec->slot->next_value + 1;
	run.n_widgets = count;
	run.widgets = list;
	run.folder = (char *)(uintptr_t)exec->request.folder;
	run.text_limit_bytes = LIMIT_TEXT_SHOWN;
	request.kind_case = VENUS__WORKER__TO_WORKER__KIND_RUN;
	request.run = &run;
	if (worker_request(exec->slot->worker, &request, NULL, 0, on_done, exec, &exec->err) < 0) {
		fail_internal(exec, &exec->err);
		return;
	}
	exec->running = true;
	if (exec->request.timeout_ms)
		(void)uv_timer_start(&exec->timer, on_timeout, exec->request.timeout_ms, 0);
}

void exec_start(struct slot *slot, const struct exec_request *request, struct source *source,
    exec_on_output *on_output, exec_on_end *on_end, void *payload, struct exec **ret_exec)
{
	struct exec *exec = mem_alloc(sizeof *exec);

	exec->slot = slot;
	exec->session = slot->session;
	exec->store = slot->session->all->settings.store;
	exec->request = *request;
	exec->source = source_ref(source);
	exec->on_output = on_output;
	exec->on_end = on_end;
	exec->payload = payload;
	exec->numbers = mem_alloc(request->input_count * sizeof *exec->numbers);
	(void)uv_timer_init(slot->session->all->settings.loop, &exec->timer);
	exec->timer.data = exec;
	slot->exec = exec;
	*ret_exec = exec; /* before the first step, which may be the last */
	step_objects(exec);
}

/* Takes the slot with its worker out of the session. */
static void drop_slot(struct exec *exec)
{
	struct slot *slot = TAKE_PTR(exec->slot);

	if (!slot)
		return;
	slot->exec = NULL;
	slot_free(slot);
}

void exec_cancel(struct exec *exec)
{
	exec->ended = true;
	(void)uv_timer_stop(&exec->timer);
	drop_slot(exec);
	if (!exec->in_pool)
		exec_free(exec);
}

void exec_worker_ended(struct exec *exec, const struct child_exit *exit, const char *message)
{
	problem *error;

	for (int stream = 0; stream < CHILD_STREAM_COUNT; stream++)
		tell_output(exec, (enum child_stream)stream, exit->output_bytes[stream]);
	if (exec->done) { /* it ended after its answer, which stands */
		drop_slot(exec);
		if (!exec->in_pool)
			after_output(exec);
		return;
	}
	if (exec->timed_out)
		error = problem_new(VENUS__V1__PROBLEM__KIND__TIMEOUT, exec->request.cell,
		    "ran longer than its timeout of %g s and was killed",
		    (double)exec->request.timeout_ms / 1000);
	else if (exec->request.memory_bytes && exit->end == CHILD_SIGNALLED)
		error = problem_new(VENUS__V1__PROBLEM__KIND__LIMIT, exec->request.cell,
		    "needed more memory than its limit of %llu MiB, or crashed: its process %s",
		    (unsigned long long)(exec->request.memory_bytes >> 20), message);
	else
		error = problem_new(VENUS__V1__PROBLEM__KIND__CRASH, exec->request.cell,
		    "the cell's process %s", message);
	drop_slot(exec);
	fail(exec, error);
}
