#include "venusctl/command.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/mem.h"
#include "venusctl/client.h"
#include "venusctl/diagnostic.h"
#include "venusctl/format.h"
#include "venusctl/render_json.h"
#include "venusctl/render_text.h"
#include "venusctl/state.h"
#include "venusctl/text_safe.h"

#define LABEL_COLUMNS 12

/* ---- JSON ---- */

static json_t *make_strings(char *const *strings, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(
		    array, format_json_text(strings[i])); /* only without memory */
	return array;
}

static json_t *make_trace(const Venus__V1__CellDetail *cell)
{
	json_t *array = json_array();

	for (size_t i = 0; i < cell->n_trace; i++) {
		json_t *entry = json_object();

		format_json_set_text(entry, "kind", cell->trace[i]->kind);
		format_json_set_text(entry, "path", cell->trace[i]->path);
		format_json_set_hex(entry, "digest", &cell->trace[i]->digest);
		(void)json_object_set_new(
		    entry, "changed", json_boolean(cell->trace[i]->changed)); /* as above */
		(void)json_array_append_new(array, entry);		      /* as above */
	}
	return array;
}

static json_t *make_cell(const Venus__V1__CellDetail *cell)
{
	json_t *object = cell->state ? state_json_cell(cell->state) : json_object();

	(void)json_object_set_new(object, "event", json_string("cell")); /* as above */
	format_json_set_text(object, "description", cell->description);
	format_json_set_text(object, "source", cell->source);
	format_json_set_text(object, "type", cell->type);
	format_json_set_hex(object, "key", &cell->key);
	(void)json_object_set_new(
	    object, "inputs", make_strings(cell->inputs, cell->n_inputs)); /* as above */
	(void)json_object_set_new(
	    object, "consumers", make_strings(cell->consumers, cell->n_consumers)); /* as above */
	(void)json_object_set_new(object, "definitions",
	    make_strings(cell->definitions, cell->n_definitions));    /* as above */
	(void)json_object_set_new(object, "trace", make_trace(cell)); /* as above */
	if (cell->n_widgets)
		(void)json_object_set_new(object, "widgets",
		    render_json_widgets(cell->widgets, cell->n_widgets)); /* as above */
	format_json_set_number(object, "duration_us", cell->duration_us);
	if (cell->executed_ms > 0)
		format_json_set_number(object, "executed_ms", (uint64_t)cell->executed_ms);
	format_json_set_number(object, "value_size", cell->value_size);
	if (cell->memory_only)
		(void)json_object_set_new(object, "memory_only", json_true()); /* as above */
	format_json_set_text(object, "why", cell->why);
	format_json_set_number(object, "line", cell->line);
	return object;
}

/* ---- text ---- */

static void add_label(struct buf *out, const char *label)
{
	buf_printf(out, "  %-*s", LABEL_COLUMNS, label);
}

static void add_text(struct buf *out, const char *label, const char *text)
{
	AUTO_BUF struct buf safe = BUF_INIT;

	if (!text || !text[0])
		return;
	text_add_safe_text(&safe, text, TEXT_LINES);
	while (safe.length && safe.data[safe.length - 1] == '\n')
		safe.data[--safe.length] = 0;
	if (!strchr(safe.data, '\n')) {
		add_label(out, label);
		buf_printf(out, "%s\n", safe.data);
		return;
	}
	buf_printf(out, "  %s\n", label);
	format_indented(out, safe.data, 6);
}

static void add_names(struct buf *out, const char *label, char *const *names, size_t count)
{
	AUTO_BUF struct buf line = BUF_INIT;

	for (size_t i = 0; i < count; i++) {
		buf_add_text(&line, i ? ", " : "");
		buf_add_text(&line, names[i]);
	}
	add_text(out, label, line.data);
}

static void add_hex(struct buf *out, const char *label, const ProtobufCBinaryData *bytes)
{
	if (!bytes->len)
		return;
	add_label(out, label);
	format_hex(out, bytes);
	buf_add_char(out, '\n');
}

static void add_trace(struct buf *out, const Venus__V1__CellDetail *cell)
{
	for (size_t i = 0; i < cell->n_trace; i++) {
		const Venus__V1__TraceEntry *entry = cell->trace[i];

		add_label(out, i ? "" : "trace");
		text_add_safe_text(out, entry->kind, TEXT_LINE);
		buf_add_char(out, ' ');
		text_add_safe_text(out, entry->path, TEXT_LINE);
		buf_add_text(out, entry->digest.len ? "" : "  (was not there)");
		buf_add_text(out, entry->changed ? "  changed since\n" : "\n");
	}
}

static void add_times(struct buf *out, const Venus__V1__CellDetail *cell)
{
	if (!cell->duration_us && cell->executed_ms <= 0)
		return;
	add_label(out, "executed");
	if (cell->executed_ms > 0)
		format_time(out, cell->executed_ms);
	if (cell->duration_us) {
		buf_add_text(out, cell->executed_ms > 0 ? ", took " : "took ");
		format_duration(out, cell->duration_us);
	}
	buf_add_char(out, '\n');
}

static void add_size(struct buf *out, const Venus__V1__CellDetail *cell)
{
	if (!cell->value_size && !cell->memory_only)
		return;
	add_label(out, "size");
	if (cell->memory_only)
		buf_add_text(out, "kept in memory only");
	else
		format_size(out, cell->value_size);
	buf_add_char(out, '\n');
}

static void add_widgets(struct buf *out, const Venus__V1__CellDetail *cell)
{
	for (size_t i = 0; i < cell->n_widgets; i++) {
		const Venus__V1__Widget *widget = cell->widgets[i];

		add_label(out, i ? "" : "widgets");
		text_add_safe_text(out, widget->kind, TEXT_LINE);
		buf_add_char(out, ' ');
		text_add_safe_text(out, widget->id, TEXT_LINE);
		buf_add_text(out, " = ");
		text_add_safe_text(out, widget->value, TEXT_LINE);
		if (strcmp(widget->kind, "slider") == 0)
			buf_printf(
			    out, "  (%g to %g, step %g)", widget->min, widget->max, widget->step);
		buf_add_char(out, '\n');
	}
}

static void add_value(
    struct buf *out, const struct text_view *view, const Venus__V1__CellState *state)
{
	for (size_t i = 0; i < state->n_outputs; i++) {
		const Venus__V1__Output *output = state->outputs[i];

		if (!output->bundle || !output->bundle->n_data)
			continue;
		buf_add_text(out, state->n_outputs > 1 ? "  value " : "  value");
		if (state->n_outputs > 1)
			text_add_safe_text(out, output->name, TEXT_LINE);
		buf_add_char(out, '\n');
		text_view_value(view, output->bundle, 6, out);
	}
}

static void add_cell(
    struct buf *out, const struct text_view *view, const Venus__V1__CellDetail *cell, bool whole)
{
	const Venus__V1__CellState *state = cell->state;

	if (state)
		state_text_cell(out, state, 0, view->settings.color);
	if (cell->line) {
		add_label(out, "place");
		buf_printf(out, "%s:%u\n", view->path, (unsigned)cell->line);
	}
	if (state && strcmp(state->display_name, state->name) != 0)
		add_text(out, "title", state->display_name);
	add_text(out, "type", cell->type);
	add_text(out, "why", cell->why);
	add_names(out, "inputs", cell->inputs, cell->n_inputs);
	add_names(out, "consumers", cell->consumers, cell->n_consumers);
	add_names(out, "definitions", cell->definitions, cell->n_definitions);
	add_times(out, cell);
	add_size(out, cell);
	if (whole) {
		add_hex(out, "key", &cell->key);
		if (state)
			add_hex(out, "digest", &state->value_digest);
		add_text(out, "about", cell->description);
	}
	add_widgets(out, cell);
	add_trace(out, cell);
	if (whole)
		add_text(out, "source", cell->source);
	if (state)
		add_value(out, view, state);
	if (state && state->error)
		diagnostic_add(out, state->error, view->path, view->settings.color);
}

/* ---- the command ---- */

/* NOTEBOOK or NOTEBOOK:CELL; a file whose name has a colon is taken as it is. */
static int parse_target(const char *argument, char **ret_path, char **ret_cell, struct err *err)
{
	const char *colon = strrchr(argument, ':');
	AUTO_FREE char *file = NULL;

	if (!colon || file_exists(argument))
		return command_resolve_notebook(argument, ret_path, err);
	if (!colon[1])
		return err_set(err, ERR_INVALID, "%s: the name of the cell is empty", argument);
	file = mem_strndup(argument, (size_t)(colon - argument));
	if (command_resolve_notebook(file, ret_path, err) < 0)
		return -1;
	*ret_cell = mem_strdup(colon + 1);
	return 0;
}

static void add_json(struct buf *out, const Venus__V1__InspectResult *result, bool whole)
{
	json_t *session;

	if (result->state && !whole) {
		session = state_json_session(result->state);
		(void)json_object_set_new(session, "event", json_string("session")); /* as above */
		format_json_line(out, session);
	}
	for (size_t i = 0; i < result->n_cells; i++)
		format_json_line(out, make_cell(result->cells[i]));
}

static void add_readable(struct buf *out, const Venus__V1__InspectResult *result,
    const struct options *options, const char *path, bool whole)
{
	struct render_settings settings = {.path = path, .color = command_use_color(options)};
	struct text_view view;

	text_view_init(&view, &settings);
	if (result->state && !whole) {
		format_paint(out, settings.color, PAINT_BOLD, view.path);
		buf_add_text(out, result->state->title[0] ? "  " : "");
		text_add_safe_text(out, result->state->title, TEXT_LINE);
		buf_add_char(out, '\n');
		for (size_t i = 0; i < result->state->n_problems; i++)
			diagnostic_add(out, result->state->problems[i], view.path, settings.color);
	}
	for (size_t i = 0; i < result->n_cells; i++)
		add_cell(out, &view, result->cells[i], whole || options->verbose);
	text_view_fini(&view);
}

int command_inspect(const struct options *options, const struct home *home, struct err *err)
{
	Venus__V1__Request request = VENUS__V1__REQUEST__INIT;
	Venus__V1__InspectCall call = VENUS__V1__INSPECT_CALL__INIT;
	Venus__V1__Source source = VENUS__V1__SOURCE__INIT;
	AUTO_REPLY Venus__V1__Reply *reply = NULL;
	AUTO_CLIENT struct client *client = NULL;
	AUTO_FREE char *path = NULL, *cell = NULL;
	AUTO_BUF struct buf out = BUF_INIT;

	if (parse_target(options->arguments.items[0], &path, &cell, err) < 0)
		return -1;
	request.call_case = VENUS__V1__REQUEST__CALL_INSPECT;
	request.inspect = &call;
	call.source = &source;
	source.path = path;
	if (cell)
		call.cell = cell;
	if (client_open(home, !options->socket, &client, err) < 0 ||
	    client_call(client, &request, CLIENT_DEADLINE_MS, &reply, err) < 0)
		return -1;
	if (options->json)
		add_json(&out, reply->inspect, cell != NULL);
	else
		add_readable(&out, reply->inspect, options, path, cell != NULL);
	return format_flush(&out, STDOUT_FILENO, err) < 0 ? -1 : EXIT_DONE;
}
