#include "venusctl/render_json.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "venusctl/diagnostic.h"
#include "venusctl/format.h"
#include "venusctl/stream.h"
#include "venusctl/text_safe.h"

/*
 * One object a line. Text that a cell prints may be split inside a character; its first bytes are
 * then held back until the rest comes, so that only what really is not UTF-8 becomes U+FFFD.
 */

#define FETCH_MAX (1024 * 1024) /* bytes of a display that are fetched */

struct json {
	struct renderer base;
	struct render_settings settings;
	struct stream_set streams;
	struct buf out;
};

const char *render_status_name(Venus__V1__CellStatus status)
{
	static const char *const names[] = {
	    [VENUS__V1__CELL_STATUS__CELL_STATUS_UNSPECIFIED] = "unknown",
	    [VENUS__V1__CELL_STATUS__NEVER_RUN] = "never_run",
	    [VENUS__V1__CELL_STATUS__QUEUED] = "queued",
	    [VENUS__V1__CELL_STATUS__COMPILING] = "compiling",
	    [VENUS__V1__CELL_STATUS__RUNNING] = "running",
	    [VENUS__V1__CELL_STATUS__OK] = "ok",
	    [VENUS__V1__CELL_STATUS__STALE] = "stale",
	    [VENUS__V1__CELL_STATUS__FAILED] = "failed",
	    [VENUS__V1__CELL_STATUS__SKIPPED] = "skipped",
	    [VENUS__V1__CELL_STATUS__CANCELLED] = "cancelled",
	};

	return (size_t)status < ARRAY_LENGTH(names) ? names[status] : "unknown";
}

/* ---- parts ---- */

static void set(json_t *object, const char *key, json_t *value)
{
	int failed = json_object_set_new(object, key, value);

	assert(!failed); /* jansson fails only without memory or for a value that is none */
}

static json_t *make_note(const Venus__V1__Note *note)
{
	json_t *object = json_object();

	format_json_set_text(object, "level", note->level);
	set(object, "message", format_json_text(note->message));
	format_json_set_number(object, "line", note->line);
	format_json_set_number(object, "column", note->column);
	format_json_set_number(object, "end_column", note->end_column);
	format_json_set_text(object, "label", note->label);
	return object;
}

json_t *render_json_problem(const Venus__V1__Problem *problem)
{
	json_t *object = json_object(), *notes = json_array();

	set(object, "kind", json_string(diagnostic_kind_name(problem->kind)));
	set(object, "message", format_json_text(problem->message));
	format_json_set_number(object, "line", problem->line);
	format_json_set_number(object, "column", problem->column);
	format_json_set_number(object, "end_line", problem->end_line);
	format_json_set_number(object, "end_column", problem->end_column);
	format_json_set_text(object, "code", problem->code);
	format_json_set_text(object, "because", problem->because);
	format_json_set_text(object, "label", problem->label);
	for (size_t i = 0; i < problem->n_notes; i++)
		(void)json_array_append_new(notes, make_note(problem->notes[i])); /* as in set */
	if (problem->n_notes)
		set(object, "notes", notes);
	else
		json_decref(notes);
	return object;
}

/* JSON has no infinity; such a bound is absent. */
static void set_real(json_t *object, const char *key, double number)
{
	if (isfinite(number))
		set(object, key, json_real(number));
}

static json_t *make_widget(const Venus__V1__Widget *widget)
{
	json_t *object = json_object(), *choices;
	bool is_slider = strcmp(widget->kind, "slider") == 0;

	set(object, "id", format_json_text(widget->id));
	set(object, "kind", format_json_text(widget->kind));
	format_json_set_text(object, "label", widget->label);
	set(object, "value", format_json_text(widget->value));
	format_json_set_text(object, "initial", widget->initial);
	format_json_set_text(object, "placeholder", widget->placeholder);
	if (is_slider) {
		set_real(object, "min", widget->min);
		set_real(object, "max", widget->max);
		set_real(object, "step", widget->step);
	}
	if (widget->n_options) {
		choices = json_array();
		for (size_t i = 0; i < widget->n_options; i++)
			(void)json_array_append_new(
			    choices, format_json_text(widget->options[i])); /* as in set */
		set(object, "options", choices);
	}
	return object;
}

json_t *render_json_widgets(Venus__V1__Widget *const *widgets, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(array, make_widget(widgets[i])); /* as in set */
	return array;
}

static bool is_text(const char *mime)
{
	return strncmp(mime, "text/", 5) == 0 || strcmp(mime, "image/svg+xml") == 0 ||
	       strcmp(mime, "application/json") == 0;
}

/* RFC 4648. libcrypto has it too, and loading that takes as long as all else that this program
 * does. */
static char *encode_base64(const uint8_t *bytes, size_t length)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *text = mem_alloc(4 * ((length + 2) / 3) + 1), *next = text;

	for (size_t i = 0; i < length; i += 3) {
		size_t left = length - i;
		uint32_t group = (uint32_t)bytes[i] << 16;

		group |= left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
		group |= left > 2 ? (uint32_t)bytes[i + 2] : 0;
		*next++ = digits[group >> 18];
		*next++ = digits[group >> 12 & 63];
		*next++ = '=';
		*next++ = '=';
		if (left > 1)
			next[-2] = digits[group >> 6 & 63];
		if (left > 2)
			next[-1] = digits[group & 63];
	}
	return text;
}

static json_t *make_form(const char *mime, const void *bytes, size_t length)
{
	AUTO_FREE char *encoded = NULL;

	if (is_text(mime))
		return format_json_bytes(bytes, length);
	encoded = encode_base64(bytes, length);
	return json_string(encoded);
}

/* The whole of a large form in `whole`, if it is small enough and can be had. */
static bool fetch_form(
    const struct render_settings *settings, const Venus__V1__MimeData *data, struct buf *whole)
{
	struct err ignored; /* the beginning and the size are shown instead */

	if (!settings->fetch || data->size > FETCH_MAX)
		return false;
	return settings->fetch(settings->payload, &data->digest, FETCH_MAX, whole, &ignored) == 0;
}

json_t *render_json_display(
    const struct render_settings *settings, const Venus__V1__Bundle *bundle, uint64_t *ret_size)
{
	json_t *object = json_object();

	*ret_size = 0;
	for (size_t i = 0; bundle && i < bundle->n_data; i++) {
		const Venus__V1__MimeData *data = bundle->data[i];
		bool is_whole = !data->cut && (data->data.len || !data->digest.len);
		AUTO_BUF struct buf whole = BUF_INIT, mime = BUF_INIT;
		size_t length = data->data.len;

		text_add_utf8(&mime, data->mime, strlen(data->mime));
		if (is_whole) {
			set(object, mime.data ? mime.data : "",
			    make_form(data->mime, data->data.data, length));
		} else if (fetch_form(settings, data, &whole)) {
			set(object, mime.data ? mime.data : "",
			    make_form(data->mime, whole.data, whole.length));
		} else if (strcmp(data->mime, "text/plain") == 0) {
			length -= text_incomplete_tail((const char *)data->data.data, length);
			set(object, "text/plain", format_json_bytes(data->data.data, length));
			*ret_size = data->size;
		}
	}
	return object;
}

/* ---- events ---- */

static json_t *make_event(const char *name, const Venus__V1__Event *event)
{
	json_t *object = json_object();

	set(object, "event", json_string(name));
	set(object, "run", format_json_hex(&event->run));
	return object;
}

static void add_text_event(struct json *json, const Venus__V1__Event *event, const char *cell,
    bool is_stderr, const char *bytes, size_t length)
{
	json_t *object = make_event("cell_output", event);

	set(object, "cell", format_json_text(cell));
	set(object, "stream", json_string(is_stderr ? "stderr" : "stdout"));
	set(object, "text", format_json_bytes(bytes, length));
	format_json_line(&json->out, object);
}

static void add_output(struct json *json, const Venus__V1__Event *event)
{
	const Venus__V1__CellOutput *output = event->cell_output;
	struct stream *stream = stream_find(&json->streams, output->cell, output->is_stderr);
	struct buf *held = &stream->held;
	size_t tail, whole;

	buf_add(held, output->text.data, output->text.len);
	if (!held->length)
		return;
	tail = text_incomplete_tail(held->data, held->length);
	whole = held->length - tail;
	if (whole)
		add_text_event(json, event, output->cell, output->is_stderr, held->data, whole);
	memmove(held->data, held->data + whole, tail);
	held->length = tail;
}

static void flush_streams(struct json *json, const Venus__V1__Event *event, const char *cell)
{
	struct stream *stream;

	while ((stream = stream_next(&json->streams, cell))) {
		if (stream->held.length)
			add_text_event(json, event, stream->cell, stream->is_stderr,
			    stream->held.data, stream->held.length);
		stream_remove(&json->streams, stream);
	}
}

static void set_display(const struct json *json, json_t *object, const Venus__V1__Output *output)
{
	uint64_t size;
	json_t *display = render_json_display(&json->settings, output->bundle, &size);

	format_json_set_text(object, "type", output->type);
	if (json_object_size(display))
		set(object, "display", display);
	else
		json_decref(display);
	format_json_set_number(object, "size", size);
	format_json_set_hex(object, "digest", &output->digest);
}

static void set_outputs(
    const struct json *json, json_t *object, const Venus__V1__CellFinished *cell)
{
	json_t *outputs;

	if (cell->n_outputs)
		set_display(json, object, cell->outputs[0]);
	if (cell->n_outputs < 2)
		return;
	outputs = json_array();
	for (size_t i = 0; i < cell->n_outputs; i++) {
		json_t *output = json_object();

		set(output, "name", format_json_text(cell->outputs[i]->name));
		set_display(json, output, cell->outputs[i]);
		(void)json_array_append_new(outputs, output); /* as in set */
	}
	set(object, "outputs", outputs);
}

static void set_errors(json_t *object, const Venus__V1__CellFinished *cell)
{
	json_t *more;

	if (cell->error)
		set(object, "error", render_json_problem(cell->error));
	if (!cell->n_more)
		return;
	more = json_array();
	for (size_t i = 0; i < cell->n_more; i++)
		(void)json_array_append_new(
		    more, render_json_problem(cell->more[i])); /* as in set */
	set(object, "more_errors", more);
}

static json_t *make_cell_finished(const struct json *json, const Venus__V1__Event *event)
{
	const Venus__V1__CellFinished *cell = event->cell_finished;
	json_t *object = make_event("cell_finished", event);

	set(object, "cell", format_json_text(cell->cell));
	set(object, "status", json_string(render_status_name(cell->status)));
	set(object, "cached", json_boolean(cell->cached));
	set_outputs(json, object, cell);
	set(object, "duration_us", json_integer((json_int_t)cell->duration_us));
	if (cell->n_widgets)
		set(object, "widgets", render_json_widgets(cell->widgets, cell->n_widgets));
	if (cell->memory_only)
		set(object, "memory_only", json_true());
	set_errors(object, cell);
	return object;
}

static json_t *make_run_finished(const Venus__V1__Event *event)
{
	const Venus__V1__RunFinished *run = event->run_finished;
	json_t *object = make_event("run_finished", event);

	set(object, "status", json_string(render_status_name(run->status)));
	set(object, "ok", json_integer(run->ok));
	set(object, "cached", json_integer(run->cached));
	set(object, "failed", json_integer(run->failed));
	set(object, "skipped", json_integer(run->skipped));
	set(object, "cancelled", json_integer(run->cancelled));
	set(object, "duration_us", json_integer((json_int_t)run->duration_us));
	format_json_set_text(object, "commit", run->commit);
	if (run->timed_out)
		set(object, "timed_out", json_true());
	return object;
}

static json_t *make_cell_started(const Venus__V1__Event *event)
{
	bool compile = event->cell_started->action == VENUS__V1__CELL_STARTED__ACTION__COMPILE;
	json_t *object = make_event("cell_started", event);

	set(object, "cell", format_json_text(event->cell_started->cell));
	set(object, "action", json_string(compile ? "compile" : "execute"));
	return object;
}

static json_t *make_run_started(const Venus__V1__Event *event)
{
	json_t *object = make_event("run_started", event);

	set(object, "notebook", format_json_text(event->run_started->path));
	set(object, "cells", json_integer(event->run_started->cells));
	return object;
}

static json_t *make_warning(const Venus__V1__Event *event)
{
	json_t *object = make_event("warning", event),
	       *problem = render_json_problem(event->warning);

	format_json_set_text(object, "cell", event->warning->cell);
	(void)json_object_update(object, problem); /* as in set */
	json_decref(problem);
	return object;
}

static int json_event(struct renderer *renderer, const Venus__V1__Event *event, struct err *err)
{
	struct json *json = (struct json *)renderer;
	json_t *object = NULL;

	switch (event->kind_case) {
	case VENUS__V1__EVENT__KIND_RUN_STARTED: object = make_run_started(event); break;
	case VENUS__V1__EVENT__KIND_CELL_STARTED: object = make_cell_started(event); break;
	case VENUS__V1__EVENT__KIND_CELL_OUTPUT: add_output(json, event); break;
	case VENUS__V1__EVENT__KIND_CELL_FINISHED:
		flush_streams(json, event, event->cell_finished->cell);
		object = make_cell_finished(json, event);
		break;
	case VENUS__V1__EVENT__KIND_WARNING: object = make_warning(event); break;
	case VENUS__V1__EVENT__KIND_RUN_FINISHED:
		flush_streams(json, event, NULL);
		object = make_run_finished(event);
		break;
	default: break; /* no line of its own */
	}
	if (object)
		format_json_line(&json->out, object);
	return format_flush(&json->out, json->settings.fd, err);
}

static void json_free(struct renderer *renderer)
{
	struct json *json = (struct json *)renderer;

	stream_set_fini(&json->streams);
	buf_fini(&json->out);
	free(json);
}

struct renderer *render_json_new(const struct render_settings *settings)
{
	static const struct renderer_ops ops = {.event = json_event, .free = json_free};
	struct json *json = mem_alloc(sizeof *json);

	json->base.ops = &ops;
	json->settings = *settings;
	return &json->base;
}
