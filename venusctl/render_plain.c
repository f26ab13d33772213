#include "venusctl/render.h"

#include <stdlib.h>

#include "common/mem.h"
#include "venusctl/format.h"
#include "venusctl/render_text.h"

/* Lines as they come, for pipes, files and terminals that can do no more. */

struct plain {
	struct renderer base;
	struct text_view view;
	struct buf out;
};

static int plain_event(struct renderer *renderer, const Venus__V1__Event *event, struct err *err)
{
	struct plain *plain = (struct plain *)renderer;

	text_view_event(&plain->view, event, &plain->out);
	return format_flush(&plain->out, plain->view.settings.fd, err);
}

static void plain_free(struct renderer *renderer)
{
	struct plain *plain = (struct plain *)renderer;

	text_view_fini(&plain->view);
	buf_fini(&plain->out);
	free(plain);
}

struct renderer *render_plain_new(const struct render_settings *settings)
{
	static const struct renderer_ops ops = {.event = plain_event, .free = plain_free};
	struct plain *plain = mem_alloc(sizeof *plain);

	plain->base.ops = &ops;
	text_view_init(&plain->view, settings);
	return &plain->base;
}
