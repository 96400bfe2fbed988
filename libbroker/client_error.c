/* SPDX-License-Identifier: MIT */
/*
 * Error replies: one table from the error's name to its errno and its words. A format's
 * %s stand for the values of the named parameters, in their order.
 */
#include "libbroker/client_error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "libbroker/proto/interface.h"
#include "libbroker/util/cleanup.h"

#define OWN(name)     INTERFACE_NAME "." name
#define SERVICE(name) "org.varlink.service." name

struct error_words {
	const char *name;
	int code;
	const char *keys[2];
	const char *before, *between, *after;
};

static const struct error_words error_table[] = {
	{OWN("InvalidJob"), -EINVAL, {"path", "message"}, "job.json: ", ": ", ""},
	{OWN("BlobMismatch"), -EBADMSG, {"message"}, "", "", ""},
	{OWN("BlobMissing"), -ENODATA, {"sha256"}, "the broker lacks blob ", "", ""},
	{OWN("NotFound"), -ENOENT, {"what"}, "", "", " not found"},
	{OWN("PermissionDenied"), -EACCES, {"what"}, "not permitted: ", "", ""},
	{OWN("LimitExceeded"), -EDQUOT, {"message"}, "", "", ""},
	{OWN("StoreFailed"), -EIO, {"message"}, "the broker cannot store it: ", "", ""},
	{OWN("AlreadyEnded"), -EALREADY, {"id", "state"}, "job ", " has ended already: ", ""},
	{OWN("NotDone"), -EINVAL, {"id", "state"}, "job ", " has no outputs: it is ", ""},
	{OWN("ConfigError"), -EINVAL, {"path", "message"}, "", ": ", ""},
	{SERVICE("PermissionDenied"), -EACCES, {NULL}, "not permitted", "", ""},
	{SERVICE("InvalidParameter"),
	 -EINVAL,
	 {"parameter", "message"},
	 "the broker refuses parameter ",
	 ": ",
	 ""},
	{SERVICE("ExpectedMore"), -EPROTO, {NULL}, "the method must be called with more", "", ""},
	{SERVICE("MethodNotFound"), -ENOSYS, {"method"}, "the broker has no method ", "", ""},
	{SERVICE("MethodNotImplemented"),
	 -ENOSYS,
	 {"method"},
	 "the broker does not implement ",
	 "",
	 ""},
	{SERVICE("InterfaceNotFound"),
	 -ENOSYS,
	 {"interface"},
	 "the broker has no interface ",
	 "",
	 ""},
};

static void value_text(char *out, size_t room, const json_t *parameters, const char *key)
{
	const json_t *value = json_object_get(parameters, key);

	if (json_is_array(value))
		value = json_array_get(value, 0);
	if (json_is_string(value))
		snprintf(out, room, "%s", json_string_value(value));
	else if (json_is_integer(value))
		snprintf(out, room, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else
		snprintf(out, room, "%s", value ? "?" : "");
}

int client_error_reply(struct idlebroker *c, const char *name, const json_t *parameters)
{
	char values[2][320] = {"", ""};

	snprintf(c->error_name, sizeof(c->error_name), "%s", name);
	for (size_t i = 0; i < ARRAY_SIZE(error_table); i++) {
		const struct error_words *e = &error_table[i];
		bool joined;

		if (strcmp(e->name, name))
			continue;
		for (int k = 0; k < 2 && e->keys[k]; k++)
			value_text(values[k], sizeof(values[k]), parameters, e->keys[k]);
		joined = values[0][0] && values[1][0];
		return client_fail(c, e->code, "%s%s%s%s%s", e->before, values[0],
				   joined ? e->between : "", values[1], e->after);
	}
	return client_fail(c, -EPROTO, "the broker answers %s", name);
}
