#include "venusd/build/build_memory.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/mem.h"

#define FAILURES_MAX	   256u
#define FAILURE_MAX_BYTES  ((size_t)1 << 20)
#define DEP_INFO_MAX_BYTES ((size_t)16 << 20)
#define MATERIALISED_MAX   48

struct build_failure {
	struct digest key;
	char *diagnostics;
	struct build_inputs inputs;
};

static inline void json_decref_p(json_t **json)
{
	json_decref(*json);
}

void build_inputs_fini(struct build_inputs *inputs)
{
	for (size_t i = 0; i < inputs->count; i++)
		free(inputs->items[i].name);
	free(inputs->items);
	*inputs = (struct build_inputs){0};
}

static int input_now(
    struct store *store, const char *name, struct digest *ret_digest, struct err *err)
{
	const char *value;

	if (strncmp(name, "env:", 4) != 0)
		return store_file_digest(store, STORE_FILE_READ, name, ret_digest, err);
	value = getenv(name + 4);
	*ret_digest = value ? digest_of(value, strlen(value)) : (struct digest){0};
	return 0;
}

int build_inputs_add(
    struct build_inputs *inputs, struct store *store, const char *name, struct err *err)
{
	struct digest now;

	for (size_t i = 0; i < inputs->count; i++) {
		if (strcmp(inputs->items[i].name, name) == 0)
			return 0;
	}
	if (inputs->count == BUILD_INPUTS_MAX)
		return err_set(
		    err, ERR_FULL, "the code reads more than %u files", BUILD_INPUTS_MAX);
	if (input_now(store, name, &now, err) != 0)
		return -1;
	*MEM_PUSH(inputs->items, inputs->count) = (struct build_input){mem_strdup(name), now};
	return 0;
}

/* One name of a dep-info line, in which a blank is written as "\ "; `*text` goes past it. Owned by
 * the caller, NULL at the line's end. */
static char *next_name(const char **text)
{
	struct buf name = BUF_INIT;
	const char *at = *text + strspn(*text, " \r");

	while (*at && *at != '\n' && *at != ' ' && *at != '\r') {
		if (at[0] == '\\' && at[1] == ' ')
			at++;
		buf_add_char(&name, *at++);
	}
	*text = at;
	return name.length > 0 ? buf_take(&name) : NULL;
}

static int add_line(struct build_inputs *inputs, struct store *store, const char *line,
    const char *own_folder, struct err *err)
{
	static const char env_dep[] = "# env-dep:";
	const size_t length = strlen(own_folder);
	const char *colon;
	char *name;

	if (strncmp(line, env_dep, sizeof env_dep - 1) == 0) {
		line += sizeof env_dep - 1;
		AUTO_FREE char *variable = mem_printf("env:%.*s", (int)strcspn(line, "=\n"), line);

		return build_inputs_add(inputs, store, variable, err);
	}
	colon = strstr(line, ": ");
	if (*line == '#' || !colon || colon > strchrnul(line, '\n'))
		return 0;
	line = colon + 1;
	while ((name = next_name(&line))) {
		AUTO_FREE char *owned = name;
		AUTO_FREE char *path = file_join(own_folder, name);

		if (strncmp(path, own_folder, length) == 0 && path[length] == '/' &&
		    !strstr(path, "/../"))
			continue;
		if (build_inputs_add(inputs, store, path, err) != 0)
			return -1;
	}
	return 0;
}

int build_inputs_add_dep_info(struct build_inputs *inputs, struct store *store,
    const char *dep_info, const char *own_folder, struct err *err)
{
	AUTO_BUF struct buf text = BUF_INIT;

	if (!file_exists(dep_info))
		return 0;
	if (file_read(dep_info, DEP_INFO_MAX_BYTES, &text, err) != 0)
		return -1;
	for (const char *line = text.data; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (add_line(inputs, store, line, own_folder, err) != 0)
			return -1;
	}
	return 0;
}

bool build_inputs_hold(const struct build_inputs *inputs, struct store *store)
{
	for (size_t i = 0; i < inputs->count; i++) {
		struct digest now;
		struct err ignored;

		if (input_now(store, inputs->items[i].name, &now, &ignored) != 0 ||
		    !digest_equal(&now, &inputs->items[i].digest))
			return false;
	}
	return true;
}

struct digest build_inputs_digest(const struct build_inputs *inputs, const struct digest *base)
{
	struct digest_stream *stream;

	if (inputs->count == 0)
		return *base;
	stream = digest_stream_new();
	digest_stream_add(stream, base->bytes, DIGEST_BYTES);
	for (size_t i = 0; i < inputs->count; i++)
		digest_stream_add(stream, inputs->items[i].digest.bytes, DIGEST_BYTES);
	return digest_stream_finish(stream);
}

void build_record_fini(struct build_record *record)
{
	free(record->symbol);
	free(record->diagnostics);
	build_inputs_fini(&record->inputs);
	*record = (struct build_record){0};
}

json_t *build_inputs_pack(const struct build_inputs *inputs)
{
	json_t *list = json_array();

	for (size_t i = 0; i < inputs->count; i++) {
		char hex[DIGEST_HEX + 1];

		digest_to_hex(&inputs->items[i].digest, hex);
		/* A name that is not UTF-8 packs as null, which makes the record one that never
		 * counts. */
		(void)json_array_append_new(
		    list, json_pack("[o?,s]", json_string(inputs->items[i].name), hex));
	}
	return list;
}

bool build_inputs_unpack(const json_t *list, struct build_inputs *inputs)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		const char *name = json_string_value(json_array_get(item, 0));
		const char *hex = json_string_value(json_array_get(item, 1));
		struct build_input input = {0};
		struct err ignored;

		if (!name || !hex || digest_from_hex(hex, &input.digest, &ignored) != 0)
			return false;
		input.name = mem_strdup(name);
		*MEM_PUSH(inputs->items, inputs->count) = input;
	}
	return true;
}

int build_record_put(struct store *store, const char *space, const struct digest *key,
    const struct build_record *record, struct err *err)
{
	struct digest objects[2] = {record->object, record->meta};
	char object[DIGEST_HEX + 1], meta[DIGEST_HEX + 1];
	AUTO_FREE char *text = NULL;

	digest_to_hex(&record->object, object);
	digest_to_hex(&record->meta, meta);
	AUTO(json_decref_p)
	json_t *json = json_pack("{s:s,s:s,s:s,s:s,s:o}", "object", object, "meta", meta, "symbol",
	    record->symbol ? record->symbol : "", "diagnostics",
	    record->diagnostics ? record->diagnostics : "", "inputs",
	    build_inputs_pack(&record->inputs));
	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	if (!text)
		return err_set(
		    err, ERR_INTERNAL, "a build result in `%s` cannot be written", space);
	return store_result_put(store, space, key, text, strlen(text), objects,
	    digest_is_zero(&record->meta) ? 1 : 2, err);
}

struct texts {
	struct buf items[STORE_RESULTS_PER_KEY];
	size_t count;
};

static int collect(const void *bytes, size_t length, void *payload)
{
	struct texts *texts = payload;

	if (texts->count == STORE_RESULTS_PER_KEY)
		return 1;
	buf_add(&texts->items[texts->count++], bytes, length);
	return 0;
}

static void texts_fini(struct texts *texts)
{
	for (size_t i = 0; i < STORE_RESULTS_PER_KEY; i++)
		buf_fini(&texts->items[i]);
}

/* False: no record, or one that does not count now. */
static bool record_read(struct store *store, const struct buf *text, struct build_record *record)
{
	const char *object, *meta, *symbol, *diagnostics;
	json_error_t error;
	json_t *inputs;
	struct err ignored;
	AUTO(json_decref_p)
	json_t *json = text->length > 0 ? json_loadb(text->data, text->length, 0, &error) : NULL;

	if (!json ||
	    json_unpack(json, "{s:s,s:s,s:s,s:s,s:o}", "object", &object, "meta", &meta, "symbol",
		&symbol, "diagnostics", &diagnostics, "inputs", &inputs) != 0 ||
	    digest_from_hex(object, &record->object, &ignored) != 0 ||
	    digest_from_hex(meta, &record->meta, &ignored) != 0 ||
	    !build_inputs_unpack(inputs, &record->inputs))
		return false;
	record->symbol = *symbol ? mem_strdup(symbol) : NULL;
	record->diagnostics = mem_strdup(diagnostics);
	return store_object_has(store, &record->object) &&
	       (digest_is_zero(&record->meta) || store_object_has(store, &record->meta)) &&
	       build_inputs_hold(&record->inputs, store);
}

static bool record_take(struct store *store, const struct buf *text, void *payload)
{
	struct build_record *ret_record = payload;
	struct build_record record = {0};

	if (!record_read(store, text, &record)) {
		build_record_fini(&record);
		return false;
	}
	*ret_record = record;
	return true;
}

int build_record_get(struct store *store, const char *space, const struct digest *key,
    struct build_record *ret_record, struct err *err)
{
	return build_results_find(store, space, key, record_take, ret_record, err);
}

int build_results_find(struct store *store, const char *space, const struct digest *key,
    bool (*take)(struct store *store, const struct buf *text, void *payload), void *payload,
    struct err *err)
{
	__attribute__((cleanup(texts_fini))) struct texts texts = {0};

	if (store_result_each(store, space, key, collect, &texts, err) < 0)
		return -1;
	for (size_t i = 0; i < texts.count; i++) {
		if (take(store, &texts.items[i], payload))
			return 1;
	}
	return 0;
}

static void failure_fini(struct build_failure *failure)
{
	free(failure->diagnostics);
	build_inputs_fini(&failure->inputs);
	*failure = (struct build_failure){0};
}

static struct build_failure *failure_find(struct build *build, const struct digest *key)
{
	for (size_t i = 0; i < build->failure_count; i++) {
		if (digest_equal(&build->failures[i].key, key))
			return &build->failures[i];
	}
	return NULL;
}

/* A file that was not there is in no list of inputs: it may be there the next time. */
static bool is_of_missing_file(const char *diagnostics)
{
	return strstr(diagnostics, "couldn't read ") || strstr(diagnostics, "\"E0583\"");
}

void build_failure_put(struct build *build, const struct digest *key, const char *diagnostics,
    const struct build_inputs *inputs)
{
	struct build_failure *failure;

	if (strlen(diagnostics) > FAILURE_MAX_BYTES || is_of_missing_file(diagnostics))
		return;
	uv_mutex_lock(&build->memory_lock);
	failure = failure_find(build, key);
	if (!failure && build->failure_count < FAILURES_MAX) {
		failure = MEM_PUSH(build->failures, build->failure_count);
	} else if (!failure) {
		failure = &build->failures[build->failure_next];
		build->failure_next = (build->failure_next + 1) % FAILURES_MAX;
	}
	failure_fini(failure);
	failure->key = *key;
	failure->diagnostics = mem_strdup(diagnostics);
	for (size_t i = 0; i < inputs->count; i++)
		*MEM_PUSH(failure->inputs.items, failure->inputs.count) = (struct build_input){
		    mem_strdup(inputs->items[i].name), inputs->items[i].digest};
	uv_mutex_unlock(&build->memory_lock);
}

char *build_failure_get(struct build *build, const struct digest *key)
{
	char *diagnostics = NULL;

	uv_mutex_lock(&build->memory_lock);
	const struct build_failure *failure = failure_find(build, key);
	if (failure && build_inputs_hold(&failure->inputs, build->store))
		diagnostics = mem_strdup(failure->diagnostics);
	uv_mutex_unlock(&build->memory_lock);
	return diagnostics;
}

bool build_failure_any(struct build *build)
{
	bool any;

	uv_mutex_lock(&build->memory_lock);
	any = build->failure_count > 0;
	uv_mutex_unlock(&build->memory_lock);
	return any;
}

char *build_materialise(
    struct build *build, const struct digest *object, const char *name, struct err *err)
{
	char hex[DIGEST_HEX + 1];
	AUTO_FREE char *folder = NULL;
	AUTO_FREE char *path = NULL;
	AUTO_FREE char *temporary = NULL;
	AUTO_BUF struct buf bytes = BUF_INIT;

	digest_to_hex(object, hex);
	folder = mem_printf("%s/kept/%.32s", build->process_folder, hex);
	path = file_join(folder, name);
	if (file_exists(path))
		return TAKE_PTR(path);
	if (store_object_get(build->store, object, BUILD_OBJECT_MAX_BYTES, &bytes, err) != 0 ||
	    file_make_folders(folder, 0700, err) != 0)
		return NULL;
	/* Two jobs may want the same at once: each writes its own file, and a rename cannot be seen
	 * half done. */
	temporary = mem_printf("%s.%lx", path, (unsigned long)(uintptr_t)&bytes);
	if (build_file_write(folder, temporary, bytes.data, bytes.length, err) != 0)
		return NULL;
	if (rename(temporary, path) != 0) {
		(void)err_set_errno(err, errno, "cannot write `%s`", path);
		return NULL;
	}
	return TAKE_PTR(path);
}

void build_memory_trim(struct build *build)
{
	AUTO_FREE char *kept = file_join(build->process_folder, "kept");
	DIR *entries = opendir(kept);
	struct err ignored;
	int count = 0;

	while (entries && readdir(entries))
		count++;
	if (entries)
		(void)closedir(entries); /* it was only read */
	if (count > MATERIALISED_MAX + 2)
		(void)file_remove_tree(kept, &ignored); /* what stays is still what it was */
}

void build_memory_fini(struct build *build)
{
	for (size_t i = 0; i < build->failure_count; i++)
		failure_fini(&build->failures[i]);
	free(build->failures);
}
