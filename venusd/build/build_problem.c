#include <stdlib.h>

#include "common/mem.h"
#include "venusd/build/rust_diagnostics.h"

/* Making the messages of venus.proto by hand: every text is from malloc or is protobuf-c's empty
 * one, as free_unpacked wants it. */

void build_problem_text(char **text, const char *value)
{
	if (*text != (const char *)protobuf_c_empty_string)
		free(*text);
	*text = mem_strdup(value);
}

Venus__V1__Problem *build_problem_new(Venus__V1__Problem__Kind kind, const char *message)
{
	Venus__V1__Problem *problem = mem_alloc(sizeof *problem);

	venus__v1__problem__init(problem);
	problem->kind = kind;
	build_problem_text(&problem->message, message);
	return problem;
}

void build_problem_place(Venus__V1__Problem *problem, const struct notebook *notebook,
    uint32_t offset, uint32_t end_offset)
{
	const struct notebook_place start = notebook_place_of(notebook, offset);
	const struct notebook_place end = notebook_place_of(notebook, end_offset);
	char *line = notebook_line_text(notebook, start.line);

	problem->offset = offset;
	problem->end_offset = end_offset;
	problem->line = start.line;
	problem->column = start.column;
	problem->end_line = end.line;
	problem->end_column = end.column;
	build_problem_text(&problem->source_line, line);
	free(line);
}

Venus__V1__Note *build_problem_note(
    Venus__V1__Problem *problem, const char *level, const char *message)
{
	Venus__V1__Note *note = mem_alloc(sizeof *note);

	venus__v1__note__init(note);
	build_problem_text(&note->level, level);
	build_problem_text(&note->message, message);
	problem->notes =
	    mem_realloc_array(problem->notes, problem->n_notes + 1, sizeof(Venus__V1__Note *));
	problem->notes[problem->n_notes++] = note;
	return note;
}
