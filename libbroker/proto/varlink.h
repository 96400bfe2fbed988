/* SPDX-License-Identifier: MIT */
/*
 * Varlink framing: NUL-terminated JSON objects over a stream. A state machine without a
 * descriptor: bytes go in, whole messages come out, and what is to be sent is bytes again.
 * Used by brokerd for every client and by the client library for its one connection.
 * https://varlink.org/Method-Call
 *
 * Descriptors are not framed: each side keeps the ones it receives in a queue, and the call
 * (or reply) that uses n of them takes the next n. See libbroker/io.idlebroker.varlink.
 */
#ifndef LIBBROKER_PROTO_VARLINK_H
#define LIBBROKER_PROTO_VARLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>

#include "libbroker/util/error.h"

#define VARLINK_MESSAGE_MAX (1u << 20) /* bytes of one message, its NUL included */
#define VARLINK_BUFFER_MAX  (VARLINK_MESSAGE_MAX + (128u << 10)) /* pushed and not yet taken */
#define VARLINK_DEPTH_MAX   32 /* nesting of JSON; deeper is refused before it is parsed */
#define VARLINK_VALUES_MAX  32768 /* values in one message: a parsed one takes some 60 bytes */
#define VARLINK_FDS_MAX     128 /* descriptors with one message: all blobs of the largest job */

struct varlink_reader {
	char *buf;
	size_t start, len, room; /* bytes start..len are not yet taken */
	size_t scanned; /* no NUL in start..scanned */
};

void varlink_reader_init(struct varlink_reader *r);
void varlink_reader_deinit(struct varlink_reader *r); /* may be called twice */

/**
 * varlink_reader_push() - bytes from the peer
 * Return: 0; -EMSGSIZE when a message grows past VARLINK_MESSAGE_MAX, or more than
 * VARLINK_BUFFER_MAX bytes wait to be taken; -ENOMEM. On an error nothing was taken in.
 */
int varlink_reader_push(struct varlink_reader *r, const void *data, size_t len);

/**
 * varlink_reader_next() - take the next whole message
 * Return: 1 with *@out (a reference of the caller's), 0 when more bytes are needed,
 * -EBADMSG (no JSON object, not UTF-8, too deep, too many values, a key twice) with words in
 * @err: that message is gone, and the peer should be too. -ENOMEM.
 */
int varlink_reader_next(struct varlink_reader *r, json_t **out, struct error *err);

struct varlink_call {
	const char *method; /* "io.idlebroker.Submit": borrowed from the message */
	json_t *parameters; /* borrowed; NULL when there were none */
	bool more, oneway;
};

/** varlink_call_parse() - a message as a call; -EBADMSG when it is none */
int varlink_call_parse(struct varlink_call *out, json_t *message, struct error *err);

struct varlink_reply {
	const char *error; /* "io.idlebroker.NotFound", borrowed; NULL: it went well */
	json_t *parameters; /* borrowed; NULL when there were none */
	bool continues; /* more replies to the same call follow */
};

/** varlink_reply_parse() - a message as a reply; -EBADMSG when it is none */
int varlink_reply_parse(struct varlink_reply *out, json_t *message, struct error *err);

/** varlink_encode() - a message to bytes; @len counts the NUL; the caller frees; NULL: no memory */
char *varlink_encode(const json_t *message, size_t *len);

#endif
