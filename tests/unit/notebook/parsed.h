#ifndef VENUS_TESTS_NOTEBOOK_PARSED_H
#define VENUS_TESTS_NOTEBOOK_PARSED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/notebook/invariants.h"

#define AUTO_NOTEBOOK AUTO(notebook_free_p)

static inline struct notebook *parsed_bytes(const char *text, size_t length)
{
	struct notebook *notebook = NULL;
	struct err err = {0};

	if (notebook_parse(text, length, &notebook, &err) < 0)
		fail_msg("not parsed: %s", err.message);
	require_invariants(notebook);
	return notebook;
}

static inline struct notebook *parsed(const char *text)
{
	return parsed_bytes(text, strlen(text));
}

static inline void print_problems(const struct notebook *notebook)
{
	for (size_t i = 0; i < notebook->problem_count; i++)
		print_message("%u:%u cell %d: %s\n", notebook->problems[i].start.line,
		    notebook->problems[i].start.column, notebook->problems[i].cell,
		    notebook->problems[i].message);
}

/* A problem of this cell, at this place, whose message holds this text. */
static inline bool has_problem(
    const struct notebook *notebook, int cell, uint32_t line, uint32_t column, const char *message)
{
	for (size_t i = 0; i < notebook->problem_count; i++) {
		const struct notebook_problem *problem = &notebook->problems[i];

		if (problem->cell == cell && problem->start.line == line &&
		    problem->start.column == column && strstr(problem->message, message))
			return true;
	}
	print_problems(notebook);
	return false;
}

static inline void assert_clean(const struct notebook *notebook)
{
	if (notebook->problem_count)
		print_problems(notebook);
	assert_int_equal(notebook->problem_count, 0);
}

static inline void assert_range_text(
    const struct notebook *notebook, struct notebook_range range, const char *text)
{
	AUTO_FREE char *found = notebook_text(notebook, range);

	assert_string_equal(found, text);
}

#endif
