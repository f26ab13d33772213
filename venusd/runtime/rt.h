#ifndef VENUSD_RUNTIME_RT_H
#define VENUSD_RUNTIME_RT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The C side of the runtime crate (runtime/rust/venus, module __rt), which venus-worker finds with
 * dlsym in libvenus.so. All of these are called on the worker's main thread, catch panics, and
 * never unwind into C. ABI version: VENUS_RT_ABI, what venus_rt_abi() returns.
 */
#define VENUS_RT_ABI 1u

/* Bytes owned by the runtime crate, valid until venus_rt_outcome_fini. */
struct venus_rt_bytes {
	const uint8_t *data;
	size_t length;
};

struct venus_rt_arg {
	const void *value; /* the producer's value */
	const void *glue;  /* address of the producer's return type's Glue */
};

struct venus_rt_setting {
	struct venus_rt_bytes id, value;
};

struct venus_rt_display {
	struct venus_rt_bytes mime, data;
	size_t full_length;
};

enum venus_rt_widget_kind {
	VENUS_RT_SLIDER = 1,
	VENUS_RT_TEXT,
	VENUS_RT_SELECT,
	VENUS_RT_CHECKBOX
};

struct venus_rt_widget {
	struct venus_rt_bytes id, label, value, initial, placeholder;
	const struct venus_rt_bytes *options;
	size_t option_count;
	double min, max, step;
	uint32_t kind;
};

enum venus_rt_status {
	VENUS_RT_OK = 1,
	VENUS_RT_ERR,
	VENUS_RT_PANIC,
	VENUS_RT_REFUSED
}; /* as Done.Status of worker.proto */

struct venus_rt_outcome {
	uint32_t status;
	bool encodable;
	bool interior;
	void *value; /* owned by the worker: venus_rt_drop; NULL unless status is VENUS_RT_OK */
	struct venus_rt_bytes message, file, type_name, encoded;
	uint32_t line, column;
	const struct venus_rt_display *displays;
	size_t display_count;
	const struct venus_rt_widget *widgets;
	size_t widget_count;
	uint64_t duration_ns; /* of the cell's function alone */
	void *internal;
};

struct venus_rt_call {
	const void *cell; /* address of the wrapper, a Rust-ABI `unsafe fn(&mut Frame)` */
	const void *glue; /* address of the return type's Glue */
	const struct venus_rt_arg *args;
	size_t arg_count;
	const struct venus_rt_setting *settings;
	size_t setting_count;
	size_t text_limit;
	const char *cell_name; /* for what other threads' panics print on stderr; may be NULL */
};

uint32_t venus_rt_abi(void);
void venus_rt_init(void); /* once, after loading: panic hook */
/* Runs, checks (Err), shows, encodes. Flushes Rust's stdout. */
void venus_rt_call(const struct venus_rt_call *call, struct venus_rt_outcome *ret_outcome);
void venus_rt_outcome_fini(struct venus_rt_outcome *outcome); /* frees all but `value` */
/* NULL when the bytes do not fit the type. */
void *venus_rt_decode(const void *glue, const uint8_t *data, size_t length);
/* False if the drop panicked; the value is gone all the same. */
bool venus_rt_drop(const void *glue, void *value);

#endif
