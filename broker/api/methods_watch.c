/* SPDX-License-Identifier: MIT */
/*
 * Watch, Wait and WatchGate: telling a client what changes, as fast as it reads and no faster.
 *
 * An event only marks what changed. When the client has taken all that was sent before, what is
 * marked is read anew and sent, so a slow client gets fewer, later states and never a queue.
 * The rows of changed jobs are read in pages: marks lie in order of ids, one page serves many.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/api/api_internal.h"

#define MARKS_MAX 65536
#define PAGE      100
#define OPEN      (1u << STORE_QUEUED | 1u << STORE_RUNNING)

struct marks { /* ids in rising order */
	uint64_t *ids;
	uint32_t n, room;
};

struct watch {
	struct broker_listener listener;
	struct call *call;
	uint64_t id; /* of this job alone; 0: of all that the caller may see */
	bool jobs, gate; /* what is told */
	bool only_end; /* Wait: one reply, at the end */
	bool gate_changed;
	bool scanning; /* the jobs that are there at the start, behind scan_after */
	uint64_t scan_after;
	struct marks marks, reading;
};

static int mark(struct marks *m, uint64_t id)
{
	uint32_t low = 0, high = m->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (m->ids[mid] < id)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < m->n && m->ids[low] == id)
		return 0;
	if (m->n == MARKS_MAX)
		return -E2BIG;
	if (m->n == m->room) {
		uint32_t room = m->room ? 2 * m->room : 8;
		uint64_t *grown = realloc(m->ids, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		m->ids = grown;
		m->room = room;
	}
	memmove(m->ids + low + 1, m->ids + low, (m->n - low) * sizeof(*m->ids));
	m->ids[low] = id;
	m->n++;
	return 0;
}

static bool is_marked(const struct marks *m, uint64_t id)
{
	for (uint32_t i = 0; i < m->n && m->ids[i] <= id; i++)
		if (m->ids[i] == id)
			return true;
	return false;
}

static void watch_step(struct call *call);

static void mark_or_end(struct watch *w, uint64_t id)
{
	if (mark(&w->marks, id) < 0)
		call_error(w->call, "io.idlebroker.LimitExceeded",
			   json_pack("{s:s}", "message",
				     "more jobs changed than can be remembered; read faster"));
}

static void tell_job(struct watch *w, const struct store_job *row)
{
	json_t *job = job_json(w->call->api, row);
	bool end = w->id && job_ended(row);

	if (w->only_end && !end)
		json_decref(job);
	else if (w->only_end)
		call_reply(w->call, json_pack("{s:o}", "job", job));
	else if (end)
		call_reply(w->call, json_pack("{s:s, s:o}", "kind", "job", "job", job));
	else
		call_reply_more(w->call, json_pack("{s:s, s:o}", "kind", "job", "job", job));
}

static void tell_gate(struct watch *w)
{
	json_t *gate = gate_json(w->call->api);

	w->gate_changed = false;
	if (w->jobs)
		call_reply_more(w->call, json_pack("{s:s, s:o}", "kind", "gate", "gate", gate));
	else
		call_reply_more(w->call, json_pack("{s:o}", "gate", gate));
}

static void scanned(struct watch *w, const struct store_page *page)
{
	for (uint32_t i = 0; i < page->n; i++)
		tell_job(w, &page->jobs[i]);
	w->scanning = page->n == PAGE;
	if (page->n)
		w->scan_after = page->jobs[page->n - 1].id;
}

/* Marks behind the last row of a full page wait for the next one. */
static void told_marked(struct watch *w, const struct store_page *page, uint32_t limit)
{
	uint64_t last = page->n == limit ? page->jobs[page->n - 1].id : UINT64_MAX;

	for (uint32_t i = 0; i < page->n; i++)
		if (is_marked(&w->reading, page->jobs[i].id))
			tell_job(w, &page->jobs[i]);
	for (uint32_t i = 0; i < w->reading.n; i++)
		if (w->reading.ids[i] > last)
			mark_or_end(w, w->reading.ids[i]);
}

static void on_rows(void *data, int result, const struct store_page *page, const struct error *err)
{
	struct call *call = data;
	struct watch *w = call->state;

	if (!call_resume(call))
		return;
	if (result < 0)
		call_fail(call, result, err);
	else if (w->scanning)
		scanned(w, page);
	else
		told_marked(w, page, w->reading.n > 1 ? PAGE : 1);
	w->reading.n = 0;
	if (!call->finished)
		watch_step(call);
}

static void read_rows(struct watch *w)
{
	struct call *call = w->call;
	struct store *store = broker_store(call->api->broker);
	uint32_t uid = call->peer.right == API_RIGHT_ADMIN ? STORE_ANY_UID : call->peer.uid;

	call->busy = true;
	if (w->scanning) {
		store_list(store, w->scan_after, uid, OPEN, PAGE, on_rows, call);
	} else {
		struct marks empty = w->reading;

		w->reading = w->marks;
		w->marks = empty;
		store_list(store, w->reading.ids[0] - 1, uid, STORE_ALL,
			   w->reading.n > 1 ? PAGE : 1, on_rows, call);
	}
}

/* The next thing to tell, if the client has taken all that it was told. */
static void watch_step(struct call *call)
{
	struct watch *w = call->state;

	if (call->busy || call->finished || !call->client || call->client->out)
		return;
	if (w->gate_changed)
		tell_gate(w);
	else if (w->scanning || w->marks.n)
		read_rows(w);
}

static void on_broker_event(void *data, const struct broker_event *event)
{
	struct watch *w = data;
	struct call *call = w->call;

	if (!call->client || call->finished)
		return;
	if (event->kind == BROKER_EVENT_GATE) {
		if (!w->gate)
			return;
		w->gate_changed = true;
	} else {
		if (!w->jobs || (w->id ? event->job != w->id : !call_may_see(call, event->uid)))
			return;
		mark_or_end(w, event->job);
	}
	watch_step(call);
}

static void abandon(struct call *call)
{
	struct watch *w = call->state;

	broker_unlisten(&w->listener);
}

static void release(struct call *call)
{
	struct watch *w = call->state;

	broker_unlisten(&w->listener);
	free(w->marks.ids);
	free(w->reading.ids);
	free(w);
	call->state = NULL;
}

static struct watch *watch_new(struct call *call)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (!w) {
		call_fail(call, -ENOMEM, NULL);
		return NULL;
	}
	w->call = call;
	w->listener.fn = on_broker_event;
	w->listener.data = w;
	call->state = w;
	call->drained = watch_step;
	call->abandoned = abandon;
	call->release = release;
	broker_listen(call->api->broker, &w->listener);
	return w;
}

/* The job is there and may be seen: from now on its changes are told. */
static void first_row(struct call *call, const struct store_job *row)
{
	struct watch *w = call->state;

	tell_job(w, row);
	watch_step(call);
}

static void watch_job(struct call *call, bool only_end)
{
	struct watch *w = watch_new(call);

	if (!w)
		return;
	w->jobs = true;
	w->only_end = only_end;
	w->id = (uint64_t)json_integer_value(json_object_get(call->params, "id"));
	job_row(call, first_row);
}

void method_wait(struct call *call)
{
	watch_job(call, true);
}

void method_watch(struct call *call)
{
	struct watch *w;

	if (call_param(call, "id")) {
		watch_job(call, false);
		return;
	}
	w = watch_new(call);
	if (!w)
		return;
	w->jobs = w->gate = true;
	w->gate_changed = w->scanning = true;
	watch_step(call);
}

void method_watch_gate(struct call *call)
{
	struct watch *w = watch_new(call);

	if (!w)
		return;
	w->gate = w->gate_changed = true;
	watch_step(call);
}
