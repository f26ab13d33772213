#include "venusctl/render_text.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "venusctl/diagnostic.h"
#include "venusctl/format.h"
#include "venusctl/text_safe.h"

/*
 * A finished cell is a block: a headline (✓ ✗ -), then its value or its problems, indented. What a
 * cell prints comes line by line as it is printed, with the cell's name in front; the beginning of
 * a line is held back until the rest is there, the line gets long, or the cell ends. With -q only
 * values and problems remain.
 */

#define HELD_MAX     (64 * 1024) /* bytes of one line before it is broken */
#define VALUE_INDENT 4

void text_view_init(struct text_view *view, const struct render_settings *settings)
{
	AUTO_BUF struct buf path = BUF_INIT;

	memset(view, 0, sizeof *view);
	view->settings = *settings;
	format_path(&path, settings->path);
	view->path = buf_take(&path);
}

void text_view_fini(struct text_view *view)
{
	free(view->path);
	for (size_t i = 0; i < view->told_count; i++)
		free(view->told[i]);
	stream_set_fini(&view->streams);
}

/* ---- what cells print ---- */

static void add_cell_text(
    const struct text_view *view, const char *bytes, size_t length, struct buf *out)
{
	if (view->settings.raw)
		buf_add(out, bytes, length);
	else
		text_add_safe(out, bytes, length, TEXT_LINES);
}

static void add_output_line(const struct text_view *view, const char *cell, const char *bytes,
    size_t length, struct buf *out)
{
	AUTO_BUF struct buf prefix = BUF_INIT;

	if (!view->settings.raw && length && bytes[length - 1] == '\r')
		length--;
	text_add_safe_text(&prefix, cell, TEXT_LINE);
	buf_add_text(&prefix, " │ ");
	format_paint(out, view->settings.color, PAINT_DIM, prefix.data);
	add_cell_text(view, bytes, length, out);
	buf_add_char(out, '\n');
}

static void add_output(struct text_view *view, const Venus__V1__CellOutput *output, struct buf *out)
{
	struct stream *stream = stream_find(&view->streams, output->cell, output->is_stderr);
	const char *next = (const char *)output->text.data;
	size_t left = output->text.len;

	while (left) {
		const char *newline = memchr(next, '\n', left);
		size_t length = newline ? (size_t)(newline - next) : left;

		buf_add(&stream->held, next, length);
		if (newline || stream->held.length >= HELD_MAX) {
			add_output_line(
			    view, output->cell, stream->held.data, stream->held.length, out);
			buf_clear(&stream->held);
		}
		length += newline ? 1 : 0;
		next += length;
		left -= length;
	}
}

/* Lines without an end, of one cell or of all. */
static void flush_streams(struct text_view *view, const char *cell, struct buf *out)
{
	struct stream *stream;

	while ((stream = stream_next(&view->streams, cell))) {
		if (stream->held.length)
			add_output_line(
			    view, stream->cell, stream->held.data, stream->held.length, out);
		stream_remove(&view->streams, stream);
	}
}

/* ---- values ---- */

static const Venus__V1__MimeData *find_mime(const Venus__V1__Bundle *bundle, const char *mime)
{
	for (size_t i = 0; bundle && i < bundle->n_data; i++)
		if (strcmp(bundle->data[i]->mime, mime) == 0)
			return bundle->data[i];
	return NULL;
}

/* A value without a text form is named by what forms it has. */
static void add_other_forms(const Venus__V1__Bundle *bundle, struct buf *text)
{
	for (size_t i = 0; bundle && i < bundle->n_data; i++) {
		const Venus__V1__MimeData *data = bundle->data[i];

		buf_add_text(text, i ? ", " : "");
		text_add_safe_text(text, data->mime, TEXT_LINE);
		buf_add_text(text, " (");
		format_size(text, data->size ? data->size : data->data.len);
		buf_add_text(text, ")");
	}
}

static void add_value_text(
    const struct text_view *view, const Venus__V1__Bundle *bundle, struct buf *text)
{
	const Venus__V1__MimeData *plain = find_mime(bundle, "text/plain");
	size_t length = plain ? plain->data.len : 0;

	if (!plain) {
		add_other_forms(bundle, text);
		return;
	}
	if (plain->cut) /* it may have been cut inside a character */
		length -= text_incomplete_tail((const char *)plain->data.data, length);
	add_cell_text(view, (const char *)plain->data.data, length, text);
	if (!plain->cut)
		return;
	buf_add_text(text, "… (");
	format_size(text, plain->size);
	buf_add_text(text, " in all)");
}

void text_view_value(
    const struct text_view *view, const Venus__V1__Bundle *bundle, unsigned indent, struct buf *out)
{
	AUTO_BUF struct buf text = BUF_INIT;

	add_value_text(view, bundle, &text);
	if (text.length)
		format_indented(out, text.data, indent);
}

static void add_named_value(const struct text_view *view, const char *name,
    const Venus__V1__Bundle *bundle, unsigned indent, struct buf *out)
{
	AUTO_BUF struct buf text = BUF_INIT;

	add_value_text(view, bundle, &text);
	if (!text.length)
		return;
	while (text.length && text.data[text.length - 1] == '\n')
		text.data[--text.length] = 0;
	buf_printf(out, "%*s", (int)indent, "");
	text_add_safe_text(out, name, TEXT_LINE);
	if (strchr(text.data, '\n')) {
		buf_add_text(out, ":\n");
		format_indented(out, text.data, indent + VALUE_INDENT);
	} else {
		buf_printf(out, ": %s\n", text.data);
	}
}

static void add_values(
    const struct text_view *view, const Venus__V1__CellFinished *cell, struct buf *out)
{
	bool quiet = view->settings.quiet;
	unsigned indent = quiet ? 0 : VALUE_INDENT;

	if (!cell->asked)
		return;
	if (cell->n_outputs == 1 && strcmp(cell->outputs[0]->name, cell->cell) == 0 &&
	    (!quiet || view->settings.value_only)) {
		text_view_value(view, cell->outputs[0]->bundle, indent, out);
		return;
	}
	for (size_t i = 0; i < cell->n_outputs; i++)
		add_named_value(
		    view, cell->outputs[i]->name, cell->outputs[i]->bundle, indent, out);
}

/* ---- finished cells ---- */

static void add_headline_start(const struct text_view *view, enum paint paint, const char *mark,
    const char *cell, struct buf *out)
{
	AUTO_BUF struct buf name = BUF_INIT;

	format_paint(out, view->settings.color, paint, mark);
	buf_add_char(out, ' ');
	text_add_safe_text(&name, cell, TEXT_LINE);
	format_paint(out, view->settings.color, PAINT_BOLD, name.data ? name.data : "");
}

static void add_dim(const struct text_view *view, const char *text, struct buf *out)
{
	buf_add_text(out, "  ");
	format_paint(out, view->settings.color, PAINT_DIM, text);
}

static void add_time(
    const struct text_view *view, const Venus__V1__CellFinished *cell, struct buf *out)
{
	AUTO_BUF struct buf time = BUF_INIT;

	if (!cell->duration_us)
		return;
	format_duration(&time, cell->duration_us);
	add_dim(view, time.data, out);
}

static void add_widgets(const Venus__V1__CellFinished *cell, struct buf *out)
{
	AUTO_BUF struct buf text = BUF_INIT;

	for (size_t i = 0; i < cell->n_widgets; i++) {
		const Venus__V1__Widget *widget = cell->widgets[i];

		text_add_safe_text(&text, widget->kind, TEXT_LINE);
		buf_add_char(&text, ' ');
		text_add_safe_text(&text, widget->id, TEXT_LINE);
		buf_add_text(&text, " = ");
		text_add_safe_text(&text, widget->value, TEXT_LINE);
		buf_add_char(&text, '\n');
	}
	if (text.length)
		format_indented(out, text.data, VALUE_INDENT);
}

static void add_ok(
    const struct text_view *view, const Venus__V1__CellFinished *cell, struct buf *out)
{
	AUTO_BUF struct buf type = BUF_INIT;

	if (!view->settings.quiet) {
		add_headline_start(view, PAINT_GREEN, "✓", cell->cell, out);
		if (cell->cached)
			add_dim(view, "cached", out);
		else
			add_time(view, cell, out);
		if (view->settings.verbose && cell->n_outputs) {
			text_add_safe_text(&type, cell->outputs[0]->type, TEXT_LINE);
			buf_add_text(&type, type.length ? "  " : "");
			format_hex(&type, &cell->outputs[0]->digest);
			buf_add_text(&type, cell->memory_only ? "  kept in memory only" : "");
			add_dim(view, type.data, out);
		}
		buf_add_char(out, '\n');
	}
	add_values(view, cell, out);
	if (view->settings.verbose)
		add_widgets(cell, out);
}

static void add_diagnostic(
    const struct text_view *view, const Venus__V1__Problem *problem, struct buf *out)
{
	diagnostic_add(out, problem, view->path, view->settings.color);
}

static bool was_told(const struct text_view *view, const Venus__V1__Problem *problem)
{
	for (size_t i = 0; i < view->told_count; i++)
		if (strcmp(view->told[i], problem->message) == 0)
			return true;
	return false;
}

/* Of the notebook as a whole: an error of the definitions, a tool that is missing. */
static void add_whole(struct text_view *view, const Venus__V1__Problem *problem, struct buf *out)
{
	add_diagnostic(view, problem, out);
	if (problem->kind != VENUS__V1__PROBLEM__KIND__WARNING && !was_told(view, problem) &&
	    view->told_count < ARRAY_LENGTH(view->told))
		view->told[view->told_count++] = mem_strdup(problem->message);
}

static void add_failed(
    const struct text_view *view, const Venus__V1__CellFinished *cell, struct buf *out)
{
	add_headline_start(view, PAINT_RED, "✗", cell->cell, out);
	if (cell->error && was_told(view, cell->error)) {
		add_dim(view, "failed: as said above", out);
		buf_add_char(out, '\n');
		return;
	}
	add_dim(view, "failed", out);
	add_time(view, cell, out);
	buf_add_char(out, '\n');
	if (cell->error)
		add_diagnostic(view, cell->error, out);
	for (size_t i = 0; i < cell->n_more; i++)
		add_diagnostic(view, cell->more[i], out);
}

/* Skipped and cancelled ones are one line. */
static void add_not_run(const struct text_view *view, const Venus__V1__CellFinished *cell,
    const char *what, struct buf *out)
{
	AUTO_BUF struct buf text = BUF_INIT;
	const Venus__V1__Problem *error = cell->error;

	buf_add_text(&text, what);
	if (error && error->because[0]) {
		buf_add_text(&text, ": needs ");
		text_add_safe_text(&text, error->because, TEXT_LINE);
	} else if (error && error->message[0]) {
		buf_add_text(&text, ": ");
		text_add_safe_text(&text, error->message, TEXT_LINE);
	}
	add_headline_start(view, PAINT_YELLOW, "-", cell->cell, out);
	add_dim(view, text.data, out);
	buf_add_char(out, '\n');
}

static void add_finished(
    struct text_view *view, const Venus__V1__CellFinished *cell, struct buf *out)
{
	flush_streams(view, cell->cell, out);
	switch (cell->status) {
	case VENUS__V1__CELL_STATUS__OK: add_ok(view, cell, out); break;
	case VENUS__V1__CELL_STATUS__SKIPPED: add_not_run(view, cell, "skipped", out); break;
	case VENUS__V1__CELL_STATUS__CANCELLED: add_not_run(view, cell, "cancelled", out); break;
	default: add_failed(view, cell, out); break;
	}
}

/* ---- the run ---- */

static void add_count(struct buf *line, uint32_t count, const char *what)
{
	if (count)
		buf_printf(line, "%s%u %s", line->length ? ", " : "", (unsigned)count, what);
}

static void add_summary(struct text_view *view, const Venus__V1__RunFinished *run, struct buf *out)
{
	AUTO_BUF struct buf line = BUF_INIT;
	bool good = run->status == VENUS__V1__CELL_STATUS__OK;

	flush_streams(view, NULL, out);
	if (view->settings.quiet)
		return;
	buf_printf(&line, "%u ok", (unsigned)run->ok);
	if (run->cached)
		buf_printf(&line, " (%u cached)", (unsigned)run->cached);
	add_count(&line, run->failed, "failed");
	add_count(&line, run->skipped, "skipped");
	add_count(&line, run->cancelled, "cancelled");
	buf_add_text(&line, " in ");
	format_duration(&line, run->duration_us);
	if (run->timed_out)
		buf_add_text(&line, "; the time was up");
	if (view->settings.verbose && run->commit[0]) {
		buf_add_text(&line, ", commit ");
		text_add_safe_text(&line, run->commit, TEXT_LINE);
	}
	format_paint(out, view->settings.color, good ? PAINT_BOLD : PAINT_RED, line.data);
	buf_add_char(out, '\n');
}

static void add_verbose_line(
    const struct text_view *view, const char *cell, const char *text, struct buf *out)
{
	AUTO_BUF struct buf line = BUF_INIT;

	if (!view->settings.verbose || view->settings.quiet)
		return;
	text_add_safe_text(&line, cell, TEXT_LINE);
	buf_add_text(&line, cell ? ": " : "");
	text_add_safe_text(&line, text, TEXT_LINE);
	format_paint(out, view->settings.color, PAINT_DIM, line.data ? line.data : "");
	buf_add_char(out, '\n');
}

void text_view_event(struct text_view *view, const Venus__V1__Event *event, struct buf *out)
{
	const Venus__V1__CellStarted *started;

	switch (event->kind_case) {
	case VENUS__V1__EVENT__KIND_CELL_STARTED:
		started = event->cell_started;
		add_verbose_line(view, started->cell,
		    started->action == VENUS__V1__CELL_STARTED__ACTION__COMPILE ? "compiling"
										: "running",
		    out);
		break;
	case VENUS__V1__EVENT__KIND_BUILD_PROGRESS:
		add_verbose_line(view, NULL, event->build_progress->text, out);
		break;
	case VENUS__V1__EVENT__KIND_CELL_OUTPUT:
		if (!view->settings.quiet)
			add_output(view, event->cell_output, out);
		break;
	case VENUS__V1__EVENT__KIND_CELL_FINISHED:
		add_finished(view, event->cell_finished, out);
		break;
	case VENUS__V1__EVENT__KIND_WARNING:
		if (!view->settings.quiet ||
		    event->warning->kind != VENUS__V1__PROBLEM__KIND__WARNING)
			add_whole(view, event->warning, out);
		break;
	case VENUS__V1__EVENT__KIND_RUN_FINISHED:
		add_summary(view, event->run_finished, out);
		break;
	case VENUS__V1__EVENT__KIND_RUN_STARTED:
	case VENUS__V1__EVENT__KIND_CLEAR:
	case VENUS__V1__EVENT__KIND_INPUT_REQUEST:
	case VENUS__V1__EVENT__KIND__NOT_SET:
	default: break; /* nothing to say, or newer than this program */
	}
}
