#ifndef VENUS_CTL_DIAGNOSTIC_H
#define VENUS_CTL_DIAGNOSTIC_H

#include <stdbool.h>

#include "common/buf.h"
#include "venus.pb-c.h"

/*
 * Adds a problem as rustc shows it: headline, place, source line with the place underlined, notes.
 * `path` is the notebook's, as it is to be shown, already safe. Carets stand below what they mean,
 * whatever tabs, wide or combining characters come before.
 */
void diagnostic_add(
    struct buf *buf, const Venus__V1__Problem *problem, const char *path, bool color);

/* "compile", "panic", … as in the JSON output; "internal" for a number that is not known. */
const char *diagnostic_kind_name(Venus__V1__Problem__Kind kind);

#endif
