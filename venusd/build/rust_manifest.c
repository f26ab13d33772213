#include "venusd/build/rust_manifest.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/mem.h"
#include "venusd/build/rust_manifest_scan.h"

#define EDITION_STANDARD 2021u

struct edit {
	size_t start, end;
	char *text;
};

/* What a walk finds. */
struct survey {
	const char *text, *folder;
	struct edit *edits;
	size_t edit_count;
	bool has_package, has_name, has_version, has_edition, has_lib, has_workspace;
	bool dotted_package;	 /* package.x = … with no header */
	size_t package_line_end; /* after `[package]`, 0: no such header */
	size_t package_inline;	 /* after the `{` of package = { … }, 0: none */
	unsigned edition;
	const char *wanted; /* a dependency's name, looked for */
	size_t wanted_at;
	bool found, has_dependencies;
};

static bool is(const struct manifest_entry *entry, size_t key, const char *name)
{
	return key < entry->key_count && strcmp(entry->keys[key], name) == 0;
}

/* How many keys stand before a dependency's name, 0 when the entry is in no table of dependencies.
 */
static size_t dependency_key(const struct manifest_entry *entry)
{
	static const char *const tables[] = {"dependencies", "dev-dependencies",
	    "build-dependencies", "dev_dependencies", "build_dependencies"};
	size_t at = is(entry, 0, "target") ? 2 : is(entry, 0, "workspace") ? 1 : 0;

	for (size_t i = 0; i < ARRAY_LENGTH(tables); i++) {
		if (is(entry, at, tables[i]) && entry->key_count > at + 1)
			return at + 1;
	}
	return 0;
}

/* The same for tables that put something in a dependency's place. */
static size_t replacement_key(const struct manifest_entry *entry)
{
	if (is(entry, 0, "patch") && entry->key_count > 2)
		return 2;
	return is(entry, 0, "replace") && entry->key_count > 1 ? 1 : 0;
}

static void survey_path(struct survey *survey, const struct manifest_entry *entry)
{
	const size_t key = dependency_key(entry) ? dependency_key(entry) : replacement_key(entry);
	AUTO_FREE char *path = NULL;
	struct edit *edit;

	if (!key || entry->key_count != key + 2 || !is(entry, key + 1, "path") ||
	    entry->kind != MANIFEST_STRING || entry->string[0] == '/' || !survey->folder)
		return;
	path = file_join(survey->folder, entry->string);
	edit = MEM_PUSH(survey->edits, survey->edit_count);
	*edit = (struct edit){entry->start, entry->end, rust_manifest_quote(path)};
}

static void survey_package(struct survey *survey, const struct manifest_entry *entry)
{
	survey->has_package = true;
	if (entry->kind == MANIFEST_TABLE && entry->key_count == 1)
		survey->package_line_end = entry->end + strcspn(survey->text + entry->end, "\n");
	else if (entry->kind == MANIFEST_INLINE && entry->key_count == 1)
		survey->package_inline = entry->end;
	else if (!survey->package_line_end && !survey->package_inline)
		survey->dotted_package = true;
	survey->has_name = survey->has_name || is(entry, 1, "name");
	survey->has_version = survey->has_version || is(entry, 1, "version");
	if (is(entry, 1, "edition")) {
		survey->has_edition = true;
		if (entry->kind == MANIFEST_STRING)
			survey->edition = (unsigned)strtoul(entry->string, NULL, 10);
	}
}

static void survey_entry(const struct manifest_entry *entry, void *payload)
{
	struct survey *survey = payload;
	const size_t key = dependency_key(entry);

	if (is(entry, 0, "package"))
		survey_package(survey, entry);
	survey->has_lib = survey->has_lib || is(entry, 0, "lib");
	survey->has_workspace = survey->has_workspace || is(entry, 0, "workspace");
	survey_path(survey, entry);
	if (!key || is(entry, 0, "workspace"))
		return;
	if (!is(entry, key, "venus"))
		survey->has_dependencies = true;
	if (survey->wanted && is(entry, key, survey->wanted) && !survey->found) {
		survey->found = true;
		survey->wanted_at = entry->start;
	}
}

static void survey_make(struct survey *survey, const char *text)
{
	survey->text = text ? text : "";
	manifest_scan(survey->text, survey_entry, survey);
}

static void survey_fini(struct survey *survey)
{
	for (size_t i = 0; i < survey->edit_count; i++)
		free(survey->edits[i].text);
	free(survey->edits);
}

char *rust_manifest_quote(const char *text)
{
	struct buf out = BUF_INIT;

	buf_add_char(&out, '"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			buf_printf(&out, "\\%c", *text);
		else if ((unsigned char)*text < 0x20 || *text == 0x7F)
			buf_printf(&out, "\\u%04X", (unsigned)*text);
		else
			buf_add_char(&out, *text);
	}
	buf_add_char(&out, '"');
	return buf_take(&out);
}

static uint32_t count_lines(const char *text, size_t length)
{
	uint32_t lines = 0;

	for (size_t i = 0; i < length; i++)
		lines += text[i] == '\n';
	return lines;
}

/* The keys that a package must have and this one has not. `prefix` and `end` stand around each. */
static void add_package_keys(struct buf *out, const struct survey *survey, const char *package,
    const char *prefix, const char *end)
{
	if (!survey->has_name)
		buf_printf(out, "%sname = \"%s\"%s", prefix, package, end);
	if (!survey->has_version)
		buf_printf(out, "%sversion = \"0.0.0\"%s", prefix, end);
	if (!survey->has_edition)
		buf_printf(out, "%sedition = \"%u\"%s", prefix, EDITION_STANDARD, end);
}

/* Adds the block's text from `from` to `to` with the paths in it made absolute. */
static void add_block(struct buf *out, const struct survey *survey, size_t from, size_t to)
{
	for (size_t i = 0; i < survey->edit_count; i++) {
		const struct edit *edit = &survey->edits[i];

		if (edit->start < from || edit->end > to)
			continue;
		buf_add(out, survey->text + from, edit->start - from);
		buf_add_text(out, edit->text);
		from = edit->end;
	}
	buf_add(out, survey->text + from, to - from);
}

void rust_manifest_make(const char *block, const char *folder, const char *package,
    const char *dependencies, struct rust_manifest *ret_manifest)
{
	__attribute__((cleanup(survey_fini))) struct survey survey = {.folder = folder};
	AUTO_BUF struct buf out = BUF_INIT;
	AUTO_BUF struct buf keys = BUF_INIT;
	size_t insert = 0;

	survey_make(&survey, block);
	*ret_manifest = (struct rust_manifest){0};
	if (survey.package_inline) {
		add_package_keys(&keys, &survey, package, " ", ",");
		insert = survey.package_inline;
	} else if (survey.package_line_end) {
		add_package_keys(&keys, &survey, package, "\n", "");
		insert = survey.package_line_end;
		ret_manifest->inserted_after = 1 + count_lines(survey.text, insert);
	} else if (survey.dotted_package) {
		add_package_keys(&keys, &survey, package, "package.", "\n");
	}
	ret_manifest->inserted_lines = count_lines(keys.data ? keys.data : "", keys.length);
	add_block(&out, &survey, 0, insert);
	buf_add(&out, keys.data ? keys.data : "", keys.length);
	add_block(&out, &survey, insert, strlen(survey.text));
	buf_add_char(&out, '\n');
	if (!survey.has_package) {
		buf_add_text(&out, "[package]\n");
		add_package_keys(&out, &survey, package, "", "\n");
	}
	if (!survey.has_lib)
		buf_add_text(&out, "[lib]\npath = \"lib.rs\"\n");
	if (!survey.has_workspace)
		buf_add_text(&out, "[workspace]\n");
	if (dependencies)
		buf_add_text(&out, dependencies);
	ret_manifest->text = buf_take(&out);
}

void rust_manifest_fini(struct rust_manifest *manifest)
{
	free(manifest->text);
	*manifest = (struct rust_manifest){0};
}

uint32_t rust_manifest_block_line(
    const struct rust_manifest *manifest, const char *block, uint32_t line)
{
	const uint32_t lines = block ? count_lines(block, strlen(block)) + 1 : 0;

	if (line > manifest->inserted_after + manifest->inserted_lines)
		line -= manifest->inserted_lines;
	else if (line > manifest->inserted_after)
		return 0;
	return line <= lines ? line : 0;
}

unsigned rust_manifest_edition(const char *block)
{
	__attribute__((cleanup(survey_fini))) struct survey survey = {0};

	survey_make(&survey, block);
	return survey.edition ? survey.edition : EDITION_STANDARD;
}

/* A line that begins like a header and does not end like one: the walk leaves it out. */
static bool has_open_header(const char *text)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += strspn(line, " \t\r\n");
		if (*line == '[' && !memchr(line, ']', strcspn(line, "\n")))
			return true;
	}
	return false;
}

bool rust_manifest_has_dependencies(const char *text)
{
	__attribute__((cleanup(survey_fini))) struct survey survey = {0};

	survey_make(&survey, text);
	return survey.has_dependencies || has_open_header(survey.text);
}

bool rust_manifest_has_package(const char *text)
{
	__attribute__((cleanup(survey_fini))) struct survey survey = {0};

	survey_make(&survey, text);
	return survey.has_package;
}

bool rust_manifest_names(const char *text, const char *dependency, uint32_t *ret_line)
{
	__attribute__((cleanup(survey_fini))) struct survey survey = {.wanted = dependency};

	survey_make(&survey, text);
	if (survey.found && ret_line)
		*ret_line = 1 + count_lines(survey.text, survey.wanted_at);
	return survey.found;
}
