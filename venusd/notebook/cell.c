#include <string.h>

#include "venusd/notebook/notebook_internal.h"

/* A second cell attribute is a slip that would be ignored silently. */
static void check_one_attribute(
    struct notebook_reader *reader, size_t cell, struct notebook_range first)
{
	for (size_t i = 0; i < reader->lead_count; i++) {
		const struct notebook_range range = reader->leads[i].range;

		if (!reader->leads[i].doc && range.start != first.start &&
		    notebook_attribute_is_cell(reader->notebook->source, range))
			notebook_problem_add(reader, NOTEBOOK_SYNTAX, (int)cell, range,
			    "this function is marked as a cell twice: keep one of the attributes");
	}
}

/* False, with one problem for all, when there are too many. */
static bool cell_fits(struct notebook_reader *reader, struct notebook_range name)
{
	if (reader->notebook->cell_count < NOTEBOOK_CELLS_MAX)
		return true;
	if (!reader->cells_full)
		notebook_problem_add(reader, NOTEBOOK_SYNTAX, -1, name,
		    "a notebook has at most %u cells, and this one and those below it are not run: "
		    "split the notebook",
		    NOTEBOOK_CELLS_MAX);
	reader->cells_full = true;
	return false;
}

static void cell_add(struct notebook_reader *reader, const struct notebook_marks *marks,
    struct notebook_range name, struct notebook_range body)
{
	struct notebook *notebook = reader->notebook;
	struct notebook_cell *cell = MEM_PUSH(notebook->cells, notebook->cell_count);
	struct notebook_block *block = MEM_PUSH(notebook->blocks, notebook->block_count);
	char *heading;

	cell->name = notebook_text(notebook, name);
	cell->description = mem_strdup(marks->docs.data ? marks->docs.data : "");
	heading = notebook_heading(cell->description);
	cell->display_name = heading ? heading : mem_strdup(cell->name);
	cell->return_type = mem_strdup("()");
	cell->item = cell->function = body;
	if (reader->leads[0].range.start < body.start)
		cell->item.start = reader->leads[0].range.start;
	cell->name_range = name;
	cell->line = notebook_line_of(notebook, name.start);
	cell->hidden = marks->hidden;
	*block = (struct notebook_block){NOTEBOOK_BLOCK_CELL, notebook->cell_count - 1, 1};
}

int notebook_cell_take(struct notebook_reader *reader, TSNode function, struct notebook_range name,
    struct notebook_range body)
{
	struct notebook *notebook = reader->notebook;
	struct notebook_marks marks;
	size_t cell = notebook->cell_count;
	int index = NOTEBOOK_CELL_DROPPED;

	notebook_marks_read(notebook, reader->leads, reader->lead_count, &marks);
	if (!marks.cell || name.start == name.end) {
		notebook_marks_fini(&marks);
		return NOTEBOOK_CELL_NONE;
	}
	if (cell_fits(reader, name)) {
		index = (int)cell;
		cell_add(reader, &marks, name, body);
		*MEM_PUSH(reader->functions, reader->function_count) = function;
		notebook_options_read(reader, cell, marks.cell_range);
		check_one_attribute(reader, cell, marks.cell_range);
	}
	reader->lead_count = 0;
	notebook_marks_fini(&marks);
	return index;
}
