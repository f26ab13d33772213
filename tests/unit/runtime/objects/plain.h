#ifndef TESTS_UNIT_RUNTIME_PLAIN_H
#define TESTS_UNIT_RUNTIME_PLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A runtime crate in C with the entry points of venusd/runtime/rt.h, for notebooks whose values are
 * texts. A cell is a function of that C interface, a glue is a `struct plain_glue`. What venusd
 * sends as widget settings are the cell's own arguments.
 */

struct plain_glue {
	const char *type_name;
	bool encodable, interior, drop_panics;
};

struct plain_frame;
typedef void plain_cell(struct plain_frame *frame);

const char *plain_setting(
    const struct plain_frame *frame, const char *id); /* "" if it is not set */
size_t plain_number(const struct plain_frame *frame, const char *id);
const char *plain_arg(const struct plain_frame *frame, size_t index); /* NULL past the last */
void plain_text(struct plain_frame *frame, const char *text);	      /* more of the value */
void plain_fill(struct plain_frame *frame, char byte, size_t count);
void plain_fail(struct plain_frame *frame, uint32_t status, const char *message);
void plain_show(struct plain_frame *frame, const char *mime, size_t count, size_t full_count);
void plain_widget(
    struct plain_frame *frame, const char *id, size_t option_count, const char *option);
size_t plain_dropped(void); /* values dropped so far */

#endif
