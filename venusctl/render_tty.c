#include "venusctl/render.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "common/mem.h"
#include "venusctl/clock.h"
#include "venusctl/format.h"
#include "venusctl/render_text.h"
#include "venusctl/text_safe.h"

/*
 * The same lines as the plain renderer's, and below them a live part that is drawn again in place:
 * one line for each cell that runs. It is first drawn by a tick, so a run that is over at once
 * never flickers. Before anything is printed the live part is taken away, and drawn again behind
 * it, all in one write. Its lines are cut to the width and its height is bounded, so the number of
 * rows to go back is known. The cursor is hidden only while a live part is there.
 */

#define LIVE_ROWS_MAX 12

struct running {
	char *cell;
	bool is_compiling;
	uint64_t since_ms;
};

struct tty {
	struct renderer base;
	struct text_view view;
	struct buf out;
	struct running *running;
	size_t running_count;
	char *progress; /* safe text of what is built, or NULL */
	unsigned drawn; /* rows of the live part */
	bool is_over;
	bool is_shown; /* a tick has come: the run takes long enough to be watched */
	unsigned frame;
};

/* ---- which cells run ---- */

static void forget_cell(struct tty *tty, const char *cell)
{
	for (size_t i = 0; i < tty->running_count; i++) {
		if (strcmp(tty->running[i].cell, cell) != 0)
			continue;
		free(tty->running[i].cell);
		tty->running_count--;
		memmove(&tty->running[i], &tty->running[i + 1],
		    (tty->running_count - i) * sizeof *tty->running);
		return;
	}
}

/* Compiling is over once a cell runs; those that wait for their turn are not shown. */
static void forget_compiled(struct tty *tty)
{
	for (size_t i = tty->running_count; i-- > 0;)
		if (tty->running[i].is_compiling)
			forget_cell(tty, tty->running[i].cell);
}

static void note_cell(struct tty *tty, const Venus__V1__CellStarted *started)
{
	struct running *running;

	forget_cell(tty, started->cell);
	if (started->action == VENUS__V1__CELL_STARTED__ACTION__EXECUTE)
		forget_compiled(tty);
	tty->running =
	    mem_realloc_array(tty->running, tty->running_count + 1, sizeof *tty->running);
	running = &tty->running[tty->running_count++];
	running->cell = mem_strdup(started->cell);
	running->is_compiling = started->action == VENUS__V1__CELL_STARTED__ACTION__COMPILE;
	running->since_ms = clock_ms();
}

static void note_progress(struct tty *tty, const char *text)
{
	AUTO_BUF struct buf safe = BUF_INIT;

	text_add_safe_text(&safe, text, TEXT_LINE);
	free(tty->progress);
	tty->progress = safe.length ? buf_take(&safe) : NULL;
}

static void note_event(struct tty *tty, const Venus__V1__Event *event)
{
	switch (event->kind_case) {
	case VENUS__V1__EVENT__KIND_CELL_STARTED:
		note_cell(tty, event->cell_started);
		if (event->cell_started->action == VENUS__V1__CELL_STARTED__ACTION__EXECUTE)
			note_progress(tty, NULL);
		break;
	case VENUS__V1__EVENT__KIND_CELL_FINISHED:
		forget_cell(tty, event->cell_finished->cell);
		break;
	case VENUS__V1__EVENT__KIND_BUILD_PROGRESS:
		note_progress(tty, event->build_progress->text);
		break;
	case VENUS__V1__EVENT__KIND_RUN_FINISHED: tty->is_over = true; break;
	default: break;
	}
}

/* ---- the live part ---- */

static void get_size(const struct tty *tty, size_t *ret_columns, size_t *ret_rows)
{
	struct winsize size = {0};
	bool known = ioctl(tty->view.settings.fd, TIOCGWINSZ, &size) == 0;

	*ret_columns = known && size.ws_col ? size.ws_col : 80;
	*ret_rows = known && size.ws_row ? size.ws_row : 24;
}

static void add_row(struct tty *tty, const char *text, size_t columns)
{
	static const char *const frames[] = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};

	format_paint(&tty->out, tty->view.settings.color, PAINT_BLUE,
	    frames[tty->frame % ARRAY_LENGTH(frames)]);
	buf_add_char(&tty->out, ' ');
	text_add_fitted(&tty->out, text, columns > 3 ? columns - 3 : 0);
	buf_add_char(&tty->out, '\n');
	tty->drawn++;
}

static void add_running(struct tty *tty, const struct running *running, size_t columns)
{
	AUTO_BUF struct buf line = BUF_INIT;
	uint64_t elapsed_ms = clock_ms() - running->since_ms;

	text_add_safe_text(&line, running->cell, TEXT_LINE);
	buf_add_text(&line, running->is_compiling ? "  compiling  " : "  running  ");
	if (elapsed_ms < 60000)
		buf_printf(&line, "%.1f s", (double)elapsed_ms / 1000);
	else
		format_duration(&line, elapsed_ms * 1000);
	add_row(tty, line.data, columns);
}

static void draw(struct tty *tty)
{
	AUTO_BUF struct buf rest = BUF_INIT;
	size_t columns, rows, most, shown;

	if (!tty->is_shown || tty->is_over || (!tty->running_count && !tty->progress))
		return;
	get_size(tty, &columns, &rows);
	most = rows / 2 < LIVE_ROWS_MAX ? rows / 2 : LIVE_ROWS_MAX;
	shown = tty->running_count < most ? tty->running_count : most;
	buf_add_text(&tty->out, "\x1b[?25l");
	for (size_t i = 0; i < shown; i++)
		add_running(tty, &tty->running[i], columns);
	if (shown < tty->running_count) {
		buf_printf(&rest, "and %zu more", tty->running_count - shown);
		add_row(tty, rest.data, columns);
	}
	if (tty->progress)
		add_row(tty, tty->progress, columns);
}

static void erase(struct tty *tty)
{
	/* Row by row: clearing to the end of the screen makes tmux keep a copy when that is all of
	 * it. */
	if (tty->drawn)
		buf_add_text(&tty->out, "\r");
	for (unsigned i = 0; i < tty->drawn; i++)
		buf_add_text(&tty->out, "\x1b[A\x1b[2K");
	if (tty->drawn)
		buf_add_text(&tty->out, "\x1b[?25h");
	tty->drawn = 0;
}

/* ---- the renderer ---- */

static int tty_event(struct renderer *renderer, const Venus__V1__Event *event, struct err *err)
{
	struct tty *tty = (struct tty *)renderer;

	note_event(tty, event);
	erase(tty);
	text_view_event(&tty->view, event, &tty->out);
	draw(tty);
	return format_flush(&tty->out, tty->view.settings.fd, err);
}

static int tty_tick(struct renderer *renderer, struct err *err)
{
	struct tty *tty = (struct tty *)renderer;

	tty->is_shown = true;
	tty->frame++;
	erase(tty);
	draw(tty);
	return format_flush(&tty->out, tty->view.settings.fd, err);
}

static int tty_suspend(struct renderer *renderer, struct err *err)
{
	struct tty *tty = (struct tty *)renderer;

	erase(tty);
	return format_flush(&tty->out, tty->view.settings.fd, err);
}

static void tty_free(struct renderer *renderer)
{
	struct tty *tty = (struct tty *)renderer;
	struct err ignored;

	(void)tty_suspend(renderer, &ignored); /* the terminal may be gone */
	for (size_t i = 0; i < tty->running_count; i++)
		free(tty->running[i].cell);
	free(tty->running);
	free(tty->progress);
	text_view_fini(&tty->view);
	buf_fini(&tty->out);
	free(tty);
}

struct renderer *render_tty_new(const struct render_settings *settings)
{
	static const struct renderer_ops ops = {
	    .event = tty_event, .tick = tty_tick, .suspend = tty_suspend, .free = tty_free};
	struct tty *tty = mem_alloc(sizeof *tty);

	tty->base.ops = &ops;
	text_view_init(&tty->view, settings);
	return &tty->base;
}
