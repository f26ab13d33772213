/*
 * Looks at what is kept: for each waiting cell whose inputs' values are known, its key and whether
 * a recorded execution may be reused. One piece of pool work goes through the notebook in running
 * order, so that a chain of kept results is found in one go.
 */

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "venusd/session/run_internal.h"

struct resolve_item {
	size_t cell;
	struct digest *inputs; /* a parameter each; of earlier items filled in by the work */
	size_t
	    *item_of_input; /* index of the earlier item that gives it, SIZE_MAX: known already */
	struct plan_setting *settings;
	size_t setting_count;
	bool look_up; /* else it is executed whatever is kept */
	/* What the work finds. */
	bool tried;
	struct digest key;
	struct plan_found found;
	Venus__V1__Output *output;
	char *log[CHILD_STREAM_COUNT];
	size_t log_length[CHILD_STREAM_COUNT];
};

struct resolve {
	struct run *run;
	struct store *store;
	struct source *source;
	struct digest environment;
	struct resolve_item *items;
	size_t count;
	bool failed;
	struct err err;
};

static void resolve_one(struct resolve *resolve, struct resolve_item *item)
{
	const struct notebook_cell *info = &resolve->source->notebook->cells[item->cell];
	bool lost;

	for (size_t i = 0; i < info->param_count; i++) {
		const struct resolve_item *from;

		if (item->item_of_input[i] == SIZE_MAX)
			continue;
		from = &resolve->items[item->item_of_input[i]];
		if (!from->found.execution)
			return; /* its producer must be executed first */
		memcpy(item->inputs[i].bytes, from->found.execution->value.data, DIGEST_BYTES);
	}
	item->tried = true;
	item->key = plan_key(resolve->source->code, item->cell, &resolve->environment, item->inputs,
	    item->settings, item->setting_count);
	if (!item->look_up)
		return;
	if (plan_find(resolve->store, &item->key, &item->found, &resolve->err) < 0) {
		resolve->failed = true;
		return;
	}
	if (!item->found.execution)
		return;
	item->output = display_load(resolve->store, info->name, item->found.execution, &lost);
	if (lost) {
		venus__v1__output__free_unpacked(TAKE_PTR(item->output), NULL);
		plan_found_fini(&item->found);
		item->found.why = mem_strdup("what it showed was damaged, or is gone");
		return;
	}
	item->log[CHILD_STDOUT] = display_log(
	    resolve->store, item->found.execution->out, &item->log_length[CHILD_STDOUT]);
	item->log[CHILD_STDERR] = display_log(
	    resolve->store, item->found.execution->err, &item->log_length[CHILD_STDERR]);
}

static void resolve_work(void *payload)
{
	struct resolve *resolve = payload;

	for (size_t i = 0; i < resolve->count && !resolve->failed; i++)
		resolve_one(resolve, &resolve->items[i]);
}

static void apply_hit(struct run *run, struct resolve_item *item)
{
	run->cells[item->cell].execution = TAKE_PTR(item->found.execution);
	run->cells[item->cell].why =
	    mem_strdup("its code, inputs and the files that it read are as before");
	for (int stream = 0; stream < CHILD_STREAM_COUNT; stream++)
		if (item->log[stream])
			run_output(run, item->cell, stream == CHILD_STDERR, item->log[stream],
			    item->log_length[stream]);
	run_cell_done(
	    run, item->cell, VENUS__V1__CELL_STATUS__OK, NULL, true, TAKE_PTR(item->output));
}

static void apply(struct run *run, struct resolve_item *item)
{
	struct run_cell *cell = &run->cells[item->cell];

	if (!item->tried)
		return;
	cell->key = item->key;
	plan_settings_free(cell->settings, cell->setting_count);
	cell->settings = TAKE_PTR(item->settings);
	cell->setting_count = item->setting_count;
	item->setting_count = 0;
	if (item->found.execution) {
		apply_hit(run, item);
		return;
	}
	cell->phase = RUN_CELL_MISS;
	free(cell->why);
	cell->why = item->found.why
			? TAKE_PTR(item->found.why)
			: mem_strdup(run->fresh ? "a fresh run was asked for" : "it is volatile");
}

static void resolve_done(void *payload)
{
	struct resolve *resolve = payload;
	struct run *run = resolve->run;

	run->in_pool = false;
	if (resolve->failed && !run->cancelled)
		run_warn(run, problem_new(VENUS__V1__PROBLEM__KIND__INTERNAL, NULL,
				  "what is kept cannot be looked up, so cells are executed: %s",
				  resolve->err.message));
	for (size_t i = 0; i < resolve->count; i++) {
		struct resolve_item *item = &resolve->items[i];

		if (!run->cancelled)
			apply(run, item);
		plan_found_fini(&item->found);
		if (item->output)
			venus__v1__output__free_unpacked(item->output, NULL);
		free(item->log[CHILD_STDOUT]);
		free(item->log[CHILD_STDERR]);
		free(item->inputs);
		free(item->item_of_input);
		plan_settings_free(item->settings, item->setting_count);
	}
	source_unref(resolve->source);
	free(resolve->items);
	free(resolve);
	run_step(run);
}

/* Adds a waiting cell if each input is known or belongs to an item before it. */
static void add_item(struct resolve *resolve, size_t cell, size_t *item_of_cell)
{
	struct run *run = resolve->run;
	const struct notebook_cell *info = &run->source->notebook->cells[cell];
	struct resolve_item item = {.cell = cell};

	item.inputs = mem_alloc(info->param_count * sizeof *item.inputs);
	item.item_of_input = mem_alloc(info->param_count * sizeof *item.item_of_input);
	for (size_t i = 0; i < info->param_count; i++) {
		size_t producer = (size_t)info->params[i].producer;
		const struct run_cell *from = &run->cells[producer];

		if (from->execution) {
			memcpy(item.inputs[i].bytes, from->execution->value.data, DIGEST_BYTES);
			item.item_of_input[i] = SIZE_MAX;
		} else if (item_of_cell[producer] != SIZE_MAX) {
			item.item_of_input[i] = item_of_cell[producer];
		} else {
			free(item.inputs);
			free(item.item_of_input);
			return;
		}
	}
	item.settings = settings_of(run->session, info->name, &item.setting_count);
	item.look_up = !run->fresh && !info->is_volatile;
	item_of_cell[cell] = resolve->count;
	*MEM_PUSH(resolve->items, resolve->count) = item;
}

bool run_resolve(struct run *run)
{
	const struct notebook *notebook = run->source->notebook;
	AUTO_FREE size_t *item_of_cell = mem_alloc(notebook->cell_count * sizeof *item_of_cell);
	struct resolve *resolve = mem_alloc(sizeof *resolve);

	*resolve = (struct resolve){.run = run,
	    .store = run->session->all->settings.store,
	    .environment = *build_env_digest(run->env)};
	for (size_t i = 0; i < notebook->cell_count; i++)
		item_of_cell[i] = SIZE_MAX;
	for (size_t i = 0; i < notebook->order_count; i++)
		if (run->cells[notebook->order[i]].phase == RUN_CELL_WAITING)
			add_item(resolve, notebook->order[i], item_of_cell);
	if (!resolve->count) {
		free(resolve->items);
		free(resolve);
		return false;
	}
	resolve->source = source_ref(run->source);
	run->in_pool = true;
	pool_start(run->session->all->settings.loop, resolve_work, resolve_done, resolve);
	return true;
}
