#ifndef VENUS_CTL_RENDER_TEXT_H
#define VENUS_CTL_RENDER_TEXT_H

#include "venusctl/render.h"
#include "venusctl/stream.h"

/* Events as lines for people: what the plain renderer prints and what stays on a terminal. */
struct text_view {
	struct render_settings settings;
	char *path; /* as shown */
	struct stream_set streams;
	char *told[16]; /* what was said of the notebook as a whole, and need not be said of each
			   cell */
	size_t told_count;
};

void text_view_init(struct text_view *view, const struct render_settings *settings);
void text_view_fini(struct text_view *view);
/* Adds what the event has to say, whole lines or nothing. */
void text_view_event(struct text_view *view, const Venus__V1__Event *event, struct buf *out);
/* Adds a value as it is shown, whole lines, indented. */
void text_view_value(const struct text_view *view, const Venus__V1__Bundle *bundle, unsigned indent,
    struct buf *out);

#endif
