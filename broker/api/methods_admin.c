/* SPDX-License-Identifier: MIT */
/* The daemon itself: how it is, what it found, and reading its settings again. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/api/api_internal.h"

#define SOURCES_MAX 32

static uint64_t day_budget(const struct config *config, uid_t uid)
{
	for (uint32_t i = 0; i < config->n_tenants; i++)
		if (config->tenants[i].uid == uid)
			return config->tenants[i].day_budget_ns;
	return config->default_day_budget_ns;
}

void method_status(struct call *call)
{
	struct broker *b = call->api->broker;
	uint32_t holds = gatehost_holds(broker_gate(b));
	uint64_t budget = day_budget(broker_config(b), call->peer.uid);
	struct broker_counts counts;
	struct error why = {};
	json_t *j;

	broker_counts(b, &counts);
	j = json_pack("{s:s, s:s, s:i, s:I, s:b, s:o, s:i, s:i, s:i, s:i, s:i, s:I, s:I, s:b}",
		      "version", IDLEBROKER_VERSION, "tier", gatehost_tier(broker_gate(b)), "pid",
		      (int)getpid(), "uptime_ns",
		      (json_int_t)(clock_now_ns() - call->api->started_ns), "open", holds == 0,
		      "holds", holds_json(holds), "waiting", (int)counts.waiting, "running",
		      (int)counts.running, "parked", (int)counts.parked, "clients",
		      (int)counts.clients, "duty_permille", (int)broker_duty(b), "used_today_ns",
		      (json_int_t)sched_used_today(broker_sched(b), call->peer.uid, broker_day()),
		      "wakeups", (json_int_t)counts.wakeups, "store_ok",
		      store_healthy(broker_store(b), &why));
	if (j && budget)
		json_object_set_new(j, "day_budget_ns", json_integer((json_int_t)budget));
	if (j && *why.what)
		json_object_set_new(j, "store_message", json_string(why.what));
	call_reply(call, j);
}

static json_t *device_json(const struct broker *b, const struct device *d)
{
	uint64_t job = broker_device_job(b, d->id);
	char bus[GPU_DEVICE_MAX];
	json_t *j = json_pack("{s:s, s:s, s:s, s:b, s:b}", "id", d->id, "name", d->name, "driver",
			      d->driver, "software", d->software, "usable", d->usable);

	if (j && *d->node)
		json_object_set_new(j, "node", json_string(d->node));
	if (j && *d->node &&
	    gpu_device_name(bus, broker_config(b)->roots.sys, strrchr(d->node, '/') + 1))
		json_object_set_new(j, "bus", json_string(bus));
	if (j && job)
		json_object_set_new(j, "job", json_integer((json_int_t)job));
	if (j && d->details)
		json_object_set(j, "details", d->details);
	return j;
}

void method_devices(struct call *call)
{
	const struct broker *b = call->api->broker;
	const char *failed = broker_devices_message(b);
	const struct device *list;
	unsigned int n = devices_list(broker_devices(call->api->broker), &list);
	json_t *devices = json_array(), *j;
	unsigned int usable = 0;

	for (unsigned int i = 0; i < n; i++) {
		json_array_append_new(devices, device_json(b, &list[i]));
		usable += list[i].usable;
	}
	j = json_pack("{s:o}", "devices", devices);
	if (j && failed)
		json_object_set_new(j, "message", json_string(failed));
	else if (j && !n)
		json_object_set_new(j, "message", json_string("no Vulkan device was found (yet)"));
	else if (j && !usable)
		json_object_set_new(j, "message",
				    json_string("no device may be used: software devices need "
						"[devices] allow_software_device = yes"));
	call_reply(call, j);
}

static void check(json_t *list, const char *name, bool ok, const char *detail)
{
	json_array_append_new(list, json_pack("{s:s, s:b, s:s}", "name", name, "ok", ok, "detail",
					      detail));
}

/* Who hosts the gate, and what the kernel had to do about workers. */
static void check_module(json_t *list, struct broker *b)
{
	int wanted = broker_config(b)->module;
	struct idlegate_info info;
	char text[256];

	if (gatehost_info(broker_gate(b), &info) == 0) {
		snprintf(
			text, sizeof(text),
			"idlegate hosts the gate, interface %u; %u leases, %llu workers stopped and "
			"%llu killed since it was loaded",
			info.abi, info.leases, (unsigned long long)info.stops,
			(unsigned long long)info.kills);
		check(list, "module", true, text);
		return;
	}
	snprintf(
		text, sizeof(text), "%s",
		wanted == CONFIG_MODULE_OFF
			? "off by [gate] module: user space hosts the gate"
			: "not in use: user space hosts the gate. Closing is then brokerd's and the "
			  "worker's alone; load idlegate and reload the broker (its log says why not)");
	check(list, "module", wanted != CONFIG_MODULE_REQUIRE, text);
}

static json_t *checks_json(struct broker *b)
{
	const struct config *config = broker_config(b);
	json_t *list = json_array();
	const struct device *devices;
	unsigned int n = devices_list(broker_devices(b), &devices), usable = 0;
	struct error why = {};
	char text[CONFIG_PATH_MAX + DEVICES_WHY_MAX];
	const char *why_none;
	bool ok;

	check_module(list, b);
	ok = store_healthy(broker_store(b), &why);
	check(list, "store", ok, ok ? config->state_dir : why.what);
	ok = access(config->worker, X_OK) == 0;
	snprintf(text, sizeof(text), "%s%s", config->worker,
		 ok ? "" : " is not there or cannot be executed; set [broker] worker");
	check(list, "worker", ok, text);
	for (unsigned int i = 0; i < n; i++)
		usable += devices[i].usable;
	why_none = usable ? NULL : broker_devices_message(b);
	snprintf(text, sizeof(text), "%u found, %u may be used%s%s", n, usable,
		 why_none ? ": " : "", why_none ? why_none : "");
	check(list, "devices", usable > 0, text);
	return list;
}

void method_doctor(struct call *call)
{
	struct source_status status[SOURCES_MAX] = {};
	unsigned int n = broker_sources(call->api->broker, status, SOURCES_MAX);
	json_t *sensors = json_array();

	for (unsigned int i = 0; i < n; i++)
		json_array_append_new(sensors,
				      json_pack("{s:s, s:s, s:b, s:s}", "name", status[i].name,
						"tier", status[i].tier, "ok", status[i].ok,
						"detail", status[i].detail));
	call_reply(call, json_pack("{s:s, s:o, s:o}", "tier",
				   gatehost_tier(broker_gate(call->api->broker)), "sensors",
				   sensors, "checks", checks_json(call->api->broker)));
}

void method_reload(struct call *call)
{
	struct error err = {};

	if (broker_reload(call->api->broker, &err) == 0)
		call_reply(call, NULL);
	else
		call_error(call, "io.idlebroker.ConfigError",
			   json_pack("{s:s, s:s}", "path", err.where, "message", err.what));
}
