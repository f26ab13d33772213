/* Keys and reach: which edits change a cell's key and which do not; which definitions a cell
 * reaches; recorded executions and their files. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/mem.h"
#include "venusd/plan/plan.h"
#include "worker.pb-c.h"

struct opened {
	struct notebook *notebook;
	struct plan_code *code;
};

static struct opened open_text(const char *text)
{
	struct opened opened;
	struct err err;

	if (notebook_parse(text, strlen(text), &opened.notebook, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(plan_code_new(opened.notebook, &opened.code, &err), 0);
	return opened;
}

static void close_text(struct opened *opened)
{
	plan_code_free(opened->code);
	notebook_free(opened->notebook);
}

static struct digest key_of(const char *text, const char *cell)
{
	static const struct digest environment = {{1}}, inputs[4] = {{{2}}, {{3}}, {{4}}, {{5}}};
	struct opened opened = open_text(text);
	int index = notebook_cell_find(opened.notebook, cell);
	struct digest key;

	assert_true(index >= 0);
	key = plan_key(opened.code, (size_t)index, &environment, inputs, NULL, 0);
	close_text(&opened);
	return key;
}

#define CELL "#[venus::cell]\npub fn area(shape: &Shape) -> f64 { shape.side * SCALE }\n"
#define REST "#[venus::cell]\npub fn shape() -> Shape { Shape { side: 2.0 } }\n"
#define DEFS                                                                                       \
	"pub struct Shape { side: f64 }\nconst SCALE: f64 = 2.0;\nstruct Other { a: i32 }\nconst " \
	"UNUSED: i32 = 1;\n"
#define BASE "use venus::prelude::*;\n" DEFS CELL REST

/* Edits of BASE, and whether the key of `area` is another one after it. */
static const struct {
	const char *what, *text;
	bool changes;
} edits[] = {
    {"nothing", BASE, false},
    {"a comment before it", "use venus::prelude::*;\n" DEFS "// hm\n\n" CELL REST, false},
    {"markdown", "//! # Title\nuse venus::prelude::*;\n" DEFS CELL REST, false},
    {"a doc comment on it", "use venus::prelude::*;\n" DEFS "/// # Area\n" CELL REST, false},
    {"blank lines", "use venus::prelude::*;\n\n\n" DEFS "\n\n" CELL REST, false},
    {"cells change places", "use venus::prelude::*;\n" DEFS REST CELL, false},
    {"definitions stand after it", "use venus::prelude::*;\n" CELL REST DEFS, false},
    {"a comment inside it",
	"use venus::prelude::*;\n" DEFS "#[venus::cell]\npub fn area(shape: &Shape) -> f64 { /* "
	"side */ shape.side * SCALE }\n" REST,
	false},
    {"white space inside it",
	"use venus::prelude::*;\n" DEFS
	"#[venus::cell]\npub fn area(shape: &Shape) -> f64 {\n\tshape.side * SCALE }\n" REST,
	false},
    {"CRLF",
	"use venus::prelude::*;\r\npub struct Shape { side: f64 }\r\nconst SCALE: f64 = "
	"2.0;\r\n" CELL REST,
	false},
    {"an unrelated definition is edited",
	"use venus::prelude::*;\npub struct Shape { side: f64 }\nconst SCALE: f64 = 2.0;\nstruct "
	"Other { a: i64 }\n" CELL REST,
	false},
    {"an unrelated definition is removed",
	"use venus::prelude::*;\npub struct Shape { side: f64 }\nconst SCALE: f64 = 2.0;\n" CELL
	    REST,
	false},
    {"the other cell is edited",
	"use venus::prelude::*;\n" DEFS CELL
	"#[venus::cell]\npub fn shape() -> Shape { Shape { side: 3.0 } }\n",
	false},
    {"its body is edited",
	"use venus::prelude::*;\n" DEFS
	"#[venus::cell]\npub fn area(shape: &Shape) -> f64 { shape.side + SCALE }\n" REST,
	true},
    {"a constant that it uses is edited",
	"use venus::prelude::*;\npub struct Shape { side: f64 }\nconst SCALE: f64 = 3.0;\n" CELL
	    REST,
	true},
    {"a type that it uses is edited",
	"use venus::prelude::*;\npub struct Shape { side: f64, n: u8 }\nconst SCALE: f64 = "
	"2.0;\n" CELL REST,
	true},
    {"an attribute of a type that it uses is added",
	"use venus::prelude::*;\n#[derive(Debug)]\npub struct Shape { side: f64 }\nconst SCALE: "
	"f64 = 2.0;\n" CELL REST,
	true},
    {"an impl of a type that it uses is added",
	"use venus::prelude::*;\n" DEFS "impl Drop for Shape { fn drop(&mut self) {} }\n" CELL REST,
	true},
    {"a blanket impl is added",
	"use venus::prelude::*;\n" DEFS "trait T {}\nimpl<X> T for X {}\n" CELL REST, true},
    {"a glob import that is not the standard library's",
	"use venus::prelude::*;\nuse other::*;\n" DEFS CELL REST, true},
    {"a space inside a string",
	"use venus::prelude::*;\n" DEFS "#[venus::cell]\npub fn area(shape: &Shape) -> f64 { let _ "
	"= \"a  b\"; shape.side * SCALE }\n" REST,
	true},
};

static void test_edits(void **state)
{
	struct digest base = key_of(BASE, "area");

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(edits); i++) {
		struct digest key = key_of(edits[i].text, "area");

		if (digest_equal(&key, &base) == edits[i].changes)
			fail_msg("%s: the key %s", edits[i].what,
			    edits[i].changes ? "stays, and should not" : "changes, and should not");
	}
}

static void test_key_parts(void **state)
{
	static const struct digest environments[2] = {{{1}}, {{2}}}, inputs[2] = {{{3}}, {{4}}};
	struct plan_setting setting = {.id = (char[]){"n"}, .value = (char[]){"1"}},
			    other = {.id = (char[]){"n"}, .value = (char[]){"2"}};
	struct opened opened = open_text(BASE);
	struct digest keys[5];

	(void)state;
	keys[0] = plan_key(opened.code, 0, &environments[0], &inputs[0], NULL, 0);
	keys[1] = plan_key(opened.code, 0, &environments[1], &inputs[0], NULL, 0);
	keys[2] = plan_key(opened.code, 0, &environments[0], &inputs[1], NULL, 0);
	keys[3] = plan_key(opened.code, 0, &environments[0], &inputs[0], &setting, 1);
	keys[4] = plan_key(opened.code, 0, &environments[0], &inputs[0], &other, 1);
	for (size_t i = 0; i < 5; i++)
		for (size_t k = 0; k < i; k++)
			assert_false(digest_equal(&keys[i], &keys[k]));
	close_text(&opened);
}

static void test_place_matters_when_asked(void **state)
{
	struct digest here = key_of("#[venus::cell]\nfn a() -> u32 { line!() }\n", "a");
	struct digest lower = key_of("\n#[venus::cell]\nfn a() -> u32 { line!() }\n", "a");

	(void)state;
	assert_false(digest_equal(&here, &lower));
}

/* Names of what a cell reaches, joined. */
static char *reached(const char *text, const char *cell)
{
	struct opened opened = open_text(text);
	struct buf buf = BUF_INIT;
	size_t count;
	const size_t *items =
	    plan_reached(opened.code, (size_t)notebook_cell_find(opened.notebook, cell), &count);

	for (size_t i = 0; i < count; i++)
		buf_printf(&buf, "%s%s:%s", i ? " " : "",
		    notebook_item_kind_name(opened.notebook->items[items[i]].kind),
		    opened.notebook->items[items[i]].name);
	close_text(&opened);
	return buf_take(&buf);
}

static void test_reach(void **state)
{
	static const char text[] =
	    "use std::collections::HashMap;\nuse std::fmt::Write;\nconst A: i32 = B;\nconst B: i32 "
	    "= 1;\nconst C: i32 = 2;\n"
	    "struct E { x: i32 }\ntrait Area { fn area(&self) -> i32; fn twice(&self) -> i32 { 2 * "
	    "self.area() } }\n"
	    "impl Area for E { fn area(&self) -> i32 { C } }\nmacro_rules! sq { ($x:expr) => { $x "
	    "* $x } }\n"
	    "#[venus::cell]\nfn a() -> i32 { A }\n"
	    "#[venus::cell]\nfn e(a: &i32) -> E { E { x: *a } }\n"
	    "#[venus::cell]\nfn t(e: &E) -> i32 { e.twice() }\n"
	    "#[venus::cell]\nfn s() -> String { format!(\"{B}\") }\n"
	    "#[venus::cell]\nfn m() -> HashMap<i32, i32> { sq!(2); HashMap::new() }\n";
	static const struct {
		const char *cell;
		const char *needs[4], *not [4];
	} cases[] = {
	    {"a", {"const:A", "const:B"}, {"const:C", "struct:E"}},
	    {"e", {"struct:E", "impl:E", "trait:Area", "const:C"}, {"const:A"}},
	    {"t", {"struct:E", "trait:Area", "impl:E", "const:C"}, {"const:A", "macro"}},
	    {"s", {"const:B"}, {"const:A", "struct:E"}},
	    {"m", {":sq"}, {"const:A", "struct:E"}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		AUTO_FREE char *names = reached(text, cases[i].cell);

		for (size_t k = 0; k < 4 && cases[i].needs[k]; k++)
			if (!strstr(names, cases[i].needs[k]))
				fail_msg("%s reaches only: %s", cases[i].cell, names);
		for (size_t k = 0; k < 4 && cases[i].not [k]; k++)
			if (strstr(names, cases[i].not [k]))
				fail_msg("%s should not reach %s: %s", cases[i].cell,
				    cases[i].not [k], names);
	}
}

/* Records. */

static void put_record(struct store *store, const struct digest *key, const char *path)
{
	Venus__Record__Execution execution = VENUS__RECORD__EXECUTION__INIT;
	Venus__Record__Seen seen = VENUS__RECORD__SEEN__INIT, *list[] = {&seen};
	struct digest value, file;
	struct err err;

	assert_int_equal(store_object_put(store, "value", 5, &value, &err), 0);
	assert_int_equal(store_file_digest(store, STORE_FILE_READ, path, &file, &err), 0);
	seen.kind = VENUS__WORKER__ACCESS__KIND__READ;
	seen.path = (char *)(uintptr_t)path;
	seen.digest = (ProtobufCBinaryData){DIGEST_BYTES, file.bytes};
	execution.format = 1;
	execution.value = (ProtobufCBinaryData){DIGEST_BYTES, value.bytes};
	execution.n_seen = 1;
	execution.seen = list;
	assert_int_equal(plan_record(store, key, &execution, &err), 0);
}

static void test_records(void **state)
{
	char folder[] = "/tmp/plantestXXXXXX";
	AUTO_FREE char *data = NULL, *note = NULL;
	struct digest key = {{7}}, unknown = {{8}};
	struct plan_found found;
	struct store *store;
	struct err err;

	(void)state;
	assert_non_null(mkdtemp(folder));
	data = file_join(folder, "data.csv");
	assert_int_equal(file_write_atomic(data, "1,2", 3, 0600, &err), 0);
	assert_int_equal(store_open(folder, &store, &note, &err), 0);
	put_record(store, &key, data);

	assert_int_equal(plan_find(store, &unknown, &found, &err), 0);
	assert_null(found.execution);
	assert_non_null(strstr(found.why, "never run"));
	plan_found_fini(&found);

	assert_int_equal(plan_find(store, &key, &found, &err), 0);
	assert_non_null(found.execution);
	plan_found_fini(&found);

	assert_int_equal(file_write_atomic(data, "1,3", 3, 0600, &err), 0);
	assert_int_equal(plan_find(store, &key, &found, &err), 0);
	assert_null(found.execution);
	assert_non_null(strstr(found.why, "data.csv changed"));
	plan_found_fini(&found);

	/* A second record stands beside the first; going back finds the first again. */
	put_record(store, &key, data);
	assert_int_equal(file_write_atomic(data, "1,2", 3, 0600, &err), 0);
	assert_int_equal(plan_find(store, &key, &found, &err), 0);
	assert_non_null(found.execution);
	plan_found_fini(&found);

	store_close(store);
	assert_int_equal(file_remove_tree(folder, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_edits),
	    cmocka_unit_test(test_key_parts),
	    cmocka_unit_test(test_place_matters_when_asked),
	    cmocka_unit_test(test_reach),
	    cmocka_unit_test(test_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
