#include "plain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "venusd/runtime/rt.h"

#define DISPLAYS_MAX 64
#define WIDGETS_MAX  64

/* All that are alive hang together, so that a leak check finds those that are kept to the end. */
struct value {
	struct value *next, *previous;
	size_t length;
	char text[];
};

struct plain_frame {
	const struct venus_rt_call *call;
	char *text;
	size_t length;
	uint32_t status;
	char *message;
	struct venus_rt_display displays[DISPLAYS_MAX];
	struct venus_rt_widget widgets[WIDGETS_MAX];
	size_t display_count, widget_count;
	struct value *encoded;
};

static struct value *values;
static size_t drop_count;
static bool is_ready;

uint32_t venus_rt_abi(void)
{
#ifdef PLAIN_ABI
	return PLAIN_ABI;
#else
	return VENUS_RT_ABI;
#endif
}

void venus_rt_init(void)
{
	is_ready = true;
}

static struct venus_rt_bytes bytes_of(const char *text)
{
	return (struct venus_rt_bytes){(const uint8_t *)text, strlen(text)};
}

const char *plain_setting(const struct plain_frame *frame, const char *id)
{
	for (size_t i = 0; i < frame->call->setting_count; i++) {
		const struct venus_rt_setting *setting = &frame->call->settings[i];

		if (setting->id.length == strlen(id) &&
		    memcmp(setting->id.data, id, strlen(id)) == 0)
			return (const char *)
			    setting->value.data; /* venus-worker's texts end with NUL */
	}
	return "";
}

size_t plain_number(const struct plain_frame *frame, const char *id)
{
	return strtoull(plain_setting(frame, id), NULL, 10);
}

const char *plain_arg(const struct plain_frame *frame, size_t index)
{
	return index < frame->call->arg_count
		   ? ((const struct value *)frame->call->args[index].value)->text
		   : NULL;
}

void plain_text(struct plain_frame *frame, const char *text)
{
	frame->text = realloc(frame->text, frame->length + strlen(text) + 1);
	memcpy(frame->text + frame->length, text, strlen(text) + 1);
	frame->length += strlen(text);
}

void plain_fill(struct plain_frame *frame, char byte, size_t count)
{
	frame->text = realloc(frame->text, frame->length + count + 1);
	memset(frame->text + frame->length, byte, count);
	frame->length += count;
	frame->text[frame->length] = 0;
}

void plain_fail(struct plain_frame *frame, uint32_t status, const char *message)
{
	frame->status = status;
	frame->message = strdup(message);
}

void plain_show(struct plain_frame *frame, const char *mime, size_t count, size_t full_count)
{
	char *data = malloc(count + 1);

	memset(data, 'd', count);
	frame->displays[frame->display_count++] =
	    (struct venus_rt_display){bytes_of(mime), {(uint8_t *)data, count}, full_count};
}

void plain_widget(
    struct plain_frame *frame, const char *id, size_t option_count, const char *option)
{
	struct venus_rt_widget *widget = &frame->widgets[frame->widget_count++];
	struct venus_rt_bytes *options = calloc(option_count ? option_count : 1, sizeof *options);

	for (size_t i = 0; i < option_count; i++)
		options[i] = bytes_of(option);
	*widget = (struct venus_rt_widget){.id = bytes_of(id),
	    .label = bytes_of("Label"),
	    .value = bytes_of("2.5"),
	    .initial = bytes_of("1"),
	    .placeholder = bytes_of("type"),
	    .options = options,
	    .option_count = option_count,
	    .min = -1,
	    .max = 10,
	    .step = 0.5,
	    .kind = VENUS_RT_SELECT};
}

size_t plain_dropped(void)
{
	return drop_count;
}

static struct value *value_new(const char *text, size_t length)
{
	struct value *value = malloc(sizeof *value + length + 1);

	value->next = values;
	value->previous = NULL;
	if (values)
		values->previous = value;
	values = value;
	value->length = length;
	memcpy(value->text, text ? text : "", length);
	value->text[length] = 0;
	return value;
}

static void finish(struct plain_frame *frame, struct venus_rt_outcome *outcome)
{
	const struct plain_glue *glue = frame->call->glue;

	outcome->type_name = bytes_of(glue->type_name);
	outcome->interior = glue->interior;
	outcome->value = value_new(frame->text, frame->length);
	outcome->encodable = glue->encodable;
	if (glue->encodable) {
		frame->encoded = value_new(frame->text, frame->length);
		outcome->encoded =
		    (struct venus_rt_bytes){(const uint8_t *)frame->encoded->text, frame->length};
	}
}

static void value_free(struct value *value)
{
	if (!value)
		return;
	if (value->next)
		value->next->previous = value->previous;
	if (value->previous)
		value->previous->next = value->next;
	else
		values = value->next;
	free(value);
}

void venus_rt_call(const struct venus_rt_call *call, struct venus_rt_outcome *ret_outcome)
{
	struct plain_frame *frame = calloc(1, sizeof *frame);

	frame->call = call;
	frame->status = is_ready ? VENUS_RT_OK : VENUS_RT_REFUSED;
	((plain_cell *)(uintptr_t)call->cell)(frame);
	*ret_outcome = (struct venus_rt_outcome){.status = frame->status,
	    .line = 7,
	    .column = 3,
	    .displays = frame->displays,
	    .display_count = frame->display_count,
	    .widgets = frame->widgets,
	    .widget_count = frame->widget_count,
	    .duration_ns = 1234567,
	    .internal = frame};
	ret_outcome->file = bytes_of("nb.rs");
	if (frame->message)
		ret_outcome->message = bytes_of(frame->message);
	if (frame->status == VENUS_RT_OK)
		finish(frame, ret_outcome);
}

void venus_rt_outcome_fini(struct venus_rt_outcome *outcome)
{
	struct plain_frame *frame = outcome->internal;

	for (size_t i = 0; i < frame->display_count; i++)
		free((void *)(uintptr_t)frame->displays[i].data.data);
	for (size_t i = 0; i < frame->widget_count; i++)
		free((void *)(uintptr_t)frame->widgets[i].options);
	value_free(frame->encoded);
	free(frame->message);
	free(frame->text);
	free(frame);
}

void *venus_rt_decode(const void *glue, const uint8_t *data, size_t length)
{
	if (!((const struct plain_glue *)glue)->encodable || (length && data[0] == '!'))
		return NULL;
	return value_new((const char *)data, length);
}

bool venus_rt_drop(const void *glue, void *value)
{
	value_free(value);
	drop_count++;
	return !((const struct plain_glue *)glue)->drop_panics;
}
