#ifndef VENUSD_BUILD_RUST_CARGO_H
#define VENUSD_BUILD_RUST_CARGO_H

#include "venusd/build/build_env.h"
#include "venusd/build/build_memory.h"
#include "venusd/build/rust_diagnostics.h"
#include "venusd/build/rust_manifest.h"

/*
 * The notebook's crates, by cargo. rust_cargo.c has the theory of operation. Functions that start
 * programs are for the loop, all others block.
 */

struct rust_cargo {
	const struct build *build;
	const char *folder; /* the notebook's, borrowed */
	char *block;	    /* the cargo block, NULL: none */
	char *project;	    /* a Cargo.toml whose dependencies count too, NULL: none */
	char *home;	    /* <build>/crates/<digest of the notebook's path> */
	char *place;	    /* folder of its manifest */
	char *dependencies; /* the project's, as TOML tables */
	struct rust_manifest manifest;
	struct digest key;
	struct build_inputs plan_inputs; /* manifests, locks and settings in the notebook's folder
					    and above: in the key */
	struct build_inputs
	    crate_inputs; /* what path crates are made of: checked when the record is used */
	bool release, fetched;
};
void rust_cargo_fini(struct rust_cargo *cargo);

/* Finds out whether there is anything for cargo to do. `cargo->build`, `folder`, `block` and
 * `release` are set. 1: there is, 0: there is not. */
int rust_cargo_plan(struct rust_cargo *cargo, const char *notebook_path,
    const struct rust_toolchain *toolchain, struct err *err);
/* 1: known from before and unchanged: `env`'s crates are filled in. 0: not. */
int rust_cargo_look_up(struct rust_cargo *cargo, struct build_env *env, struct err *err);

enum rust_cargo_call {
	RUST_CARGO_PROJECT, /* reads the project's dependencies */
	RUST_CARGO_RESOLVE, /* chooses versions, offline */
	RUST_CARGO_FETCH,   /* downloads; runs no code */
	RUST_CARGO_BUILD    /* compiles, offline */
};
int rust_cargo_start(struct build_job *job, const struct rust_cargo *cargo,
    const struct rust_toolchain *toolchain, enum rust_cargo_call call,
    void (*on_line)(const char *line, void *payload), void *payload, struct err *err);
/* Takes RUST_CARGO_PROJECT's answer. */
int rust_cargo_project_take(
    struct rust_cargo *cargo, const char *json, size_t length, struct err *err);
/* Writes the package. */
int rust_cargo_write(struct rust_cargo *cargo, struct err *err);
/* Takes what RESOLVE and BUILD said, fills in `env`'s crates, and keeps all of it in the store. */
int rust_cargo_take(struct rust_cargo *cargo, struct build_env *env, const char *resolved,
    size_t resolved_length, const char *built, size_t built_length, struct err *err);

/* Cargo's stderr as a problem, placed in the notebook's cargo block where that can be told. Owned
 * by the caller. */
Venus__V1__Problem *rust_cargo_problem(
    const struct rust_cargo *cargo, const struct notebook *notebook, const char *text);

#endif
