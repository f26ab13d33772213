/*
 * Keys and look-ups. A key says all that decides what an execution gives, but for the files it
 * reads, which are only known once it ran: they are in the trace of each recorded execution.
 * Finding is: make the key, take the recorded executions under it newest first, use the first one
 * whose files all have the digests that were seen.
 */

#include "venusd/plan/plan.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "venusd/plan/plan_internal.h"
#include "worker.pb-c.h"

#define KEY_FORMAT	 1u
#define EXECUTION_FORMAT 1u
#define SPACE		 "execution"

int plan_code_new(const struct notebook *notebook, struct plan_code **ret_code, struct err *err)
{
	struct plan_code *code = mem_alloc(sizeof *code);
	struct code_text text;

	(void)err; /* making this cannot fail; the signature leaves room for a language whose reach
		      is found by a tool */
	code->notebook = notebook;
	code->cells = mem_alloc(notebook->cell_count * sizeof *code->cells);
	code->items = mem_alloc(notebook->item_count * sizeof *code->items);
	code->reached = mem_alloc(notebook->cell_count * sizeof *code->reached);
	code_text_init(&text, notebook);
	for (size_t i = 0; i < notebook->cell_count + notebook->item_count; i++) {
		bool is_cell = i < notebook->cell_count;
		size_t k = is_cell ? i : i - notebook->cell_count;
		struct plan_piece *piece = is_cell ? &code->cells[k] : &code->items[k];
		struct buf buf = BUF_INIT;

		code_text_write(
		    &text, is_cell ? notebook->cells[k].function : notebook->items[k].item, &buf);
		piece->text = buf_take(&buf);
	}
	code_text_fini(&text);
	reach_find(code);
	*ret_code = code;
	return 0;
}

void plan_code_free(struct plan_code *code)
{
	if (!code)
		return;
	for (size_t i = 0; i < code->notebook->cell_count; i++) {
		free(code->cells[i].text);
		free(code->reached[i].items);
	}
	for (size_t i = 0; i < code->notebook->item_count; i++)
		free(code->items[i].text);
	free(code->cells);
	free(code->items);
	free(code->reached);
	free(code);
}

const size_t *plan_reached(const struct plan_code *code, size_t cell, size_t *ret_count)
{
	*ret_count = code->reached[cell].count;
	return code->reached[cell].items;
}

static bool in_reach(const struct plan_code *code, size_t cell, const char *stem)
{
	if (strstr(code->cells[cell].text, stem))
		return true;
	for (size_t i = 0; i < code->reached[cell].count; i++)
		if (strstr(code->items[code->reached[cell].items[i]].text, stem))
			return true;
	return false;
}

bool plan_names_file(const struct plan_code *code, size_t cell, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	AUTO_FREE char *stem = mem_strndup(name, strcspn(name, "."));
	bool named = false;

	if (!stem[0] || in_reach(code, cell, stem))
		return true;
	for (size_t i = 0; !named && i < code->notebook->cell_count; i++)
		named = strstr(code->cells[i].text, stem);
	for (size_t i = 0; !named && i < code->notebook->item_count; i++)
		named = strstr(code->items[i].text, stem);
	return !named;
}

static ProtobufCBinaryData digest_data(const struct digest *digest)
{
	return (ProtobufCBinaryData){
	    .len = DIGEST_BYTES, .data = (uint8_t *)(uintptr_t)digest->bytes};
}

static struct digest digest_of_message(const ProtobufCMessage *message)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	AUTO_FREE uint8_t *bytes = mem_alloc(size);

	(void)protobuf_c_message_pack(message, bytes);
	return digest_of(bytes, size);
}

struct digest plan_key(const struct plan_code *code, size_t cell, const struct digest *environment,
    const struct digest *inputs, const struct plan_setting *settings, size_t setting_count)
{
	const struct notebook_cell *info = &code->notebook->cells[cell];
	const struct plan_reach *reach = &code->reached[cell];
	Venus__Record__ActionKey key = VENUS__RECORD__ACTION_KEY__INIT;
	AUTO_FREE Venus__Record__KeyInput *input_data =
	    mem_alloc(info->param_count * sizeof *input_data);
	AUTO_FREE Venus__Record__KeyInput **input_list =
	    mem_alloc(info->param_count * sizeof *input_list);
	AUTO_FREE Venus__Record__KeySetting *setting_data =
	    mem_alloc(setting_count * sizeof *setting_data);
	AUTO_FREE Venus__Record__KeySetting **setting_list =
	    mem_alloc(setting_count * sizeof *setting_list);
	AUTO_FREE char **definitions = mem_alloc(reach->count * sizeof *definitions);
	static char driver[] = "rust";

	for (size_t i = 0; i < info->param_count; i++) {
		venus__record__key_input__init(&input_data[i]);
		input_data[i].parameter = info->params[i].name;
		input_data[i].value = digest_data(&inputs[i]);
		input_list[i] = &input_data[i];
	}
	for (size_t i = 0; i < setting_count; i++) {
		venus__record__key_setting__init(&setting_data[i]);
		setting_data[i].id = settings[i].id;
		setting_data[i].value = settings[i].value;
		setting_list[i] = &setting_data[i];
	}
	for (size_t i = 0; i < reach->count; i++)
		definitions[i] = code->items[reach->items[i]].text;
	key.format = KEY_FORMAT;
	key.driver = driver;
	key.environment = digest_data(environment);
	key.name = info->name;
	key.code = code->cells[cell].text;
	key.n_definitions = reach->count;
	key.definitions = definitions;
	key.n_inputs = info->param_count;
	key.inputs = input_list;
	key.n_settings = setting_count;
	key.settings = setting_list;
	return digest_of_message(&key.base);
}

void plan_found_fini(struct plan_found *found)
{
	if (found->execution)
		venus__record__execution__free_unpacked(found->execution, NULL);
	free(found->why);
	*found = (struct plan_found){0};
}

bool plan_seen_kind(unsigned access_kind, enum store_file_kind *ret_kind)
{
	switch (access_kind) {
	case VENUS__WORKER__ACCESS__KIND__READ:
	case VENUS__WORKER__ACCESS__KIND__WRITE: *ret_kind = STORE_FILE_READ; return true;
	case VENUS__WORKER__ACCESS__KIND__STAT: *ret_kind = STORE_FILE_STAT; return true;
	case VENUS__WORKER__ACCESS__KIND__REMOVE: *ret_kind = STORE_FILE_STAT; return true;
	case VENUS__WORKER__ACCESS__KIND__LIST: *ret_kind = STORE_FILE_LIST; return true;
	case VENUS__WORKER__ACCESS__KIND__LINK: *ret_kind = STORE_FILE_LINK; return true;
	default: return false;
	}
}

/* Why a recorded execution may not be reused; NULL when it may. Owned by the caller. */
static char *changed(struct store *store, const Venus__Record__Execution *execution)
{
	for (size_t i = 0; i < execution->n_seen; i++) {
		const Venus__Record__Seen *seen = execution->seen[i];
		enum store_file_kind kind;
		struct digest now;
		struct err err;

		if (!plan_seen_kind(seen->kind, &kind) || seen->digest.len != DIGEST_BYTES)
			return mem_printf("its record of %s cannot be compared", seen->path);
		if (store_file_digest(store, kind, seen->path, &now, &err) < 0)
			return mem_printf("%s", err.message);
		if (memcmp(now.bytes, seen->digest.data, DIGEST_BYTES) != 0)
			return mem_printf("%s changed", seen->path);
	}
	return NULL;
}

/* The callback of store_result_each must not call the store, so that the records are gathered
 * first. */
struct gathered {
	Venus__Record__Execution *list[STORE_RESULTS_PER_KEY];
	size_t count;
};

static int gather(const void *bytes, size_t length, void *payload)
{
	struct gathered *gathered = payload;
	Venus__Record__Execution *execution = venus__record__execution__unpack(NULL, length, bytes);

	if (!execution)
		return 0;
	if (execution->format != EXECUTION_FORMAT || execution->value.len != DIGEST_BYTES ||
	    gathered->count == STORE_RESULTS_PER_KEY) {
		venus__record__execution__free_unpacked(execution, NULL);
		return 0;
	}
	gathered->list[gathered->count++] = execution;
	return 0;
}

int plan_find(
    struct store *store, const struct digest *key, struct plan_found *ret_found, struct err *err)
{
	struct gathered gathered = {0};
	struct plan_found found = {0};

	if (store_result_each(store, SPACE, key, gather, &gathered, err) < 0)
		return -1;
	for (size_t i = 0; i < gathered.count; i++) {
		char *why = found.execution ? NULL : changed(store, gathered.list[i]);

		if (!found.execution && !why) {
			found.execution = TAKE_PTR(gathered.list[i]);
			continue;
		}
		venus__record__execution__free_unpacked(gathered.list[i], NULL);
		if (found.why)
			free(why);
		else
			found.why = why;
	}
	if (found.execution) {
		free(found.why);
		found.why = NULL;
	} else if (!found.why) {
		found.why = mem_strdup("it was never run with this code and these inputs");
	}
	*ret_found = found;
	return 0;
}

static void add_object(struct digest **objects, size_t *count, const ProtobufCBinaryData *data)
{
	if (data->len == DIGEST_BYTES)
		memcpy(MEM_PUSH(*objects, *count)->bytes, data->data, DIGEST_BYTES);
}

int plan_record(struct store *store, const struct digest *key,
    const Venus__Record__Execution *execution, struct err *err)
{
	size_t size = venus__record__execution__get_packed_size(execution), count = 0;
	AUTO_FREE uint8_t *bytes = mem_alloc(size);
	AUTO_FREE struct digest *objects = NULL;

	(void)venus__record__execution__pack(execution, bytes);
	if (!execution->memory_only)
		add_object(&objects, &count, &execution->value);
	for (size_t i = 0; i < execution->n_displays; i++)
		add_object(&objects, &count, &execution->displays[i]->digest);
	if (execution->out)
		add_object(&objects, &count, &execution->out->digest);
	if (execution->err)
		add_object(&objects, &count, &execution->err->digest);
	return store_result_put(store, SPACE, key, bytes, size, objects, count, err);
}
