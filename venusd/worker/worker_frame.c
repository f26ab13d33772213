#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/frame.h"
#include "common/proto_scan.h"
#include "venusd/worker/worker_internal.h"

/* FromWorker, Done, Display, Blob. */
#define DEPTH_MAX  4
#define FIELDS_MAX 4096

/* A memfd can be sparse: its size is no promise that somebody has that much memory. */
#define BLOB_MAX_BYTES (UINT64_C(1) << 40)

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static inline void message_free_p(Venus__Worker__FromWorker **message)
{
	if (*message)
		venus__worker__from_worker__free_unpacked(*message, NULL);
}

/* Calls `visit` with each Blob of a message, as long as it returns 0. */
static int each_blob(const Venus__Worker__FromWorker *message,
    int (*visit)(const Venus__Worker__Blob *blob, void *payload, struct err *err), void *payload,
    struct err *err)
{
	const Venus__Worker__Done *done = message->done;

	if (message->kind_case != VENUS__WORKER__FROM_WORKER__KIND_DONE)
		return 0;
	if (done->value && visit(done->value, payload, err) < 0)
		return -1;
	if (done->trace && visit(done->trace, payload, err) < 0)
		return -1;
	for (size_t i = 0; i < done->n_displays; i++)
		if (visit(done->displays[i]->data, payload, err) < 0)
			return -1;
	return 0;
}

static int check_blob(const Venus__Worker__Blob *blob, void *payload, struct err *err)
{
	const size_t *fd_count = payload;

	switch (blob->place_case) {
	case VENUS__WORKER__BLOB__PLACE_INLINE_BYTES:
		if (blob->size == blob->inline_bytes.len)
			return 0;
		return err_set(err, ERR_INVALID, "a blob of %zu bytes says it has %" PRIu64,
		    blob->inline_bytes.len, blob->size);
	case VENUS__WORKER__BLOB__PLACE_FD_INDEX:
		if (blob->fd_index >= *fd_count)
			return err_set(err, ERR_INVALID,
			    "a blob is in descriptor %" PRIu32 " of %zu", blob->fd_index,
			    *fd_count);
		if (blob->size > BLOB_MAX_BYTES)
			return err_set(
			    err, ERR_INVALID, "a blob says it has %" PRIu64 " bytes", blob->size);
		return 0;
	default:
		if (blob->size == 0)
			return 0;
		return err_set(
		    err, ERR_INVALID, "a blob of %" PRIu64 " bytes is nowhere", blob->size);
	}
}

static int check_widget(const Venus__Worker__Widget *widget, struct err *err)
{
	if (widget->kind < VENUS__WORKER__WIDGET__KIND__SLIDER ||
	    widget->kind > VENUS__WORKER__WIDGET__KIND__CHECKBOX)
		return err_set(
		    err, ERR_INVALID, "there is no widget of kind %d", (int)widget->kind);
	return 0;
}

static int check_done(const Venus__Worker__Done *done, struct err *err)
{
	if (done->status < VENUS__WORKER__DONE__STATUS__OK ||
	    done->status > VENUS__WORKER__DONE__STATUS__REFUSED)
		return err_set(err, ERR_INVALID, "there is no status %d", (int)done->status);
	if (done->encodable && done->status == VENUS__WORKER__DONE__STATUS__OK && !done->value)
		return err_set(err, ERR_INVALID, "an encodable value is not there");
	for (size_t i = 0; i < done->n_displays; i++)
		if (!done->displays[i]->data)
			return err_set(err, ERR_INVALID, "a display has no data");
	for (size_t i = 0; i < done->n_widgets; i++)
		if (check_widget(done->widgets[i], err) < 0)
			return -1;
	return 0;
}

static int check_message(const Venus__Worker__FromWorker *message, size_t fd_count, struct err *err)
{
	if (message->kind_case == VENUS__WORKER__FROM_WORKER__KIND__NOT_SET)
		return err_set(err, ERR_INVALID, "it is of no known kind");
	if (message->kind_case == VENUS__WORKER__FROM_WORKER__KIND_DONE &&
	    check_done(message->done, err) < 0)
		return -1;
	return each_blob(message, check_blob, &fd_count, err);
}

int worker_frame_decode(const void *bytes, size_t length, size_t fd_count,
    Venus__Worker__FromWorker **ret_message, struct err *err)
{
	static const struct proto_limits limits = {.depth = DEPTH_MAX, .fields = FIELDS_MAX};
	AUTO(message_free_p) Venus__Worker__FromWorker *message = NULL;

	if (length > FRAME_MAX)
		return err_set(err, ERR_FULL, "it has %zu bytes", length);
	if (proto_scan(&venus__worker__from_worker__descriptor, bytes, length, &limits, err) < 0)
		return -1;
	message = venus__worker__from_worker__unpack(NULL, length, bytes);
	if (!message)
		return err_set(err, ERR_INVALID, "it cannot be decoded");
	if (check_message(message, fd_count, err) < 0)
		return -1;
	*ret_message = TAKE_PTR(message);
	return 0;
}

/* ---- descriptors ---- */

struct securing {
	int *fds;
	uint32_t named; /* a bit for each descriptor that a Blob names */
};
_Static_assert(FRAME_FDS <= 32, "a bit for each");

/* Sealed first and measured afterwards: nothing can change in between. */
static int secure_blob(const Venus__Worker__Blob *blob, void *payload, struct err *err)
{
	struct securing *securing = payload;
	struct stat status;
	int fd, seals;

	if (blob->place_case != VENUS__WORKER__BLOB__PLACE_FD_INDEX)
		return 0;
	fd = securing->fds[blob->fd_index];
	securing->named |= UINT32_C(1) << blob->fd_index;
	seals = fcntl(fd, F_GET_SEALS);
	if (seals >= 0 && (seals & SEALS) != SEALS) {
		(void)fcntl(
		    fd, F_ADD_SEALS, SEALS); /* what counts is what is in force afterwards */
		seals = fcntl(fd, F_GET_SEALS);
	}
	if (seals < 0 || (seals & SEALS) != SEALS)
		return err_set(err, ERR_INVALID,
		    "descriptor %" PRIu32 " is not a memory file that can be sealed",
		    blob->fd_index);
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
		return err_set(
		    err, ERR_INVALID, "descriptor %" PRIu32 " is not a file", blob->fd_index);
	if ((uint64_t)status.st_size < blob->size)
		return err_set(err, ERR_INVALID,
		    "descriptor %" PRIu32 " holds %jd bytes of %" PRIu64, blob->fd_index,
		    (intmax_t)status.st_size, blob->size);
	return 0;
}

int worker_frame_secure_fds(
    const Venus__Worker__FromWorker *message, int *fds, size_t fd_count, struct err *err)
{
	struct securing securing = {.fds = fds};

	if (each_blob(message, secure_blob, &securing, err) < 0)
		return -1;
	for (size_t i = 0; i < fd_count; i++) {
		if (securing.named & (UINT32_C(1) << i))
			continue;
		cleanup_close_p(&fds[i]);
		fds[i] = -1;
	}
	return 0;
}

static int read_exactly(int fd, uint64_t size, struct buf *buf, struct err *err)
{
	uint64_t offset = 0;

	buf_reserve(buf, size);
	while (offset < size) {
		ssize_t got = pread(fd, buf->data + buf->length, size - offset, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set_errno(err, errno, "cannot read a value");
		if (got == 0)
			return err_set(err, ERR_INVALID,
			    "a value ends after %" PRIu64 " of %" PRIu64 " bytes", offset, size);
		buf->length += (size_t)got;
		buf->data[buf->length] = 0;
		offset += (uint64_t)got;
	}
	return 0;
}

int worker_blob_read(const Venus__Worker__Blob *blob, const int *fds, size_t fd_count,
    size_t limit_bytes, struct buf *buf, struct err *err)
{
	if (blob->size > limit_bytes)
		return err_set(err, ERR_FULL,
		    "a value of %" PRIu64 " bytes is over the limit of %zu", blob->size,
		    limit_bytes);
	if (blob->place_case == VENUS__WORKER__BLOB__PLACE_INLINE_BYTES) {
		buf_add(buf, blob->inline_bytes.data, blob->inline_bytes.len);
		return 0;
	}
	if (blob->place_case != VENUS__WORKER__BLOB__PLACE_FD_INDEX)
		return 0;
	if (blob->fd_index >= fd_count || fds[blob->fd_index] < 0)
		return err_set(err, ERR_INVALID, "a value's descriptor is not there");
	return read_exactly(fds[blob->fd_index], blob->size, buf, err);
}

/* ---- the end ---- */

void worker_end_describe(const struct child_exit *exit, const struct worker_crash *crash,
    const char *fault, struct buf *text)
{
	/* What the worker said of itself counts only where the kernel says the same. */
	bool crashed =
	    crash->told && exit->end == CHILD_SIGNALLED && (uint32_t)exit->code == crash->signal;

	if (fault)
		buf_add_text(text, fault);
	else if (crashed && crash->stack_overflow)
		buf_add_text(text, "overflowed its stack");
	else
		child_exit_describe(exit, text);
}
