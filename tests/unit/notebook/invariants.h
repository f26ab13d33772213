#ifndef VENUS_TESTS_NOTEBOOK_INVARIANTS_H
#define VENUS_TESTS_NOTEBOOK_INVARIANTS_H

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/mem.h"
#include "venusd/notebook/notebook.h"

/* What holds for every notebook that was parsed, whatever its text. `require` ends the test or the
 * fuzzer's run when it does not. */

#define require(condition)                                                                         \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			(void)fprintf(                                                             \
			    stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);      \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static inline void require_range(const struct notebook *notebook, struct notebook_range range)
{
	require(range.start <= range.end);
	require(range.end <= notebook->length);
}

static inline void require_text(
    const struct notebook *notebook, struct notebook_range range, const char *text)
{
	require_range(notebook, range);
	require(strlen(text) == range.end - range.start);
	require(memcmp(text, notebook->source + range.start, range.end - range.start) == 0);
}

static inline void require_cell(const struct notebook *notebook, const struct notebook_cell *cell)
{
	require(cell->name[0] != 0);
	require(cell->display_name[0] != 0);
	require(cell->description && cell->return_type);
	require_text(notebook, cell->name_range, cell->name);
	require_range(notebook, cell->item);
	require(cell->item.start <= cell->function.start);
	require(cell->function.start <= cell->name_range.start);
	require(cell->name_range.end <= cell->function.end);
	require(cell->function.end == cell->item.end);
	require(cell->line == notebook_place_of(notebook, cell->name_range.start).line);
	for (size_t i = 0; i < cell->param_count; i++) {
		const struct notebook_param *param = &cell->params[i];
		struct notebook_range name = {
		    param->range.start, param->range.start + (uint32_t)strlen(param->name)};

		require_text(notebook, name, param->name);
		require_text(notebook, param->type_range, param->type);
		require(param->range.start >= cell->function.start &&
			param->range.end <= cell->function.end);
		require(param->type_range.end == param->range.end);
		require(param->pointee[0] != 0);
		require(param->producer >= -1 && param->producer < (int)notebook->cell_count);
		require(param->producer >= 0 || cell->broken);
	}
}

/* Blocks name each part once, in file order, without overlap. */
static inline void require_blocks(const struct notebook *notebook)
{
	size_t next[3] = {0, 0, 0};
	uint32_t end = 0;

	for (size_t i = 0; i < notebook->block_count; i++) {
		const struct notebook_block *block = &notebook->blocks[i];

		require(block->count > 0);
		require(block->kind == NOTEBOOK_BLOCK_DEFINITIONS || block->count == 1);
		require(block->first == next[block->kind]);
		next[block->kind] += block->count;
		for (size_t k = block->first; k < block->first + block->count; k++) {
			struct notebook_range range =
			    block->kind == NOTEBOOK_BLOCK_CELL	     ? notebook->cells[k].item
			    : block->kind == NOTEBOOK_BLOCK_MARKDOWN ? notebook->markdown[k].range
								     : notebook->items[k].item;

			require_range(notebook, range);
			require(range.start >= end);
			end = range.end;
		}
	}
	require(next[NOTEBOOK_BLOCK_CELL] == notebook->cell_count);
	require(next[NOTEBOOK_BLOCK_DEFINITIONS] == notebook->item_count);
	require(next[NOTEBOOK_BLOCK_MARKDOWN] == notebook->markdown_count);
}

/* The order has no cell twice, and each one's inputs before it. */
static inline void require_order(const struct notebook *notebook)
{
	AUTO_FREE bool *done = mem_alloc(notebook->cell_count);

	require(notebook->order_count <= notebook->cell_count);
	for (size_t i = 0; i < notebook->order_count; i++) {
		const struct notebook_cell *cell;

		require(notebook->order[i] < notebook->cell_count);
		require(!done[notebook->order[i]]);
		cell = &notebook->cells[notebook->order[i]];
		for (size_t k = 0; k < cell->param_count; k++)
			require(cell->params[k].producer < 0 || done[cell->params[k].producer]);
		done[notebook->order[i]] = true;
	}
}

static inline void require_problems(const struct notebook *notebook)
{
	AUTO_FREE bool *told = mem_alloc(notebook->cell_count);

	for (size_t i = 0; i < notebook->problem_count; i++) {
		const struct notebook_problem *problem = &notebook->problems[i];
		struct notebook_place end;

		require(problem->cell >= -1 && problem->cell < (int)notebook->cell_count);
		require_range(notebook, problem->range);
		require(i == 0 || notebook->problems[i - 1].range.start <= problem->range.start);
		require(problem->start.line >= 1 && problem->start.line <= notebook->line_count &&
			problem->start.column >= 1);
		require(notebook_offset_of(notebook, problem->start) <= problem->range.start);
		end = notebook_place_of(notebook, problem->range.end);
		require(end.line == problem->end.line && end.column == problem->end.column);
		require(problem->message[0] != 0 && strpbrk(problem->message, "\r\n\t") == NULL);
		if (problem->cell >= 0)
			told[problem->cell] = true;
	}
	for (size_t i = 0; i < notebook->cell_count; i++)
		require(notebook->cells[i].broken == told[i]);
}

static inline void require_invariants(const struct notebook *notebook)
{
	require(notebook->line_starts[0] == 0 && notebook->line_count > 0);
	require(notebook->tree != NULL);
	require(ts_node_end_byte(ts_tree_root_node(notebook->tree)) <= notebook->length);
	for (size_t i = 0; i < notebook->cell_count; i++)
		require_cell(notebook, &notebook->cells[i]);
	for (size_t i = 0; i < notebook->item_count; i++) {
		require(notebook->items[i].kind < NOTEBOOK_ITEM_KIND_COUNT);
		require(notebook->items[i].item.start <= notebook->items[i].body.start);
		require(notebook->items[i].item.end == notebook->items[i].body.end);
		require(notebook->items[i].line ==
			notebook_place_of(notebook, notebook->items[i].body.start).line);
	}
	require_blocks(notebook);
	require_order(notebook);
	require_problems(notebook);
}

#endif
