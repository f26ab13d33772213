/*
 * Widget values that somebody set. They belong to (notebook, cell, widget) and outlive the daemon:
 * notes in the store under "setting-ID" where ID is the notebook's, named "CELL.WIDGET".
 */

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "venusd/session/session_internal.h"
#include "worker.pb-c.h"

static char *space_of(const char *path)
{
	struct digest digest = digest_of(path, strlen(path));
	char hex[DIGEST_HEX + 1];

	digest_to_hex(&digest, hex);
	return mem_printf("setting-%.24s", hex);
}

void settings_free(struct setting *settings, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(settings[i].cell);
		free(settings[i].id);
		free(settings[i].value);
	}
	free(settings);
}

static struct setting *find(const struct session *session, const char *cell, const char *id)
{
	for (size_t i = 0; i < session->setting_count; i++)
		if (strcmp(session->settings[i].cell, cell) == 0 &&
		    strcmp(session->settings[i].id, id) == 0)
			return &session->settings[i];
	return NULL;
}

static int load_one(const char *name, const void *value, size_t length, void *payload)
{
	struct settings_kept *kept = payload;
	const char *dot = strchr(name, '.');
	struct setting *setting;

	if (!dot)
		return 0;
	setting = MEM_PUSH(kept->settings, kept->count);
	setting->cell = mem_strndup(name, (size_t)(dot - name));
	setting->id = mem_strdup(dot + 1);
	setting->value = mem_dup(value, length);
	return 0;
}

void settings_read(struct settings_kept *kept, struct store *store, const char *path)
{
	AUTO_FREE char *space = space_of(path);
	struct err err;

	(void)store_note_each(
	    store, space, load_one, kept, &err); /* unreadable settings are the defaults */
}

void settings_take(struct session *session, struct settings_kept *kept)
{
	if (session->settings_loaded) {
		settings_free(kept->settings, kept->count);
	} else {
		session->settings_loaded = true;
		session->settings = kept->settings;
		session->setting_count = kept->count;
	}
	*kept = (struct settings_kept){0};
}

struct keeping {
	struct store *store;
	char *space, *name, *value;
};

static void keep_work(void *payload)
{
	struct keeping *keeping = payload;
	struct err err;

	/* A failure costs the value at the next start of the daemon, not this run: nothing to stop
	 * for. */
	if (keeping->value)
		(void)store_note_put(keeping->store, keeping->space, keeping->name, keeping->value,
		    strlen(keeping->value), &err);
	else
		(void)store_note_forget(keeping->store, keeping->space, keeping->name, &err);
}

static void keep_done(void *payload)
{
	struct keeping *keeping = payload;

	free(keeping->space);
	free(keeping->name);
	free(keeping->value);
	free(keeping);
}

static void keep(struct session *session, const char *cell, const char *id, const char *value)
{
	struct keeping *keeping = mem_alloc(sizeof *keeping);

	*keeping = (struct keeping){.store = session->all->settings.store,
	    .space = space_of(session->path),
	    .name = mem_printf("%s.%s", cell, id),
	    .value = mem_strdup(value)};
	pool_start(session->all->settings.loop, keep_work, keep_done, keeping);
}

void settings_set(struct session *session, const char *cell, const char *id, const char *value)
{
	struct setting *setting = find(session, cell, id);

	if (!setting) {
		setting = MEM_PUSH(session->settings, session->setting_count);
		setting->cell = mem_strdup(cell);
		setting->id = mem_strdup(id);
	}
	free(setting->value);
	setting->value = mem_strdup(value);
	keep(session, cell, id, value);
}

void settings_forget(struct session *session, const char *cell, const char *id)
{
	struct setting *setting = find(session, cell, id);

	if (!setting)
		return;
	free(setting->cell);
	free(setting->id);
	free(setting->value);
	*setting = session->settings[--session->setting_count];
	keep(session, cell, id, NULL);
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct plan_setting *)a)->id, ((const struct plan_setting *)b)->id);
}

struct plan_setting *settings_of(const struct session *session, const char *cell, size_t *ret_count)
{
	struct plan_setting *settings = NULL;
	size_t count = 0;

	for (size_t i = 0; i < session->setting_count; i++)
		if (strcmp(session->settings[i].cell, cell) == 0) {
			struct plan_setting *one = MEM_PUSH(settings, count);

			one->id = mem_strdup(session->settings[i].id);
			one->value = mem_strdup(session->settings[i].value);
		}
	if (count > 1)
		qsort(settings, count, sizeof *settings, by_id);
	*ret_count = count;
	return settings;
}

void plan_settings_free(struct plan_setting *settings, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(settings[i].id);
		free(settings[i].value);
	}
	free(settings);
}

static int check_slider(
    const Venus__Record__Widget *widget, const char *cell, const char *value, struct err *err)
{
	char *end;
	double number = strtod(value, &end);

	if (end == value || *end || !isfinite(number))
		return err_set(err, ERR_INVALID, "%s.%s is a slider: '%s' is not a number", cell,
		    widget->id, value);
	if (number < widget->min || number > widget->max)
		return err_set(err, ERR_INVALID, "%s.%s is a slider from %g to %g: %s is outside",
		    cell, widget->id, widget->min, widget->max, value);
	return 0;
}

static int check_select(
    const Venus__Record__Widget *widget, const char *cell, const char *value, struct err *err)
{
	AUTO_BUF struct buf options = BUF_INIT;

	for (size_t i = 0; i < widget->n_options; i++) {
		if (strcmp(widget->options[i], value) == 0)
			return 0;
		buf_printf(&options, "%s%s", i ? ", " : "", widget->options[i]);
	}
	return err_set(err, ERR_INVALID, "%s.%s has no option '%s': it has %s", cell, widget->id,
	    value, options.length ? options.data : "none");
}

int settings_check(
    const execution *last, const char *cell, const char *id, const char *value, struct err *err)
{
	const Venus__Record__Widget *widget = NULL;

	if (!last)
		return 0; /* not known before it ran: the cell itself refuses */
	for (size_t i = 0; i < last->n_widgets && !widget; i++)
		if (strcmp(last->widgets[i]->id, id) == 0)
			widget = last->widgets[i];
	if (!widget)
		return err_set(err, ERR_INVALID,
		    "cell %s has no widget %s: `venusctl inspect` lists those it has", cell, id);
	switch (widget->kind) {
	case VENUS__WORKER__WIDGET__KIND__SLIDER: return check_slider(widget, cell, value, err);
	case VENUS__WORKER__WIDGET__KIND__SELECT: return check_select(widget, cell, value, err);
	case VENUS__WORKER__WIDGET__KIND__CHECKBOX:
		if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
			return err_set(err, ERR_INVALID,
			    "%s.%s is a checkbox: true or false, not '%s'", cell, id, value);
		return 0;
	default: return 0;
	}
}
