/*
 * Answers that would be larger than a reply may be. What can be asked for in another way is left
 * out, the largest first, until the rest fits: outputs are cut to their beginning, with the digest
 * by which GetBlob gives the whole, then left out; then the parts of errors, traces and texts; then
 * cells.
 */

#include <stdlib.h>
#include <string.h>

#include "common/digest.h"
#include "common/mem.h"
#include "venusd/request/request_internal.h"

#define KEPT_BYTES 1024u /* of a text form that is cut */
#define KEPT_ROWS  16u	 /* of a list that is cut */

enum fit_level {
	FIT_CUT_OUTPUTS,
	FIT_NO_OUTPUTS,
	FIT_SHORT_LISTS,
	FIT_NO_TEXTS,
	FIT_NO_CELLS,
	FIT_LEVELS
};

static void set_empty(char **text)
{
	if (!(*text)[0])
		return;
	free(*text);
	*text = mem_strdup("");
}

static void bytes_clear(ProtobufCBinaryData *data)
{
	free(data->data);
	*data = (ProtobufCBinaryData){0};
}

/* A list of messages or texts is cut to its first `kept`. */
#define CUT_LIST(list, count, kept, release)                                                       \
	do {                                                                                       \
		while ((count) > (kept))                                                           \
			release((list)[--(count)]);                                                \
	} while (0)

static void problem_free(Venus__V1__Problem *problem)
{
	venus__v1__problem__free_unpacked(problem, NULL);
}

static void cell_free(Venus__V1__CellState *cell)
{
	venus__v1__cell_state__free_unpacked(cell, NULL);
}

static void detail_free(Venus__V1__CellDetail *detail)
{
	venus__v1__cell_detail__free_unpacked(detail, NULL);
}

static void output_free(Venus__V1__Output *output)
{
	venus__v1__output__free_unpacked(output, NULL);
}

static void note_free(Venus__V1__Note *note)
{
	venus__v1__note__free_unpacked(note, NULL);
}

static void entry_free(Venus__V1__TraceEntry *entry)
{
	venus__v1__trace_entry__free_unpacked(entry, NULL);
}

static void text_free(char *text)
{
	free(text);
}

static void cut_data(Venus__V1__MimeData *data)
{
	size_t kept = strncmp(data->mime, "text/", strlen("text/")) == 0 ? KEPT_BYTES : 0;
	struct digest digest;

	if (data->data.len <= KEPT_BYTES)
		return;
	if (!data->digest.len) { /* all of it is here: that is its name in the store */
		digest = digest_of(data->data.data, data->data.len);
		data->digest.data = mem_dup(digest.bytes, DIGEST_BYTES);
		data->digest.len = DIGEST_BYTES;
	}
	while (kept && (data->data.data[kept] & 0xc0) == 0x80)
		kept--;
	data->cut = true;
	if (kept)
		data->data.len = kept;
	else
		bytes_clear(&data->data);
}

static void fit_problem(Venus__V1__Problem *problem, enum fit_level level)
{
	if (level == FIT_SHORT_LISTS)
		CUT_LIST(problem->notes, problem->n_notes, 0, note_free);
	if (level == FIT_NO_TEXTS) {
		set_empty(&problem->source_line);
		if (strlen(problem->message) > KEPT_BYTES)
			set_empty(&problem->message);
	}
}

static void fit_cell(Venus__V1__CellState *cell, enum fit_level level)
{
	for (size_t i = 0; i < cell->n_outputs && level == FIT_CUT_OUTPUTS; i++)
		for (size_t k = 0; k < cell->outputs[i]->bundle->n_data; k++)
			cut_data(cell->outputs[i]->bundle->data[k]);
	if (level == FIT_NO_OUTPUTS)
		CUT_LIST(cell->outputs, cell->n_outputs, 0, output_free);
	if (cell->error)
		fit_problem(cell->error, level);
}

static void fit_session(Venus__V1__SessionState *state, enum fit_level level)
{
	for (size_t i = 0; i < state->n_cells; i++)
		fit_cell(state->cells[i], level);
	for (size_t i = 0; i < state->n_problems; i++)
		fit_problem(state->problems[i], level);
	if (level == FIT_SHORT_LISTS)
		CUT_LIST(state->problems, state->n_problems, KEPT_ROWS, problem_free);
	if (level == FIT_NO_CELLS)
		CUT_LIST(state->cells, state->n_cells, 0, cell_free);
}

static void fit_detail(Venus__V1__CellDetail *detail, enum fit_level level)
{
	fit_cell(detail->state, level);
	if (level == FIT_SHORT_LISTS) {
		CUT_LIST(detail->trace, detail->n_trace, KEPT_ROWS, entry_free);
		CUT_LIST(detail->definitions, detail->n_definitions, KEPT_ROWS, text_free);
		CUT_LIST(detail->consumers, detail->n_consumers, KEPT_ROWS, text_free);
		CUT_LIST(detail->inputs, detail->n_inputs, KEPT_ROWS, text_free);
	}
	if (level == FIT_NO_TEXTS) {
		set_empty(&detail->source);
		set_empty(&detail->description);
	}
}

void fit_state(Venus__V1__SessionState *state, size_t limit_bytes)
{
	for (enum fit_level level = 0;
	     level < FIT_LEVELS && venus__v1__session_state__get_packed_size(state) > limit_bytes;
	     level++)
		fit_session(state, level);
}

void fit_status(Venus__V1__StatusResult *status, size_t limit_bytes)
{
	for (enum fit_level level = 0;
	     level < FIT_LEVELS && venus__v1__status_result__get_packed_size(status) > limit_bytes;
	     level++)
		for (size_t i = 0; i < status->n_sessions; i++)
			fit_session(status->sessions[i], level);
}

void fit_inspect(Venus__V1__InspectResult *result, size_t limit_bytes)
{
	size_t size;

	/* What was asked for is in the details; the session's outputs go first. */
	if (venus__v1__inspect_result__get_packed_size(result) > limit_bytes)
		for (enum fit_level level = 0; level <= FIT_NO_OUTPUTS; level++)
			fit_session(result->state, level);
	for (enum fit_level level = 0; level < FIT_LEVELS; level++) {
		if (venus__v1__inspect_result__get_packed_size(result) <= limit_bytes)
			return;
		fit_session(result->state, level);
		for (size_t i = 0; i < result->n_cells; i++)
			fit_detail(result->cells[i], level);
	}
	while (result->n_cells &&
	       (size = venus__v1__inspect_result__get_packed_size(result)) > limit_bytes) {
		/* As many as are surely too many, so that it is not measured for each. */
		size_t kept = result->n_cells * limit_bytes / size;

		CUT_LIST(
		    result->cells, result->n_cells, kept < result->n_cells ? kept : 0, detail_free);
	}
}
