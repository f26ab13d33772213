#include "venusd/build/rust_cargo.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "common/file.h"
#include "common/mem.h"

/*
 * A package is made up whose dependencies are the notebook's: the cargo block's tables as they are
 * and, where the notebook belongs to a package of its own, that one's (read by cargo itself, so
 * that a workspace's inheritance holds). Cargo runs in the notebook's folder, so that a
 * `.cargo/config.toml` there or above counts, with its target folder in the daemon's:
 *
 *   crates/<notebook>/Cargo.lock            the versions in use
 *   crates/<notebook>/target/               what was compiled
 *   crates/<notebook>/<manifest>/           Cargo.toml, lib.rs (empty), Cargo.lock
 *
 *   metadata --no-deps (the project) ─▶ metadata --offline ─▶ build --offline
 *                                           │ ▲ something is not downloaded
 *                                           ▼ │
 *                                          fetch
 *
 * What comes out is recorded with every file that had a part in it; while those are unchanged,
 * cargo is not started again.
 */

#define PACKAGE		   "venus-notebook-crates"
#define CARGO_TIMEOUT_MS   1200000u
#define LOCK_MAX_BYTES	   ((size_t)16 << 20)
#define MANIFEST_MAX_BYTES ((size_t)4 << 20)
#define FOLDER_DEPTH_MAX   64
#define PLACES_MAX	   8
#define PLACE_MIN_AGE_S	   3600

void rust_cargo_fini(struct rust_cargo *cargo)
{
	free(cargo->block);
	free(cargo->project);
	free(cargo->home);
	free(cargo->place);
	free(cargo->dependencies);
	rust_manifest_fini(&cargo->manifest);
	build_inputs_fini(&cargo->plan_inputs);
	build_inputs_fini(&cargo->crate_inputs);
	*cargo = (struct rust_cargo){0};
}

/* Calls for a folder and each above it. */
static int each_folder_up(const char *folder,
    int (*each)(const char *folder, void *payload, struct err *err), void *payload, struct err *err)
{
	AUTO_FREE char *place = mem_strdup(folder);

	for (int depth = 0; depth < FOLDER_DEPTH_MAX; depth++) {
		const int status = each(place, payload, err);
		char *parent;

		if (status != 0)
			return status;
		if (strcmp(place, "/") == 0)
			break;
		parent = file_folder(place);
		free(place);
		place = parent;
	}
	return 0;
}

struct search {
	struct rust_cargo *cargo;
	bool found;
};

/* The files that decide, in a folder: a manifest, the nearest of which with a package is the
 * project, its lock, cargo's settings. */
static int look_at_folder(const char *folder, void *payload, struct err *err)
{
	static const char *const names[] = {
	    "Cargo.toml", "Cargo.lock", ".cargo/config.toml", ".cargo/config"};
	struct search *search = payload;
	struct rust_cargo *cargo = search->cargo;
	AUTO_FREE char *manifest = file_join(folder, names[0]);
	AUTO_BUF struct buf text = BUF_INIT;

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		AUTO_FREE char *path = file_join(folder, names[i]);

		if (build_inputs_add(&cargo->plan_inputs, cargo->build->store, path, err) != 0)
			return -1;
	}
	if (search->found || !file_exists(manifest))
		return 0;
	if (file_read(manifest, MANIFEST_MAX_BYTES, &text, err) != 0)
		return -1;
	buf_add(&text, "", 0);
	if (!rust_manifest_has_package(text.data ? text.data : ""))
		return 0;
	search->found = true;
	if (rust_manifest_has_dependencies(text.data))
		cargo->project = TAKE_PTR(manifest);
	return 0;
}

static struct digest plan_key(
    const struct rust_cargo *cargo, const struct rust_toolchain *toolchain)
{
	struct digest_stream *stream = digest_stream_new();

	digest_stream_add_text(stream, "crates 1");
	digest_stream_add(stream, toolchain->identity.bytes, DIGEST_BYTES);
	digest_stream_add_text(stream, cargo->folder);
	digest_stream_add_text(stream, cargo->home);
	digest_stream_add_text(stream, cargo->block);
	digest_stream_add_text(stream, cargo->project);
	digest_stream_add_text(stream, cargo->release ? "release" : "dev");
	for (size_t i = 0; i < cargo->plan_inputs.count; i++)
		digest_stream_add(stream, cargo->plan_inputs.items[i].digest.bytes, DIGEST_BYTES);
	return digest_stream_finish(stream);
}

int rust_cargo_plan(struct rust_cargo *cargo, const char *notebook_path,
    const struct rust_toolchain *toolchain, struct err *err)
{
	struct search search = {cargo, false};
	const struct digest name = digest_of(notebook_path, strlen(notebook_path));
	char hex[DIGEST_HEX + 1];

	if (each_folder_up(cargo->folder, look_at_folder, &search, err) != 0)
		return -1;
	if (!cargo->project && !(cargo->block && rust_manifest_has_dependencies(cargo->block)))
		return 0;
	digest_to_hex(&name, hex);
	cargo->home = mem_printf("%s/crates/%.32s", cargo->build->folder, hex);
	cargo->key = plan_key(cargo, toolchain);
	if (!toolchain->cargo)
		return err_set(err, ERR_UNAVAILABLE,
		    "the notebook has crates, but there is no cargo beside rustc or on PATH: "
		    "install it with "
		    "rustup or `apt install cargo`");
	return 1;
}

static void add_command(struct build_args *args, const struct rust_cargo *cargo,
    const struct rust_toolchain *toolchain, enum rust_cargo_call call)
{
	build_args_add(args, "%s", toolchain->cargo);
	switch (call) {
	case RUST_CARGO_PROJECT:
		build_args_add(args, "metadata");
		build_args_add(args, "--no-deps");
		break;
	case RUST_CARGO_RESOLVE:
		build_args_add(args, "metadata");
		build_args_add(args, "--offline");
		build_args_add(args, "--filter-platform=%s", toolchain->host);
		break;
	case RUST_CARGO_FETCH:
		build_args_add(args, "fetch");
		build_args_add(args, "--target=%s", toolchain->host);
		break;
	case RUST_CARGO_BUILD:
		build_args_add(args, "build");
		build_args_add(args, "--offline");
		build_args_add(args, "--target-dir=%s/target", cargo->home);
		build_args_add(args, "--message-format=json-render-diagnostics");
		if (cargo->release)
			build_args_add(args, "--release");
		break;
	}
	if (call == RUST_CARGO_PROJECT || call == RUST_CARGO_RESOLVE)
		build_args_add(args, "--format-version=1");
	build_args_add(args, "--color=never");
	if (call == RUST_CARGO_PROJECT)
		build_args_add(args, "--manifest-path=%s", cargo->project);
	else
		build_args_add(args, "--manifest-path=%s/Cargo.toml", cargo->place);
}

int rust_cargo_start(struct build_job *job, const struct rust_cargo *cargo,
    const struct rust_toolchain *toolchain, enum rust_cargo_call call,
    void (*on_line)(const char *line, void *payload), void *payload, struct err *err)
{
	__attribute__((cleanup(build_command_fini))) struct build_command command = {
	    .what = "cargo",
	    .timeout_ms = build_timeout_ms(CARGO_TIMEOUT_MS),
	    .on_line = on_line,
	    .payload = payload,
	};

	command.folder = mem_strdup(cargo->folder);
	build_environment_add(&command.env, BUILD_ENVIRONMENT_CARGO);
	build_args_add(&command.env, "RUSTC=%s", toolchain->rustc);
	build_args_add(&command.env, "CARGO_INCREMENTAL=0");
	/* Nobody steps through the crates: without it they are smaller by far. */
	build_args_add(&command.env, "CARGO_PROFILE_DEV_DEBUG=0");
	add_command(&command.args, cargo, toolchain, call);
	return build_job_run(job, &command, err);
}

/* Keeps the number of manifests' folders of a notebook bounded: each edit of its cargo block makes
 * one. */
static void trim_places(const struct rust_cargo *cargo)
{
	DIR *entries = opendir(cargo->home);
	const struct dirent *entry;
	struct err ignored;
	int count = 0;

	while (entries && (entry = readdir(entries))) {
		AUTO_FREE char *path = file_join(cargo->home, entry->d_name);
		struct stat status;

		if (strlen(entry->d_name) != RUST_TAG_LENGTH || lstat(path, &status) != 0 ||
		    strcmp(path, cargo->place) == 0)
			continue;
		if (++count > PLACES_MAX && status.st_mtime + PLACE_MIN_AGE_S < time(NULL))
			(void)file_remove_tree(path, &ignored); /* tried again next time */
	}
	if (entries)
		(void)closedir(entries); /* it was only read */
}

/* The project's own lock file decides where there is one, then the versions of last time. */
static int write_lock(const struct rust_cargo *cargo, struct err *err)
{
	AUTO_FREE char *folder = cargo->project ? file_folder(cargo->project) : NULL;
	AUTO_FREE char *theirs = folder ? file_join(folder, "Cargo.lock") : NULL;
	AUTO_FREE char *last = file_join(cargo->home, "Cargo.lock");
	AUTO_FREE char *mine = file_join(cargo->place, "Cargo.lock");
	const char *from = theirs && file_exists(theirs) ? theirs : file_exists(last) ? last : NULL;
	AUTO_BUF struct buf text = BUF_INIT;

	if (!from)
		return 0;
	if (file_read(from, LOCK_MAX_BYTES, &text, err) != 0)
		return -1;
	return file_write_atomic(mine, text.data, text.length, 0600, err);
}

int rust_cargo_write(struct rust_cargo *cargo, struct err *err)
{
	struct digest text;
	char hex[DIGEST_HEX + 1];

	rust_manifest_make(
	    cargo->block, cargo->folder, PACKAGE, cargo->dependencies, &cargo->manifest);
	text = digest_of(cargo->manifest.text, strlen(cargo->manifest.text));
	digest_to_hex(&text, hex);
	cargo->place = mem_printf("%s/%.16s", cargo->home, hex);
	if (file_make_folders(cargo->place, 0700, err) != 0)
		return -1;
	trim_places(cargo);
	if (build_file_write(cargo->place, "lib.rs", "", 0, err) != 0 ||
	    build_file_write(cargo->place, "Cargo.toml", cargo->manifest.text,
		strlen(cargo->manifest.text), err) != 0)
		return -1;
	return write_lock(cargo, err);
}

/* The one line that says what is wrong: the first error, and what it is caused by. */
static char *first_error(const char *text)
{
	AUTO_BUF struct buf line = BUF_INIT;
	const char *error = strstr(text, "error");
	const char *cause;

	while (error && error != text && error[-1] != '\n')
		error = strstr(error + 1, "error");
	error = error ? error : text;
	if (strncmp(error, "error: ", 7) == 0)
		error += 7;
	buf_add(&line, error, strcspn(error, "\n"));
	for (cause = strstr(error, "\nCaused by:\n"); cause;
	     cause = strstr(cause + 1, "\nCaused by:\n")) {
		const char *said = cause + strlen("\nCaused by:\n");

		said += strspn(said, " ");
		buf_printf(&line, ": %.*s", (int)strcspn(said, "\n"), said);
		if (line.length > 800)
			break;
	}
	return line.length > 0 ? buf_take(&line) : mem_strdup("cargo failed without saying why");
}

/* Where the manifest's path, which cargo writes absolute or relative to where it runs, stands in a
 * text. False: nowhere. */
static bool find_manifest(
    const struct rust_cargo *cargo, const char *text, const char **ret_start, const char **ret_end)
{
	const char *base = cargo->place ? strrchr(cargo->place, '/') : NULL;
	AUTO_FREE char *tail = base ? mem_printf("%s/Cargo.toml", base) : NULL;
	const char *at = tail ? strstr(text, tail) : NULL;

	if (!at)
		return false;
	*ret_end = at + strlen(tail);
	while (at > text && !strchr(" `\n\"(", at[-1]))
		at--;
	*ret_start = at;
	return true;
}

/* The manifest is not the user's file: it is the block to them. */
static char *without_manifest(const struct rust_cargo *cargo, const char *text)
{
	struct buf out = BUF_INIT;
	const char *start, *end;

	while (find_manifest(cargo, text, &start, &end)) {
		buf_add(&out, text, (size_t)(start - text));
		buf_add_text(&out, "the cargo block");
		text = end;
	}
	buf_add_text(&out, text);
	return buf_take(&out);
}

/* The manifest's line that a message speaks of: "PATH:2:9", or "at line 2, column 9". 0: none. */
static uint32_t manifest_line(const struct rust_cargo *cargo, const char *text)
{
	const char *number = strstr(text, "at line ");
	const char *start, *end;

	if (find_manifest(cargo, text, &start, &end) && *end == ':')
		return (uint32_t)strtoul(end + 1, NULL, 10);
	return number ? (uint32_t)strtoul(number + strlen("at line "), NULL, 10) : 0;
}

/* The block's line that a message speaks of: by number, or by the name of a dependency. 0: none. */
static uint32_t block_line(const struct rust_cargo *cargo, const char *text)
{
	uint32_t line;

	if (!cargo->block)
		return 0;
	line = rust_manifest_block_line(&cargo->manifest, cargo->block, manifest_line(cargo, text));
	for (const char *at = strchr(text, '`'); at && line == 0; at = strchr(at + 1, '`')) {
		AUTO_FREE char *name = mem_strndup(at + 1, strcspn(at + 1, "` =@\n"));

		if (*name && strcmp(name, "venus") != 0)
			(void)rust_manifest_names(cargo->block, name, &line);
	}
	return line;
}

Venus__V1__Problem *rust_cargo_problem(
    const struct rust_cargo *cargo, const struct notebook *notebook, const char *text)
{
	AUTO_FREE char *clean = without_manifest(cargo, text);
	AUTO_FREE char *error = first_error(clean);
	AUTO_FREE char *message = mem_printf("cargo: %s", error);
	Venus__V1__Problem *problem = build_problem_new(VENUS__V1__PROBLEM__KIND__COMPILE, message);
	const uint32_t line = block_line(cargo, text);

	(void)build_problem_note(problem, "note", clean);
	if (line > 0) {
		const uint32_t place = notebook->cargo_line + line - 1;
		const uint32_t start =
		    notebook_offset_of(notebook, (struct notebook_place){place, 1});

		build_problem_place(problem, notebook, start,
		    notebook_offset_of(notebook, (struct notebook_place){place, UINT32_MAX}));
	}
	return problem;
}
