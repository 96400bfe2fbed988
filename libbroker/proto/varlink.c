/* SPDX-License-Identifier: MIT */
/*
 * Varlink framing; see varlink.h.
 *
 * Bytes are kept in one buffer with a moving start, so taking many small messages out of one
 * push costs no copying. Before jansson sees a message, one pass over it bounds the depth (its
 * parser recurses) and the number of values (its memory), so the cost of a stranger's message
 * is known. The buffer is given back when it is empty: an idle connection costs nothing.
 *
 * Invariants: start <= scanned <= len <= room; there is no NUL in start..scanned.
 */
#include "libbroker/proto/varlink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define READER_ROOM_MIN 4096u

void varlink_reader_init(struct varlink_reader *r)
{
	*r = (struct varlink_reader){};
}

void varlink_reader_deinit(struct varlink_reader *r)
{
	free(r->buf);
	varlink_reader_init(r);
}

/* Bytes of the message that has no NUL yet, if @data is added. */
static size_t unfinished_len(const struct varlink_reader *r, const char *data, size_t len)
{
	const char *nul = memrchr(data, '\0', len);
	const char *kept = r->len > r->start ? memrchr(r->buf + r->start, '\0', r->len - r->start)
					     : NULL;

	if (nul)
		return (size_t)(data + len - nul) - 1;
	return len + (kept ? (size_t)(r->buf + r->len - kept) - 1 : r->len - r->start);
}

static int reader_make_room(struct varlink_reader *r, size_t len)
{
	size_t used = r->len - r->start,
	       room = r->room > READER_ROOM_MIN ? r->room : READER_ROOM_MIN;
	char *grown;

	if (r->len + len <= r->room)
		return 0;
	if (r->start) {
		memmove(r->buf, r->buf + r->start, used);
		r->scanned -= r->start;
		r->start = 0;
		r->len = used;
	}
	while (room < used + len)
		room *= 2;
	if (room == r->room)
		return 0;
	grown = realloc(r->buf, room);
	if (!grown)
		return -ENOMEM;
	r->buf = grown;
	r->room = room;
	return 0;
}

int varlink_reader_push(struct varlink_reader *r, const void *data, size_t len)
{
	int err;

	if (!len)
		return 0;
	if (len > VARLINK_BUFFER_MAX || r->len - r->start + len > VARLINK_BUFFER_MAX)
		return -EMSGSIZE;
	if (unfinished_len(r, data, len) >= VARLINK_MESSAGE_MAX)
		return -EMSGSIZE;
	err = reader_make_room(r, len);
	if (err < 0)
		return err;
	memcpy(r->buf + r->len, data, len);
	r->len += len;
	return 0;
}

/* The cost of a message before it is parsed. What is not JSON at all is left to the parser. */
static int message_scan(const char *text, size_t len, struct error *err)
{
	unsigned int depth = 0, values = 1;
	bool in_string = false;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
			continue;
		}
		if (c == '"')
			in_string = true;
		else if (c == '{' || c == '[')
			depth++, values++;
		else if ((c == '}' || c == ']') && depth)
			depth--;
		else if (c == ',')
			values++;
		if (depth > VARLINK_DEPTH_MAX)
			return error_set(err, -EBADMSG, NULL,
					 "message nested deeper than %d levels at byte %zu",
					 VARLINK_DEPTH_MAX, i);
		if (values > VARLINK_VALUES_MAX)
			return error_set(err, -EBADMSG, NULL, "message of more than %d values",
					 VARLINK_VALUES_MAX);
	}
	return 0;
}

static int message_parse(const char *text, size_t len, json_t **out, struct error *err)
{
	json_error_t jerr;
	json_t *message;
	int r = message_scan(text, len, err);

	if (r < 0)
		return r;
	message = json_loadb(text, len, JSON_REJECT_DUPLICATES, &jerr);
	if (!message && json_error_code(&jerr) == json_error_out_of_memory)
		return error_set(err, -ENOMEM, NULL, "out of memory");
	if (!message)
		return error_set(err, -EBADMSG, NULL, "message is not JSON: %s (byte %d)",
				 jerr.text, jerr.position);
	if (!json_is_object(message)) {
		json_decref(message);
		return error_set(err, -EBADMSG, NULL, "message is JSON but not an object");
	}
	*out = message;
	return 1;
}

int varlink_reader_next(struct varlink_reader *r, json_t **out, struct error *err)
{
	const char *nul = NULL;
	size_t end;
	int result;

	if (r->scanned < r->len)
		nul = memchr(r->buf + r->scanned, '\0', r->len - r->scanned);
	if (!nul) {
		r->scanned = r->len;
		return 0;
	}
	end = (size_t)(nul - r->buf);
	if (end - r->start >= VARLINK_MESSAGE_MAX)
		result = error_set(err, -EBADMSG, NULL, "message of more than %u bytes",
				   VARLINK_MESSAGE_MAX);
	else
		result = message_parse(r->buf + r->start, end - r->start, out, err);
	r->start = r->scanned = end + 1;
	if (r->start == r->len)
		varlink_reader_deinit(r);
	return result;
}

static int flag_parse(bool *out, json_t *message, const char *key, struct error *err)
{
	json_t *value = json_object_get(message, key);

	if (value && !json_is_boolean(value))
		return error_set(err, -EBADMSG, key, "must be true or false");
	*out = json_is_true(value);
	return 0;
}

static int parameters_parse(json_t **out, json_t *message, struct error *err)
{
	json_t *value = json_object_get(message, "parameters");

	*out = NULL;
	if (!value || json_is_null(value))
		return 0;
	if (!json_is_object(value))
		return error_set(err, -EBADMSG, "parameters", "must be an object");
	*out = value;
	return 0;
}

int varlink_call_parse(struct varlink_call *out, json_t *message, struct error *err)
{
	bool upgrade = false;
	int r;

	*out = (struct varlink_call){
		.method = json_string_value(json_object_get(message, "method")),
	};
	if (!out->method || !strchr(out->method, '.'))
		return error_set(err, -EBADMSG, "method", "must name an interface and its method");
	r = parameters_parse(&out->parameters, message, err);
	if (!r)
		r = flag_parse(&out->more, message, "more", err);
	if (!r)
		r = flag_parse(&out->oneway, message, "oneway", err);
	if (!r)
		r = flag_parse(&upgrade, message, "upgrade", err);
	if (r < 0)
		return r;
	if (upgrade)
		return error_set(err, -EBADMSG, "upgrade", "is not offered here");
	if (out->more && out->oneway)
		return error_set(err, -EBADMSG, "more", "contradicts oneway");
	return 0;
}

int varlink_reply_parse(struct varlink_reply *out, json_t *message, struct error *err)
{
	json_t *error = json_object_get(message, "error");
	int r;

	*out = (struct varlink_reply){.error = json_string_value(error)};
	if (error && !out->error)
		return error_set(err, -EBADMSG, "error", "must be a string");
	r = parameters_parse(&out->parameters, message, err);
	if (!r)
		r = flag_parse(&out->continues, message, "continues", err);
	return r;
}

char *varlink_encode(const json_t *message, size_t *len)
{
	char *text = json_dumps(message, JSON_COMPACT);

	if (text)
		*len = strlen(text) + 1;
	return text;
}
