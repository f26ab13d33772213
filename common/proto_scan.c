#include "common/proto_scan.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "common/text.h"

#define VARINT_BYTES	 10
#define FIELD_NUMBER_MAX 0x1fffffffu
#define FIELDS_A_MESSAGE 64 /* that a message type may declare: one bit each */

enum wire_type { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

struct cursor {
	const uint8_t *next, *end;
};

struct scan {
	const struct proto_limits *limits;
	uint32_t fields;
	struct err *err;
};

static bool read_varint(struct cursor *cursor, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < VARINT_BYTES && cursor->next < cursor->end; i++) {
		uint8_t byte = *cursor->next++;

		value |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (byte < 0x80) {
			*ret_value = value;
			return i < VARINT_BYTES - 1 || byte <= 1;
		}
	}
	return false;
}

static bool skip(struct cursor *cursor, uint64_t length)
{
	if (length > (uint64_t)(cursor->end - cursor->next))
		return false;
	cursor->next += length;
	return true;
}

static int malformed(struct scan *scan, const ProtobufCMessageDescriptor *descriptor)
{
	return err_set(scan->err, ERR_INVALID, "a %s message is malformed", descriptor->short_name);
}

/* Index of a field in its message type, or the number of fields when it is unknown. */
static unsigned find_field(const ProtobufCMessageDescriptor *descriptor, uint32_t number)
{
	unsigned i = 0;

	while (i < descriptor->n_fields && descriptor->fields[i].id != number)
		i++;
	return i;
}

/* The fields that may not be there any more once field `index` was: itself, and the others of its
 * oneof. */
static uint64_t excluded_by(const ProtobufCMessageDescriptor *descriptor, unsigned index)
{
	const ProtobufCFieldDescriptor *field = &descriptor->fields[index];
	uint64_t mask = 0;

	if (field->label == PROTOBUF_C_LABEL_REPEATED)
		return 0;
	if (!(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
		return UINT64_C(1) << index;
	for (unsigned i = 0; i < descriptor->n_fields; i++)
		if ((descriptor->fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF) &&
		    descriptor->fields[i].quantifier_offset == field->quantifier_offset)
			mask |= UINT64_C(1) << i;
	return mask;
}

static int check_text(struct scan *scan, const ProtobufCMessageDescriptor *descriptor,
    const ProtobufCFieldDescriptor *field, const uint8_t *text, size_t length)
{
	if (length && memchr(text, 0, length))
		return err_set(scan->err, ERR_INVALID, "field %s of a %s message holds a NUL",
		    field->name, descriptor->short_name);
	if (!text_is_utf8(text, length))
		return err_set(scan->err, ERR_INVALID, "field %s of a %s message is not UTF-8",
		    field->name, descriptor->short_name);
	return 0;
}

static int scan_message(struct scan *scan, const ProtobufCMessageDescriptor *descriptor,
    struct cursor cursor, uint32_t depth);

static int scan_bytes(struct scan *scan, const ProtobufCMessageDescriptor *descriptor,
    const ProtobufCFieldDescriptor *field, struct cursor *cursor, uint32_t depth)
{
	const uint8_t *start;
	uint64_t length;

	if (!read_varint(cursor, &length))
		return malformed(scan, descriptor);
	start = cursor->next;
	if (!skip(cursor, length))
		return malformed(scan, descriptor);
	if (field && field->type == PROTOBUF_C_TYPE_STRING)
		return check_text(scan, descriptor, field, start, (size_t)length);
	if (field && field->type == PROTOBUF_C_TYPE_MESSAGE)
		return scan_message(
		    scan, field->descriptor, (struct cursor){start, cursor->next}, depth + 1);
	return 0;
}

static int scan_value(struct scan *scan, const ProtobufCMessageDescriptor *descriptor,
    const ProtobufCFieldDescriptor *field, uint64_t tag, struct cursor *cursor, uint32_t depth)
{
	uint64_t ignored;
	bool fine = false;

	switch (tag & 7) {
	case WIRE_VARINT: fine = read_varint(cursor, &ignored); break;
	case WIRE_64: fine = skip(cursor, 8); break;
	case WIRE_32: fine = skip(cursor, 4); break;
	case WIRE_BYTES: return scan_bytes(scan, descriptor, field, cursor, depth);
	default: break;
	}
	return fine ? 0 : malformed(scan, descriptor);
}

/* Recursion is bounded by the limit on depth. */
static int scan_message(struct scan *scan, const ProtobufCMessageDescriptor *descriptor,
    struct cursor cursor, uint32_t depth)
{
	uint64_t seen = 0;

	assert(descriptor->n_fields <= FIELDS_A_MESSAGE);
	if (depth > scan->limits->depth)
		return err_set(scan->err, ERR_FULL, "messages are nested deeper than %" PRIu32,
		    scan->limits->depth);
	while (cursor.next < cursor.end) {
		const ProtobufCFieldDescriptor *field = NULL;
		uint64_t tag;
		unsigned index;

		if (!read_varint(&cursor, &tag) || tag >> 3 == 0 || tag >> 3 > FIELD_NUMBER_MAX)
			return malformed(scan, descriptor);
		if (++scan->fields > scan->limits->fields)
			return err_set(scan->err, ERR_FULL,
			    "a message has more than %" PRIu32 " fields", scan->limits->fields);
		index = find_field(descriptor, (uint32_t)(tag >> 3));
		if (index < descriptor->n_fields) {
			field = &descriptor->fields[index];
			if (seen & (UINT64_C(1) << index))
				return err_set(scan->err, ERR_INVALID,
				    "field %s of a %s message is given twice, or beside another "
				    "that excludes it",
				    field->name, descriptor->short_name);
			seen |= excluded_by(descriptor, index);
		}
		if (scan_value(scan, descriptor, field, tag, &cursor, depth) < 0)
			return -1;
	}
	return 0;
}

int proto_scan(const ProtobufCMessageDescriptor *descriptor, const void *bytes, size_t length,
    const struct proto_limits *limits, struct err *err)
{
	struct scan scan = {.limits = limits, .err = err};
	struct cursor cursor = {bytes, bytes};

	if (length)
		cursor.end += length;
	return scan_message(&scan, descriptor, cursor, 1);
}
