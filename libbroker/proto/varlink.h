/* SPDX-License-Identifier: MIT */
/*
 * Varlink framing: NUL-terminated JSON objects over a stream. A state machine without a
 * descriptor: bytes go in, whole messages come out, and what is to be sent is bytes again.
 * Used by brokerd for every client and by the client library for its one connection.
 * https://varlink.org/Method-Call
 */
#ifndef LIBBROKER_PROTO_VARLINK_H
#define LIBBROKER_PROTO_VARLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>

#include "libbroker/util/error.h"

#define VARLINK_MESSAGE_MAX (1u << 20) /* bytes of one message, its NUL included */
#define VARLINK_DEPTH_MAX 32 /* nesting of JSON; deeper is refused before it is parsed */
#define VARLINK_FDS_MAX 64 /* descriptors with one message */

struct varlink_reader {
	char *buf;
	size_t len, room, scanned;
};

void varlink_reader_init(struct varlink_reader *r);
void varlink_reader_deinit(struct varlink_reader *r); /* may be called twice */

/** varlink_reader_push() - bytes from the peer; -EMSGSIZE past the limit without a NUL */
int varlink_reader_push(struct varlink_reader *r, const void *data, size_t len);

/**
 * varlink_reader_next() - take the next whole message
 * Return: 1 with *@out (a reference of the caller's), 0 when more bytes are needed,
 * -EBADMSG (no JSON object, not UTF-8, too deep) with words in @err.
 */
int varlink_reader_next(struct varlink_reader *r, json_t **out, struct error *err);

struct varlink_call {
	const char *method; /* "io.idlebroker.Submit": borrowed from the message */
	json_t *parameters; /* borrowed; NULL when there were none */
	bool more, oneway;
};

/** varlink_call_parse() - a message as a call; -EBADMSG when it is none */
int varlink_call_parse(struct varlink_call *out, json_t *message, struct error *err);

/** varlink_encode() - a message to bytes with the NUL; the caller frees; NULL: no memory */
char *varlink_encode(const json_t *message, size_t *len);

#endif
