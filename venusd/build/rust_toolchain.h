#ifndef VENUSD_BUILD_RUST_TOOLCHAIN_H
#define VENUSD_BUILD_RUST_TOOLCHAIN_H

#include <stdbool.h>

#include "common/digest.h"
#include "venusd/build/build_internal.h"

/*
 * Which rustc compiles. The one found on PATH (VENUS_RUSTC overrides) may be rustup's shim, which
 * picks a toolchain by folder, settings and variables, and costs 5 ms a call: it is asked once
 * which compiler it stands for, and the answer is kept in the store as a note, as long as nothing
 * that decides it changes.
 */

struct rust_toolchain {
	char *found;	    /* on PATH */
	char *rustc;	    /* the real binary */
	char *cargo;	    /* beside it, else on PATH; NULL: there is none */
	char *library_path; /* folder of libstd */
	char *libstd;	    /* its file name */
	char *host;	    /* "x86_64-unknown-linux-gnu" */
	char *version;	    /* "1.95.0 (59807616e 2026-04-14)" */
	unsigned minor;	    /* of 1.minor */
	struct digest identity;
};
void rust_toolchain_fini(struct rust_toolchain *toolchain);

/* What differs between compilers. */
enum rust_feature {
	RUST_FEATURE_EXTERN_RMETA, /* a dylib's .rmeta serves as --extern, so that `ld` can link it
				    */
	RUST_FEATURE_COUNT
};
bool rust_toolchain_has(const struct rust_toolchain *toolchain, enum rust_feature feature);

/* Finds rustc's file for a notebook's folder; `found` and the note's key are then set.
 * ERR_UNAVAILABLE: there is none. 1: everything else is known too; 0: it must be asked; -1: failed.
 * Blocking. */
int rust_toolchain_look_up(struct store *store, const char *folder,
    struct rust_toolchain *toolchain, struct digest *ret_key, struct err *err);
/* The question whose answers rust_toolchain_learn takes: run 0 prints the sysroot, run 1 the
 * version. Loop thread. */
int rust_toolchain_ask(struct build_job *job, const struct rust_toolchain *toolchain,
    const char *folder, struct err *err);
/* Takes the answers from the job's runs and keeps them in the store. Blocking. */
int rust_toolchain_learn(struct build_job *job, const struct digest *key,
    struct rust_toolchain *toolchain, struct err *err);

#endif
