#ifndef VENUS_CTL_STATE_H
#define VENUS_CTL_STATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "venus.pb-c.h"

/* A session's and a cell's state, as `status` and `inspect` show them. */
json_t *state_json_session(const Venus__V1__SessionState *session);
json_t *state_json_cell(const Venus__V1__CellState *cell);
void state_text_session(struct buf *buf, const Venus__V1__SessionState *session, bool color);
/* One line: mark, name, status, type. */
void state_text_cell(
    struct buf *buf, const Venus__V1__CellState *cell, size_t name_width, bool color);

#endif
