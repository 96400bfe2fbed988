/* SPDX-License-Identifier: MIT */
/* Jobs that are there: listing, showing, cancelling, and what they left. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/api/api_internal.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/io.h"

#define LIST_LIMIT 200

struct listing {
	uint64_t after;
	uint32_t uid, states, limit;
	bool nothing; /* the caller may see none of what it asks for */
};

static void list_page(struct call *call);

static void on_page(void *data, int result, const struct store_page *page, const struct error *err)
{
	struct call *call = data;
	struct listing *l = call->state;
	json_t *jobs, *j;

	if (!call_resume(call))
		return;
	if (result < 0) {
		call_fail(call, result, err);
		return;
	}
	jobs = json_array();
	for (uint32_t i = 0; i < page->n; i++)
		json_array_append_new(jobs, job_json(call->api, &page->jobs[i]));
	j = json_pack("{s:o}", "jobs", jobs);
	if (page->n < l->limit) {
		call_reply(call, j);
		return;
	}
	l->after = page->jobs[page->n - 1].id;
	if (call->more) {
		call_reply_more(call, j);
		return; /* the next page when this one is sent */
	}
	json_object_set_new(j, "next", json_integer((json_int_t)l->after));
	call_reply(call, j);
}

static void list_page(struct call *call)
{
	struct listing *l = call->state;

	if (call->busy)
		return;
	call->busy = true;
	store_list(broker_store(call->api->broker), l->after, l->uid, l->states, l->limit, on_page,
		   call);
}

static void free_state(struct call *call)
{
	free(call->state);
	call->state = NULL;
}

static int parse_states(struct call *call, uint32_t *out)
{
	json_t *states = call_param(call, "states"), *value;
	size_t i;

	*out = states && json_array_size(states) ? 0 : STORE_ALL;
	json_array_foreach(states, i, value) {
		const char *name = json_string_value(value);
		uint32_t s = 0;

		while (name && s <= STORE_CANCELLED && strcmp(name, store_state_name(s)) != 0)
			s++;
		if (!name || s > STORE_CANCELLED)
			return -EINVAL;
		*out |= 1u << s;
	}
	return 0;
}

void method_list(struct call *call)
{
	json_t *uid = call_param(call, "uid"), *after = call_param(call, "after");
	json_t *limit = call_param(call, "limit");
	struct listing l = {.uid = call->peer.right == API_RIGHT_ADMIN ? STORE_ANY_UID
								       : call->peer.uid};

	l.limit = limit ? (uint32_t)json_integer_value(limit) : LIST_LIMIT;
	l.after = (uint64_t)json_integer_value(after);
	if (parse_states(call, &l.states) < 0)
		call_invalid(call, "states");
	else if (limit && (json_integer_value(limit) < 1 || json_integer_value(limit) > LIST_LIMIT))
		call_invalid_why(call, "limit", "it takes 1 to %d", LIST_LIMIT);
	else if (after && json_integer_value(after) < 0)
		call_invalid(call, "after");
	else if (uid && (json_integer_value(uid) < 0 || json_integer_value(uid) >= STORE_ANY_UID))
		call_invalid(call, "uid");
	else if (uid && !call_may_see(call, (uint32_t)json_integer_value(uid)))
		call_denied(call, "jobs of other users are for root and the group broker-admin");
	else {
		if (uid)
			l.uid = (uint32_t)json_integer_value(uid);
		call->state = malloc(sizeof(l));
		call->release = free_state;
		if (!call->state) {
			call_fail(call, -ENOMEM, NULL);
			return;
		}
		memcpy(call->state, &l, sizeof(l));
		call->drained = list_page;
		list_page(call);
	}
}

static void show(struct call *call, const struct store_job *row)
{
	call_reply(call, json_pack("{s:o}", "job", job_json(call->api, row)));
}

void method_show(struct call *call)
{
	job_row(call, show);
}

static void already_ended(struct call *call, const struct store_job *row)
{
	call_error(call, "io.idlebroker.AlreadyEnded",
		   json_pack("{s:I, s:s}", "id", (json_int_t)row->id, "state",
			     store_state_name(row->state)));
}

static void cancel(struct call *call, const struct store_job *row)
{
	int r = job_ended(row) ? -ENOENT
			       : broker_cancel(call->api->broker, row->id, call->peer.uid);

	if (r == 0 || (r < 0 && !job_ended(row)))
		call_reply(call, NULL); /* if it ends just now, its end is decided, too */
	else
		already_ended(call, row);
}

void method_cancel(struct call *call)
{
	job_row(call, cancel);
}

static void on_log(void *data, int result, const char *text, const struct error *err)
{
	struct call *call = data;
	json_t *s;

	if (!call_resume(call))
		return;
	if (result < 0) {
		call_fail(call, result, err);
		return;
	}
	s = json_string(text);
	call_reply(call, json_pack("{s:o}", "text", s ? s : json_string("(not UTF-8)")));
}

static void logs(struct call *call, const struct store_job *row)
{
	call->busy = true;
	store_read_log(broker_store(call->api->broker), row->id, on_log, call);
}

void method_logs(struct call *call)
{
	job_row(call, logs);
}

static bool is_done(struct call *call, const struct store_job *row)
{
	if (row->state == STORE_DONE)
		return true;
	call_error(call, "io.idlebroker.NotDone",
		   json_pack("{s:I, s:s}", "id", (json_int_t)row->id, "state",
			     store_state_name(row->state)));
	return false;
}

static void on_outputs(void *data, int result, uint32_t n, const struct store_output *out,
		       const struct error *err)
{
	struct call *call = data;
	json_t *list;

	if (!call_resume(call))
		return;
	if (result < 0) {
		call_fail(call, result, err);
		return;
	}
	list = json_array();
	for (uint32_t i = 0; i < n; i++) {
		char hex[SHA256_HEX + 1];

		hex_encode(hex, out[i].sha256, SHA256_SIZE);
		json_array_append_new(list,
				      json_pack("{s:s, s:I, s:s}", "name", out[i].name, "size",
						(json_int_t)out[i].size, "sha256", hex));
	}
	call_reply(call, json_pack("{s:o}", "outputs", list));
}

static void outputs(struct call *call, const struct store_job *row)
{
	if (!is_done(call, row))
		return;
	call->busy = true;
	store_outputs(broker_store(call->api->broker), row->id, on_outputs, call);
}

void method_outputs(struct call *call)
{
	job_row(call, outputs);
}

static void send_output(struct call *call, const struct store_output *out)
{
	int fd = store_open_blob(broker_store(call->api->broker), out->sha256);
	char hex[SHA256_HEX + 1];

	if (fd < 0) {
		call_fail(call, fd, NULL);
		return;
	}
	hex_encode(hex, out->sha256, SHA256_SIZE);
	call_reply_fd(call,
		      json_pack("{s:I, s:s, s:i}", "size", (json_int_t)out->size, "sha256", hex,
				"fd", 0),
		      fd);
}

static void on_fetch(void *data, int result, uint32_t n, const struct store_output *out,
		     const struct error *err)
{
	struct call *call = data;
	const char *name;

	if (!call_resume(call))
		return;
	if (result < 0) {
		call_fail(call, result, err);
		return;
	}
	name = json_string_value(json_object_get(call->params, "output"));
	for (uint32_t i = 0; i < n; i++) {
		if (!strcmp(out[i].name, name)) {
			send_output(call, &out[i]);
			return;
		}
	}
	call_not_found(call, "output \"%.64s\" of this job", name);
}

static void fetch(struct call *call, const struct store_job *row)
{
	if (!is_done(call, row))
		return;
	call->busy = true;
	store_outputs(broker_store(call->api->broker), row->id, on_fetch, call);
}

void method_fetch(struct call *call)
{
	job_row(call, fetch);
}
