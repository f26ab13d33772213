/* The runtime crate itself behind the interface of venusd/runtime/rt.h, with each Rust toolchain
 * that is there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/mem.h"
#include "toolchain.h"

static void check_values(struct harness *harness, uint32_t cells)
{
	AUTO_FREE char *path = file_join(harness->folder, "in.txt");
	AUTO_BUF struct buf value = BUF_INIT, trace = BUF_INIT, shown = BUF_INIT;
	const Venus__Worker__Done *done;
	struct err err;

	assert_int_equal(file_write_atomic(path, "hello", 5, 0644, &err), 0);
	done = harness_run_text(harness,
	    &(struct harness_run){.object = cells, .symbol = "text", .glue = "glue_text"}, &value);
	assert_int_equal(value.length, 6); /* CBOR: a text of five bytes */
	assert_memory_equal(value.data, "\x65hello", 6);
	assert_string_equal(done->type_name, "String");
	assert_int_equal(done->n_displays, 1);
	assert_string_equal(done->displays[0]->mime, "text/plain");
	harness_blob(harness, done->displays[0]->data, &shown);
	assert_string_equal(shown.data, "hello");
	harness_trace(harness, &trace);
	assert_string_equal(trace.data, "read in.txt\n");
	buf_clear(&value);
	(void)harness_run_text(harness,
	    &(struct harness_run){
		.object = cells, .symbol = "twice", .glue = "glue_text", .args = {1}},
	    &value);
	assert_memory_equal(value.data, "\x6ahellohello", 11);
}

static void check_failures(struct harness *harness, uint32_t cells)
{
	const Venus__Worker__Done *done = harness_run(harness,
	    &(struct harness_run){.object = cells, .symbol = "fails", .glue = "glue_result"});

	assert_int_equal(done->status, VENUS__WORKER__DONE__STATUS__ERR);
	assert_string_equal(done->message, "no luck");
	done = harness_run(harness,
	    &(struct harness_run){.object = cells, .symbol = "panics", .glue = "glue_text"});
	assert_int_equal(done->status, VENUS__WORKER__DONE__STATUS__PANIC);
	assert_non_null(strstr(done->message, "index out of bounds"));
	assert_non_null(strstr(done->file, "crate_cells.rs"));
	assert_int_equal(done->line, 48);
	assert_in_range(
	    done->column, 16, 20); /* of the list or of its index, as the compiler sees it */
}

static void check_drop(struct harness *harness, uint32_t cells)
{
	Venus__Worker__ToWorker request = VENUS__WORKER__TO_WORKER__INIT;
	Venus__Worker__Drop message = VENUS__WORKER__DROP__INIT;
	const Venus__Worker__Done *done = harness_run(harness,
	    &(struct harness_run){.object = cells, .symbol = "spiteful", .glue = "glue_spiteful"});
	uint64_t values[] = {1, harness->next_value, 2};
	const Venus__Worker__FromWorker *answer;

	assert_int_equal(done->status, VENUS__WORKER__DONE__STATUS__OK);
	assert_false(done->encodable);
	message.values = values;
	message.n_values = ARRAY_LENGTH(values);
	request.kind_case = VENUS__WORKER__TO_WORKER__KIND_DROP;
	request.drop = &message;
	harness_send(harness, &request, NULL, 0);
	answer = harness_receive(harness);
	assert_non_null(answer);
	assert_int_equal(answer->kind_case, VENUS__WORKER__FROM_WORKER__KIND_DROPPED);
	assert_non_null(strstr(answer->dropped->error, "panicked"));
}

static void check_toolchain(const char *rustc, const char *purpose)
{
	AUTO_TOOLCHAIN struct toolchain toolchain = {0};
	struct harness *harness;
	uint32_t cells;

	if (!toolchain_open(&toolchain, rustc, purpose)) {
		skip();
		return;
	}
	toolchain_compile(&toolchain, "--crate-type dylib --crate-name venus",
	    "venusd/runtime/rust/venus/src/lib.rs");
	toolchain_compile(&toolchain,
	    "--crate-type cdylib -C link-arg=-Wl,--unresolved-symbols=ignore-all --extern "
	    "venus=libvenus.so -L .",
	    "tests/unit/runtime/objects/crate_cells.rs");
	harness = toolchain_start(&toolchain, true);
	(void)toolchain_load(&toolchain, harness, "libvenus.so", true, true);
	cells = toolchain_load(&toolchain, harness, "libcrate_cells.so", false, false);
	check_values(harness, cells);
	check_failures(harness, cells);
	check_drop(harness, cells);
	harness_close(harness);
}

static void test_rustc_on_path(void **state)
{
	(void)state;
	check_toolchain("rustc", "crate-path");
}

static void test_rustc_of_the_system(void **state)
{
	(void)state;
	check_toolchain("/usr/bin/rustc", "crate-system");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rustc_on_path),
	    cmocka_unit_test(test_rustc_of_the_system),
	};

	return cmocka_run_group_tests_name("crate", tests, NULL, NULL);
}
