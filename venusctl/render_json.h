#ifndef VENUS_CTL_RENDER_JSON_H
#define VENUS_CTL_RENDER_JSON_H

#include <jansson.h>

#include "venusctl/render.h"

/* The parts of the JSON output that several commands share; the caller owns what is returned. */

/* "never_run", "queued", … ; "unknown" for a number that is not known. */
const char *render_status_name(Venus__V1__CellStatus status);
json_t *render_json_problem(const Venus__V1__Problem *problem);
json_t *render_json_widgets(Venus__V1__Widget *const *widgets, size_t count);
/* Forms of a value by MIME type. Text as text, other bytes in base64. Of a large one
 * `settings->fetch` is asked for the rest; where it stays incomplete, *ret_size is its whole size,
 * else 0. */
json_t *render_json_display(
    const struct render_settings *settings, const Venus__V1__Bundle *bundle, uint64_t *ret_size);

#endif
