#include "venusd/build/rust_toolchain.h"

#include <dirent.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/file.h"
#include "common/mem.h"

#define NOTE_SPACE	   "toolchain"
#define SETTINGS_MAX_BYTES ((size_t)1 << 20)
#define RUSTC_TIMEOUT_MS   120000u
#define FOLDER_DEPTH_MAX   64

/* The first minor version of Rust 1 that has a feature, as far as it was tried. */
static const struct {
	enum rust_feature feature;
	unsigned minor;
} features[] = {
    {RUST_FEATURE_EXTERN_RMETA, 95},
};
static_assert(ARRAY_LENGTH(features) == RUST_FEATURE_COUNT, "a row for each feature");

bool rust_toolchain_has(const struct rust_toolchain *toolchain, enum rust_feature feature)
{
	for (size_t i = 0; i < ARRAY_LENGTH(features); i++) {
		if (features[i].feature == feature)
			return toolchain->minor >= features[i].minor;
	}
	return false;
}

void rust_toolchain_fini(struct rust_toolchain *toolchain)
{
	free(toolchain->found);
	free(toolchain->rustc);
	free(toolchain->cargo);
	free(toolchain->library_path);
	free(toolchain->libstd);
	free(toolchain->host);
	free(toolchain->version);
	*toolchain = (struct rust_toolchain){0};
}

/* What tells a file from another, or from what it was; "-" when there is none. Owned by the caller.
 */
static char *file_identity(const char *path)
{
	struct stat status;

	if (stat(path, &status) != 0)
		return mem_strdup("-");
	return mem_printf("%llu:%llu:%lld:%lld.%09ld", (unsigned long long)status.st_dev,
	    (unsigned long long)status.st_ino, (long long)status.st_size,
	    (long long)status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
}

static char *find_rustc(struct err *err)
{
	const char *asked = getenv("VENUS_RUSTC");
	char *found;

	if (asked && *asked == '/') {
		if (access(asked, X_OK) == 0)
			return mem_strdup(asked);
	} else {
		found = build_program_find(asked && *asked ? asked : "rustc");
		if (found)
			return found;
	}
	if (asked && *asked)
		(void)err_set(err, ERR_UNAVAILABLE,
		    "VENUS_RUSTC names `%s`, which is no program: set it to a rustc or unset it",
		    asked);
	else
		(void)err_set(err, ERR_UNAVAILABLE,
		    "no rustc on PATH: install Rust with rustup or `apt install rustc`, or set "
		    "VENUS_RUSTC "
		    "to one");
	return NULL;
}

static void add_identity(struct digest_stream *stream, const char *path)
{
	AUTO_FREE char *identity = file_identity(path);

	digest_stream_add_text(stream, path);
	digest_stream_add_text(stream, identity);
}

/* True if rustup's settings give some folder a toolchain of its own. */
static bool has_overrides(const char *settings)
{
	AUTO_BUF struct buf text = BUF_INIT;
	struct err ignored;
	const char *table;

	if (file_read(settings, SETTINGS_MAX_BYTES, &text, &ignored) != 0 || !text.data)
		return false;
	table = strstr(text.data, "[overrides]");
	if (!table)
		return false;
	table += strlen("[overrides]");
	for (; *table && *table != '['; table++) {
		if (*table == '=')
			return true;
	}
	return false;
}

/* All that decides which toolchain rustup's shim picks. */
static void add_rustup(struct digest_stream *stream, const char *folder)
{
	const char *rustup = getenv("RUSTUP_HOME"), *home = getenv("HOME");
	AUTO_FREE char *standard = home ? file_join(home, ".rustup") : NULL;
	AUTO_FREE char *settings = file_join(rustup	? rustup
					     : standard ? standard
							: "/",
	    "settings.toml");
	AUTO_FREE char *place = mem_strdup(folder);

	digest_stream_add_text(stream, getenv("RUSTUP_TOOLCHAIN"));
	add_identity(stream, settings);
	digest_stream_add_text(stream, has_overrides(settings) ? folder : NULL);
	for (int depth = 0; depth < FOLDER_DEPTH_MAX; depth++) {
		AUTO_FREE char *old_name = file_join(place, "rust-toolchain");
		AUTO_FREE char *new_name = file_join(place, "rust-toolchain.toml");
		char *parent;

		if (file_exists(old_name))
			add_identity(stream, old_name);
		if (file_exists(new_name))
			add_identity(stream, new_name);
		if (strcmp(place, "/") == 0)
			break;
		parent = file_folder(place);
		free(place);
		place = parent;
	}
}

static char *find_cargo(const char *rustc)
{
	AUTO_FREE char *folder = file_folder(rustc);
	AUTO_FREE char *beside = file_join(folder, "cargo");

	return access(beside, X_OK) == 0 ? TAKE_PTR(beside) : build_program_find("cargo");
}

static unsigned minor_of(const char *version)
{
	return strncmp(version, "1.", 2) == 0 ? (unsigned)strtoul(version + 2, NULL, 10) : UINT_MAX;
}

static inline void json_decref_p(json_t **json)
{
	json_decref(*json);
}

/* Takes what a note says. False when a file it speaks of is not what it was. */
static bool note_take(struct rust_toolchain *toolchain, const char *text, size_t length)
{
	const char *rustc, *rustc_identity, *library_path, *libstd, *std_identity, *host, *version,
	    *hex;
	struct err ignored;
	json_error_t error;
	AUTO(json_decref_p) json_t *note = json_loadb(text, length, 0, &error);
	AUTO_FREE char *path = NULL;
	AUTO_FREE char *now_rustc = NULL;
	AUTO_FREE char *now_std = NULL;

	if (!note ||
	    json_unpack(note, "{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "rustc", &rustc, "rustc_file",
		&rustc_identity, "library_path", &library_path, "libstd", &libstd, "libstd_file",
		&std_identity, "host", &host, "version", &version, "identity", &hex) != 0 ||
	    digest_from_hex(hex, &toolchain->identity, &ignored) != 0)
		return false;
	path = file_join(library_path, libstd);
	now_rustc = file_identity(rustc);
	now_std = file_identity(path);
	if (strcmp(now_rustc, rustc_identity) != 0 || strcmp(now_std, std_identity) != 0)
		return false;
	toolchain->rustc = mem_strdup(rustc);
	toolchain->library_path = mem_strdup(library_path);
	toolchain->libstd = mem_strdup(libstd);
	toolchain->host = mem_strdup(host);
	toolchain->version = mem_strdup(version);
	toolchain->minor = minor_of(version);
	toolchain->cargo = find_cargo(rustc);
	return true;
}

int rust_toolchain_look_up(struct store *store, const char *folder,
    struct rust_toolchain *toolchain, struct digest *ret_key, struct err *err)
{
	struct digest_stream *stream;
	AUTO_BUF struct buf note = BUF_INIT;
	char hex[DIGEST_HEX + 1];
	int status;

	toolchain->found = find_rustc(err);
	if (!toolchain->found)
		return -1;
	stream = digest_stream_new();
	add_identity(stream, toolchain->found);
	add_rustup(stream, folder);
	*ret_key = digest_stream_finish(stream);
	digest_to_hex(ret_key, hex);
	status = store_note_get(store, NOTE_SPACE, hex, &note, err);
	if (status < 0)
		return -1;
	return status == 1 && note_take(toolchain, note.data, note.length);
}

int rust_toolchain_ask(struct build_job *job, const struct rust_toolchain *toolchain,
    const char *folder, struct err *err)
{
	static const char *const questions[][2] = {{"--print", "sysroot"}, {"-vV", NULL}};

	for (size_t i = 0; i < ARRAY_LENGTH(questions); i++) {
		__attribute__((cleanup(build_command_fini))) struct build_command command = {
		    .what = "rustc", .timeout_ms = build_timeout_ms(RUSTC_TIMEOUT_MS)};

		command.folder = mem_strdup(folder);
		build_environment_add(&command.env, BUILD_ENVIRONMENT_RUSTC);
		build_args_add(&command.args, "%s", toolchain->found);
		for (size_t k = 0; k < 2 && questions[i][k]; k++)
			build_args_add(&command.args, "%s", questions[i][k]);
		if (build_job_run(job, &command, err) != 0)
			return -1;
	}
	return 0;
}

/* The value of a line "name: value". Owned by the caller; NULL when there is none. */
static char *version_field(const char *text, const char *name)
{
	const size_t length = strlen(name);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, length) == 0 && strncmp(line + length, ": ", 2) == 0)
			return mem_strndup(line + length + 2, strcspn(line + length + 2, "\n"));
	}
	return NULL;
}

static bool is_libstd(const char *name)
{
	const size_t length = strlen(name);

	return strncmp(name, "libstd-", 7) == 0 && length > 10 &&
	       strcmp(name + length - 3, ".so") == 0;
}

static int find_libstd(struct rust_toolchain *toolchain, const char *sysroot, struct err *err)
{
	DIR *folder;
	struct dirent *entry;

	toolchain->library_path = mem_printf("%s/lib/rustlib/%s/lib", sysroot, toolchain->host);
	folder = opendir(toolchain->library_path);
	while (folder && (entry = readdir(folder))) {
		if (is_libstd(entry->d_name) &&
		    (!toolchain->libstd || strcmp(entry->d_name, toolchain->libstd) < 0)) {
			free(toolchain->libstd);
			toolchain->libstd = mem_strdup(entry->d_name);
		}
	}
	if (folder)
		(void)closedir(folder); /* it was only read */
	if (!toolchain->libstd)
		return err_set(err, ERR_UNAVAILABLE,
		    "rustc `%s` has no libstd-*.so in `%s`: its standard library is not installed",
		    toolchain->found, toolchain->library_path);
	return 0;
}

static void note_keep(
    struct store *store, const struct digest *key, const struct rust_toolchain *toolchain)
{
	AUTO_FREE char *std_path = file_join(toolchain->library_path, toolchain->libstd);
	AUTO_FREE char *rustc_identity = file_identity(toolchain->rustc);
	AUTO_FREE char *std_identity = file_identity(std_path);
	AUTO_FREE char *text = NULL;
	char hex[DIGEST_HEX + 1], name[DIGEST_HEX + 1];
	struct err ignored;

	digest_to_hex(&toolchain->identity, hex);
	digest_to_hex(key, name);
	AUTO(json_decref_p)
	json_t *note = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "rustc", toolchain->rustc,
	    "rustc_file", rustc_identity, "library_path", toolchain->library_path, "libstd",
	    toolchain->libstd, "libstd_file", std_identity, "host", toolchain->host, "version",
	    toolchain->version, "identity", hex);
	text = note ? json_dumps(note, JSON_COMPACT) : NULL;
	/* A note that cannot be kept only makes the next daemon ask again. */
	if (text)
		(void)store_note_put(store, NOTE_SPACE, name, text, strlen(text), &ignored);
}

static int failed_answer(const struct build_run *run, const char *found, struct err *err)
{
	const char *text = run->err.data ? run->err.data : "";

	return err_set(err, ERR_UNAVAILABLE, "`%s` does not answer: %.*s", found,
	    (int)strcspn(text, "\n"), *text ? text : "it printed nothing");
}

int rust_toolchain_learn(struct build_job *job, const struct digest *key,
    struct rust_toolchain *toolchain, struct err *err)
{
	AUTO_FREE char *sysroot = NULL;
	AUTO_FREE char *real = NULL;
	struct digest_stream *stream;
	const char *text;

	for (size_t i = 0; i < 2; i++) {
		if (build_run_check(job->runs[i], err) != 0)
			return -1;
		if (job->runs[i]->code != 0 || job->runs[i]->out.length == 0)
			return failed_answer(job->runs[i], toolchain->found, err);
	}
	text = job->runs[1]->out.data;
	toolchain->host = version_field(text, "host");
	if (strncmp(text, "rustc ", 6) != 0 || !toolchain->host || strchr(toolchain->host, '/'))
		return err_set(err, ERR_UNAVAILABLE, "`%s` is no rustc: its -vV says `%.*s`",
		    toolchain->found, (int)strcspn(text, "\n"), text);
	toolchain->version = mem_strndup(text + 6, strcspn(text + 6, "\n"));
	toolchain->minor = minor_of(toolchain->version);
	sysroot = mem_strndup(job->runs[0]->out.data, strcspn(job->runs[0]->out.data, "\n"));
	real = file_join(sysroot, "bin/rustc");
	if (find_libstd(toolchain, sysroot, err) != 0)
		return -1;
	toolchain->rustc = access(real, X_OK) == 0 ? TAKE_PTR(real) : mem_strdup(toolchain->found);
	toolchain->cargo = find_cargo(toolchain->rustc);
	stream = digest_stream_new();
	digest_stream_add_text(stream, text);
	digest_stream_add_text(stream, toolchain->libstd);
	toolchain->identity = digest_stream_finish(stream);
	note_keep(job->build->store, key, toolchain);
	return 0;
}
