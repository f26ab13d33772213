/*
 * How a frame of 65536 bytes is shared out: the limits below add up to less, with what each of the
 * parts needs for its tags and lengths.
 */
#include "venusd/runtime/done.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/file.h"
#include "common/mem.h"
#include "venusd/runtime/text.h"

#define MESSAGE_BYTES_MAX 8192
#define FILE_BYTES_MAX	  1024
#define TYPE_BYTES_MAX	  4096
#define MIME_BYTES_MAX	  128
#define DISPLAYS_MAX	  12
#define WIDGETS_BYTES_MAX 20480
#define INLINE_BYTES_MAX  8192	/* one blob */
#define INLINE_TOTAL_MAX  16384 /* all of them */
#define FIXED_BYTES_MAX	  1024	/* numbers, tags and lengths of Done and FromWorker themselves */
#define DISPLAY_BYTES_MAX (MIME_BYTES_MAX + 64)
static_assert(MESSAGE_BYTES_MAX + FILE_BYTES_MAX + TYPE_BYTES_MAX + WIDGETS_BYTES_MAX +
		      INLINE_TOTAL_MAX + DISPLAYS_MAX * DISPLAY_BYTES_MAX + FIXED_BYTES_MAX <=
		  FRAME_MAX,
    "every part at its largest fits one frame");
static_assert(
    DISPLAYS_MAX + 2 <= FRAME_FDS, "each display, the value and the trace may need a descriptor");

void done_init(struct done *done, uint64_t run)
{
	*done = (struct done){.inline_left = INLINE_TOTAL_MAX};
	done->message = mem_alloc(sizeof *done->message);
	venus__worker__done__init(done->message);
	done->message->run = run;
}

void done_fini(struct done *done)
{
	for (size_t i = 0; i < done->fd_count; i++)
		(void)close(done->fds[i]);
	done->fd_count = 0;
	venus__worker__done__free_unpacked(done->message, NULL);
	done->message = NULL;
}

void done_set_failure(struct done *done, Venus__Worker__Done__Status status, const char *message)
{
	uint64_t run = done->message->run;

	done_fini(done);
	done_init(done, run);
	done->message->status = status;
	done->message->message = text_copy(message, strlen(message), MESSAGE_BYTES_MAX);
}

static char *copy(struct venus_rt_bytes bytes, size_t limit)
{
	return text_copy(bytes.data, bytes.length, limit);
}

static int make_blob(struct done *done, const void *bytes, size_t length,
    Venus__Worker__Blob **ret_blob, struct err *err)
{
	Venus__Worker__Blob *blob;
	int fd = -1;

	if (length > INLINE_BYTES_MAX || length > done->inline_left) {
		assert(done->fd_count < FRAME_FDS);
		if (file_sealed_memfd("venus-value", bytes, length, &fd, err) < 0)
			return -1;
	}
	blob = mem_alloc(sizeof *blob);
	venus__worker__blob__init(blob);
	blob->size = length;
	if (fd >= 0) {
		blob->place_case = VENUS__WORKER__BLOB__PLACE_FD_INDEX;
		blob->fd_index = (uint32_t)done->fd_count;
		done->fds[done->fd_count++] = fd;
	} else {
		blob->place_case = VENUS__WORKER__BLOB__PLACE_INLINE_BYTES;
		blob->inline_bytes.data = mem_dup(bytes, length);
		blob->inline_bytes.len = length;
		done->inline_left -= length;
	}
	*ret_blob = blob;
	return 0;
}

static int add_display(struct done *done, const struct venus_rt_display *from, struct err *err)
{
	Venus__Worker__Done *message = done->message;
	Venus__Worker__Display *display = mem_alloc(sizeof *display);

	venus__worker__display__init(display);
	message->displays[message->n_displays++] = display;
	display->mime = copy(from->mime, MIME_BYTES_MAX);
	display->full_size = from->full_length;
	if (make_blob(done, from->data.data, from->data.length, &display->data, err) < 0)
		return err_prefix(err, "the %s form of the value", display->mime);
	return 0;
}

static int add_displays(struct done *done, const struct venus_rt_outcome *outcome, struct err *err)
{
	if (outcome->display_count > DISPLAYS_MAX)
		return err_set(err, ERR_FULL,
		    "the value shows itself in %zu forms, at most %d are taken",
		    outcome->display_count, DISPLAYS_MAX);
	done->message->displays =
	    mem_alloc(outcome->display_count * sizeof *done->message->displays);
	for (size_t i = 0; i < outcome->display_count; i++)
		if (add_display(done, &outcome->displays[i], err) < 0)
			return -1;
	return 0;
}

static void add_widget(Venus__Worker__Done *message, const struct venus_rt_widget *from)
{
	Venus__Worker__Widget *widget = mem_alloc(sizeof *widget);

	venus__worker__widget__init(widget);
	message->widgets[message->n_widgets++] = widget;
	widget->kind = (Venus__Worker__Widget__Kind)from->kind;
	widget->id = copy(from->id, WIDGETS_BYTES_MAX);
	widget->label = copy(from->label, WIDGETS_BYTES_MAX);
	widget->value = copy(from->value, WIDGETS_BYTES_MAX);
	widget->initial = copy(from->initial, WIDGETS_BYTES_MAX);
	widget->placeholder = copy(from->placeholder, WIDGETS_BYTES_MAX);
	widget->min = from->min;
	widget->max = from->max;
	widget->step = from->step;
	widget->options = mem_alloc(from->option_count * sizeof *widget->options);
	for (size_t i = 0; i < from->option_count; i++)
		widget->options[widget->n_options++] = copy(from->options[i], WIDGETS_BYTES_MAX);
}

/* Half a set of widgets would be worse than none, so that they are not cut. */
static int add_widgets(struct done *done, const struct venus_rt_outcome *outcome, struct err *err)
{
	Venus__Worker__Done *message = done->message;
	size_t bytes = 0;

	for (size_t i = 0; i < outcome->widget_count && bytes <= WIDGETS_BYTES_MAX; i++) {
		const struct venus_rt_widget *from = &outcome->widgets[i];

		bytes += 96 + from->id.length + from->label.length + from->value.length +
			 from->initial.length + from->placeholder.length;
		for (size_t k = 0; k < from->option_count && bytes <= WIDGETS_BYTES_MAX; k++)
			bytes += 8 + from->options[k].length;
	}
	if (bytes > WIDGETS_BYTES_MAX)
		return err_set(err, ERR_FULL,
		    "the cell's %zu widgets have more than %d bytes of labels, options and values: "
		    "make them fewer or shorter",
		    outcome->widget_count, WIDGETS_BYTES_MAX);
	message->widgets = mem_alloc(outcome->widget_count * sizeof *message->widgets);
	for (size_t i = 0; i < outcome->widget_count; i++)
		add_widget(message, &outcome->widgets[i]);
	return 0;
}

int done_fill(struct done *done, const struct venus_rt_outcome *outcome, struct err *err)
{
	Venus__Worker__Done *message = done->message;

	message->status = (Venus__Worker__Done__Status)outcome->status;
	message->message = copy(outcome->message, MESSAGE_BYTES_MAX);
	message->file = copy(outcome->file, FILE_BYTES_MAX);
	message->line = outcome->line;
	message->column = outcome->column;
	message->type_name = copy(outcome->type_name, TYPE_BYTES_MAX);
	message->duration_us = outcome->duration_ns / 1000;
	message->interior = outcome->interior;
	if (outcome->status == VENUS_RT_OK && outcome->encodable) {
		message->encodable = true;
		if (make_blob(done, outcome->encoded.data, outcome->encoded.length, &message->value,
			err) < 0)
			return err_prefix(err, "the value's encoding");
	}
	if (add_displays(done, outcome, err) < 0)
		return -1;
	return add_widgets(done, outcome, err);
}

int done_set_trace(struct done *done, const void *packed, size_t length, struct err *err)
{
	if (make_blob(done, packed, length, &done->message->trace, err) < 0)
		return err_prefix(err, "the trace");
	return 0;
}
