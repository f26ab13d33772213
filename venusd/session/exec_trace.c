/*
 * What an execution was seen to do with files, and what its code was compiled from: each is
 * recorded with the digest that it has now, right after the run. It may stand for a later execution
 * only if it is now as the cell saw it: what changed while the cell ran, by the cell itself or by
 * another, is noted. The digest is taken first and the comparison made after it, so that a change
 * in between is seen.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "common/proto_scan.h"
#include "venusd/session/exec_internal.h"

#define TRACE_DEPTH  2u
#define TRACE_FIELDS (9u * 65536 + 1) /* of as many accesses as a worker keeps */

/* What the cell itself wrote or removed: where in the trace first and last. */
struct change {
	const char *path;
	size_t first, last;
	UT_hash_handle hh;
};

struct changes {
	struct change *list, *by_path;
};

static void note(execution *record, char *text)
{
	record->notes = mem_realloc_array(record->notes, record->n_notes + 1, sizeof(char *));
	record->notes[record->n_notes++] = text;
}

static int64_t time_ns(struct timespec time)
{
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void changes_find(struct changes *changes, const Venus__Worker__Trace *trace)
{
	changes->list = mem_alloc(trace->n_accesses * sizeof *changes->list);
	for (size_t i = 0; i < trace->n_accesses; i++) {
		const Venus__Worker__Access *access = trace->accesses[i];
		struct change *change;

		if (access->kind != VENUS__WORKER__ACCESS__KIND__WRITE &&
		    access->kind != VENUS__WORKER__ACCESS__KIND__REMOVE)
			continue;
		HASH_FIND_STR(changes->by_path, access->path, change);
		if (!change) {
			change = &changes->list[i];
			change->path = access->path;
			change->first = i;
			HASH_ADD_KEYPTR(
			    hh, changes->by_path, change->path, strlen(change->path), change);
		}
		change->last = i;
	}
}

static void changes_fini(struct changes *changes)
{
	HASH_CLEAR(hh, changes->by_path);
	free(changes->list);
}

static bool is_as_seen(const Venus__Worker__Access *access, const struct stat *now)
{
	return (uint64_t)now->st_ino == access->inode && (uint64_t)now->st_size == access->size &&
	       time_ns(now->st_mtim) == access->mtime_ns;
}

/* Whether what the cell saw is still so. What is not known of it counts as unchanged. */
static bool still_so(const Venus__Worker__Access *access)
{
	struct stat now;

	if (access->error)
		return (access->error != ENOENT && access->error != ENOTDIR) ||
		       stat(access->path, &now) < 0;
	if (!access->inode)
		return true;
	if (stat(access->path, &now) == 0 && is_as_seen(access, &now))
		return true;
	/* The metadata of a symbolic link itself. */
	return access->kind == VENUS__WORKER__ACCESS__KIND__STAT &&
	       lstat(access->path, &now) == 0 && is_as_seen(access, &now);
}

/* What cannot be compared later; NULL if all can. Owned by the caller. */
static char *cannot_compare(
    const Venus__Worker__Trace *trace, size_t index, const struct changes *changes)
{
	const Venus__Worker__Access *access = trace->accesses[index];
	struct change *change;

	if (access->kind != VENUS__WORKER__ACCESS__KIND__READ &&
	    access->kind != VENUS__WORKER__ACCESS__KIND__STAT &&
	    access->kind != VENUS__WORKER__ACCESS__KIND__LIST)
		return NULL;
	HASH_FIND_STR(changes->by_path, access->path, change);
	if (change && change->last > index && access->kind == VENUS__WORKER__ACCESS__KIND__READ)
		return mem_printf("it reads %s and then changes it", access->path);
	if (change && change->first < index) /* it saw what it had left there itself */
		return NULL;
	return still_so(access) ? NULL : mem_printf("%s changed while the cell ran", access->path);
}

static void record_access(struct exec *exec, const Venus__Worker__Access *access, execution *record)
{
	enum store_file_kind kind;
	Venus__Record__Seen *seen;
	struct digest digest;
	struct err err;

	if (!plan_seen_kind(access->kind, &kind))
		return;
	if (store_file_digest(exec->store, kind, access->path, &digest, &err) < 0) {
		note(record, mem_strdup(err.message));
		return;
	}
	seen = mem_alloc(sizeof *seen);
	venus__record__seen__init(seen);
	seen->kind = access->kind;
	message_set_text(&seen->path, access->path);
	message_set_bytes(&seen->digest, digest.bytes, DIGEST_BYTES);
	record->seen[record->n_seen++] = seen;
}

static void take_built(struct exec *exec, char *const *paths, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (plan_names_file(exec->source->code, exec->request.cell_index, paths[i]))
			*MEM_PUSH(exec->built, exec->built_count) = mem_strdup(paths[i]);
}

void exec_take_built(struct exec *exec)
{
	take_built(exec, exec->request.build->inputs, exec->request.build->input_count);
	take_built(exec, exec->request.code->inputs, exec->request.code->input_count);
}

/* What the compiler read for it is as much an input as what the cell reads. */
static void record_built(struct exec *exec, execution *record)
{
	Venus__Worker__Access access = VENUS__WORKER__ACCESS__INIT;
	struct stat now;

	record->seen = mem_realloc_array(
	    record->seen, record->n_seen + exec->built_count + 1, sizeof(Venus__Record__Seen *));
	access.kind = VENUS__WORKER__ACCESS__KIND__READ;
	for (size_t i = 0; i < exec->built_count; i++) {
		access.path = exec->built[i];
		record_access(exec, &access, record);
		if (stat(access.path, &now) < 0 || time_ns(now.st_ctim) > exec->request.built_ns)
			note(record, mem_printf("%s changed while the cell was compiled or ran",
					 access.path));
	}
}

static void record_accesses(struct exec *exec, const Venus__Worker__Trace *trace, execution *record)
{
	struct changes changes = {0};

	if (trace->incomplete)
		note(record, mem_strdup("not all that it read could be seen (it started other "
					"programs, or opened very many files)"));
	record->seen = mem_alloc((trace->n_accesses + 1) * sizeof(Venus__Record__Seen *));
	changes_find(&changes, trace);
	for (size_t i = 0; i < trace->n_accesses; i++) {
		char *why;

		record_access(exec, trace->accesses[i], record);
		why = cannot_compare(trace, i, &changes);
		if (why)
			note(record, why);
	}
	changes_fini(&changes);
}

int exec_record_trace(struct exec *exec, execution *record, struct err *err)
{
	static const struct proto_limits limits = {.depth = TRACE_DEPTH, .fields = TRACE_FIELDS};
	const Venus__Worker__Done *done = exec->done->done;
	AUTO_BUF struct buf buf = BUF_INIT;
	Venus__Worker__Trace *trace;

	if (done->trace) {
		if (worker_blob_read(done->trace, exec->done_fds, exec->done_fd_count,
			LIMIT_TRACE_BYTES, &buf, err) < 0)
			return -1;
		if (proto_scan(
			&venus__worker__trace__descriptor, buf.data, buf.length, &limits, err) < 0)
			return err_prefix(err, "the worker's trace of %s", exec->request.cell);
		trace = venus__worker__trace__unpack(NULL, buf.length, (const uint8_t *)buf.data);
		if (!trace)
			return err_set(err, ERR_INVALID, "the worker's trace of %s is malformed",
			    exec->request.cell);
		record_accesses(exec, trace, record);
		venus__worker__trace__free_unpacked(trace, NULL);
	}
	record_built(exec, record);
	return 0;
}
