#ifndef VENUSD_BUILD_RUST_TEXT_H
#define VENUSD_BUILD_RUST_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/err.h"
#include "venusd/notebook/notebook.h"

/*
 * The Rust text that is compiled for a notebook, and the way back from its places to the
 * notebook's. Pure: text in, text out.
 *
 * - The universe is a `dylib`: the definitions, private parts made reachable, codecs behind each
 *   type. Cells are not in it, and its lines do not depend on where cells stand, so that it is the
 *   same text (and keeps its digest) whatever happens to cells or markdown.
 * - A batch is cells: a root file with the root macros and `use ::__u::*;`, which `include!`s one
 *   file a cell, each in a module of its own: the cell's function and its wrapper.
 * - The glue is one venus::__rt::Glue a distinct return type.
 * - Plain is the fallback, one crate: the whole notebook unmodified but for attributes, with
 *   codecs, wrappers and glue beside it.
 */

/*
 * How the texts are compiled (tried with rustc 1.63 and 1.95).
 *
 * RUSTC is the real binary, E the notebook's edition, S its opt-level (universe 1, cells and glue
 * 0; everything 3 in release), D the scratch folder, NB one crate name for universe, batch, glue
 * and plain (type names then read NB::Type), H a digest of all that goes into the crate. Every call
 * has JSON errors (--error-format=json) and --cap-lints warn. LD is `ld.bfd -shared
 * --eh-frame-hdr`: without
 * --eh-frame-hdr a panic aborts the process.
 *
 * runtime: RUSTC --edition 2021 --crate-name venus --crate-type dylib -C prefer-dynamic
 *     -C opt-level=1 -C metadata=H -C link-arg=-Wl,-soname,libvenus-H.so --emit=link
 *     --out-dir D share/venus/rust/venus/src/lib.rs
 *     makes D/libvenus.so
 *
 * universe: RUSTC --edition E --crate-name NB --crate-type dylib -C prefer-dynamic -C opt-level=S
 *     -C metadata=H -C extra-filename=-H --extern venus=D/libvenus.so -L D --out-dir D universe.rs
 *   from 1.95 on, without crates: and --emit=obj,metadata
 *     makes D/NB-H.o and D/libNB-H.rmeta; then LD -soname libNB-H.so -o D/libNB-H.so D/NB-H.o
 *   older, or with crates: and --emit=link, each crate as --extern NAME=PATH, and
 *     -L dependency=TARGET/deps
 *     makes D/libNB-H.so
 *
 * batch, glue: RUSTC --edition E --crate-name NB --crate-type cdylib -C prefer-dynamic --emit=obj
 *     -C opt-level=S -C metadata=H2 -C extra-filename=-H2 --extern venus=D/libvenus.so
 *     --extern __u=D/libNB-H.rmeta (or .so) -L D --out-dir D batch.rs, and the crates as above
 *     makes D/NB-H2.o; then LD -o cells.so D/NB-H2.o
 *   Without -L an E0463 names the universe.
 *
 * plain: as a universe (dylib), with metadata of its own; loaded RTLD_LOCAL, holds all cells'
 *     symbols and their glue.
 *
 * --emit may add dep-info. Files of a crate lie in one folder. Loading: libstd, runtime, universe
 * with RTLD_GLOBAL, then cells and glue with RTLD_LOCAL; nothing is named as needed by what LD
 * made.
 */

#define RUST_UNIVERSE_CRATE "__u" /* extern name of the universe in batch and glue */

/* What the text depends on beside the notebook. */
struct rust_settings {
	const char *folder; /* the notebook's, absolute: where include_str!, `mod x;` and the like
			       start from. It is in the text only if they are used. */
	unsigned edition;   /* 2018, 2021, 2024 …, as given to rustc */
};

/* One generated file. */
struct rust_file {
	char *name; /* "universe.rs", "cell_total_1f2e….rs": no folder */
	char *text;
	size_t length;
	struct rust_map *map; /* back to the notebook */
};

/* A generated crate: files[0] is the root. */
struct rust_crate {
	struct rust_file *files;
	size_t file_count;
};
void rust_crate_fini(struct rust_crate *crate);
/* Digest of names and texts. */
struct digest rust_crate_digest(const struct rust_crate *crate);

/* `crates`: extern names of the notebook's crates, which the universe must mention so that all of
 * them is linked into it. */
int rust_universe_generate(const struct notebook *notebook, const struct rust_settings *settings,
    const char *const *crates, size_t crate_count, struct rust_crate *ret_crate, struct err *err);
/* The file of one cell, with its wrapper `pub unsafe fn SYMBOL(f: &mut venus::__rt::Frame)`. Its
 * text depends on nothing but the cell's own item and its producers' return types, and on where the
 * cell stands only if it uses line!, column!, file!, dbg! or the like. */
int rust_cell_generate(const struct notebook *notebook, const struct rust_settings *settings,
    size_t cell, struct rust_file *ret_file, struct err *err);
void rust_file_fini(struct rust_file *file);
/* "__venus_c_" and 32 hexadecimal characters: a digest of the cell's file text with the symbol left
 * out. Owned by the caller. */
char *rust_cell_symbol(
    const struct notebook *notebook, const struct rust_settings *settings, size_t cell);
/* "__venus_t_" and 32 hexadecimal characters of the return type's text. Owned by the caller. */
char *rust_glue_symbol(const char *type);
int rust_batch_generate(const struct notebook *notebook, const struct rust_settings *settings,
    const size_t *cells, size_t cell_count, struct rust_crate *ret_crate, struct err *err);
int rust_glue_generate(const struct notebook *notebook, const struct rust_settings *settings,
    const char *const *types, size_t type_count, struct rust_crate *ret_crate, struct err *err);
/* With wrappers (rust_cell_symbol) of these cells and glue (rust_glue_symbol) of their return types
 * and of their producers'. Every other cell is blanked out; lines are the notebook's. Its crate
 * needs --extern venus only. */
int rust_plain_generate(const struct notebook *notebook, const struct rust_settings *settings,
    const size_t *cells, size_t cell_count, struct rust_crate *ret_crate, struct err *err);

/* What a place in a generated file is. */
enum rust_owner {
	RUST_OWNER_NONE /* text that nobody wrote */,
	RUST_OWNER_CELL,
	RUST_OWNER_ITEM,
	RUST_OWNER_PARAM
};
struct rust_origin {
	enum rust_owner owner;
	size_t index; /* of the cell or item */
	size_t param; /* for RUST_OWNER_PARAM */
	struct notebook_place place;
	uint32_t offset; /* in the notebook */
};
/* The notebook's place of a generated file's line and column (Unicode scalars, from 1). Text in a
 * wrapper that stands for a parameter gives that parameter's place. False: nobody wrote it. */
bool rust_map_place(const struct notebook *notebook, const struct rust_map *map, uint32_t line,
    uint32_t column, struct rust_origin *ret_origin);
/* The column of what compiled code calls a column: there wide characters count twice, combining
 * ones not, a tab four times. */
uint32_t rust_map_column(const struct rust_map *map, uint32_t line, uint32_t shown);
/* As above for a place in compiled code, where only the file's name is known: "universe.rs",
 * "plain.rs", a cell's file; its column as compiled code has it. */
bool rust_file_place(const struct notebook *notebook, const struct rust_settings *settings,
    size_t cell, const char *file, uint32_t line, uint32_t column, struct rust_origin *ret_origin);

/* True if rustc's error code says that splitting the notebook may be at fault, so that plain mode
 * is worth a try: E0116, E0117, E0255, E0425 …. */
bool rust_split_suspect(const char *code);

#endif
