#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/mem.h"
#include "venusd/session/session_internal.h"

struct source *source_ref(struct source *source)
{
	source->refs++;
	return source;
}

void source_unref(struct source *source)
{
	if (!source || --source->refs)
		return;
	plan_code_free(source->code);
	notebook_free(source->notebook);
	free(source);
}

struct reading {
	char *path, *text;
	size_t length;
	struct source *known, *made;
	struct stat status;
	struct err err;
	void (*before)(void *payload);
	source_on_read *on_read;
	void *payload;
	bool failed;
};

static int parse(struct reading *reading, const char *text, size_t length)
{
	struct digest digest = digest_of(text, length);
	struct source *source;
	struct notebook *notebook;

	if (reading->known && digest_equal(&digest, &reading->known->digest))
		return 0;
	if (notebook_parse(text, length, &notebook, &reading->err) < 0)
		return err_prefix(&reading->err, "%s", reading->path);
	source = mem_alloc(sizeof *source);
	*source = (struct source){.refs = 1, .notebook = notebook, .digest = digest};
	reading->made = source;
	return plan_code_new(notebook, &source->code, &reading->err);
}

static void read_work(void *payload)
{
	struct reading *reading = payload;
	AUTO_BUF struct buf buf = BUF_INIT;

	reading->before(reading->payload);
	if (reading->text) {
		reading->failed = parse(reading, reading->text, reading->length) < 0;
		return;
	}
	if (stat(reading->path, &reading->status) < 0)
		reading->failed =
		    err_set_errno(&reading->err, errno, "cannot read %s", reading->path) < 0;
	else
		reading->failed =
		    file_read(reading->path, NOTEBOOK_SOURCE_MAX_BYTES, &buf, &reading->err) < 0 ||
		    parse(reading, buf.data, buf.length) < 0;
}

static void read_done(void *payload)
{
	struct reading *reading = payload;
	struct source *source = reading->made ? reading->made : reading->known;

	reading->on_read(reading->failed ? NULL : source, &reading->status,
	    reading->failed ? &reading->err : NULL, reading->payload);
	source_unref(reading->made);
	source_unref(reading->known);
	free(reading->path);
	free(reading->text);
	free(reading);
}

void source_read(uv_loop_t *loop, const char *path, char *text, size_t text_length,
    struct source *known, void (*before)(void *payload), source_on_read *on_read, void *payload)
{
	struct reading *reading = mem_alloc(sizeof *reading);

	*reading = (struct reading){.path = mem_strdup(path),
	    .text = text,
	    .length = text_length,
	    .known = known ? source_ref(known) : NULL,
	    .before = before,
	    .on_read = on_read,
	    .payload = payload};
	pool_start(loop, read_work, read_done, reading);
}
