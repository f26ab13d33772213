#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/mem.h"
#include "venusd/build/rust_cargo.h"

/* What cargo says: packages and their dependencies (`cargo metadata`), what was built
 * (`--message-format=json`), and the record of both. */

#define RECORD_SPACE	 "crates"
#define LOCK_MAX_BYTES	 ((size_t)16 << 20)
#define FOLDER_DEPTH_MAX 64

static inline void json_decref_p(json_t **json)
{
	json_decref(*json);
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static bool has_text(const json_t *list, const char *wanted)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		if (json_is_string(item) && strcmp(json_string_value(item), wanted) == 0)
			return true;
	}
	return false;
}

/* ---- the project's dependencies, as TOML ---- */

static void add_pair(struct buf *out, const char *key, const char *value)
{
	AUTO_FREE char *quoted = rust_manifest_quote(value);

	buf_printf(out, "%s = %s\n", key, quoted);
}

/* "git+https://host/path?branch=main#0123" */
static void add_git(struct buf *out, const char *source)
{
	AUTO_FREE char *url = mem_strndup(source, strcspn(source, "?#"));
	const char *query = source + strlen(url);

	add_pair(out, "git", url);
	if (*query == '?') {
		const size_t key_length = strcspn(query + 1, "=#");
		AUTO_FREE char *key = mem_strndup(query + 1, key_length);
		const char *value = query + 1 + key_length;
		AUTO_FREE char *text = *value == '='
					   ? mem_strndup(value + 1, strcspn(value + 1, "#"))
					   : mem_strdup("");

		if (strcmp(key, "branch") == 0 || strcmp(key, "tag") == 0 ||
		    strcmp(key, "rev") == 0)
			add_pair(out, key, text);
	}
}

static void add_features(struct buf *out, const json_t *features)
{
	json_t *item;
	size_t i;

	buf_add_text(out, "features = [");
	json_array_foreach(features, i, item)
	{
		AUTO_FREE char *quoted =
		    json_is_string(item) ? rust_manifest_quote(json_string_value(item)) : NULL;

		if (quoted)
			buf_printf(out, "%s%s", i > 0 ? ", " : "", quoted);
	}
	buf_add_text(out, "]\n");
}

static void add_dependency(struct buf *out, const json_t *dependency, const char *block)
{
	const char *name = text_of(dependency, "name"), *rename = text_of(dependency, "rename");
	const char *source = text_of(dependency, "source"), *target = text_of(dependency, "target");
	const char *key = *rename ? rename : name;
	AUTO_FREE char *quoted = rust_manifest_quote(key);
	AUTO_FREE char *quoted_target = rust_manifest_quote(target);

	if (!*name || strcmp(key, "venus") == 0 || *text_of(dependency, "kind") ||
	    json_is_true(json_object_get(dependency, "optional")) ||
	    (block && rust_manifest_names(block, key, NULL)))
		return;
	if (*target)
		buf_printf(out, "[target.%s.dependencies.%s]\n", quoted_target, quoted);
	else
		buf_printf(out, "[dependencies.%s]\n", quoted);
	add_pair(out, "package", name);
	add_pair(out, "version", text_of(dependency, "req"));
	if (*text_of(dependency, "path"))
		add_pair(out, "path", text_of(dependency, "path"));
	else if (strncmp(source, "git+", 4) == 0)
		add_git(out, source + 4);
	if (*text_of(dependency, "registry"))
		add_pair(out, "registry-index", text_of(dependency, "registry"));
	if (json_is_false(json_object_get(dependency, "uses_default_features")))
		buf_add_text(out, "default-features = false\n");
	add_features(out, json_object_get(dependency, "features"));
}

int rust_cargo_project_take(
    struct rust_cargo *cargo, const char *json, size_t length, struct err *err)
{
	json_error_t error;
	AUTO(json_decref_p) json_t *metadata = json_loadb(json, length, 0, &error);
	const json_t *packages = json_object_get(metadata, "packages");
	AUTO_FREE char *project = NULL;
	AUTO_BUF struct buf out = BUF_INIT;
	json_t *package, *dependency;
	size_t i, k;

	if (!metadata)
		return err_set(err, ERR_UNAVAILABLE, "cargo metadata of `%s` is not JSON: %s",
		    cargo->project, error.text);
	if (file_resolve(cargo->project, &project, err) != 0)
		return -1;
	json_array_foreach(packages, i, package)
	{
		const char *manifest = text_of(package, "manifest_path");

		if (strcmp(manifest, project) != 0 && strcmp(manifest, cargo->project) != 0)
			continue;
		json_array_foreach(json_object_get(package, "dependencies"), k, dependency)
		    add_dependency(&out, dependency, cargo->block);
	}
	cargo->dependencies = buf_take(&out);
	return 0;
}

/* ---- what was built ---- */

struct artifacts {
	const json_t *metadata;
	json_t *built; /* package id → path of what an extern is */
	const char *root;
	char *root_library;
	struct rust_cargo *cargo;
	struct build_env *env;
};

static bool ends_with(const char *text, const char *end)
{
	const size_t a = strlen(text), b = strlen(end);

	return a >= b && strcmp(text + a - b, end) == 0;
}

static const char *library_of(const json_t *filenames)
{
	static const char *const ends[] = {".rlib", ".so"};
	json_t *item;
	size_t i;

	for (size_t e = 0; e < ARRAY_LENGTH(ends); e++) {
		json_array_foreach(filenames, i, item)
		{
			const char *path = json_string_value(item);

			if (path && ends_with(path, ends[e]))
				return path;
		}
	}
	return NULL;
}

static void add_folder(struct rust_crates *crates, char *folder)
{
	for (size_t i = 0; i < crates->folder_count; i++) {
		if (strcmp(crates->folders[i], folder) == 0) {
			free(folder);
			return;
		}
	}
	*MEM_PUSH(crates->folders, crates->folder_count) = folder;
}

static void take_artifact(struct artifacts *artifacts, const json_t *message)
{
	static const char *const kinds[] = {"lib", "rlib", "dylib", "proc-macro"};
	const json_t *kind = json_object_get(json_object_get(message, "target"), "kind");
	const char *package = text_of(message, "package_id");
	const char *path = library_of(json_object_get(message, "filenames"));

	for (size_t i = 0; path && i < ARRAY_LENGTH(kinds); i++) {
		if (!has_text(kind, kinds[i]))
			continue;
		if (strcmp(package, artifacts->root) == 0) {
			free(artifacts->root_library);
			artifacts->root_library = mem_strdup(path);
		} else {
			(void)json_object_set_new(artifacts->built, package, json_string(path));
		}
		return;
	}
}

/* Where a build script said that native libraries lie. */
static void take_build_script(struct artifacts *artifacts, const json_t *message)
{
	json_t *item;
	size_t i;

	json_array_foreach(json_object_get(message, "linked_paths"), i, item)
	{
		if (json_is_string(item))
			add_folder(&artifacts->env->crates, mem_strdup(json_string_value(item)));
	}
}

static void take_messages(struct artifacts *artifacts, const char *text, size_t length)
{
	while (length > 0) {
		const char *newline = memchr(text, '\n', length);
		const size_t line = newline ? (size_t)(newline - text) : length;
		json_error_t error;
		AUTO(json_decref_p) json_t *message = json_loadb(text, line, 0, &error);
		const char *reason = text_of(message, "reason");

		if (strcmp(reason, "compiler-artifact") == 0)
			take_artifact(artifacts, message);
		else if (strcmp(reason, "build-script-executed") == 0)
			take_build_script(artifacts, message);
		text += line + (newline ? 1 : 0);
		length -= line + (newline ? 1 : 0);
	}
}

static bool is_normal(const json_t *dependency)
{
	const json_t *kinds = json_object_get(dependency, "dep_kinds");
	json_t *kind;
	size_t i;

	json_array_foreach(kinds, i, kind)
	{
		if (json_is_null(json_object_get(kind, "kind")))
			return true;
	}
	return json_array_size(kinds) == 0;
}

static int take_externs(struct artifacts *artifacts, struct err *err)
{
	const json_t *nodes =
	    json_object_get(json_object_get(artifacts->metadata, "resolve"), "nodes");
	json_t *node, *dependency;
	size_t i, k;

	json_array_foreach(nodes, i, node)
	{
		if (strcmp(text_of(node, "id"), artifacts->root) != 0)
			continue;
		json_array_foreach(json_object_get(node, "deps"), k, dependency)
		{
			const char *name = text_of(dependency, "name");
			const char *path = text_of(artifacts->built, text_of(dependency, "pkg"));

			/* A crate of venus's name would stand in the way of the runtime crate. */
			if (!is_normal(dependency) || strcmp(name, "venus") == 0)
				continue;
			if (!*path)
				return err_set(err, ERR_UNAVAILABLE,
				    "cargo built no library for crate `%s`", name);
			*MEM_PUSH(
			    artifacts->env->crates.externs, artifacts->env->crates.extern_count) =
			    (struct rust_extern){mem_strdup(name), mem_strdup(path)};
		}
	}
	return 0;
}

/* The manifests of a path crate and of the workspaces that it may be in. */
static int add_manifests(struct rust_cargo *cargo, const char *manifest, struct err *err)
{
	AUTO_FREE char *place = file_folder(manifest);

	for (int depth = 0; depth < FOLDER_DEPTH_MAX && strcmp(place, "/") != 0; depth++) {
		AUTO_FREE char *path = file_join(place, "Cargo.toml");
		char *parent = file_folder(place);

		free(place);
		place = parent;
		if (file_exists(path) &&
		    build_inputs_add(&cargo->crate_inputs, cargo->build->store, path, err) != 0)
			return -1;
	}
	return 0;
}

/* Path crates are what they are at this moment: every file of theirs counts. */
static int take_inputs(struct artifacts *artifacts, struct err *err)
{
	struct rust_cargo *cargo = artifacts->cargo;
	const char *root = artifacts->root_library;
	json_t *package;
	size_t i;

	json_array_foreach(json_object_get(artifacts->metadata, "packages"), i, package)
	{
		if (json_is_null(json_object_get(package, "source")) &&
		    strcmp(text_of(package, "id"), artifacts->root) != 0 &&
		    add_manifests(cargo, text_of(package, "manifest_path"), err) != 0)
			return -1;
	}
	if (root && ends_with(root, ".rlib")) {
		AUTO_FREE char *dep_info = mem_printf("%.*s.d", (int)(strlen(root) - 5), root);

		return build_inputs_add_dep_info(
		    &cargo->crate_inputs, cargo->build->store, dep_info, cargo->home, err);
	}
	return 0;
}

static int keep_lock(const struct rust_cargo *cargo, struct digest *ret_digest, struct err *err)
{
	AUTO_FREE char *path = file_join(cargo->place, "Cargo.lock");
	AUTO_FREE char *last = file_join(cargo->home, "Cargo.lock");
	AUTO_BUF struct buf text = BUF_INIT;

	if (file_read(path, LOCK_MAX_BYTES, &text, err) != 0)
		return -1;
	*ret_digest = digest_of(text.data, text.length);
	return file_write_atomic(last, text.data, text.length, 0600, err);
}

static struct digest crates_digest(const struct rust_cargo *cargo, const struct digest *lock)
{
	struct digest_stream *stream = digest_stream_new();

	digest_stream_add_text(stream, cargo->block);
	digest_stream_add_text(stream, cargo->dependencies);
	digest_stream_add_text(stream, cargo->release ? "release" : "dev");
	digest_stream_add(stream, lock->bytes, DIGEST_BYTES);
	for (size_t i = 0; i < cargo->crate_inputs.count; i++)
		digest_stream_add(stream, cargo->crate_inputs.items[i].digest.bytes, DIGEST_BYTES);
	return digest_stream_finish(stream);
}

static int keep_record(const struct rust_cargo *cargo, const struct build_env *env, struct err *err)
{
	json_t *externs = json_array(), *folders = json_array();
	char hex[DIGEST_HEX + 1];
	AUTO_FREE char *text = NULL;

	for (size_t i = 0; i < env->crates.extern_count; i++)
		(void)json_array_append_new(externs,
		    json_pack("[s,s]", env->crates.externs[i].name, env->crates.externs[i].path));
	for (size_t i = 0; i < env->crates.folder_count; i++)
		(void)json_array_append_new(folders, json_string(env->crates.folders[i]));
	digest_to_hex(&env->crates_digest, hex);
	AUTO(json_decref_p)
	json_t *record = json_pack("{s:o,s:o,s:s,s:o}", "externs", externs, "folders", folders,
	    "digest", hex, "inputs", build_inputs_pack(&cargo->crate_inputs));
	text = record ? json_dumps(record, JSON_COMPACT) : NULL;
	if (!text)
		return err_set(err, ERR_INTERNAL, "what cargo built cannot be recorded");
	return store_result_put(
	    cargo->build->store, RECORD_SPACE, &cargo->key, text, strlen(text), NULL, 0, err);
}

int rust_cargo_take(struct rust_cargo *cargo, struct build_env *env, const char *resolved,
    size_t resolved_length, const char *built, size_t built_length, struct err *err)
{
	json_error_t error;
	AUTO(json_decref_p) json_t *metadata = json_loadb(resolved, resolved_length, 0, &error);
	AUTO(json_decref_p) json_t *found = json_object();
	AUTO_FREE char *root_library = NULL;
	struct digest lock;
	struct artifacts artifacts = {
	    .metadata = metadata, .built = found, .cargo = cargo, .env = env};
	int status;

	if (!metadata)
		return err_set(err, ERR_UNAVAILABLE, "cargo metadata is not JSON: %s", error.text);
	artifacts.root = text_of(json_object_get(metadata, "resolve"), "root");
	add_folder(&env->crates, mem_printf("dependency=%s/target/%s/deps", cargo->home,
				     cargo->release ? "release" : "debug"));
	take_messages(&artifacts, built, built_length);
	root_library = artifacts.root_library;
	status = take_externs(&artifacts, err);
	if (status == 0)
		status = take_inputs(&artifacts, err);
	if (status != 0 || keep_lock(cargo, &lock, err) != 0)
		return -1;
	env->crates_digest = crates_digest(cargo, &lock);
	return keep_record(cargo, env, err);
}

/* ---- what is known from before ---- */

static bool read_record(struct store *store, const json_t *record, struct build_env *env)
{
	__attribute__((cleanup(build_inputs_fini))) struct build_inputs inputs = {0};
	struct err ignored;
	json_t *item;
	size_t i;

	if (!build_inputs_unpack(json_object_get(record, "inputs"), &inputs) ||
	    !build_inputs_hold(&inputs, store) ||
	    digest_from_hex(text_of(record, "digest"), &env->crates_digest, &ignored) != 0)
		return false;
	json_array_foreach(json_object_get(record, "externs"), i, item)
	{
		const char *name = json_string_value(json_array_get(item, 0));
		const char *path = json_string_value(json_array_get(item, 1));

		if (!name || !path || !file_exists(path))
			return false;
		*MEM_PUSH(env->crates.externs, env->crates.extern_count) =
		    (struct rust_extern){mem_strdup(name), mem_strdup(path)};
	}
	json_array_foreach(json_object_get(record, "folders"), i, item)
	{
		if (json_is_string(item))
			add_folder(&env->crates, mem_strdup(json_string_value(item)));
	}
	return true;
}

static bool take_record(struct store *store, const struct buf *text, void *payload)
{
	struct build_env *env = payload;
	json_error_t error;
	AUTO(json_decref_p)
	json_t *record = text->data ? json_loadb(text->data, text->length, 0, &error) : NULL;

	if (record && read_record(store, record, env))
		return true;
	rust_crates_fini(&env->crates);
	env->crates_digest = (struct digest){0};
	return false;
}

int rust_cargo_look_up(struct rust_cargo *cargo, struct build_env *env, struct err *err)
{
	return build_results_find(
	    cargo->build->store, RECORD_SPACE, &cargo->key, take_record, env, err);
}
