#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/mem.h"
#include "venusd/build/rust_diagnostics.h"

/* rustc's lines, as it writes them, about the file of a cell; where a text stands in that file is
 * looked up in it. */

static const char source_text[] =
    "struct Config {\n    n: u32,\n}\n\n"
    "#[venus::cell]\nfn config() -> Config {\n    Config { n: 1 }\n}\n\n"
    "#[venus::cell]\nfn total(config: &Config) -> u32 {\n"
    "    let x = \"\xc3\xa4\"; missing(config.n)\n}\n";

struct fixture {
	struct notebook *notebook;
	struct rust_file file;
	struct rust_source source;
	struct rust_diagnostics diagnostics;
	struct buf text;
};

static int setup(void **state)
{
	static const struct rust_settings settings = {"/nb", 2021};
	struct fixture *fixture = mem_alloc(sizeof *fixture);
	struct err err;

	assert_return_code(
	    notebook_parse(source_text, strlen(source_text), &fixture->notebook, &err), 0);
	assert_return_code(
	    rust_cell_generate(fixture->notebook, &settings, 1, &fixture->file, &err), 0);
	fixture->source = (struct rust_source){fixture->file.name, fixture->file.map, 1};
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	rust_diagnostics_fini(&fixture->diagnostics);
	rust_file_fini(&fixture->file);
	notebook_free(fixture->notebook);
	buf_fini(&fixture->text);
	free(fixture);
	return 0;
}

/* The span of a text in the generated file. Owned by the caller. */
static char *span(const struct fixture *fixture, const char *wanted, bool primary, const char *more)
{
	const char *at = strstr(fixture->file.text, wanted);
	unsigned line = 1, column = 1, width = 0;

	assert_non_null(at);
	for (const char *c = fixture->file.text; c < at; c++) {
		if (*c == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)*c & 0xC0) != 0x80) {
			column++;
		}
	}
	for (const char *c = wanted; *c; c++)
		width += ((unsigned char)*c & 0xC0) != 0x80;
	return mem_printf(
	    "{\"file_name\":\"/x/%s\",\"line_start\":%u,\"line_end\":%u,\"column_start\":%u,"
	    "\"column_end\":%u,\"is_primary\":%s,%s}",
	    fixture->file.name, line, line, column, column + width, primary ? "true" : "false",
	    more);
}

static void add(struct fixture *fixture, const char *level, const char *code, const char *message,
    const char *spans, const char *children)
{
	buf_printf(&fixture->text,
	    "{\"$message_type\":\"diagnostic\",\"message\":\"%s\",\"code\":{\"code\":\"%s\"},"
	    "\"level\":\"%s\","
	    "\"spans\":[%s],\"children\":[%s],\"rendered\":\"x\"}\n",
	    message, code, level, spans, children);
}

static const struct rust_diagnostic *read_one(struct fixture *fixture)
{
	rust_diagnostics_read(fixture->notebook, &fixture->source, 1, fixture->text.data,
	    fixture->text.length, &fixture->diagnostics);
	assert_int_equal(fixture->diagnostics.count, 1);
	return &fixture->diagnostics.items[0];
}

static void an_error_is_brought_back_whole(void **state)
{
	struct fixture *fixture = *state;
	AUTO_FREE char *primary =
	    span(fixture, "missing", true, "\"label\":\"not found\",\"expansion\":null");
	AUTO_FREE char *second =
	    span(fixture, "config: &Config", false, "\"label\":\"this one\",\"expansion\":null");
	AUTO_FREE char *both = mem_printf("%s,%s", primary, second);
	AUTO_FREE char *fix =
	    span(fixture, "missing", true, "\"label\":null,\"suggested_replacement\":\"mission\"");
	AUTO_FREE char *help = mem_printf(
	    "{\"message\":\"a similar name exists\",\"level\":\"help\",\"spans\":[%s],"
	    "\"children\":[]},{\"message\":\"in std (in Nightly builds, run with -Z m)\","
	    "\"level\":\"note\",\"spans\":[],\"children\":[]}",
	    fix);
	const struct rust_diagnostic *item;
	const Venus__V1__Problem *problem;

	add(fixture, "error", "E0425", "cannot find function `missing`", both, help);
	item = read_one(fixture);
	problem = item->problem;
	assert_true(item->error);
	assert_int_equal(item->owner, RUST_OWNER_CELL);
	assert_int_equal(item->index, 1);
	assert_string_equal(problem->cell, "total");
	assert_string_equal(problem->code, "E0425");
	assert_string_equal(problem->label, "not found");
	assert_int_equal(problem->line, 12);
	assert_int_equal(problem->column, 18);
	assert_int_equal(problem->end_column, 25);
	assert_int_equal(problem->offset, strstr(source_text, "missing") - source_text);
	assert_int_equal(problem->end_offset - problem->offset, strlen("missing"));
	assert_string_equal(problem->source_line, "    let x = \"\xc3\xa4\"; missing(config.n)");
	assert_int_equal(problem->n_notes, 3);
	assert_string_equal(problem->notes[0]->message, "this one");
	assert_int_equal(problem->notes[0]->line, 11);
	assert_int_equal(problem->notes[0]->column, 10);
	assert_string_equal(problem->notes[1]->level, "help");
	assert_string_equal(problem->notes[1]->message, "a similar name exists: `mission`");
	assert_int_equal(problem->notes[1]->line, 12);
	assert_string_equal(problem->notes[2]->message, "in std");
	assert_int_equal(problem->notes[2]->line, 0);
}

static void a_change_in_several_places_is_not_told_by_its_first_piece(void **state)
{
	struct fixture *fixture = *state;
	AUTO_FREE char *primary =
	    span(fixture, "missing", true, "\"label\":\"not found\",\"expansion\":null");
	AUTO_FREE char *open =
	    span(fixture, "missing", true, "\"label\":null,\"suggested_replacement\":\"(\"");
	AUTO_FREE char *close =
	    span(fixture, "config.n", true, "\"label\":null,\"suggested_replacement\":\").to()\"");
	AUTO_FREE char *help =
	    mem_printf("{\"message\":\"try a "
		       "conversion\",\"level\":\"help\",\"spans\":[%s,%s],\"children\":[]}",
		open, close);
	const Venus__V1__Problem *problem;

	add(fixture, "error", "E0308", "mismatched types", primary, help);
	problem = read_one(fixture)->problem;
	assert_int_equal(problem->n_notes, 1);
	assert_string_equal(problem->notes[0]->message, "try a conversion");
	assert_int_equal(problem->notes[0]->line, 12);
}

static void a_span_in_a_macro_is_followed_to_the_call(void **state)
{
	struct fixture *fixture = *state;
	AUTO_FREE char *call =
	    span(fixture, "missing(config.n)", false, "\"label\":null,\"expansion\":null");
	AUTO_FREE char *inside =
	    mem_printf("{\"file_name\":\"/rustc/1/library/std/src/macros.rs\",\"line_start\":3,"
		       "\"line_end\":3,\"column_start\":1,\"column_end\":9,\"is_primary\":true,"
		       "\"label\":\"here\",\"expansion\":{\"span\":%s,\"macro_decl_name\":\"m!\"}}",
		call);
	const struct rust_diagnostic *item;

	add(fixture, "error", "E0277", "no", inside, "");
	item = read_one(fixture);
	assert_int_equal(item->owner, RUST_OWNER_CELL);
	assert_int_equal(item->problem->line, 12);
	assert_int_equal(item->problem->column, 18);
	assert_string_equal(item->problem->label, "here");
}

static void an_error_in_text_that_nobody_wrote_is_the_cells(void **state)
{
	struct fixture *fixture = *state;
	AUTO_FREE char *wrapper =
	    span(fixture, "__venus_c_", true, "\"label\":\"x\",\"expansion\":null");
	const struct rust_diagnostic *item;

	add(fixture, "warning", "unused_unsafe", "never told", wrapper, "");
	add(fixture, "error", "E0999", "told", wrapper, "");
	item = read_one(fixture);
	assert_string_equal(item->problem->message, "told");
	assert_int_equal(item->owner, RUST_OWNER_CELL);
	assert_int_equal(item->problem->line, 11);
	assert_int_equal(item->problem->column, 4);
	assert_int_equal(item->problem->end_column, 9);
}

static void noise_is_dropped(void **state)
{
	struct fixture *fixture = *state;
	AUTO_FREE char *place = span(fixture, "missing", true, "\"label\":null,\"expansion\":null");

	add(fixture, "warning", "dead_code", "never used", place, "");
	add(fixture, "error", "", "aborting due to 2 previous errors; 1 warning emitted", "", "");
	add(fixture, "warning", "", "2 warnings emitted", "", "");
	add(fixture, "failure-note", "", "For more information", "", "");
	add(fixture, "note", "", "by itself", place, "");
	add(fixture, "warning", "unused_mut", "twice", place, "");
	add(fixture, "warning", "unused_mut", "twice", place, "");
	buf_add_text(&fixture->text,
	    "a macro printed this\n{not json}\n{\"message\":3}\n{\"level\":\"error\"}\n\n{");
	assert_string_equal(read_one(fixture)->problem->message, "twice");
	assert_int_equal(fixture->diagnostics.error_count, 0);
	assert_string_equal(fixture->diagnostics.other, "a macro printed this\n{not json}\n{\n");
}

/* Shapes that rustc never writes, and a macro may: nothing is read outside the text, nothing grows
 * without a bound. */
static void hostile_lines_do_no_harm(void **state)
{
	static const char *const lines[] = {
	    "{\"message\":\"a\",\"level\":\"error\",\"spans\":3,\"children\":{}}",
	    "{\"message\":\"b\",\"level\":\"error\",\"spans\":[null,[],\"x\"],\"children\":[null,1]"
	    "}",
	    "{\"message\":\"c\",\"level\":\"error\",\"spans\":[{\"file_name\":7,\"line_start\":-1}]"
	    "}",
	    "{\"message\":\"d\",\"level\":\"error\",\"code\":\"E1\",\"spans\":[{\"line_start\":"
	    "99999999999999}]}",
	    "{\"message\":\"e\",\"level\":[]}",
	};
	struct fixture *fixture = *state;
	AUTO_FREE char *place = span(fixture, "missing", true, "\"label\":null,\"expansion\":null");

	for (size_t i = 0; i < ARRAY_LENGTH(lines); i++)
		buf_printf(&fixture->text, "%s\n", lines[i]);
	buf_printf(&fixture->text,
	    "{\"message\":\"far\",\"level\":\"error\",\"spans\":[{\"file_name\":\"%s\",\"line_"
	    "start\":4000000000,"
	    "\"column_start\":4000000000,\"line_end\":1,\"column_end\":1,\"is_primary\":true}]}\n",
	    fixture->file.name);
	for (int i = 0; i < 1500; i++) {
		AUTO_FREE char *message = mem_printf("number %d", i);

		add(fixture, "error", "E0001", message, place, "");
	}
	rust_diagnostics_read(fixture->notebook, &fixture->source, 1, fixture->text.data,
	    fixture->text.length, &fixture->diagnostics);
	assert_int_equal(fixture->diagnostics.count, RUST_DIAGNOSTICS_MAX);
	assert_int_equal(fixture->diagnostics.items[0].owner, RUST_OWNER_NONE);
	assert_int_equal(fixture->diagnostics.items[0].problem->line, 0);
	assert_int_equal(fixture->diagnostics.items[4].problem->line, 11);
}

#define READ_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    READ_TEST(an_error_is_brought_back_whole),
	    READ_TEST(a_change_in_several_places_is_not_told_by_its_first_piece),
	    READ_TEST(a_span_in_a_macro_is_followed_to_the_call),
	    READ_TEST(an_error_in_text_that_nobody_wrote_is_the_cells),
	    READ_TEST(noise_is_dropped),
	    READ_TEST(hostile_lines_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
