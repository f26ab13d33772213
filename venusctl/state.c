#include "venusctl/state.h"

#include <string.h>

#include "venusctl/diagnostic.h"
#include "venusctl/format.h"
#include "venusctl/render_json.h"
#include "venusctl/text_safe.h"

#define NAME_COLUMNS_MAX 32

static json_t *make_problems(Venus__V1__Problem *const *problems, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(
		    array, render_json_problem(problems[i])); /* only without memory */
	return array;
}

json_t *state_json_cell(const Venus__V1__CellState *cell)
{
	static const struct render_settings nothing_fetched = {0};
	json_t *object = json_object(), *display;
	uint64_t size = 0;

	format_json_set_text(object, "cell", cell->name);
	format_json_set_text(object, "display_name", cell->display_name);
	format_json_set_text(object, "status", render_status_name(cell->status));
	(void)json_object_set_new(object, "cached", json_boolean(cell->cached)); /* as above */
	format_json_set_text(object, "type", cell->type);
	format_json_set_hex(object, "digest", &cell->value_digest);
	format_json_set_number(object, "line", cell->line);
	if (cell->n_outputs) {
		display = render_json_display(&nothing_fetched, cell->outputs[0]->bundle, &size);
		(void)json_object_set_new(object, "display", display); /* as above */
		format_json_set_number(object, "size", size);
	}
	if (cell->error)
		(void)json_object_set_new(
		    object, "error", render_json_problem(cell->error)); /* as above */
	return object;
}

json_t *state_json_session(const Venus__V1__SessionState *session)
{
	json_t *object = json_object(), *cells = json_array();

	format_json_set_text(object, "notebook", session->path);
	format_json_set_hex(object, "session", &session->session);
	format_json_set_text(object, "title", session->title);
	format_json_set_hex(object, "run", &session->run);
	format_json_set_number(object, "worker_pid", session->worker_pid);
	for (size_t i = 0; i < session->n_cells; i++)
		(void)json_array_append_new(
		    cells, state_json_cell(session->cells[i])); /* as above */
	(void)json_object_set_new(object, "cells", cells);	/* as above */
	if (session->n_problems)
		(void)json_object_set_new(object, "problems",
		    make_problems(session->problems, session->n_problems)); /* as above */
	return object;
}

static void pick_mark(Venus__V1__CellStatus status, const char **ret_mark, enum paint *ret_paint)
{
	*ret_mark = "·";
	*ret_paint = PAINT_DIM;
	if (status == VENUS__V1__CELL_STATUS__OK) {
		*ret_mark = "✓";
		*ret_paint = PAINT_GREEN;
	} else if (status == VENUS__V1__CELL_STATUS__FAILED) {
		*ret_mark = "✗";
		*ret_paint = PAINT_RED;
	} else if (status == VENUS__V1__CELL_STATUS__SKIPPED ||
		   status == VENUS__V1__CELL_STATUS__CANCELLED) {
		*ret_mark = "-";
		*ret_paint = PAINT_YELLOW;
	} else if (status == VENUS__V1__CELL_STATUS__COMPILING ||
		   status == VENUS__V1__CELL_STATUS__RUNNING) {
		*ret_mark = "▸";
		*ret_paint = PAINT_BLUE;
	}
}

static const char *readable_status(const Venus__V1__CellState *cell)
{
	if (cell->status == VENUS__V1__CELL_STATUS__NEVER_RUN)
		return "never run";
	if (cell->status == VENUS__V1__CELL_STATUS__OK && cell->cached)
		return "ok, cached";
	return render_status_name(cell->status);
}

void state_text_cell(
    struct buf *buf, const Venus__V1__CellState *cell, size_t name_width, bool color)
{
	AUTO_BUF struct buf name = BUF_INIT, type = BUF_INIT;
	enum paint paint;
	const char *mark;
	size_t width;

	pick_mark(cell->status, &mark, &paint);
	text_add_safe_text(&name, cell->name, TEXT_LINE);
	text_add_safe_text(&type, cell->type, TEXT_LINE);
	width = name.length ? text_width(name.data) : 0;
	format_paint(buf, color, paint, mark);
	buf_add_char(buf, ' ');
	buf_add(buf, name.data, name.length);
	buf_printf(buf, "%*s  ", width < name_width ? (int)(name_width - width) : 0, "");
	if (type.length) {
		buf_printf(buf, "%-10s  ", readable_status(cell));
		format_paint(buf, color, PAINT_DIM, type.data);
	} else {
		buf_add_text(buf, readable_status(cell));
	}
	buf_add_char(buf, '\n');
}

static size_t widest_name(const Venus__V1__SessionState *session)
{
	size_t widest = 0;

	for (size_t i = 0; i < session->n_cells; i++) {
		size_t width = text_width(session->cells[i]->name);

		if (width > widest)
			widest = width;
	}
	return widest < NAME_COLUMNS_MAX ? widest : NAME_COLUMNS_MAX;
}

void state_text_session(struct buf *buf, const Venus__V1__SessionState *session, bool color)
{
	AUTO_BUF struct buf path = BUF_INIT;
	size_t width = widest_name(session);

	format_path(&path, session->path);
	format_paint(buf, color, PAINT_BOLD, path.data ? path.data : "");
	if (session->title[0]) {
		buf_add_text(buf, "  ");
		text_add_safe_text(buf, session->title, TEXT_LINE);
	}
	if (session->run.len) {
		buf_add_text(buf, "  running ");
		format_hex(buf, &session->run);
	}
	buf_add_char(buf, '\n');
	for (size_t i = 0; i < session->n_cells; i++) {
		buf_add_text(buf, "  ");
		state_text_cell(buf, session->cells[i], width, color);
	}
	for (size_t i = 0; i < session->n_problems; i++)
		diagnostic_add(buf, session->problems[i], path.data ? path.data : "", color);
}
