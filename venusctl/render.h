#ifndef VENUS_CTL_RENDER_H
#define VENUS_CTL_RENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "venus.pb-c.h"

/*
 * What a run shows. A renderer takes the events of one run in their order and writes to one
 * descriptor at once, so that a reader sees each event when it happens. A failing write is ERR_IO.
 */

struct render_settings {
	int fd;		  /* written to, borrowed */
	const char *path; /* of the notebook, absolute; borrowed */
	bool color, quiet, verbose;
	bool raw;	 /* what cells print is passed on as it is */
	bool value_only; /* quiet, and one cell is asked: its value without its name */
	/* Adds a whole blob of at most limit_bytes to `buf`; NULL when there is nobody to ask. */
	int (*fetch)(void *payload, const ProtobufCBinaryData *digest, uint64_t limit_bytes,
	    struct buf *buf, struct err *err);
	void *payload;
};

struct renderer;
struct renderer_ops {
	int (*event)(struct renderer *renderer, const Venus__V1__Event *event, struct err *err);
	int (*tick)(struct renderer *renderer, struct err *err); /* time has passed; may be NULL */
	int (*suspend)(struct renderer *renderer,
	    struct err *err); /* leave the terminal as it was; may be NULL */
	void (*free)(struct renderer *renderer);
};
struct renderer {
	const struct renderer_ops *ops;
};

#define RENDER_TICK_MS 100 /* how often tick wants to be called */

/* `settings` are copied. Freed with renderer_free. */
struct renderer *render_plain_new(const struct render_settings *settings);
struct renderer *render_tty_new(const struct render_settings *settings);
struct renderer *render_json_new(const struct render_settings *settings);

static inline void renderer_free_p(struct renderer **renderer)
{
	if (*renderer)
		(*renderer)->ops->free(*renderer);
}
#define AUTO_RENDERER __attribute__((cleanup(renderer_free_p)))

#endif
