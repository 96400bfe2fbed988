/* SPDX-License-Identifier: MIT */
/*
 * A reading with its rates as JSON, for scripts. The keys are those of the interface where it has
 * them; what is not known is left out, as there.
 */
#include "tools/top_sample.h"

static void put_u64(json_t *to, const char *key, bool known, uint64_t value)
{
	if (known)
		json_object_set_new(to, key, json_integer((json_int_t)value));
}

static void put_s32(json_t *to, const char *key, int32_t value)
{
	if (value != TOP_UNKNOWN)
		json_object_set_new(to, key, json_integer(value));
}

static void put_rate(json_t *to, const char *key, double rate)
{
	if (rate >= 0)
		json_object_set_new(to, key, json_real(rate));
}

static json_t *holds_json(const struct top_reading *r)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < r->n_holds; i++)
		json_array_append_new(list, json_string(r->hold[i].name));
	return list;
}

static json_t *devices_json(const struct top_reading *r)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < r->n_devices; i++) {
		const struct top_device *d = &r->device[i];
		json_t *j = json_pack("{s:s, s:s, s:b}", "id", d->id, "name", d->name, "usable",
				      d->usable);

		if (d->bus[0])
			json_object_set_new(j, "bus", json_string(d->bus));
		put_u64(j, "job", d->job, d->job);
		put_s32(j, "jobs_permille", d->jobs_permille);
		put_s32(j, "others_permille", d->others_permille);
		json_array_append_new(list, j);
	}
	return list;
}

static json_t *clients_json(const struct top_reading *r)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < r->n_clients; i++) {
		const struct top_client *c = &r->client[i];
		json_t *j = json_pack("{s:I, s:I, s:s, s:s, s:b}", "pid", (json_int_t)c->pid, "uid",
				      (json_int_t)c->uid, "comm", c->comm, "device", c->device,
				      "ours", c->ours);

		put_u64(j, "job", c->job, c->job);
		put_u64(j, "device_ns", c->has_ns, c->ns);
		put_u64(j, "memory", c->has_memory, c->memory);
		put_s32(j, "permille", c->permille);
		json_array_append_new(list, j);
	}
	return list;
}

static json_t *others_json(const struct top_reading *r)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < r->n_others; i++) {
		const struct top_others *o = &r->others[i];
		json_t *j =
			json_pack("{s:s, s:I}", "device", o->device, "clients", (json_int_t)o->n);

		put_u64(j, "device_ns", o->has_ns, o->ns);
		put_u64(j, "memory", o->has_memory, o->memory);
		put_s32(j, "permille", o->permille);
		json_array_append_new(list, j);
	}
	return list;
}

static json_t *jobs_json(const struct top_reading *r)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < r->n_jobs; i++) {
		const struct top_job *job = &r->job[i];
		json_t *j = json_pack("{s:I, s:I, s:s, s:s, s:I, s:I, s:I}", "id",
				      (json_int_t)job->id, "uid", (json_int_t)job->uid, "name",
				      job->name, "phase", job->phase, "dispatches_done",
				      (json_int_t)job->done, "dispatches_total",
				      (json_int_t)job->total, "device_ns",
				      (json_int_t)job->device_ns);

		if (job->device[0])
			json_object_set_new(j, "device", json_string(job->device));
		put_u64(j, "slices", job->has_slices, job->slices);
		put_s32(j, "permille", job->permille);
		put_rate(j, "slices_per_s", job->slices_s);
		put_rate(j, "dispatches_per_s", job->dispatches_s);
		json_array_append_new(list, j);
	}
	return list;
}

json_t *top_json(const struct top_reading *r)
{
	json_t *j = json_pack("{s:I, s:b, s:o, s:I, s:I, s:I, s:s, s:o, s:o, s:o}", "at_s",
			      (json_int_t)r->at_s, "open", r->open, "holds", holds_json(r),
			      "waiting", (json_int_t)r->waiting, "running", (json_int_t)r->running,
			      "parked", (json_int_t)r->parked, "source", r->source, "devices",
			      devices_json(r), "clients", clients_json(r), "others",
			      others_json(r));

	put_u64(j, "window_ns", r->window_ns, r->window_ns);
	put_u64(j, "changed_ago_ns", r->has_changed, r->changed_ago_ns);
	put_s32(j, "duty_permille", r->duty_permille);
	put_s32(j, "hottest_mc", r->hottest_mc);
	put_s32(j, "battery_percent", r->battery_percent);
	put_s32(j, "battery_mc", r->battery_mc);
	if (r->has_discharging)
		json_object_set_new(j, "discharging", json_boolean(r->discharging));
	if (!r->jobs_denied)
		json_object_set_new(j, "jobs", jobs_json(r));
	if (r->message[0])
		json_object_set_new(j, "message", json_string(r->message));
	return j;
}
