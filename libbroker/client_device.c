/* SPDX-License-Identifier: MIT */
/* Calls about the device: its gate, its GPUs, the pause, and any other method as JSON text. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libbroker/client_result.h"
#include "libbroker/util/cleanup.h"

int idlebroker_get_gate(struct idlebroker *c, const struct idlebroker_gate **out)
{
	json_t *reply = NULL;
	int r = client_call(c, "GetGate", json_object(), &reply);

	if (r < 0)
		return r;
	return result_one(c, reply, "gate", sizeof(**out), result_fill_gate, (const void **)out);
}

int idlebroker_devices(struct idlebroker *c, const struct idlebroker_device *const **out)
{
	json_t *reply = NULL;
	int r = client_call(c, "Devices", json_object(), &reply);

	if (r < 0)
		return r;
	return result_list(c, reply, "devices", sizeof(struct idlebroker_device),
			   result_fill_device, (const void *const **)out);
}

int idlebroker_pause(struct idlebroker *c, uint64_t seconds)
{
	if (seconds > INT64_MAX)
		return client_fail(c, -EINVAL, "a pause of that many seconds never ends");
	return client_call(
		c, "Pause",
		seconds ? json_pack("{s:I}", "seconds", (json_int_t)seconds) : json_object(), NULL);
}

int idlebroker_resume(struct idlebroker *c)
{
	return client_call(c, "Resume", json_object(), NULL);
}

int idlebroker_reload(struct idlebroker *c)
{
	return client_call(c, "Reload", json_object(), NULL);
}

int idlebroker_call(struct idlebroker *c, const char *method, const char *parameters,
		    const char **out)
{
	json_t *object = parameters ? json_loads(parameters, JSON_REJECT_DUPLICATES, NULL)
				    : json_object();
	_cleanup_free_ char *text = NULL;
	json_t *reply = NULL;
	char *copy;
	size_t len;
	int r;

	if (!json_is_object(object)) {
		json_decref(object);
		return client_fail(c, -EINVAL, "the parameters are not a JSON object");
	}
	r = client_call(c, method, object, &reply);
	if (r < 0)
		return r;
	while (c->n_fds)
		close(client_take_fd(c));
	text = varlink_encode(reply, &len);
	json_decref(reply);
	copy = text ? result_new(len, NULL) : NULL;
	if (!copy)
		return client_fail(c, -ENOMEM, "out of memory");
	memcpy(copy, text, len);
	*out = copy;
	return 0;
}
