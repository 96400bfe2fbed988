/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Translation and its checks: pure. A fact is checked by building what its kind may say anew and
 * comparing: whatever else was set differs.
 */
#include "translate.h"

#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/string.h>

#include "core/gate.h"

static_assert(sizeof(struct idlegate_event) == 24);
static_assert(sizeof(struct idlegate_info) == 112);
static_assert(sizeof(struct idlegate_state) == 360);
static_assert(sizeof(struct idlegate_host) == 32);
static_assert(sizeof(struct idlegate_policy) == 208);
static_assert(sizeof(struct idlegate_zone) == 32);
static_assert(sizeof(struct idlegate_zones) == 1032);
static_assert(sizeof(struct idlegate_fact) == 64);
static_assert(sizeof(struct idlegate_join) == 32);
static_assert(IDLEGATE_ZONES == GATE_MAX_ZONES);
static_assert(IDLEGATE_VALUE_UNKNOWN == GATE_VALUE_UNKNOWN);
static_assert(IDLEGATE_VALUE_UNKNOWN == GATE_TEMP_UNKNOWN);
static_assert(IDLEGATE_NEVER == GATE_NEVER);
static_assert(IDLEGATE_HOLD_COUNT <= IDLEGATE_HOLD_ROOM);
static_assert((int)GATE_SENSOR_COUNT <= (int)IDLEGATE_SENSOR_ROOM);
static_assert((int)IDLEGATE_SENSOR_SCHEDULE == (int)GATE_SENSOR_SCHEDULE);
static_assert((int)IDLEGATE_FACT_PAUSE == (int)GATE_FACT_PAUSE);
static_assert((int)IDLEGATE_FACT_SENSOR == (int)GATE_FACT_SENSOR);

static bool all_zero(const void *p, size_t size)
{
	return !memchr_inv(p, 0, size);
}

int translate_host(const struct idlegate_host *in)
{
	return in->flags || !all_zero(in->reserved, sizeof(in->reserved)) ? -EINVAL : 0;
}

int translate_policy(const struct idlegate_policy *in, struct gate_policy *out)
{
	if (in->require_charging > 1 || !all_zero(in->reserved, sizeof(in->reserved)))
		return -EINVAL;
	if (in->look_ms &&
	    (in->look_ms < IDLEGATE_LOOK_MIN_MS || in->look_ms > IDLEGATE_LOOK_MAX_MS))
		return -EINVAL;
	if (!all_zero(in->dwell_ns + IDLEGATE_HOLD_COUNT,
		      sizeof(in->dwell_ns) - IDLEGATE_HOLD_COUNT * sizeof(in->dwell_ns[0])))
		return -EINVAL;
	*out = (struct gate_policy){
		.idle_after_ns = in->idle_after_ns,
		.resume_settle_ns = in->resume_settle_ns,
		.battery_low_set = in->battery_low_set,
		.battery_low_clear = in->battery_low_clear,
		.battery_hot_set = in->battery_hot_set,
		.battery_hot_clear = in->battery_hot_clear,
		.zone_hot_set = in->zone_hot_set,
		.zone_hot_clear = in->zone_hot_clear,
		.require_charging = in->require_charging,
		.required_sensors = in->required_sensors,
	};
	for (u32 i = 0; i < IDLEGATE_HOLD_COUNT; i++)
		out->dwell_ns[i] = in->dwell_ns[i];
	return gate_policy_check(out) ? -EINVAL : 0;
}

static int check_zone(const struct idlegate_zones *zones, u32 id)
{
	const struct idlegate_zone *z = &zones->zone[id];
	size_t len = strnlen(z->name, sizeof(z->name));

	if (!len || len == sizeof(z->name) || z->reserved ||
	    !all_zero(z->name + len, sizeof(z->name) - len))
		return -EINVAL;
	for (u32 i = 0; i < id; i++)
		if (!strcmp(zones->zone[i].name, z->name))
			return -EINVAL;
	return 0;
}

int translate_zones(const struct idlegate_zones *in)
{
	if (in->n > IDLEGATE_ZONES || in->reserved ||
	    !all_zero(in->zone + in->n, (IDLEGATE_ZONES - in->n) * sizeof(in->zone[0])))
		return -EINVAL;
	for (u32 id = 0; id < in->n; id++)
		if (check_zone(in, id))
			return -EINVAL;
	return 0;
}

/* Which sensor watches it: GATE_SENSOR_COUNT for none. */
static u32 sensor_of(const struct idlegate_fact *in)
{
	switch (in->kind) {
	case IDLEGATE_FACT_POWER:
		return GATE_SENSOR_POWER;
	case IDLEGATE_FACT_ZONE:
	case IDLEGATE_FACT_ZONE_GONE:
		return GATE_SENSOR_THERMAL;
	case IDLEGATE_FACT_SUSPEND:
		return GATE_SENSOR_SUSPEND;
	case IDLEGATE_FACT_GPU:
		return GATE_SENSOR_GPU;
	case IDLEGATE_FACT_CPU:
		return GATE_SENSOR_CPU;
	case IDLEGATE_FACT_SCHEDULE:
		return GATE_SENSOR_SCHEDULE;
	case IDLEGATE_FACT_SENSOR:
		return in->id;
	default: /* an input that another probe saw is welcome */
		return GATE_SENSOR_COUNT;
	}
}

static int take_power(const struct idlegate_fact *in, struct idlegate_fact *used,
		      struct gate_fact *out)
{
	used->on = in->on;
	used->temp_mc = in->temp_mc;
	used->capacity = in->capacity;
	out->power = (struct gate_power){
		.external_online = in->on & IDLEGATE_POWER_ONLINE,
		.has_battery = in->on & IDLEGATE_POWER_BATTERY,
		.discharging = in->on & IDLEGATE_POWER_DISCHARGING,
		.temp_mc = in->temp_mc,
		.capacity = in->capacity,
	};
	return in->on & ~(IDLEGATE_POWER_ONLINE | IDLEGATE_POWER_BATTERY |
			  IDLEGATE_POWER_DISCHARGING)
		       ? -EINVAL
		       : 0;
}

static int take_zone(const struct idlegate_fact *in, struct idlegate_fact *used,
		     struct gate_fact *out)
{
	used->id = in->id;
	out->zone.id = in->id;
	if (in->kind == IDLEGATE_FACT_ZONE) {
		used->temp_mc = in->temp_mc;
		used->set_mc = in->set_mc;
		used->clear_mc = in->clear_mc;
		out->zone.temp_mc = in->temp_mc;
		out->zone.set_mc = in->set_mc;
		out->zone.clear_mc = in->clear_mc;
	}
	return in->id < GATE_MAX_ZONES ? 0 : -EINVAL;
}

static int take_pause(const struct idlegate_fact *in, struct idlegate_fact *used,
		      struct gate_fact *out)
{
	used->on = in->on;
	used->until_ns = in->on ? in->until_ns : 0;
	out->pause.on = in->on;
	out->pause.until_ns = in->until_ns;
	return in->on > 1 ? -EINVAL : 0;
}

static int take_sensor(const struct idlegate_fact *in, struct idlegate_fact *used,
		       struct gate_fact *out)
{
	used->id = in->id;
	used->on = in->on;
	out->sensor.id = in->id;
	out->sensor.state = in->on;
	if (in->id >= GATE_SENSOR_COUNT)
		return -EINVAL;
	return in->on >= GATE_SENSOR_OK && in->on <= GATE_SENSOR_ABSENT ? 0 : -EINVAL;
}

/* Writes to @used what the kind uses. */
static int take(const struct idlegate_fact *in, struct idlegate_fact *used, struct gate_fact *out)
{
	switch (in->kind) {
	case IDLEGATE_FACT_TICK:
	case IDLEGATE_FACT_INPUT:
		return 0;
	case IDLEGATE_FACT_POWER:
		return take_power(in, used, out);
	case IDLEGATE_FACT_ZONE:
	case IDLEGATE_FACT_ZONE_GONE:
		return take_zone(in, used, out);
	case IDLEGATE_FACT_SUSPEND:
	case IDLEGATE_FACT_GPU:
	case IDLEGATE_FACT_CPU:
	case IDLEGATE_FACT_SCHEDULE:
		used->on = in->on;
		out->on = in->on;
		return in->on > 1 ? -EINVAL : 0;
	case IDLEGATE_FACT_PAUSE:
		return take_pause(in, used, out);
	case IDLEGATE_FACT_SENSOR:
		return take_sensor(in, used, out);
	default:
		return -EINVAL;
	}
}

int translate_fact(const struct idlegate_fact *in, u32 watched, struct gate_fact *out)
{
	struct idlegate_fact used = {.kind = in->kind};
	u32 sensor = sensor_of(in);

	memset(out, 0, sizeof(*out));
	out->kind = in->kind;
	if (take(in, &used, out) || memcmp(&used, in, sizeof(used)))
		return -EINVAL;
	return sensor < GATE_SENSOR_COUNT && watched & GATE_SENSOR_BIT(sensor) ? -EBUSY : 0;
}

int translate_join(const struct idlegate_join *in)
{
	if (in->flags || !all_zero(in->reserved, sizeof(in->reserved)))
		return -EINVAL;
	if (!in->grace_ms || in->grace_ms > in->limit_ms || in->limit_ms > IDLEGATE_LEASE_MAX_MS)
		return -EINVAL;
	return 0;
}
