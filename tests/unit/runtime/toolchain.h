#ifndef TESTS_UNIT_RUNTIME_TOOLCHAIN_H
#define TESTS_UNIT_RUNTIME_TOOLCHAIN_H

#include <stdbool.h>

#include "harness.h"

/* A Rust compiler of this machine, and what tests have it compile. */
struct toolchain {
	const char *rustc;  /* borrowed */
	char *library_path; /* the folder of libstd */
	char *library;	    /* its name */
	char *folder;	    /* where compiled objects go */
};

/* The folder's name ends with `purpose`. False, with a line that says so, if there is no such
 * compiler or it has no libstd. */
bool toolchain_open(struct toolchain *toolchain, const char *rustc, const char *purpose);
void toolchain_fini(struct toolchain *toolchain);
#define AUTO_TOOLCHAIN __attribute__((cleanup(toolchain_fini)))

/* Compiles with `options` in the toolchain's folder: a failure fails the test. */
void toolchain_compile(const struct toolchain *toolchain, const char *options, const char *source);
/* A worker with this libstd loaded; `with_leaks` as in harness.h. */
struct harness *toolchain_start(const struct toolchain *toolchain, bool with_leaks);
/* Loads a file of the toolchain's folder. */
uint32_t toolchain_load(const struct toolchain *toolchain, struct harness *harness,
    const char *name, bool global, bool runtime);

#endif
