#ifndef VENUSD_BUILD_RUST_COMPILE_H
#define VENUSD_BUILD_RUST_COMPILE_H

#include "venusd/build/build_internal.h"
#include "venusd/build/rust_toolchain.h"

/*
 * One compiler run: files and flags in, an object (or a linked library) and diagnostics out.
 * Everything that knows rustc's command line is behind these functions, so that another way to run
 * the compiler needs to replace nothing else. The block at the top of rust_text.h has the flags.
 */

#define RUST_TAG_LENGTH 16 /* hexadecimal characters of a digest, in file and symbol names */

enum rust_unit_kind {
	RUST_UNIT_RUNTIME,
	RUST_UNIT_UNIVERSE,
	RUST_UNIT_CELLS,
	RUST_UNIT_GLUE,
	RUST_UNIT_PLAIN
};

/* The notebook's crates, as cargo built them. */
struct rust_extern {
	char *name, *path;
};
struct rust_crates {
	struct rust_extern *externs;
	size_t extern_count;
	char **folders; /* values of -L: where what they need in turn lies */
	size_t folder_count;
};
void rust_crates_fini(struct rust_crates *crates);

struct rust_compile {
	enum rust_unit_kind kind;
	const struct rust_toolchain *toolchain;
	const struct rust_crates *crates;
	const char *folder; /* where the files are and what is made goes; the compiler's working
			       directory */
	const char *root;   /* the crate's first file, relative to `folder` or absolute */
	const char *source_folder; /* of the runtime crate, NULL for others */
	const char *tag;	   /* RUST_TAG_LENGTH characters */
	unsigned edition;
	bool release;
	const char *runtime_file;  /* libvenus.so; NULL for the runtime itself */
	const char *universe_file; /* NULL unless cells or glue */
};

/* Starts it as a program of the job's step. */
int rust_compile_start(struct build_job *job, const struct rust_compile *compile, struct err *err);
/* True if the compiler links by itself; else it leaves an object for rust_link_start. */
bool rust_compile_links(const struct rust_compile *compile);
/* What it makes, in `folder`. Owned by the caller. */
char *rust_compile_object(const struct rust_compile *compile); /* the .o; meaningless if it links */
char *rust_compile_library(
    const struct rust_compile *compile); /* the .so, of the compiler or for rust_link_start */
char *rust_compile_meta(
    const struct rust_compile *compile); /* the .rmeta of a universe; NULL if there is none */
char *rust_compile_dep_info(const struct rust_compile *compile);
/* The name under which a loaded library is known; NULL for cells and glue. Owned by the caller. */
char *rust_compile_soname(enum rust_unit_kind kind, const char *tag);

/* Links an object to a shared one with ld, with cc if there is no ld. `soname` may be NULL. */
int rust_link_start(struct build_job *job, const char *object, const char *library,
    const char *soname, struct err *err);

#endif
