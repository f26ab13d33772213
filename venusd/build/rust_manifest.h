#ifndef VENUSD_BUILD_RUST_MANIFEST_H
#define VENUSD_BUILD_RUST_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "venusd/notebook/notebook.h"

/*
 * The manifest that cargo gets for a notebook's crates: the tables of the cargo block byte for
 * byte, but that a relative `path` of a dependency is made absolute, with what a package needs
 * besides. Only places are looked for here; whether it is TOML is cargo's to say, so text that
 * makes no sense is passed on as it is. Pure.
 */

struct rust_manifest {
	char *text;
	uint32_t inserted_after; /* lines that venus put in stand after this line of the block (0:
				    in front) … */
	uint32_t inserted_lines; /* … and are so many */
};
void rust_manifest_fini(struct rust_manifest *manifest);

/* `block` may be NULL. `folder` is where relative paths start. `dependencies` is TOML text put at
 * the end; NULL for none. */
void rust_manifest_make(const char *block, const char *folder, const char *package,
    const char *dependencies, struct rust_manifest *ret_manifest);
/* The block's line (from 1) of a line of the manifest; 0 when that is not the block's. */
uint32_t rust_manifest_block_line(
    const struct rust_manifest *manifest, const char *block, uint32_t line);
/* package.edition as a number, 2021 when there is none. */
unsigned rust_manifest_edition(const char *block);
/* True if some table of dependencies of a package names a crate other than `venus`, or if a header
 * is broken, which cargo is to say. */
bool rust_manifest_has_dependencies(const char *text);
bool rust_manifest_has_package(const char *text);
/* True if the text has a dependency of that name. `ret_line`: where, from 1; may be NULL. */
bool rust_manifest_names(const char *text, const char *dependency, uint32_t *ret_line);
/* A TOML string of `text`, with its quotes. Owned by the caller. */
char *rust_manifest_quote(const char *text);

#endif
