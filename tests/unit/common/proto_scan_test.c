#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/mem.h"
#include "common/proto_scan.h"
#include "worker.pb-c.h"

static const struct proto_limits limits = {.depth = 4, .fields = 20};

static int scan(const void *bytes, size_t length, struct err *err)
{
	/* On the heap and of the exact size, so that a read beyond the end is seen. */
	void *copy = mem_alloc(length);
	int result;

	if (length)
		memcpy(copy, bytes, length);
	result = proto_scan(&venus__worker__from_worker__descriptor, copy, length, &limits, err);
	free(copy);
	return result;
}

/* A real message passes, and so does nothing that is one of its beginnings and ends inside a field.
 */
static void test_real(void **state)
{
	Venus__Worker__FromWorker message = VENUS__WORKER__FROM_WORKER__INIT;
	Venus__Worker__Done done = VENUS__WORKER__DONE__INIT;
	Venus__Worker__Display display = VENUS__WORKER__DISPLAY__INIT,
			       *displays[] = {&display, &display};
	Venus__Worker__Blob blob = VENUS__WORKER__BLOB__INIT;
	uint8_t data[] = {0xff, 0x00}, bytes[512];
	char mime[] = "text/plain", text[] = "gr\xc3\xbc\xc3\x9f";
	size_t length;
	struct err err;

	(void)state;
	message.seq = 300;
	message.kind_case = VENUS__WORKER__FROM_WORKER__KIND_DONE;
	message.done = &done;
	done.run = UINT64_MAX;
	done.message = text;
	done.displays = displays;
	done.n_displays = 2;
	display.mime = mime;
	display.data = &blob;
	blob.place_case = VENUS__WORKER__BLOB__PLACE_INLINE_BYTES;
	blob.inline_bytes = (ProtobufCBinaryData){.data = data, .len = sizeof data};
	blob.size = 2;
	length = venus__worker__from_worker__pack(&message, bytes);
	assert_int_equal(scan(bytes, length, &err), 0);
	for (size_t cut = 4; cut < length; cut++) /* the first three are seq, a whole field */
		assert_int_equal(scan(bytes, cut, &err), -1);
	assert_int_equal(scan(bytes, 3, &err), 0);
	assert_int_equal(scan(bytes, 0, &err), 0);
}

static const struct {
	const char *name, *bytes;
	size_t length;
	enum err_code code; /* ERR_NONE: passes */
} samples[] = {
#define SAMPLE(name, bytes, code)                                                                  \
	{                                                                                          \
		name, bytes, sizeof bytes - 1, code                                                \
	}
    SAMPLE("seq", "\x08\x01", ERR_NONE),
    SAMPLE("longest number", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", ERR_NONE),
    SAMPLE("over 64 bits", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", ERR_INVALID),
    SAMPLE("eleven bytes", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", ERR_INVALID),
    SAMPLE("number cut", "\x08\xff", ERR_INVALID),
    SAMPLE("no value", "\x08", ERR_INVALID),
    SAMPLE("field 0", "\x00\x01", ERR_INVALID),
    SAMPLE("greatest field", "\xf8\xff\xff\xff\x0f\x01", ERR_NONE),
    SAMPLE("field too great", "\x80\x80\x80\x80\x10\x01", ERR_INVALID),
    SAMPLE("seq twice", "\x08\x01\x08\x02", ERR_INVALID),
    SAMPLE("unknown field twice", "\xa0\x06\x01\xa0\x06\x01", ERR_NONE),
    SAMPLE("hello", "\x1a\x02\x08\x01", ERR_NONE),
    SAMPLE("hello twice", "\x1a\x02\x08\x01\x1a\x02\x08\x01", ERR_INVALID),
    SAMPLE("hello and loaded", "\x1a\x02\x08\x01\x22\x00", ERR_INVALID),
    SAMPLE("group", "\x0b\x0c", ERR_INVALID),
    SAMPLE("wire type 6", "\x0e\x01", ERR_INVALID),
    SAMPLE("fixed 64",
	"\xa1\x06"
	"12345678",
	ERR_NONE),
    SAMPLE("fixed 64 cut",
	"\xa1\x06"
	"1234567",
	ERR_INVALID),
    SAMPLE("fixed 32",
	"\xa5\x06"
	"1234",
	ERR_NONE),
    SAMPLE("fixed 32 cut",
	"\xa5\x06"
	"123",
	ERR_INVALID),
    SAMPLE("length beyond", "\x1a\x03\x08\x01", ERR_INVALID),
    SAMPLE("length of 2^63", "\x1a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", ERR_INVALID),
    SAMPLE("length beyond inside", "\x2a\x04\x1a\x09\x61\x61", ERR_INVALID),
    SAMPLE("text", "\x2a\x04\x1a\x02\xc3\xa9", ERR_NONE),
    SAMPLE("text not UTF-8", "\x2a\x04\x1a\x02\xc3\x28", ERR_INVALID),
    SAMPLE("text with NUL", "\x2a\x04\x1a\x02\x61\x00", ERR_INVALID),
    SAMPLE("bytes are no text", "\x2a\x06\x52\x04\x0a\x02\xc3\x00", ERR_NONE),
    SAMPLE("four deep", "\x2a\x06\x5a\x04\x12\x02\x0a\x00", ERR_NONE),
    SAMPLE("twenty fields",
	"\x2a\x26\x5a\0\x5a\0\x5a\0\x5a\0\x5a\0\x5a\0\x5a\0\x5a\0\x5a\0\x5a\0\x5a\0\x5a\0\x5a\0\x5a"
	"\0\x5a\0\x5a\0\x5a\0\x5a\0\x5a\0",
	ERR_NONE),
    SAMPLE("one field more",
	"\x2a\x26\x5a\0\x5a\0\x5a\0\x5a\0\x5a\0\x5a\0\x5a\0\x5a\0\x5a\0\x5a\0\x5a\0\x5a\0\x5a\0\x5a"
	"\0\x5a\0\x5a\0\x5a\0\x5a\0\x5a\0\x08\x01",
	ERR_FULL),
};

static void test_samples(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(samples); i++) {
		struct err err = {0};
		int result = scan(samples[i].bytes, samples[i].length, &err);

		if (err.code != samples[i].code || (result < 0) != (err.code != ERR_NONE))
			fail_msg("%s: %s", samples[i].name, err.message);
	}
}

static void test_depth(void **state)
{
	static const char four[] = "\x2a\x06\x5a\x04\x12\x02\x0a\x00";
	struct proto_limits shallow = {.depth = 3, .fields = 100};
	struct err err = {0};

	(void)state;
	assert_int_equal(
	    proto_scan(&venus__worker__from_worker__descriptor, four, 8, &shallow, &err), -1);
	assert_int_equal(err.code, ERR_FULL);
	assert_string_equal(err.message, "messages are nested deeper than 3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_real),
	    cmocka_unit_test(test_samples),
	    cmocka_unit_test(test_depth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
