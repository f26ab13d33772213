#ifndef VENUS_COMMON_PROTO_SCAN_H
#define VENUS_COMMON_PROTO_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#include "common/err.h"

struct proto_limits {
	uint32_t depth;	 /* messages in messages; the outermost counts as 1 */
	uint32_t fields; /* of all messages together, unknown ones included; the elements of a
			    packed field are not counted */
};

/*
 * Looks over the bytes of a message from outside before protobuf_c_message_unpack sees them, and
 * takes no memory for it. 0, or -1 with ERR_INVALID (malformed) or ERR_FULL (over a limit). Refused
 * is what is not well-formed (Protocol Buffers, "Encoding"), groups, text that is not UTF-8 or
 * holds a NUL, and also what the format allows but no encoder writes and only the decoder's merging
 * code would see: a field that is not repeated given twice, two members of one oneof.
 */
int proto_scan(const ProtobufCMessageDescriptor *descriptor, const void *bytes, size_t length,
    const struct proto_limits *limits, struct err *err);

#endif
