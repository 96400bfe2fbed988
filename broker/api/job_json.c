/* SPDX-License-Identifier: MIT */
/*
 * A job as clients see it: its row, with what is newer than the row in memory, and a sentence
 * for what it waits for.
 */
#include <stdio.h>
#include <stdlib.h>

#include "broker/api/api_internal.h"

static const char *const phase_names[] = {
	[BROKER_PHASE_WAITING] = "waiting", [BROKER_PHASE_STARTING] = "starting",
	[BROKER_PHASE_RUNNING] = "running", [BROKER_PHASE_PARKED] = "parked",
	[BROKER_PHASE_ENDED] = "ended",
};

bool job_ended(const struct store_job *row)
{
	return row->state != STORE_QUEUED && row->state != STORE_RUNNING;
}

static bool any_usable_device(struct api *api)
{
	const struct device *list;
	unsigned int n = devices_list(broker_devices(api->broker), &list);

	for (unsigned int i = 0; i < n; i++)
		if (list[i].usable)
			return true;
	return false;
}

static json_t *waits_for(struct api *api, enum broker_job_phase phase)
{
	uint32_t holds = gatehost_holds(broker_gate(api->broker));
	struct error why = {};

	if (phase != BROKER_PHASE_WAITING && phase != BROKER_PHASE_PARKED)
		return NULL;
	if (holds)
		return json_sprintf("the gate: %s",
				    gate_hold_info((uint32_t)__builtin_ctz(holds))->why);
	if (phase == BROKER_PHASE_WAITING && !any_usable_device(api))
		return json_string("a device: none can be used");
	if (phase == BROKER_PHASE_WAITING && !store_healthy(broker_store(api->broker), &why))
		return json_sprintf("the store: %s", why.what);
	return json_string("its turn");
}

static void set(json_t *to, const char *key, json_t *value)
{
	if (value)
		json_object_set_new(to, key, value);
}

static json_t *known(int64_t value)
{
	return value ? json_integer(value) : NULL;
}

json_t *job_json(struct api *api, const struct store_job *row)
{
	struct broker_progress now = {.phase = BROKER_PHASE_WAITING};
	bool live = false;
	json_t *j;

	if (job_ended(row))
		now.phase = BROKER_PHASE_ENDED;
	else
		live = broker_progress(api->broker, row->id, &now) == 0;
	j = json_pack("{s:I, s:I, s:s, s:s, s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:i, s:b}", "id",
		      (json_int_t)row->id, "uid", (json_int_t)row->uid, "name", row->name, "state",
		      store_state_name(row->state), "phase", phase_names[now.phase], "priority",
		      (int)row->priority, "submitted_s", (json_int_t)row->submitted_s, "device_ns",
		      (json_int_t)(live && now.device_ns > row->device_ns ? now.device_ns
									  : row->device_ns),
		      "dispatches_done",
		      (json_int_t)(live && now.dispatches_done > row->dispatches_done
					   ? now.dispatches_done
					   : row->dispatches_done),
		      "dispatches_total", (json_int_t)row->dispatches_total, "memory",
		      (json_int_t)row->memory, "runs", (int)row->runs, "checkpoint",
		      row->has_checkpoint);
	if (!j)
		return NULL;
	if (!job_ended(row))
		set(j, "waits_for", waits_for(api, now.phase));
	if (*row->reason)
		set(j, "reason", json_string(row->reason));
	set(j, "started_s", known(row->started_s));
	set(j, "ended_s", known(row->ended_s));
	set(j, "deadline_s", known((int64_t)row->deadline_s));
	set(j, "device_limit_ns", known((int64_t)row->device_limit_ns));
	if (live && *now.device) {
		set(j, "device", json_string(now.device));
		set(j, "slices", json_integer((json_int_t)now.slices));
	}
	return j;
}

static void on_row(void *data, int result, const struct store_page *page, const struct error *err)
{
	struct call *call = data;
	void (*then)(struct call * call, const struct store_job *row) = call->then;
	json_int_t id;

	if (!call_resume(call))
		return;
	id = json_integer_value(json_object_get(call->params, "id"));
	if (result < 0)
		call_fail(call, result, err);
	else if (page->n != 1 || page->jobs[0].id != (uint64_t)id ||
		 !call_may_see(call, page->jobs[0].uid))
		call_not_found(call, "job %lld", (long long)id);
	else
		then(call, &page->jobs[0]);
}

void job_row(struct call *call, void (*then)(struct call *call, const struct store_job *row))
{
	json_int_t id = json_integer_value(json_object_get(call->params, "id"));

	if (id < 1) {
		call_not_found(call, "job %lld", (long long)id);
		return;
	}
	call->busy = true;
	call->then = then;
	store_list(broker_store(call->api->broker), (uint64_t)id - 1, STORE_ANY_UID, STORE_ALL, 1,
		   on_row, call);
}
