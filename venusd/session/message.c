#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "venusd/session/session_internal.h"

/*
 * Messages are made on the heap, as protobuf-c's unpack makes them, so that their own free
 * functions free them.
 */

void message_set_text(char **field, const char *text)
{
	*field = mem_strdup(text);
}

void message_set_bytes(ProtobufCBinaryData *field, const void *bytes, size_t length)
{
	field->data = length ? mem_dup(bytes, length) : NULL;
	field->len = length;
}

Venus__V1__Event *event_new(const uint8_t run[SESSION_ID_BYTES], Venus__V1__Event__KindCase kind)
{
	Venus__V1__Event *event = mem_alloc(sizeof *event);
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	venus__v1__event__init(event);
	message_set_bytes(&event->run, run, SESSION_ID_BYTES);
	event->time_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	event->kind_case = kind;
	return event;
}

problem *problem_new(Venus__V1__Problem__Kind kind, const char *cell, const char *format, ...)
{
	problem *made = mem_alloc(sizeof *made);
	char *text = NULL;
	va_list args;

	venus__v1__problem__init(made);
	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		abort();
	va_end(args);
	made->kind = kind;
	made->message = text;
	if (cell)
		message_set_text(&made->cell, cell);
	return made;
}

/* Copies by way of the packed form: messages here are small. */
static void *message_copy(const ProtobufCMessage *from)
{
	size_t size = protobuf_c_message_get_packed_size(from);
	AUTO_FREE uint8_t *bytes = mem_alloc(size);
	ProtobufCMessage *copy;

	(void)protobuf_c_message_pack(from, bytes);
	copy = protobuf_c_message_unpack(from->descriptor, NULL, size, bytes);
	if (!copy)
		abort();
	return copy;
}

problem *problem_copy(const problem *from)
{
	return message_copy(&from->base);
}

void problem_free(problem *old)
{
	if (old)
		venus__v1__problem__free_unpacked(old, NULL);
}

Venus__V1__Output *output_copy(const Venus__V1__Output *from)
{
	return message_copy(&from->base);
}

execution *execution_copy(const execution *from)
{
	return message_copy(&from->base);
}

void execution_free(execution *old)
{
	if (old)
		venus__record__execution__free_unpacked(old, NULL);
}

void problem_set_range(problem *at, const struct notebook *notebook, struct notebook_range range)
{
	struct notebook_place start = notebook_place_of(notebook, range.start),
			      end = notebook_place_of(notebook, range.end);

	at->line = start.line;
	at->column = start.column;
	at->end_line = end.line;
	at->end_column = end.column;
	at->offset = range.start;
	at->end_offset = range.end;
	if (!at->source_line[0]) {
		at->source_line = notebook_line_text(notebook, start.line);
		if (strlen(at->source_line) > LIMIT_LINE_BYTES)
			at->source_line[0] = 0;
	}
}

void problem_set_place(problem *at, const struct notebook *notebook, struct notebook_place place)
{
	uint32_t offset = notebook_offset_of(notebook, place);

	problem_set_range(at, notebook, (struct notebook_range){offset, offset});
}

Venus__V1__Widget *widget_from_record(const Venus__Record__Widget *from)
{
	static const char *const kinds[] = {"", "slider", "text", "select", "checkbox"};
	Venus__V1__Widget *widget = mem_alloc(sizeof *widget);

	venus__v1__widget__init(widget);
	message_set_text(&widget->id, from->id);
	message_set_text(&widget->kind, from->kind < ARRAY_LENGTH(kinds) ? kinds[from->kind] : "");
	message_set_text(&widget->label, from->label);
	message_set_text(&widget->value, from->value);
	message_set_text(&widget->initial, from->initial);
	message_set_text(&widget->placeholder, from->placeholder);
	widget->min = from->min;
	widget->max = from->max;
	widget->step = from->step;
	widget->options = mem_alloc((from->n_options + 1) * sizeof(char *));
	for (size_t i = 0; i < from->n_options; i++)
		widget->options[widget->n_options++] = mem_strdup(from->options[i]);
	return widget;
}
