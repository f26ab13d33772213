#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "venusd/build/rust_manifest.h"
#include "venusd/build/rust_manifest_scan.h"

/* What of a cargo block is rewritten: relative paths of dependencies and nothing else. */
static const struct {
	const char *block;
	const char *expected; /* what the manifest begins with */
} rewrites[] = {
    {"[dependencies]\na = { path = \"x\" }\n", "[dependencies]\na = { path = \"/nb/x\" }\n"},
    {"[dependencies]\na = { version = \"1\", path = '../x', features = [\"p\", \"path\"] } # path "
     "= \"q\"\n",
	"[dependencies]\na = { version = \"1\", path = \"/nb/../x\", features = [\"p\", \"path\"] "
	"} # path = \"q\"\n"},
    {"[dependencies]\na.path = \"x\"\na.version = \"1\"\n",
	"[dependencies]\na.path = \"/nb/x\"\na.version = \"1\"\n"},
    {"[dependencies.a]\npath = \"x\"\npackage = \"b\"\n",
	"[dependencies.a]\npath = \"/nb/x\"\npackage = \"b\"\n"},
    {"dependencies.a = { path = \"x\" }\n", "dependencies.a = { path = \"/nb/x\" }\n"},
    {"dependencies = { a = { path = \"x\" } }\n", "dependencies = { a = { path = \"/nb/x\" } }\n"},
    {"[ dependencies . \"a\" ]\n\"path\" = \"x\"\n",
	"[ dependencies . \"a\" ]\n\"path\" = \"/nb/x\"\n"},
    {"[build-dependencies]\na = { path = \"x\" }\n",
	"[build-dependencies]\na = { path = \"/nb/x\" }\n"},
    {"[target.'cfg(unix)'.dependencies]\na = { path = \"x\" }\n",
	"[target.'cfg(unix)'.dependencies]\na = { path = \"/nb/x\" }\n"},
    {"[patch.crates-io]\na = { path = \"x\" }\n", "[patch.crates-io]\na = { path = \"/nb/x\" }\n"},
    {"[patch.\"https://host/a.b\".a]\npath = \"x\"\n",
	"[patch.\"https://host/a.b\".a]\npath = \"/nb/x\"\n"},
    {"[dependencies]\na = { path = \"/abs\" }\n", "[dependencies]\na = { path = \"/abs\" }\n"},
    {"[dependencies]\na = { path = \"sp\\u00e4t \\\"q\\\"\" }\n",
	"[dependencies]\na = { path = \"/nb/sp\xc3\xa4t \\\"q\\\"\" }\n"},
    {"[dependencies]\npath = \"1\"\n", "[dependencies]\npath = \"1\"\n"},
    {"[package.metadata.dependencies.a]\npath = \"x\"\n",
	"[package.metadata.dependencies.a]\npath = \"x\"\n"},
    {"[features]\npath = [\"x\"]\n", "[features]\npath = [\"x\"]\n"},
    {"[package.metadata]\nt = \"\"\"\n[dependencies]\na = { path = \"x\" }\n\"\"\"\n",
	"[package.metadata]\nt = \"\"\"\n[dependencies]\na = { path = \"x\" }\n\"\"\"\n"},
    {"[dependencies]\na = { path = \"x\", \n", "[dependencies]\na = { path = \"/nb/x\", \n"},
    {"[dependencies]\na = = \"x\"\nb = { path = \"x\" }\n",
	"[dependencies]\na = = \"x\"\nb = { path = \"/nb/x\" }\n"},
    {"[dependencies\na = { path = \"x\" }\n", "[dependencies\na = { path = \"x\" }\n"},
};

static void paths_are_made_absolute(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rewrites); i++) {
		struct rust_manifest manifest;
		AUTO_FREE char *begin = NULL;

		rust_manifest_make(rewrites[i].block, "/nb", "p", NULL, &manifest);
		/* What venus adds of its own to a package table stands apart from this. */
		begin = mem_strndup(manifest.text, strlen(rewrites[i].expected));
		if (!strstr(rewrites[i].block, "[package"))
			assert_string_equal(begin, rewrites[i].expected);
		else
			assert_non_null(strstr(manifest.text, rewrites[i].expected));
		rust_manifest_fini(&manifest);
	}
}

static void a_package_is_made_where_there_is_none(void **state)
{
	struct rust_manifest manifest;

	(void)state;
	rust_manifest_make(
	    "[dependencies]\na = \"1\"", "/nb", "deps", "[dependencies.\"b\"]\n", &manifest);
	assert_string_equal(manifest.text,
	    "[dependencies]\na = \"1\"\n[package]\nname = \"deps\"\nversion = \"0.0.0\"\nedition = "
	    "\"2021\"\n"
	    "[lib]\npath = \"lib.rs\"\n[workspace]\n[dependencies.\"b\"]\n");
	assert_int_equal(rust_manifest_block_line(&manifest, "[dependencies]\na = \"1\"", 2), 2);
	assert_int_equal(rust_manifest_block_line(&manifest, "[dependencies]\na = \"1\"", 3), 0);
	rust_manifest_fini(&manifest);
}

static void a_package_that_is_there_is_completed(void **state)
{
	static const char header[] =
	    "[dependencies]\na = \"1\"\n[package] # mine\nedition = \"2018\"\n";
	static const char dotted[] = "package.edition = \"2018\"\n[lib]\npath = \"l.rs\"\n";
	static const char in_line[] = "package = { edition = \"2018\" }\n";
	struct rust_manifest manifest;

	(void)state;
	rust_manifest_make(header, "/nb", "deps", NULL, &manifest);
	assert_string_equal(manifest.text, "[dependencies]\na = \"1\"\n[package] # mine\nname = "
					   "\"deps\"\nversion = \"0.0.0\"\nedition = \"2018\"\n"
					   "\n[lib]\npath = \"lib.rs\"\n[workspace]\n");
	assert_int_equal(rust_manifest_block_line(&manifest, header, 3), 3);
	assert_int_equal(rust_manifest_block_line(&manifest, header, 4), 0);
	assert_int_equal(rust_manifest_block_line(&manifest, header, 6), 4);
	rust_manifest_fini(&manifest);

	rust_manifest_make(dotted, "/nb", "deps", NULL, &manifest);
	assert_string_equal(manifest.text, "package.name = \"deps\"\npackage.version = "
					   "\"0.0.0\"\npackage.edition = \"2018\"\n[lib]\npath = "
					   "\"l.rs\"\n\n[workspace]\n");
	assert_int_equal(rust_manifest_block_line(&manifest, dotted, 1), 0);
	assert_int_equal(rust_manifest_block_line(&manifest, dotted, 3), 1);
	rust_manifest_fini(&manifest);

	rust_manifest_make(in_line, "/nb", "deps", NULL, &manifest);
	assert_ptr_equal(
	    strstr(manifest.text, "package = { name = \"deps\", version = \"0.0.0\", edition"),
	    manifest.text);
	rust_manifest_fini(&manifest);
}

static void what_a_manifest_says_is_found(void **state)
{
	static const char two[] =
	    "[dependencies]\nvenus = \"0.1\"\n\n[dependencies.serde]\nversion = \"1\"\n";
	uint32_t line = 0;

	(void)state;
	assert_int_equal(rust_manifest_edition(NULL), 2021);
	assert_int_equal(rust_manifest_edition("[package]\nedition = \"2018\"\n"), 2018);
	assert_int_equal(rust_manifest_edition("[profile.dev]\nedition = \"2018\"\n"), 2021);
	assert_int_equal(rust_manifest_edition("package.edition = '2024'\n"), 2024);
	assert_true(rust_manifest_has_dependencies(two));
	assert_false(rust_manifest_has_dependencies("[dependencies]\nvenus = { path = \"v\" }\n"));
	assert_false(rust_manifest_has_dependencies("[workspace.dependencies]\nserde = \"1\"\n"));
	assert_false(rust_manifest_has_dependencies("# [dependencies]\n# a = \"1\"\n"));
	assert_true(rust_manifest_has_package("[package]\nname = \"a\"\n"));
	assert_false(rust_manifest_has_package("[workspace]\nmembers = []\n"));
	assert_true(rust_manifest_names(two, "serde", &line));
	assert_int_equal(line, 4);
	assert_false(rust_manifest_names(two, "serd", NULL));
}

static void count(const struct manifest_entry *entry, void *payload)
{
	size_t *entries = payload;

	(void)entry;
	++*entries;
}

/* Hostile text: deep, unended, or just wrong. What counts is that the walk ends and stays inside
 * the text. */
static void any_text_is_walked_to_its_end(void **state)
{
	static const char *const texts[] = {"", "[", "[[", "[a", "a", "a=", "a='", "a=\"\\",
	    "a=\"\"\"", "a=\"\\u12", "a={", "a={b=", "a=[[", "=", "]", "'''", "a.b.c.", "\"",
	    "[a.\"b", "a = \"\\U0011FFFF\"", "\r\n[a]\r\n"};
	size_t entries = 0;
	char deep[400];

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
		manifest_scan(texts[i], count, &entries);
	entries = 0;
	memset(deep, '[', sizeof deep - 1);
	deep[0] = 'a';
	deep[1] = '=';
	deep[sizeof deep - 1] = 0;
	manifest_scan(deep, count, &entries);
	assert_in_range(entries, 1, 40);
	entries = 0;
	for (size_t i = 0; i + 2 < sizeof deep; i += 2)
		memcpy(deep + i, "a.", 2);
	manifest_scan(deep, count, &entries);
	assert_int_equal(entries, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(paths_are_made_absolute),
	    cmocka_unit_test(a_package_is_made_where_there_is_none),
	    cmocka_unit_test(a_package_that_is_there_is_completed),
	    cmocka_unit_test(what_a_manifest_says_is_found),
	    cmocka_unit_test(any_text_is_walked_to_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
