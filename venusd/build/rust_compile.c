#include "venusd/build/rust_compile.h"

#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/mem.h"

#define RUSTC_TIMEOUT_MS 120000u
#define LINK_TIMEOUT_MS	 60000u
#define CRATE_NAME	 "notebook" /* type names read notebook::Type */

void rust_crates_fini(struct rust_crates *crates)
{
	for (size_t i = 0; i < crates->extern_count; i++) {
		free(crates->externs[i].name);
		free(crates->externs[i].path);
	}
	for (size_t i = 0; i < crates->folder_count; i++)
		free(crates->folders[i]);
	free(crates->externs);
	free(crates->folders);
	*crates = (struct rust_crates){0};
}

static bool is_universe_like(enum rust_unit_kind kind)
{
	return kind == RUST_UNIT_UNIVERSE || kind == RUST_UNIT_PLAIN;
}

bool rust_compile_links(const struct rust_compile *compile)
{
	if (compile->kind == RUST_UNIT_RUNTIME)
		return true;
	return is_universe_like(compile->kind) &&
	       (compile->crates->extern_count > 0 ||
		   !rust_toolchain_has(compile->toolchain, RUST_FEATURE_EXTERN_RMETA));
}

static char *output(const struct rust_compile *compile, const char *before, const char *after)
{
	if (compile->kind == RUST_UNIT_RUNTIME)
		return mem_printf("%s/%svenus%s", compile->folder, before, after);
	return mem_printf("%s/%s" CRATE_NAME "-%s%s", compile->folder, before, compile->tag, after);
}

char *rust_compile_object(const struct rust_compile *compile)
{
	return output(compile, "", ".o");
}

char *rust_compile_library(const struct rust_compile *compile)
{
	return output(compile, "lib", ".so");
}

char *rust_compile_meta(const struct rust_compile *compile)
{
	return compile->kind == RUST_UNIT_UNIVERSE && !rust_compile_links(compile)
		   ? output(compile, "lib", ".rmeta")
		   : NULL;
}

char *rust_compile_dep_info(const struct rust_compile *compile)
{
	return output(compile, "", ".d");
}

char *rust_compile_soname(enum rust_unit_kind kind, const char *tag)
{
	if (kind == RUST_UNIT_RUNTIME)
		return mem_printf("libvenus-%s.so", tag);
	return is_universe_like(kind) ? mem_printf("lib" CRATE_NAME "-%s.so", tag) : NULL;
}

static unsigned opt_level(const struct rust_compile *compile)
{
	if (compile->kind == RUST_UNIT_RUNTIME)
		return 1;
	if (compile->release)
		return 3;
	return compile->kind == RUST_UNIT_UNIVERSE ? 1 : 0;
}

static const char *emitted(const struct rust_compile *compile)
{
	if (rust_compile_links(compile))
		return "link,dep-info";
	return compile->kind == RUST_UNIT_UNIVERSE ? "obj,metadata,dep-info" : "obj,dep-info";
}

static void add_extern(struct build_args *args, const char *name, const char *path)
{
	AUTO_FREE char *folder = file_folder(path);

	build_args_add(args, "--extern");
	build_args_add(args, "%s=%s", name, path);
	build_args_add(args, "-L");
	build_args_add(args, "%s", folder);
}

static void add_inputs(struct build_args *args, const struct rust_compile *compile)
{
	if (compile->runtime_file)
		add_extern(args, "venus", compile->runtime_file);
	if (compile->universe_file)
		add_extern(args, "__u", compile->universe_file);
	for (size_t i = 0; i < compile->crates->extern_count; i++) {
		build_args_add(args, "--extern");
		build_args_add(args, "%s=%s", compile->crates->externs[i].name,
		    compile->crates->externs[i].path);
	}
	for (size_t i = 0; i < compile->crates->folder_count; i++) {
		build_args_add(args, "-L");
		build_args_add(args, "%s", compile->crates->folders[i]);
	}
}

static void add_args(struct build_args *args, const struct rust_compile *compile)
{
	const bool runtime = compile->kind == RUST_UNIT_RUNTIME;
	const bool dylib = runtime || is_universe_like(compile->kind);
	AUTO_FREE char *soname = rust_compile_soname(compile->kind, compile->tag);

	build_args_add(args, "%s", compile->toolchain->rustc);
	build_args_add(args, "--error-format=json");
	build_args_add(args, "--cap-lints=warn");
	build_args_add(args, "--edition=%u", compile->edition);
	build_args_add(args, "--crate-name=%s", runtime ? "venus" : CRATE_NAME);
	build_args_add(args, "--crate-type=%s", dylib ? "dylib" : "cdylib");
	build_args_add(args, "--emit=%s", emitted(compile));
	build_args_add(args, "--out-dir=%s", compile->folder);
	build_args_add(args, "-Cprefer-dynamic");
	build_args_add(args, "-Cdebuginfo=0");
	/* The runtime crate is the one large thing that is compiled; two cores are the least there
	 * is. */
	build_args_add(args, "-Ccodegen-units=%d", runtime ? 2 : 1);
	build_args_add(args, "-Copt-level=%u", opt_level(compile));
	build_args_add(args, "-Cmetadata=%s", compile->tag);
	if (!runtime)
		build_args_add(args, "-Cextra-filename=-%s", compile->tag);
	if (rust_compile_links(compile))
		build_args_add(args, "-Clink-arg=-Wl,-soname,%s", soname);
	build_args_add(args, "--remap-path-prefix=%s=/venus", compile->folder);
	if (compile->source_folder)
		build_args_add(args, "--remap-path-prefix=%s=/venus", compile->source_folder);
	add_inputs(args, compile);
	build_args_add(args, "%s", compile->root);
}

int rust_compile_start(struct build_job *job, const struct rust_compile *compile, struct err *err)
{
	__attribute__((cleanup(build_command_fini))) struct build_command command = {
	    .what = "rustc", .timeout_ms = build_timeout_ms(RUSTC_TIMEOUT_MS)};

	command.folder = mem_strdup(compile->folder);
	build_environment_add(&command.env, BUILD_ENVIRONMENT_RUSTC);
	add_args(&command.args, compile);
	return build_job_run(job, &command, err);
}

int rust_link_start(struct build_job *job, const char *object, const char *library,
    const char *soname, struct err *err)
{
	__attribute__((cleanup(build_command_fini))) struct build_command command = {
	    .what = "ld", .timeout_ms = build_timeout_ms(LINK_TIMEOUT_MS)};
	AUTO_FREE char *bfd = build_program_find("ld.bfd");
	AUTO_FREE char *ld = bfd ? NULL : build_program_find("ld");
	AUTO_FREE char *cc = bfd || ld ? NULL : build_program_find("cc");

	if (!bfd && !ld && !cc)
		return err_set(err, ERR_UNAVAILABLE,
		    "no linker on PATH: neither ld nor cc is there; install one (`apt install "
		    "gcc`)");
	command.what = cc ? "cc" : "ld";
	command.folder = file_folder(library);
	build_environment_add(&command.env, BUILD_ENVIRONMENT_RUSTC);
	build_args_add(&command.args, "%s", bfd ? bfd : ld ? ld : cc);
	build_args_add(&command.args, "-shared");
	if (cc)
		build_args_add(&command.args, "-nostdlib");
	/* Unwinding needs the table that only the compiler driver asks for by itself. */
	build_args_add(&command.args, cc ? "-Wl,--eh-frame-hdr" : "--eh-frame-hdr");
	if (soname && cc) {
		build_args_add(&command.args, "-Wl,-soname,%s", soname);
	} else if (soname) {
		build_args_add(&command.args, "-soname");
		build_args_add(&command.args, "%s", soname);
	}
	build_args_add(&command.args, "-o");
	build_args_add(&command.args, "%s", library);
	build_args_add(&command.args, "%s", object);
	return build_job_run(job, &command, err);
}
