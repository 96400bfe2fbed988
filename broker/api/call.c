/* SPDX-License-Identifier: MIT */
/*
 * One call from its message to its last reply; see api_internal.h.
 *
 * A call is owned by its client while it has one. When the client goes, a call that waits for a
 * callback (busy) lives on without it, and ends when that comes.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/api/api_internal.h"
#include "libbroker/util/cleanup.h"

struct call *call_new(struct client *c, json_t *message)
{
	struct call *call = calloc(1, sizeof(*call));

	if (!call) {
		json_decref(message);
		return NULL;
	}
	call->api = c->api;
	call->client = c;
	call->peer = c->peer;
	call->message = message;
	call->all_next = c->api->calls;
	call->all_prev = &c->api->calls;
	if (call->all_next)
		call->all_next->all_prev = &call->all_next;
	c->api->calls = call;
	return call;
}

void call_free(struct call *call)
{
	if (!call)
		return;
	if (call->release)
		call->release(call);
	if (call->client && call->n_fds)
		client_charge_fds(call->client, -(int32_t)call->n_fds);
	if (call->all_prev) {
		*call->all_prev = call->all_next;
		if (call->all_next)
			call->all_next->all_prev = call->all_prev;
	}
	chunk_free(call->reply);
	json_decref(call->message);
	free(call);
}

bool call_resume(struct call *call)
{
	call->busy = false;
	if (call->client)
		return true;
	call_free(call);
	return false;
}

bool call_may_see(const struct call *call, uint32_t uid)
{
	return call->peer.right == API_RIGHT_ADMIN ||
	       (call->peer.right == API_RIGHT_JOBS && call->peer.uid == uid);
}

json_t *call_param(const struct call *call, const char *name)
{
	json_t *value = json_object_get(call->params, name);

	return json_is_null(value) ? NULL : value;
}

static void finish(struct call *call, json_t *reply, int fd)
{
	if (call->finished || !call->client) {
		json_decref(reply);
		if (fd >= 0)
			close(fd);
		return;
	}
	call->finished = true;
	if (call->oneway) {
		json_decref(reply);
		if (fd >= 0)
			close(fd);
	} else {
		call->reply = chunk_new(reply, fd);
		if (!call->reply)
			call->client->dead = true;
	}
	api_want_turn(call->client);
}

/* Parameters are always there, for the sake of clients that read them unasked. */
static json_t *reply_json(json_t *params, bool continues)
{
	json_t *reply = json_object();

	json_object_set_new(reply, "parameters", params ? params : json_object());
	if (continues)
		json_object_set_new(reply, "continues", json_true());
	return reply;
}

void call_reply(struct call *call, json_t *params)
{
	finish(call, reply_json(params, false), -1);
}

void call_reply_fd(struct call *call, json_t *params, int fd)
{
	finish(call, reply_json(params, false), fd);
}

/* Only the first of a client's calls streams, since none but Submit runs beside others. */
void call_reply_more(struct call *call, json_t *params)
{
	if (call->finished || !call->client || call->oneway) {
		json_decref(params);
		return;
	}
	client_push(call->client, reply_json(params, true), -1);
}

void call_error(struct call *call, const char *name, json_t *params)
{
	json_t *reply = reply_json(params, false);

	json_object_set_new(reply, "error", json_string(name));
	finish(call, reply, -1);
}

/* A stranger's bytes may stand in the words, cut anywhere: what is no UTF-8 is told without. */
static json_t *words(const char *text)
{
	json_t *s = json_string(text);

	return s ? s : json_string("(the words are not UTF-8)");
}

void call_invalid(struct call *call, const char *parameter)
{
	call_error(call, "org.varlink.service.InvalidParameter",
		   json_pack("{s:s}", "parameter", parameter));
}

void call_invalid_why(struct call *call, const char *parameter, const char *fmt, ...)
{
	char why[sizeof(((struct error *)NULL)->what)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	call_error(call, "org.varlink.service.InvalidParameter",
		   json_pack("{s:s, s:o}", "parameter", parameter, "message", words(why)));
}

void call_not_found(struct call *call, const char *fmt, ...)
{
	char what[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	call_error(call, "io.idlebroker.NotFound", json_pack("{s:o}", "what", words(what)));
}

void call_denied(struct call *call, const char *what)
{
	call_error(call, "io.idlebroker.PermissionDenied", json_pack("{s:o}", "what", words(what)));
}

void call_fail(struct call *call, int code, const struct error *err)
{
	const char *name = "io.idlebroker.StoreFailed";
	char text[sizeof(err->where) + sizeof(err->what) + 4];

	if (code == -EDQUOT || code == -ERANGE || code == -E2BIG)
		name = "io.idlebroker.LimitExceeded";
	else if (code == -EBADMSG)
		name = "io.idlebroker.BlobMismatch";
	else if (code == -ENOENT) {
		call_not_found(call, "%s", err && *err->what ? err->what : "it");
		return;
	}
	if (err && *err->what)
		snprintf(text, sizeof(text), "%s%s%s", err->where, *err->where ? ": " : "",
			 err->what);
	else
		snprintf(text, sizeof(text), "%s", strerror(-code));
	call_error(call, name, json_pack("{s:o}", "message", words(text)));
}

uint32_t call_take_fds(struct call *call, uint32_t n, int *out)
{
	struct client *c = call->client;
	uint32_t have = n < c->n_fds ? n : c->n_fds;

	if (!have)
		return 0;
	memcpy(out, c->fds, have * sizeof(int));
	memmove(c->fds, c->fds + have, (c->n_fds - have) * sizeof(int));
	c->n_fds -= have;
	if (!c->n_fds) {
		free(c->fds);
		c->fds = NULL;
		c->room_fds = 0;
	}
	call->n_fds += have; /* the account stays charged until the call ends */
	c->calls_fds += have;
	return have;
}

void call_close_after(struct call *call)
{
	if (call->client)
		call->client->closing = true;
}

static const char *wrong_param(const struct method *m, const json_t *params)
{
	const char *key;
	json_t *value;

	for (const struct method_param *p = m->params; p < m->params + METHOD_PARAMS_MAX; p++) {
		if (!p->name)
			break;
		value = json_object_get(params, p->name);
		if (!value || json_is_null(value)) {
			if (!p->optional)
				return p->name;
		} else if (json_typeof(value) != p->type) {
			return p->name;
		}
	}
	json_object_foreach((json_t *)params, key, value) {
		const struct method_param *p = m->params;

		while (p < m->params + METHOD_PARAMS_MAX && p->name && strcmp(p->name, key) != 0)
			p++;
		if (p == m->params + METHOD_PARAMS_MAX || !p->name)
			return key;
	}
	return NULL;
}

static const char *const needed[] = {
	[API_RIGHT_LOOK] = "",
	[API_RIGHT_JOBS] = "this needs membership of the group broker",
	[API_RIGHT_ADMIN] = "this needs root or membership of the group broker-admin",
};

void call_start(struct call *call, const struct varlink_call *parsed)
{
	const struct method *m = call->method;
	const char *wrong, *dot = strrchr(parsed->method, '.');
	bool interface_known;

	if (!m) {
		method_find(parsed->method, (size_t)(dot - parsed->method), &interface_known);
		if (interface_known)
			call_error(call, "org.varlink.service.MethodNotFound",
				   json_pack("{s:s}", "method", parsed->method));
		else
			call_error(call, "org.varlink.service.InterfaceNotFound",
				   json_pack("{s:s%}", "interface", parsed->method,
					     (size_t)(dot - parsed->method)));
		return;
	}
	if (call->peer.right < m->right) {
		call_denied(call, needed[m->right]);
		return;
	}
	if (m->needs_more && !call->more) {
		call_error(call, "org.varlink.service.ExpectedMore", NULL);
		return;
	}
	wrong = wrong_param(m, call->params);
	if (wrong) {
		call_invalid(call, wrong);
		if (m->start == method_submit)
			call_close_after(call);
		return;
	}
	m->start(call);
}
