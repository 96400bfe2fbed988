/* SPDX-License-Identifier: MIT */
/*
 * Facts and limits as /dev/idlegate takes them; see gatehost_uapi.h. The numbers of the core and
 * of the interface are the same by definition; the assertions keep it so.
 */
#include "broker/gatehost_uapi.h"

#include <errno.h>

#define SAME(a, b) _Static_assert((int)(a) == (int)(b), "the core and the interface must agree")

SAME(GATE_FACT_TICK, IDLEGATE_FACT_TICK);
SAME(GATE_FACT_INPUT, IDLEGATE_FACT_INPUT);
SAME(GATE_FACT_POWER, IDLEGATE_FACT_POWER);
SAME(GATE_FACT_ZONE, IDLEGATE_FACT_ZONE);
SAME(GATE_FACT_ZONE_GONE, IDLEGATE_FACT_ZONE_GONE);
SAME(GATE_FACT_SUSPEND, IDLEGATE_FACT_SUSPEND);
SAME(GATE_FACT_GPU, IDLEGATE_FACT_GPU);
SAME(GATE_FACT_CPU, IDLEGATE_FACT_CPU);
SAME(GATE_FACT_SCHEDULE, IDLEGATE_FACT_SCHEDULE);
SAME(GATE_FACT_PAUSE, IDLEGATE_FACT_PAUSE);
SAME(GATE_FACT_SENSOR, IDLEGATE_FACT_SENSOR);
SAME(GATE_SENSOR_INPUT, IDLEGATE_SENSOR_INPUT);
SAME(GATE_SENSOR_POWER, IDLEGATE_SENSOR_POWER);
SAME(GATE_SENSOR_THERMAL, IDLEGATE_SENSOR_THERMAL);
SAME(GATE_SENSOR_GPU, IDLEGATE_SENSOR_GPU);
SAME(GATE_SENSOR_CPU, IDLEGATE_SENSOR_CPU);
SAME(GATE_SENSOR_SUSPEND, IDLEGATE_SENSOR_SUSPEND);
SAME(GATE_SENSOR_SCHEDULE, IDLEGATE_SENSOR_SCHEDULE);
SAME(GATE_TEMP_UNKNOWN, IDLEGATE_VALUE_UNKNOWN);
SAME(GATE_VALUE_UNKNOWN, IDLEGATE_VALUE_UNKNOWN);
SAME(GATE_MAX_ZONES, IDLEGATE_ZONES);
_Static_assert(GATE_NEVER == IDLEGATE_NEVER, "the core and the interface must agree");
_Static_assert((int)IDLEGATE_HOLD_COUNT <= (int)IDLEGATE_HOLD_ROOM, "every hold needs its place");
_Static_assert((int)GATE_SENSOR_COUNT <= (int)IDLEGATE_SENSOR_ROOM, "and every sensor");

static void put_power(struct idlegate_fact *out, const struct gate_power *power)
{
	out->on = (power->external_online ? IDLEGATE_POWER_ONLINE : 0) |
		  (power->has_battery ? IDLEGATE_POWER_BATTERY : 0) |
		  (power->discharging ? IDLEGATE_POWER_DISCHARGING : 0);
	out->temp_mc = power->temp_mc;
	out->capacity = power->capacity;
}

int gatehost_uapi_fact(struct idlegate_fact *out, const struct gate_fact *fact)
{
	*out = (struct idlegate_fact){.kind = fact->kind};
	switch (fact->kind) {
	case GATE_FACT_TICK:
	case GATE_FACT_INPUT:
		return 0;
	case GATE_FACT_POWER:
		put_power(out, &fact->power);
		return 0;
	case GATE_FACT_ZONE:
		out->temp_mc = fact->zone.temp_mc;
		out->set_mc = fact->zone.set_mc;
		out->clear_mc = fact->zone.clear_mc;
		out->id = fact->zone.id;
		return 0;
	case GATE_FACT_ZONE_GONE:
		out->id = fact->zone.id;
		return 0;
	case GATE_FACT_SUSPEND:
	case GATE_FACT_GPU:
	case GATE_FACT_CPU:
	case GATE_FACT_SCHEDULE:
		out->on = fact->on;
		return 0;
	case GATE_FACT_PAUSE:
		out->on = fact->pause.on;
		out->until_ns = fact->pause.on ? fact->pause.until_ns : 0;
		return 0;
	case GATE_FACT_SENSOR:
		out->id = fact->sensor.id;
		out->on = fact->sensor.state;
		return 0;
	default:
		return -EINVAL;
	}
}

void gatehost_uapi_policy(struct idlegate_policy *out, const struct gate_policy *policy,
			  u32 look_ms)
{
	*out = (struct idlegate_policy){
		.idle_after_ns = policy->idle_after_ns,
		.resume_settle_ns = policy->resume_settle_ns,
		.battery_low_set = policy->battery_low_set,
		.battery_low_clear = policy->battery_low_clear,
		.battery_hot_set = policy->battery_hot_set,
		.battery_hot_clear = policy->battery_hot_clear,
		.zone_hot_set = policy->zone_hot_set,
		.zone_hot_clear = policy->zone_hot_clear,
		.require_charging = policy->require_charging,
		.required_sensors = policy->required_sensors,
		.look_ms = look_ms,
	};
	for (u32 h = 0; h < IDLEGATE_HOLD_COUNT; h++)
		out->dwell_ns[h] = policy->dwell_ns[h];
}
