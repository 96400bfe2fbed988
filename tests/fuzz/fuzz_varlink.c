/* SPDX-License-Identifier: MIT */
/*
 * The socket protocol: the first byte says in which pieces the rest arrives. Checked besides
 * crashes: the result does not depend on the pieces, and what was read can be written and read.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libbroker/proto/varlink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_message(json_t *message)
{
	struct varlink_reader again;
	struct varlink_call call;
	struct varlink_reply reply;
	struct error err;
	json_t *copy = NULL;
	size_t len;
	char *bytes;

	varlink_call_parse(&call, message, &err);
	varlink_reply_parse(&reply, message, &err);
	bytes = varlink_encode(message, &len);
	if (!bytes)
		return;
	varlink_reader_init(&again);
	if (len <= VARLINK_MESSAGE_MAX && varlink_reader_push(&again, bytes, len) == 0 &&
	    varlink_reader_next(&again, &copy, &err) != 1)
		abort();
	json_decref(copy);
	free(bytes);
	varlink_reader_deinit(&again);
}

/* How many messages come out before the first error or the end. */
static unsigned int count(const uint8_t *data, size_t size, size_t piece)
{
	struct varlink_reader r;
	unsigned int n = 0;
	int result = 0;

	varlink_reader_init(&r);
	while (size && result >= 0) {
		size_t len = size < piece ? size : piece;
		struct error err;
		json_t *message;

		if (varlink_reader_push(&r, data, len) < 0)
			break;
		while ((result = varlink_reader_next(&r, &message, &err)) == 1) {
			check_message(message);
			json_decref(message);
			n++;
		}
		data += len;
		size -= len;
	}
	varlink_reader_deinit(&r);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > VARLINK_MESSAGE_MAX)
		return 0;
	if (count(data + 1, size - 1, 1u + data[0]) != count(data + 1, size - 1, size))
		abort();
	return 0;
}
