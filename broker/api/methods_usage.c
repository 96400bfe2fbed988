/* SPDX-License-Identifier: MIT */
/*
 * Usage: who uses the devices, for people to look at.
 *
 * What other users run is nobody's business: who does not administer sees its own programs and the
 * workers of its own jobs, and of all others one sum for each device.
 */
#include <string.h>

#include "broker/api/api_internal.h"
#include "broker/sources/power.h"

#define SUMS_MAX 32

struct sum {
	const char *device;
	uint32_t n;
	bool has_time, has_memory;
	uint64_t device_ns, memory;
};

struct sums {
	uint32_t n;
	struct sum sum[SUMS_MAX];
};

static void set_u64(json_t *to, const char *key, bool known, uint64_t value)
{
	if (known)
		json_object_set_new(to, key,
				    json_integer((json_int_t)(value & (uint64_t)INT64_MAX)));
}

static void set_s32(json_t *to, const char *key, int32_t value)
{
	if (value != GATE_VALUE_UNKNOWN)
		json_object_set_new(to, key, json_integer(value));
}

static void add_sum(struct sums *sums, const struct gpu_use_row *row)
{
	struct sum *s = sums->sum;

	while (s < sums->sum + sums->n && strcmp(s->device, row->device) != 0)
		s++;
	if (s == sums->sum + SUMS_MAX)
		return;
	if (s == sums->sum + sums->n) {
		*s = (struct sum){.device = row->device};
		sums->n++;
	}
	s->n++;
	s->has_time |= row->has_time;
	s->has_memory |= row->has_memory;
	s->device_ns += row->device_ns;
	s->memory += row->memory;
}

static json_t *sums_json(const struct sums *sums)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < sums->n; i++) {
		const struct sum *s = &sums->sum[i];
		json_t *j = json_pack("{s:s, s:i}", "device", s->device, "clients", (int)s->n);

		set_u64(j, "device_ns", s->has_time, s->device_ns);
		set_u64(j, "memory", s->has_memory, s->memory);
		json_array_append_new(list, j);
	}
	return list;
}

static void take_row(const struct call *call, const struct gpu_use_row *row, json_t *clients,
		     struct sums *others)
{
	uint32_t owner = 0;
	uint64_t job = 0;
	bool ours = row->pid && broker_worker_job(call->api->broker, row->pid, &job, &owner);
	json_t *j;

	if (call->peer.right != API_RIGHT_ADMIN &&
	    (ours ? !call_may_see(call, owner) : !row->pid || row->uid != call->peer.uid)) {
		add_sum(others, row);
		return;
	}
	j = json_pack("{s:i, s:I, s:s, s:s, s:b}", "pid", row->pid, "uid", (json_int_t)row->uid,
		      "comm", row->comm, "device", row->device, "ours", ours);
	set_u64(j, "job", ours, job);
	set_u64(j, "device_ns", row->has_time, row->device_ns);
	set_u64(j, "cycles", row->has_cycles, row->cycles);
	set_u64(j, "total_cycles", row->has_cycles, row->total_cycles);
	set_u64(j, "memory", row->has_memory, row->memory);
	json_array_append_new(clients, j);
}

static void set_message(json_t *reply, const struct look_result *found)
{
	if (found->proc_error)
		json_object_set_new(reply, "message",
				    json_sprintf("the processes cannot be looked at: %s",
						 strerror(-found->proc_error)));
	else if (found->use.n_denied)
		json_object_set_new(reply, "message",
				    json_sprintf("%u processes cannot be looked into: run the "
						 "broker as root or give it CAP_SYS_PTRACE",
						 found->use.n_denied));
	else if (found->use.n == GPU_USE_MAX)
		json_object_set_new(reply, "message",
				    json_string("there are more programs than can be told"));
}

static void on_found(void *data, const struct look_result *found, int error)
{
	struct call *call = data;
	json_t *clients, *j;
	struct sums others = {.n = 0};

	if (!call_resume(call))
		return;
	if (error) {
		call_fail(call, error, NULL);
		return;
	}
	clients = json_array();
	for (uint32_t i = 0; i < found->use.n; i++)
		take_row(call, &found->use.row[i], clients, &others);
	j = json_pack("{s:I, s:s, s:o, s:o}", "age_ns", (json_int_t)(clock_now_ns() - found->at_ns),
		      "source", found->use.ebpf ? "ebpf" : "fdinfo", "clients", clients, "others",
		      sums_json(&others));
	set_message(j, found);
	set_s32(j, "hottest_mc", found->hottest_mc);
	set_s32(j, "battery_percent", found->battery_percent);
	set_s32(j, "battery_mc", found->battery_mc);
	if (found->has_battery)
		json_object_set_new(j, "discharging", json_boolean(found->discharging));
	call_reply(call, j);
}

void method_usage(struct call *call)
{
	call->busy = true;
	broker_look(call->api->broker, on_found, call);
}
