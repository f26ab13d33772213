/* The beginning of a run: which cells are needed, and what is wrong with the notebook itself. */

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "venusd/session/run_internal.h"

static void need(struct run *run, size_t cell)
{
	const struct notebook_cell *info = &run->source->notebook->cells[cell];

	if (run->cells[cell].phase != RUN_CELL_UNNEEDED)
		return;
	run->cells[cell].phase = RUN_CELL_WAITING;
	for (size_t i = 0; i < info->param_count; i++)
		if (info->params[i].producer >= 0)
			need(run, (size_t)info->params[i].producer);
}

static void select_cells(struct run *run)
{
	const struct notebook *notebook = run->source->notebook;

	for (size_t i = 0; i < run->name_count; i++) {
		int cell = notebook_cell_find(notebook, run->names[i]);

		if (cell >= 0) {
			run->cells[cell].asked = true;
			need(run, (size_t)cell);
		}
	}
	for (size_t i = 0; !run->name_count && i < notebook->cell_count; i++) {
		run->cells[i].asked = true;
		need(run, i);
	}
}

static void tell_begun(struct run *run)
{
	const struct notebook *notebook = run->source->notebook;
	Venus__V1__Event *event = event_new(run->id, VENUS__V1__EVENT__KIND_RUN_STARTED);
	Venus__V1__RunStarted *message = mem_alloc(sizeof *message);

	venus__v1__run_started__init(message);
	message_set_text(&message->path, run->session->path);
	message->names = mem_alloc((notebook->cell_count + 1) * sizeof(char *));
	for (size_t i = 0; i < notebook->cell_count; i++)
		if (run->cells[i].phase != RUN_CELL_UNNEEDED)
			message->names[message->n_names++] = mem_strdup(notebook->cells[i].name);
	message->cells = (uint32_t)message->n_names;
	while (message->n_names &&
	       venus__v1__run_started__get_packed_size(message) > LIMIT_NAMES_BYTES)
		for (size_t kept = message->n_names / 2; message->n_names > kept;)
			free(message->names[--message->n_names]);
	event->run_started = message;
	(void)event_log_add(run->session, event);
}

problem *problem_from_notebook(const struct notebook *notebook, const struct notebook_problem *from)
{
	problem *made = problem_new(from->kind == NOTEBOOK_GRAPH ? VENUS__V1__PROBLEM__KIND__GRAPH
								 : VENUS__V1__PROBLEM__KIND__SYNTAX,
	    from->cell >= 0 ? notebook->cells[from->cell].name : NULL, "%s", from->message);

	problem_set_range(made, notebook, from->range);
	return made;
}

/* What is wrong with the notebook itself: the first problem of a needed cell fails it, the others
 * are told as warnings are. */
static void report_problems(struct run *run)
{
	const struct notebook *notebook = run->source->notebook;

	for (size_t i = 0; i < notebook->problem_count; i++) {
		const struct notebook_problem *from = &notebook->problems[i];
		struct run_cell *cell = from->cell < 0 ? NULL : &run->cells[from->cell];

		if (cell && cell->phase == RUN_CELL_UNNEEDED)
			continue;
		if (cell && cell->phase == RUN_CELL_WAITING && notebook->cells[from->cell].broken)
			run_cell_done(run, (size_t)from->cell, VENUS__V1__CELL_STATUS__FAILED,
			    problem_from_notebook(notebook, from), false, NULL);
		else
			run_warn(run, problem_from_notebook(notebook, from));
	}
}

/* Submitting is answered once. */
void run_answer(struct run *run, const struct err *err)
{
	session_on_submitted *on_submitted = TAKE_PTR(run->on_submitted);

	if (on_submitted)
		on_submitted(run->session, run->id, run->first_seq, err, run->payload);
}

static void on_patience(uv_timer_t *timer)
{
	run_answer(timer->data, NULL);
}

/* From the run's turn on, so that what is before it in the queue is not changed by it. */
static void take_settings(struct run *run)
{
	const struct notebook *notebook = run->source->notebook;

	for (size_t i = 0; i < run->setting_count; i++) {
		const Venus__V1__WidgetSetting *setting = run->settings[i];
		int index = notebook_cell_find(notebook, setting->cell);

		settings_set(
		    run->session, notebook->cells[index].name, setting->id, setting->value);
	}
}

void run_begin(struct run *run)
{
	run->begun = true;
	(void)uv_timer_start(&run->patience, on_patience, PATIENCE_MS, 0);
	run->cells = mem_alloc(run->source->notebook->cell_count * sizeof *run->cells);
	run->options = (struct build_options){.path = run->session->path, .release = run->release};
	free(run->session->title);
	run->session->title = mem_strdup(run->source->notebook->title);
	select_cells(run);
	if (!run->cancelled)
		take_settings(run);
	if (!run->inspect)
		tell_begun(run);
	report_problems(run);
}
