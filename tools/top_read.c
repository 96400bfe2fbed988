/* SPDX-License-Identifier: MIT */
/* The broker's replies as a reading; see top_sample.h. A stranger's text is made clean here. */
#include <stdio.h>
#include <string.h>

#include "libbroker/util/cleanup.h"
#include "tools/print.h"
#include "tools/text.h"
#include "tools/top_sample.h"

/* Cut between code points. */
static void take_text(char *out, size_t room, const json_t *object, const char *key)
{
	_cleanup_free_ char *clean = text_clean(print_text(object, key), false);
	size_t len = strlen(clean);

	while (len >= room) {
		len--;
		while (len && (clean[len] & 0xc0) == 0x80)
			len--;
	}
	memcpy(out, clean, len);
	out[len] = '\0';
}

#define TAKE_TEXT(to, object, key) take_text(to, sizeof(to), object, key)

static bool take_u64(uint64_t *out, const json_t *object, const char *key)
{
	*out = print_u64(object, key);
	return json_is_integer(json_object_get(object, key));
}

static int32_t take_s32(const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);
	json_int_t n = json_integer_value(v);

	return json_is_integer(v) && n > INT32_MIN && n <= INT32_MAX ? (int32_t)n : TOP_UNKNOWN;
}

static bool take_bool(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

static void read_gate(struct top_reading *r, const json_t *gate)
{
	const json_t *holds = json_object_get(gate, "holds");
	const json_t *history = json_object_get(gate, "history");

	r->open = take_bool(gate, "open");
	r->has_changed = take_u64(&r->changed_ago_ns, gate, "changed_ago_ns");
	for (size_t i = 0; i < json_array_size(holds) && r->n_holds < TOP_HOLDS_MAX; i++) {
		const json_t *j = json_array_get(holds, i);
		struct top_hold *h = &r->hold[r->n_holds++];

		TAKE_TEXT(h->name, j, "name");
		h->clears = take_u64(&h->clear_in_ns, j, "clear_in_ns");
		r->paused |= !strcmp(h->name, "paused");
	}
	for (size_t i = 0; i < json_array_size(history) && r->n_changes < TOP_CHANGES_MAX; i++) {
		const json_t *j = json_array_get(history, i);
		struct top_change *c = &r->change[r->n_changes++];

		c->ago_ns = print_u64(j, "ago_ns");
		c->open = !json_array_size(json_object_get(j, "holds"));
	}
}

static void read_devices(struct top_reading *r, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list) && r->n_devices < TOP_DEVICES_MAX; i++) {
		const json_t *j = json_array_get(list, i);
		struct top_device *d = &r->device[r->n_devices++];

		TAKE_TEXT(d->id, j, "id");
		TAKE_TEXT(d->name, j, "name");
		TAKE_TEXT(d->bus, j, "bus");
		d->software = take_bool(j, "software");
		d->usable = take_bool(j, "usable");
		d->job = print_u64(j, "job");
		d->jobs_permille = d->others_permille = TOP_UNKNOWN;
	}
}

static void read_client(struct top_client *c, const json_t *j)
{
	*c = (struct top_client){
		.pid = (int64_t)print_u64(j, "pid"),
		.uid = (int64_t)print_u64(j, "uid"),
		.ours = take_bool(j, "ours"),
		.job = print_u64(j, "job"),
		.permille = TOP_UNKNOWN,
	};
	TAKE_TEXT(c->comm, j, "comm");
	TAKE_TEXT(c->device, j, "device");
	c->has_ns = take_u64(&c->ns, j, "device_ns");
	c->has_cycles = take_u64(&c->cycles, j, "cycles") &&
			take_u64(&c->total_cycles, j, "total_cycles");
	c->has_memory = take_u64(&c->memory, j, "memory");
}

static void read_usage(struct top_reading *r, const json_t *usage)
{
	const json_t *clients = json_object_get(usage, "clients");
	const json_t *others = json_object_get(usage, "others");
	uint64_t age = print_u64(usage, "age_ns");

	r->look_ns = r->at_ns > age ? r->at_ns - age : 0;
	TAKE_TEXT(r->source, usage, "source");
	TAKE_TEXT(r->message, usage, "message");
	r->hottest_mc = take_s32(usage, "hottest_mc");
	r->battery_percent = take_s32(usage, "battery_percent");
	r->battery_mc = take_s32(usage, "battery_mc");
	r->has_discharging = json_is_boolean(json_object_get(usage, "discharging"));
	r->discharging = take_bool(usage, "discharging");
	for (size_t i = 0; i < json_array_size(clients) && r->n_clients < TOP_CLIENTS_MAX; i++)
		read_client(&r->client[r->n_clients++], json_array_get(clients, i));
	for (size_t i = 0; i < json_array_size(others) && r->n_others < TOP_OTHERS_MAX; i++) {
		const json_t *j = json_array_get(others, i);
		struct top_others *o = &r->others[r->n_others++];

		TAKE_TEXT(o->device, j, "device");
		o->n = print_u64(j, "clients");
		o->has_ns = take_u64(&o->ns, j, "device_ns");
		o->has_memory = take_u64(&o->memory, j, "memory");
		o->permille = TOP_UNKNOWN;
	}
}

static void read_jobs(struct top_reading *r, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list) && r->n_jobs < TOP_JOBS_MAX; i++) {
		const json_t *j = json_array_get(list, i);
		struct top_job *job = &r->job[r->n_jobs++];

		*job = (struct top_job){
			.id = print_u64(j, "id"),
			.uid = print_u64(j, "uid"),
			.runs = print_u64(j, "runs"),
			.done = print_u64(j, "dispatches_done"),
			.total = print_u64(j, "dispatches_total"),
			.device_ns = print_u64(j, "device_ns"),
			.permille = TOP_UNKNOWN,
			.slices_s = -1,
			.dispatches_s = -1,
		};
		TAKE_TEXT(job->name, j, "name");
		TAKE_TEXT(job->phase, j, "phase");
		TAKE_TEXT(job->device, j, "device");
		job->has_slices = take_u64(&job->slices, j, "slices");
	}
}

void top_read(struct top_reading *out, const struct top_replies *replies, uint64_t now_ns,
	      int64_t now_s)
{
	memset(out, 0, sizeof(*out));
	out->at_ns = out->look_ns = now_ns;
	out->at_s = now_s;
	TAKE_TEXT(out->version, replies->status, "version");
	TAKE_TEXT(out->tier, replies->status, "tier");
	out->uptime_ns = print_u64(replies->status, "uptime_ns");
	out->duty_permille = take_s32(replies->status, "duty_permille");
	out->waiting = print_u64(replies->status, "waiting");
	out->running = print_u64(replies->status, "running");
	out->parked = print_u64(replies->status, "parked");
	read_gate(out, json_object_get(replies->gate, "gate"));
	read_devices(out, json_object_get(replies->devices, "devices"));
	read_usage(out, replies->usage);
	out->jobs_denied = replies->jobs_denied;
	for (int i = 0; i < 2; i++)
		read_jobs(out, json_object_get(replies->jobs[i], "jobs"));
}
