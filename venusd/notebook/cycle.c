#include <stdlib.h>
#include <string.h>

#include "venusd/notebook/notebook_internal.h"

/*
 * Cycles and the order of running. Cells that reach each other make up a component (Tarjan's
 * algorithm, with a stack of its own); each cell of one gets its shortest way back to itself, an
 * arrow reading "needs". The order is Kahn's, the ready cell that stands first in the file going
 * first.
 */

#define WAY_SHOWN_CELLS 12u	 /* longer ways are shortened in the middle */
#define WAY_WORK_MAX	4000000u /* edges looked at for ways, a notebook */

struct component_search {
	const struct notebook *notebook;
	size_t *index, *low, *component; /* of each cell; 0: not seen, not known */
	size_t *stack, *path,
	    *edge; /* cells not yet in a component; cells being looked at and their next edge */
	size_t stack_count, path_count, next, components;
};

static bool needs_itself(const struct notebook_cell *cell, size_t index)
{
	for (size_t i = 0; i < cell->param_count; i++)
		if (cell->params[i].producer == (int)index)
			return true;
	return false;
}

static void search_enter(struct component_search *search, size_t cell)
{
	search->index[cell] = search->low[cell] = ++search->next;
	search->stack[search->stack_count++] = cell;
	search->edge[search->path_count] = 0;
	search->path[search->path_count++] = cell;
}

static void search_leave(struct component_search *search, size_t cell)
{
	search->path_count--;
	if (search->path_count > 0) {
		size_t above = search->path[search->path_count - 1];

		if (search->low[cell] < search->low[above])
			search->low[above] = search->low[cell];
	}
	if (search->low[cell] != search->index[cell])
		return;
	search->components++;
	do {
		search->component[search->stack[--search->stack_count]] = search->components;
	} while (search->stack[search->stack_count] != cell);
}

static void search_from(struct component_search *search, size_t start)
{
	search_enter(search, start);
	while (search->path_count > 0) {
		size_t cell = search->path[search->path_count - 1];
		const struct notebook_cell *of = &search->notebook->cells[cell];
		size_t *edge = &search->edge[search->path_count - 1];
		int producer = *edge < of->param_count ? of->params[*edge].producer : -1;

		if (*edge == of->param_count) {
			search_leave(search, cell);
			continue;
		}
		(*edge)++;
		if (producer < 0)
			continue;
		if (search->index[producer] == 0)
			search_enter(search, (size_t)producer);
		else if (search->component[producer] == 0 &&
			 search->index[producer] < search->low[cell])
			search->low[cell] = search->index[producer];
	}
}

/* For each cell the component it is in; cells in no cycle are alone in theirs. Owned by the caller.
 */
static size_t *components_find(const struct notebook *notebook)
{
	size_t count = notebook->cell_count;
	struct component_search search = {.notebook = notebook};
	AUTO_FREE size_t *memory = mem_realloc_array(NULL, count * 5, sizeof *memory);

	memset(memory, 0, count * 5 * sizeof *memory);
	search.index = memory;
	search.low = memory + count;
	search.stack = memory + 2 * count;
	search.path = memory + 3 * count;
	search.edge = memory + 4 * count;
	search.component = mem_alloc(count * sizeof *search.component);
	for (size_t i = 0; i < count; i++)
		if (search.index[i] == 0)
			search_from(&search, i);
	return search.component;
}

/* Breadth first from a cell to itself within its component. `from[c]` is then the cell that needs
 * c; false if the work ran out. */
static bool way_back(const struct notebook *notebook, const size_t *component, size_t start,
    size_t *from, size_t *queue, size_t *work)
{
	size_t first = 0, count = 0;

	for (size_t i = 0; i < notebook->cell_count; i++)
		from[i] = SIZE_MAX;
	if (*work < notebook->cell_count)
		return false;
	*work -= notebook->cell_count;
	queue[count++] = start;
	while (first < count) {
		const struct notebook_cell *cell = &notebook->cells[queue[first]];

		for (size_t i = 0; i < cell->param_count; i++) {
			int producer = cell->params[i].producer;

			if ((*work)-- == 0) {
				*work = 0;
				return false;
			}
			if (producer < 0 || component[producer] != component[start] ||
			    from[producer] != SIZE_MAX)
				continue;
			from[producer] = queue[first];
			if ((size_t)producer == start)
				return true;
			queue[count++] = (size_t)producer;
		}
		first++;
	}
	return false;
}

/* "a -> b -> a" */
static void way_print(const struct notebook *notebook, const size_t *from, size_t start,
    size_t *cells, struct buf *buf)
{
	size_t count = 0, cell = start;

	do {
		cells[count++] = cell;
		cell = from[cell];
	} while (cell != start);
	buf_printf(buf, "%.60s", notebook->cells[start].name);
	for (size_t i = count; i-- > 0;) {
		if (count > WAY_SHOWN_CELLS && i == count - WAY_SHOWN_CELLS / 2) {
			buf_printf(buf, " -> … %zu more …", count - WAY_SHOWN_CELLS);
			i = WAY_SHOWN_CELLS / 2;
			continue;
		}
		buf_printf(buf, " -> %.60s", notebook->cells[cells[i]].name);
	}
}

void notebook_cycles_find(struct notebook_reader *reader)
{
	const struct notebook *notebook = reader->notebook;
	size_t count = notebook->cell_count, work = WAY_WORK_MAX;
	AUTO_FREE size_t *component = components_find(notebook);
	AUTO_FREE size_t *members = mem_alloc((count + 1) * sizeof *members);
	AUTO_FREE size_t *memory = mem_realloc_array(NULL, count * 3, sizeof *memory);

	for (size_t i = 0; i < count; i++)
		members[component[i]]++;
	for (size_t i = 0; i < count; i++) {
		const struct notebook_cell *cell = &notebook->cells[i];
		AUTO_BUF struct buf way = BUF_INIT;

		if (members[component[i]] < 2 && !needs_itself(cell, i))
			continue;
		if (way_back(notebook, component, i, memory, memory + count, &work))
			way_print(notebook, memory, i, memory + 2 * count, &way);
		else
			buf_printf(&way, "%zu cells that need each other", members[component[i]]);
		notebook_problem_add(reader, NOTEBOOK_GRAPH, (int)i, cell->name_range,
		    "`%.80s` needs its own value: %s: remove one of these edges", cell->name,
		    way.data);
	}
}

/* A binary heap of cells, the one that stands first in the file on top. */
static void heap_push(size_t *heap, size_t *count, size_t cell)
{
	size_t at = (*count)++;

	for (; at > 0 && heap[(at - 1) / 2] > cell; at = (at - 1) / 2)
		heap[at] = heap[(at - 1) / 2];
	heap[at] = cell;
}

static size_t heap_pop(size_t *heap, size_t *count)
{
	size_t top = heap[0], last = heap[--*count], at = 0;

	for (size_t child; (child = 2 * at + 1) < *count; at = child) {
		if (child + 1 < *count && heap[child + 1] < heap[child])
			child++;
		if (heap[child] >= last)
			break;
		heap[at] = heap[child];
	}
	heap[at] = last;
	return top;
}

/* Edges by their producer: consumers of cell c are consumers[starts[c]] to consumers[starts[c + 1]
 * - 1]. */
static size_t *consumers_find(const struct notebook *notebook, size_t *starts)
{
	size_t total = 0, *consumers;

	for (size_t i = 0; i < notebook->cell_count; i++)
		for (size_t k = 0; k < notebook->cells[i].param_count; k++)
			if (notebook->cells[i].params[k].producer >= 0) {
				starts[notebook->cells[i].params[k].producer + 1]++;
				total++;
			}
	for (size_t i = 0; i < notebook->cell_count; i++)
		starts[i + 1] += starts[i];
	consumers = mem_realloc_array(NULL, total, sizeof *consumers);
	/* Filled from each part's end, so that its start is right afterwards. */
	for (size_t i = notebook->cell_count; i-- > 0;)
		for (size_t k = 0; k < notebook->cells[i].param_count; k++)
			if (notebook->cells[i].params[k].producer >= 0)
				consumers[--starts[notebook->cells[i].params[k].producer + 1]] = i;
	return consumers;
}

void notebook_order_find(struct notebook *notebook)
{
	size_t count = notebook->cell_count, ready = 0;
	/* One longer than its use: consumers_find leaves the start of cell c's part in starts[c +
	 * 1]. */
	AUTO_FREE size_t *starts = mem_alloc((count + 2) * sizeof *starts);
	AUTO_FREE size_t *consumers = consumers_find(notebook, starts);
	AUTO_FREE size_t *missing = mem_alloc(count * sizeof *missing);
	AUTO_FREE size_t *heap = mem_alloc(count * sizeof *heap);
	size_t total = 0;

	notebook->order = mem_alloc(count * sizeof *notebook->order);
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < notebook->cells[i].param_count; k++)
			missing[i] += notebook->cells[i].params[k].producer >= 0;
		total += missing[i];
		if (missing[i] == 0)
			heap_push(heap, &ready, i);
	}
	starts[count + 1] = total;
	while (ready > 0) {
		size_t cell = heap_pop(heap, &ready);

		notebook->order[notebook->order_count++] = cell;
		for (size_t k = starts[cell + 1]; k < starts[cell + 2]; k++)
			if (--missing[consumers[k]] == 0)
				heap_push(heap, &ready, consumers[k]);
	}
}
