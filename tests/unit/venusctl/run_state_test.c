#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "venusctl/command.h"
#include "venusctl/run_state.h"

static uint8_t id[16] = {7}, other[16] = {8};
static char names[3][4] = {"a", "b", "c"};

static bool send(
    struct run_state *state, uint8_t *run, Venus__V1__Event__KindCase kind, void *message)
{
	Venus__V1__Event event = VENUS__V1__EVENT__INIT;

	event.run = (ProtobufCBinaryData){16, run};
	event.kind_case = kind;
	event.cell_started = message; /* every member of the union is a pointer */
	return run_state_event(state, &event);
}

static void start(struct run_state *state, uint32_t cells)
{
	Venus__V1__RunStarted run = VENUS__V1__RUN_STARTED__INIT;
	ProtobufCBinaryData bytes = {16, id};
	char *list[] = {names[0], names[1]};
	struct err err;

	assert_int_equal(run_state_init(state, &bytes, &err), 0);
	run.cells = cells;
	run.names = list;
	run.n_names = cells < 2 ? cells : 2;
	assert_true(send(state, id, VENUS__V1__EVENT__KIND_RUN_STARTED, &run));
}

static bool end_cell(struct run_state *state, char *name, Venus__V1__CellStatus status,
    Venus__V1__Problem__Kind kind)
{
	Venus__V1__CellFinished cell = VENUS__V1__CELL_FINISHED__INIT;
	Venus__V1__Problem problem = VENUS__V1__PROBLEM__INIT;

	cell.cell = name;
	cell.status = status;
	problem.kind = kind;
	cell.error = kind ? &problem : NULL;
	return send(state, id, VENUS__V1__EVENT__KIND_CELL_FINISHED, &cell);
}

static void end_run(struct run_state *state, Venus__V1__CellStatus status, uint32_t failed)
{
	Venus__V1__RunFinished run = VENUS__V1__RUN_FINISHED__INIT;

	run.status = status;
	run.failed = failed;
	assert_true(send(state, id, VENUS__V1__EVENT__KIND_RUN_FINISHED, &run));
}

static void test_exits(void **state)
{
	static const struct {
		Venus__V1__CellStatus a, b;
		Venus__V1__Problem__Kind a_kind, b_kind;
		bool named;
		int exit;
	} rows[] = {
#define OK	   VENUS__V1__CELL_STATUS__OK
#define FAILED	   VENUS__V1__CELL_STATUS__FAILED
#define SKIPPED	   VENUS__V1__CELL_STATUS__SKIPPED
#define KIND(name) VENUS__V1__PROBLEM__KIND__##name
	    {OK, OK, 0, 0, false, EXIT_DONE},
	    {OK, FAILED, 0, KIND(PANIC), false, EXIT_CELL},
	    {FAILED, SKIPPED, KIND(COMPILE), KIND(UPSTREAM), false, EXIT_CELL},
	    {FAILED, FAILED, KIND(SYNTAX), KIND(GRAPH), false, EXIT_USAGE},
	    {FAILED, SKIPPED, KIND(SYNTAX), KIND(UPSTREAM), false, EXIT_USAGE},
	    {FAILED, FAILED, KIND(SYNTAX), KIND(PANIC), false, EXIT_CELL},
	    {OK, FAILED, 0, KIND(SYNTAX), false, EXIT_CELL},
	    {FAILED, FAILED, KIND(SYNTAX), KIND(SYNTAX), true, EXIT_CELL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		AUTO_RUN_STATE struct run_state run;
		uint32_t failed = (rows[i].a != OK ? 1U : 0U) + (rows[i].b != OK ? 1U : 0U);

		start(&run, 2);
		assert_true(end_cell(&run, names[0], rows[i].a, rows[i].a_kind));
		assert_true(end_cell(&run, names[1], rows[i].b, rows[i].b_kind));
		end_run(&run, failed ? FAILED : OK, failed);
		assert_true(run.is_over);
		assert_int_equal(run_state_exit(&run, rows[i].named), rows[i].exit);
	}
}

static void test_no_cells(void **state)
{
	AUTO_RUN_STATE struct run_state run;

	(void)state;
	start(&run, 0);
	end_run(&run, OK, 0);
	assert_int_equal(run_state_exit(&run, false), EXIT_USAGE);
}

static void test_what_is_shown(void **state)
{
	AUTO_RUN_STATE struct run_state run;
	Venus__V1__CellOutput output = VENUS__V1__CELL_OUTPUT__INIT;

	(void)state;
	start(&run, 2);
	assert_false(send(&run, other, VENUS__V1__EVENT__KIND_CELL_OUTPUT, &output));
	assert_true(send(&run, id, VENUS__V1__EVENT__KIND_CELL_OUTPUT, &output));
	assert_true(end_cell(&run, names[0], OK, 0));
	assert_false(end_cell(&run, names[0], OK, 0));
	end_run(&run, OK, 0);
	assert_false(send(&run, id, VENUS__V1__EVENT__KIND_CELL_OUTPUT, &output));
}

struct seen {
	char text[256];
};

static int note(void *payload, const Venus__V1__Event *event, struct err *err)
{
	struct seen *seen = payload;

	(void)err;
	if (event->kind_case == VENUS__V1__EVENT__KIND_CELL_FINISHED) {
		strcat(seen->text, event->cell_finished->cell);
		strcat(seen->text, " ");
	} else {
		strcat(seen->text, "end");
	}
	return 0;
}

/* Two cells ended while nobody listened; one of them had been told before the gap. */
static void test_gap(void **state)
{
	AUTO_RUN_STATE struct run_state run;
	Venus__V1__SessionState session = VENUS__V1__SESSION_STATE__INIT;
	Venus__V1__CellState cells[3], *pointers[3];
	struct seen seen = {0};
	struct err err;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		venus__v1__cell_state__init(&cells[i]);
		cells[i].name = names[i];
		cells[i].status = i == 1 ? FAILED : OK;
		pointers[i] = &cells[i];
	}
	session.cells = pointers;
	session.n_cells = 3;
	start(&run, 2);
	assert_true(end_cell(&run, names[0], OK, 0));
	session.run = (ProtobufCBinaryData){16, id};
	cells[1].status = VENUS__V1__CELL_STATUS__RUNNING;
	assert_int_equal(run_state_fill(&run, &session, note, &seen, &err), 0);
	assert_string_equal(seen.text, ""); /* it goes on */
	session.run.len = 0;
	cells[1].status = FAILED;
	assert_int_equal(run_state_fill(&run, &session, note, &seen, &err), 0);
	assert_string_equal(seen.text, "b end");
	assert_true(run.is_over);
	assert_int_equal(run_state_exit(&run, false), EXIT_CELL);
}

/* A mistake of the notebook: both cells fail, and both are shown. */
static void test_two_cells_of_one_name(void **state)
{
	AUTO_RUN_STATE struct run_state run;
	Venus__V1__RunStarted started = VENUS__V1__RUN_STARTED__INIT;
	ProtobufCBinaryData bytes = {16, id};
	char *list[] = {names[0], names[0]};
	struct err err;

	(void)state;
	assert_int_equal(run_state_init(&run, &bytes, &err), 0);
	started.cells = 2;
	started.names = list;
	started.n_names = 2;
	assert_true(send(&run, id, VENUS__V1__EVENT__KIND_RUN_STARTED, &started));
	assert_true(end_cell(&run, names[0], FAILED, KIND(GRAPH)));
	assert_true(end_cell(&run, names[0], FAILED, KIND(GRAPH)));
	assert_false(end_cell(&run, names[0], FAILED, KIND(GRAPH)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_exits),
	    cmocka_unit_test(test_no_cells),
	    cmocka_unit_test(test_what_is_shown),
	    cmocka_unit_test(test_two_cells_of_one_name),
	    cmocka_unit_test(test_gap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
