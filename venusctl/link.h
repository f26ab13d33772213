#ifndef VENUS_CTL_LINK_H
#define VENUS_CTL_LINK_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"

/*
 * A connection that speaks the wire form of nng's REQ over ipc, from one thread and without the
 * library: starting nng's thirteen threads takes longer than all else that a short command does.
 * venusd cannot tell the difference.
 *
 * Both sides send eight bytes: 00 'S' 'P' 00, the protocol as 16 bits (REQ 0x30, REP 0x31), 00 00.
 * Then each message is 01, its length as 64 bits, and the body; a REQ's body begins with a number
 * of 32 bits whose highest bit is set, and the reply's with the same. Numbers are big-endian.
 */

struct link {
	int fd; /* -1: not connected; else poll it for input and call link_receive */
	uint32_t number;
	struct buf in;
};

#define LINK_INIT                                                                                  \
	{                                                                                          \
		-1, 0, BUF_INIT                                                                    \
	}

/* Connects to an AF_UNIX socket and shakes hands until `end_ms` of CLOCK_MONOTONIC. 0; 1 when
 * nobody is there; -1: ERR_DENIED when the peer is another user (nothing is sent then),
 * ERR_TIMEOUT, ERR_UNAVAILABLE. */
int link_open(struct link *link, const char *path, uint64_t end_ms, struct err *err);
void link_close(struct link *link);
/* Sends one request; the reply to an older one is no longer wanted. 0; 1 when the connection is
 * lost; -1: ERR_TIMEOUT. */
int link_send(
    struct link *link, const void *bytes, size_t length, uint64_t end_ms, struct err *err);
/* Reads what there is, without blocking. 0 and *ret_bytes the reply (borrowed until the next call),
 * or NULL when it is not complete; 1 when the connection is lost; -1: ERR_UNAVAILABLE, what came is
 * no reply, or longer than `limit_bytes`. */
int link_receive(struct link *link, size_t limit_bytes, const uint8_t **ret_bytes,
    size_t *ret_length, struct err *err);

#endif
