/* SPDX-License-Identifier: MIT */
/*
 * Watching: one call with many replies. While it lasts the connection serves nothing else,
 * because replies come in the order of the calls.
 */
#include <errno.h>

#include "libbroker/client_result.h"

int idlebroker_watch(struct idlebroker *c, uint64_t id, idlebroker_watch_fn fn, void *data)
{
	int r;

	if (!fn)
		return client_fail(c, -EINVAL, "a watch needs a function");
	r = client_send(c, "Watch", id ? json_pack("{s:I}", "id", (json_int_t)id) : json_object(),
			true, NULL, 0);
	if (r < 0)
		return r;
	c->watch_fn = fn;
	c->watch_data = data;
	return 0;
}

/* Calls the function with one event; @reply is taken over. */
static int watch_event(struct idlebroker *c, json_t *reply)
{
	bool is_gate = json_is_object(json_object_get(reply, "gate"));
	const void *event = NULL;
	int r;

	if (is_gate)
		r = result_one(c, reply, "gate", sizeof(struct idlebroker_gate), result_fill_gate,
			       &event);
	else
		r = result_one(c, reply, "job", sizeof(struct idlebroker_job), result_fill_job,
			       &event);
	if (r < 0)
		return r;
	if (is_gate)
		c->watch_fn(c->watch_data, NULL, event);
	else
		c->watch_fn(c->watch_data, event, NULL);
	idlebroker_free(event);
	return 0;
}

int idlebroker_dispatch(struct idlebroker *c, int timeout_ms)
{
	int calls = 0;

	if (!c->watch_fn)
		return client_fail(c, -ENODATA, "the watch has ended");
	for (;;) {
		json_t *reply = NULL;
		int more = client_receive(c, calls ? 0 : timeout_ms, &reply);
		int err;

		if (more == -ETIMEDOUT || (more == -EINTR && calls))
			return calls;
		if (more == -EINTR)
			return more;
		if (more < 0) {
			c->watch_fn = NULL;
			return more;
		}
		err = watch_event(c, reply);
		if (err)
			return err;
		calls++;
		if (!more) {
			c->watch_fn = NULL;
			return calls;
		}
	}
}
