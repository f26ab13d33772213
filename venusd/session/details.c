/*
 * What `inspect` tells of a notebook's cells: from a run that stopped before anything was executed,
 * and the session's memory.
 */

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "venusd/session/run_internal.h"

static const char *const kind_names[] = {"", "read", "stat", "list", "write", "remove", "link"};

static void add_text(char ***list, size_t *count, const char *text)
{
	*list = mem_realloc_array(*list, *count + 1, sizeof(char *));
	(*list)[(*count)++] = mem_strdup(text);
}

static void add_graph(Venus__V1__CellDetail *detail, const struct notebook *notebook, size_t index)
{
	const struct notebook_cell *info = &notebook->cells[index];

	for (size_t i = 0; i < info->param_count; i++)
		if (info->params[i].producer >= 0)
			add_text(&detail->inputs, &detail->n_inputs,
			    notebook->cells[info->params[i].producer].name);
	for (size_t i = 0; i < notebook->cell_count; i++)
		for (size_t k = 0; k < notebook->cells[i].param_count; k++)
			if (notebook->cells[i].params[k].producer == (int)index)
				add_text(&detail->consumers, &detail->n_consumers,
				    notebook->cells[i].name);
}

static void add_definitions(
    Venus__V1__CellDetail *detail, const struct source *source, size_t index)
{
	size_t count;
	const size_t *reached = plan_reached(source->code, index, &count);

	for (size_t i = 0; i < count; i++) {
		const struct notebook_item *item = &source->notebook->items[reached[i]];
		AUTO_FREE char *name =
		    item->name[0]
			? mem_printf("%s %s", notebook_item_kind_name(item->kind), item->name)
			: notebook_text(source->notebook, item->body);

		name[strcspn(name, "\n")] = 0;
		if (*name && name[strlen(name) - 1] == ';')
			name[strlen(name) - 1] = 0;
		add_text(&detail->definitions, &detail->n_definitions, name);
	}
}

static bool differs(struct store *store, const Venus__Record__Seen *seen)
{
	enum store_file_kind kind;
	struct digest now;
	struct err err;

	return !plan_seen_kind(seen->kind, &kind) ||
	       store_file_digest(store, kind, seen->path, &now, &err) < 0 ||
	       seen->digest.len != DIGEST_BYTES ||
	       memcmp(now.bytes, seen->digest.data, DIGEST_BYTES) != 0;
}

struct comparing {
	struct run *run;
	struct store *store;
};

static void compare_work(void *payload)
{
	struct comparing *comparing = payload;
	struct run *run = comparing->run;

	for (size_t i = 0; i < run->source->notebook->cell_count; i++)
		for (size_t k = 0; run->cells[i].known && k < run->cells[i].known->n_seen; k++)
			run->cells[i].changed[k] =
			    differs(comparing->store, run->cells[i].known->seen[k]);
}

static void compare_done(void *payload)
{
	struct comparing *comparing = payload;
	struct run *run = comparing->run;

	free(comparing);
	run->in_pool = false;
	run_step(run);
}

void run_compare(struct run *run)
{
	struct comparing *comparing = mem_alloc(sizeof *comparing);

	for (size_t i = 0; i < run->source->notebook->cell_count; i++) {
		struct run_cell *now = &run->cells[i];
		struct cell *cell;
		const execution *record;

		HASH_FIND_STR(run->session->cells, run->source->notebook->cells[i].name, cell);
		record = now->execution ? now->execution : cell ? cell->execution : NULL;
		if (!now->asked || !record)
			continue;
		now->known = execution_copy(record);
		now->changed = mem_alloc((record->n_seen + 1) * sizeof *now->changed);
	}
	*comparing = (struct comparing){.run = run, .store = run->session->all->settings.store};
	run->compared = run->in_pool = true;
	pool_start(run->session->all->settings.loop, compare_work, compare_done, comparing);
}

static void add_trace(Venus__V1__CellDetail *detail, const execution *record, const bool *changed)
{
	detail->trace = mem_alloc((record->n_seen + 1) * sizeof(Venus__V1__TraceEntry *));
	for (size_t i = 0; i < record->n_seen; i++) {
		const Venus__Record__Seen *seen = record->seen[i];
		Venus__V1__TraceEntry *entry = mem_alloc(sizeof *entry);

		venus__v1__trace_entry__init(entry);
		message_set_text(&entry->kind,
		    seen->kind < ARRAY_LENGTH(kind_names) ? kind_names[seen->kind] : "");
		message_set_text(&entry->path, seen->path);
		message_set_bytes(&entry->digest, seen->digest.data, seen->digest.len);
		entry->changed = changed[i];
		detail->trace[detail->n_trace++] = entry;
	}
}

static void add_execution(
    Venus__V1__CellDetail *detail, const execution *record, const bool *changed)
{
	message_set_text(&detail->type, record->type);
	detail->duration_us = record->duration_us;
	detail->executed_ms = record->executed_ms;
	detail->value_size = record->value_size;
	detail->memory_only = record->memory_only;
	detail->widgets = mem_alloc((record->n_widgets + 1) * sizeof(Venus__V1__Widget *));
	for (size_t i = 0; i < record->n_widgets; i++)
		detail->widgets[detail->n_widgets++] = widget_from_record(record->widgets[i]);
	add_trace(detail, record, changed);
}

static char *why_waiting(const struct run *run, size_t index)
{
	const struct notebook_cell *info = &run->source->notebook->cells[index];

	for (size_t i = 0; i < info->param_count; i++)
		if (info->params[i].producer >= 0 &&
		    !run->cells[info->params[i].producer].execution)
			return mem_printf("its input `%s` is not up to date",
			    run->source->notebook->cells[info->params[i].producer].name);
	return mem_strdup("it cannot be run");
}

/* With this very key it was begun and gave no value, and only values are kept. */
static const char *why_no_value(const struct cell *cell, const struct run_cell *now)
{
	if (!cell || now->execution || digest_is_zero(&now->key) ||
	    memcmp(cell->key.bytes, now->key.bytes, DIGEST_BYTES) != 0)
		return NULL;
	if (cell->status == VENUS__V1__CELL_STATUS__FAILED)
		return "it failed with this code and these inputs: the next run tries again";
	if (cell->status == VENUS__V1__CELL_STATUS__CANCELLED)
		return "it was cancelled before it had a value";
	return NULL;
}

static Venus__V1__CellDetail *cell_details(struct run *run, size_t index)
{
	const struct notebook *notebook = run->source->notebook;
	const struct notebook_cell *info = &notebook->cells[index];
	struct run_cell *now = &run->cells[index];
	Venus__V1__CellDetail *detail = mem_alloc(sizeof *detail);
	const execution *record = now->known;
	const char *tried;
	struct cell *cell;

	HASH_FIND_STR(run->session->cells, info->name, cell);
	venus__v1__cell_detail__init(detail);
	detail->state = session_cell_state(cell, info);
	if (now->execution)
		detail->state->status = VENUS__V1__CELL_STATUS__OK;
	else if (now->phase == RUN_CELL_MISS || now->phase == RUN_CELL_WAITING)
		detail->state->status = cell && cell->status == VENUS__V1__CELL_STATUS__FAILED
					    ? VENUS__V1__CELL_STATUS__FAILED
					: record ? VENUS__V1__CELL_STATUS__STALE
					: cell && cell->status == VENUS__V1__CELL_STATUS__CANCELLED
					    ? VENUS__V1__CELL_STATUS__CANCELLED
					    : VENUS__V1__CELL_STATUS__NEVER_RUN;
	if (!info->hidden)
		detail->source = notebook_text(notebook, info->item);
	message_set_text(&detail->description, info->description);
	detail->line = info->line;
	if (!digest_is_zero(&now->key))
		message_set_bytes(&detail->key, now->key.bytes, DIGEST_BYTES);
	tried = why_no_value(cell, now);
	detail->why = tried	 ? mem_strdup(tried)
		      : now->why ? mem_strdup(now->why)
				 : why_waiting(run, index);
	add_graph(detail, notebook, index);
	add_definitions(detail, run->source, index);
	if (record)
		add_execution(detail, record, now->changed);
	if (now->output && !detail->state->n_outputs) {
		detail->state->outputs = mem_alloc(sizeof(Venus__V1__Output *));
		detail->state->outputs[detail->state->n_outputs++] = output_copy(now->output);
	}
	return detail;
}

Venus__V1__InspectResult *run_details(struct run *run)
{
	Venus__V1__InspectResult *result = mem_alloc(sizeof *result);
	const struct notebook *notebook = run->source->notebook;

	venus__v1__inspect_result__init(result);
	result->state = session_state(run->session);
	result->cells = mem_alloc((notebook->cell_count + 1) * sizeof(Venus__V1__CellDetail *));
	for (size_t i = 0; i < notebook->cell_count; i++)
		if (run->cells[i].asked)
			result->cells[result->n_cells++] = cell_details(run, i);
	return result;
}
