/* SPDX-License-Identifier: MIT */
/* Calls about jobs. Each is one method of the interface, its reply turned into a public struct. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "libbroker/client_result.h"
#include "libbroker/util/cleanup.h"

static const char *const state_names[] = {"queued", "running", "done", "failed", "cancelled"};

static json_t *id_parameter(uint64_t id)
{
	return json_pack("{s:I}", "id", (json_int_t)(id > INT64_MAX ? 0 : id));
}

int client_list(struct idlebroker *c, json_t *filter, json_t **out)
{
	json_t *all = json_array();
	int r = client_send(c, "List", filter, true, NULL, 0);

	while (!r) {
		json_t *page = NULL;

		r = client_receive(c, c->timeout_ms, &page);
		if (r >= 0 && json_array_extend(all, json_object_get(page, "jobs")) < 0)
			r = client_fail(c, -EPROTO, "the broker's list has no jobs in it");
		json_decref(page);
		if (r == 0) {
			*out = all;
			return 0;
		}
		r = r < 0 ? r : 0;
	}
	json_decref(all);
	return r;
}

int idlebroker_list(struct idlebroker *c, unsigned int states,
		    const struct idlebroker_job *const **out)
{
	json_t *filter = json_object(), *names = NULL, *jobs = NULL;
	int r;

	if (states) {
		names = json_array();
		for (size_t i = 0; i < ARRAY_SIZE(state_names); i++)
			if (states & IDLEBROKER_STATE_BIT(i))
				json_array_append_new(names, json_string(state_names[i]));
		json_object_set_new(filter, "states", names);
	}
	r = client_list(c, filter, &jobs);
	if (r < 0)
		return r;
	return result_list(c, json_pack("{s:o}", "jobs", jobs), "jobs",
			   sizeof(struct idlebroker_job), result_fill_job,
			   (const void *const **)out);
}

int idlebroker_show(struct idlebroker *c, uint64_t id, const struct idlebroker_job **out)
{
	json_t *reply = NULL;
	int r = client_call(c, "Show", id_parameter(id), &reply);

	if (r < 0)
		return r;
	return result_one(c, reply, "job", sizeof(**out), result_fill_job, (const void **)out);
}

int idlebroker_wait(struct idlebroker *c, uint64_t id, const struct idlebroker_job **out)
{
	json_t *reply = NULL;
	int r = client_send(c, "Wait", id_parameter(id), false, NULL, 0);

	if (!r)
		r = client_receive(c, -1, &reply);
	if (r < 0)
		return r;
	return result_one(c, reply, "job", sizeof(**out), result_fill_job, (const void **)out);
}

int idlebroker_outputs(struct idlebroker *c, uint64_t id,
		       const struct idlebroker_output *const **out)
{
	json_t *reply = NULL;
	int r = client_call(c, "Outputs", id_parameter(id), &reply);

	if (r < 0)
		return r;
	return result_list(c, reply, "outputs", sizeof(struct idlebroker_output),
			   result_fill_output, (const void *const **)out);
}

int idlebroker_fetch(struct idlebroker *c, uint64_t id, const char *output, uint64_t *size,
		     char sha256[65])
{
	json_t *parameters = json_pack("{s:I, s:s}", "id", (json_int_t)id, "output", output);
	json_t *reply = NULL;
	const char *hash;
	int r;

	if (!parameters)
		return client_fail(c, -EINVAL, "the output's name is not UTF-8");
	r = client_call(c, "Fetch", parameters, &reply);
	if (r < 0)
		return r;
	r = client_take_fd(c);
	if (size)
		*size = (uint64_t)json_integer_value(json_object_get(reply, "size"));
	hash = json_string_value(json_object_get(reply, "sha256"));
	if (sha256)
		snprintf(sha256, 65, "%s", hash ? hash : "");
	json_decref(reply);
	return r;
}

int idlebroker_cancel(struct idlebroker *c, uint64_t id)
{
	return client_call(c, "Cancel", id_parameter(id), NULL);
}

int idlebroker_logs(struct idlebroker *c, uint64_t id, const char **out)
{
	json_t *reply = NULL;
	const char *text;
	char *copy;
	int r = client_call(c, "Logs", id_parameter(id), &reply);

	if (r < 0)
		return r;
	text = json_string_value(json_object_get(reply, "text"));
	if (!text) {
		json_decref(reply);
		return client_fail(c, -EPROTO, "the broker's answer has no text");
	}
	copy = result_new(strlen(text) + 1, NULL);
	if (copy)
		strcpy(copy, text);
	json_decref(reply);
	*out = copy;
	return copy ? 0 : client_fail(c, -ENOMEM, "out of memory");
}
