/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The second move of a step: what the stored facts forbid now.
 *
 * Where a number has two limits, gate_latch() brings up to date what must be remembered
 * between them; gate_judge() is then a function of what is stored, the policy and the time.
 */
#include "internal.h"

static bool level_valid(s32 percent)
{
	return percent >= 0 && percent <= 100;
}

/* Setting goes first, so limits that contradict each other keep the gate closed. */
static bool latch_low(bool was, s32 value, s32 set, s32 clear)
{
	if (value <= set)
		return true;
	return value >= clear ? false : was;
}

static bool latch_hot(bool was, s32 value, s32 set, s32 clear)
{
	if (value >= set)
		return true;
	return value <= clear ? false : was;
}

/* A zone with a limit of its own and no clear limit below it gets the policy's distance. */
static bool zone_is_hot(bool was, const struct gate_zone *zone, const struct gate_policy *policy)
{
	s32 set = policy->zone_hot_set;
	s32 clear = policy->zone_hot_clear;

	if (gate_temp_valid(zone->set_mc)) {
		clear = zone->set_mc - (set - clear);
		set = zone->set_mc;
	}
	if (gate_temp_valid(zone->clear_mc) && zone->clear_mc < set)
		clear = zone->clear_mc;
	return latch_hot(was, zone->temp_mc, set, clear);
}

/* Where a number is missing the latch stays as it is: nothing was heard that would calm. */
void gate_latch(struct gate *g, const struct gate_policy *policy)
{
	const struct gate_power *p = &g->power;

	if (gate_heard(g, GATE_SENSOR_POWER) && level_valid(p->capacity))
		g->battery_low = latch_low(g->battery_low, p->capacity, policy->battery_low_set,
					   policy->battery_low_clear);
	if (gate_heard(g, GATE_SENSOR_POWER) && gate_temp_valid(p->temp_mc))
		g->battery_hot = latch_hot(g->battery_hot, p->temp_mc, policy->battery_hot_set,
					   policy->battery_hot_clear);
	if (!p->has_battery) {
		g->battery_low = false;
		g->battery_hot = false;
	}
	for (u32 id = 0; id < GATE_MAX_ZONES; id++) {
		u32 bit = 1u << id;

		if (!(g->zones_known & bit) || !gate_temp_valid(g->zone[id].temp_mc))
			continue;
		if (zone_is_hot(g->zones_hot & bit, &g->zone[id], policy))
			g->zones_hot |= bit;
		else
			g->zones_hot &= ~bit;
	}
}

/* Does a sensor that works lack a value that it must give? */
static bool value_missing(const struct gate *g, u32 sensor)
{
	const struct gate_power *p = &g->power;

	switch (sensor) {
	case GATE_SENSOR_POWER:
		if (!gate_heard(g, sensor))
			return true;
		if (!p->has_battery)
			return false;
		return !level_valid(p->capacity) ||
		       (g->battery_temp_seen && !gate_temp_valid(p->temp_mc)) ||
		       (p->temp_mc != GATE_TEMP_UNKNOWN && !gate_temp_valid(p->temp_mc));
	case GATE_SENSOR_THERMAL:
		for (u32 id = 0; id < GATE_MAX_ZONES; id++)
			if ((g->zones_known & (1u << id)) && !gate_temp_valid(g->zone[id].temp_mc))
				return true;
		return !g->zones_known;
	case GATE_SENSOR_SCHEDULE:
		return !gate_heard(g, sensor);
	default:
		return false;
	}
}

/* Fills g->lost; says of each required sensor that is missing whether it ever was there. */
static void judge_sensors(struct gate *g, const struct gate_policy *policy, struct gate_verdict *v)
{
	v->start = true;
	g->lost = 0;
	for (u32 s = 0; s < GATE_SENSOR_COUNT; s++) {
		u32 state = g->sensor[s];

		if (!(policy->required_sensors & GATE_SENSOR_BIT(s)) || state == GATE_SENSOR_ABSENT)
			continue;
		if (state == GATE_SENSOR_OK && !value_missing(g, s))
			continue;
		g->lost |= GATE_SENSOR_BIT(s);
		if (state == GATE_SENSOR_LOST || gate_heard(g, s))
			v->start = false;
	}
	v->raw = g->lost;
	if (g->nonsense_until_ns > g->now_ns) {
		v->start = false;
		if (!v->raw)
			v->until_ns = g->nonsense_until_ns;
		v->raw = true;
	}
}

static void judge_until(struct gate_verdict *v, u64 until_ns, u64 now_ns)
{
	v->raw = until_ns == GATE_NEVER || until_ns > now_ns;
	v->until_ns = until_ns;
}

static bool judge_power(const struct gate *g, const struct gate_policy *policy, u32 hold)
{
	const struct gate_power *p = &g->power;

	switch (hold) {
	case IDLEGATE_HOLD_NOT_CHARGING:
		return gate_heard(g, GATE_SENSOR_POWER) && policy->require_charging &&
		       !p->external_online;
	case IDLEGATE_HOLD_DRAINING:
		return gate_heard(g, GATE_SENSOR_POWER) && policy->require_charging &&
		       p->external_online && p->has_battery && p->discharging;
	case IDLEGATE_HOLD_BATTERY_LOW:
		return g->battery_low;
	default:
		return g->battery_hot;
	}
}

struct gate_verdict gate_judge(struct gate *g, const struct gate_policy *policy, u32 hold)
{
	struct gate_verdict v = {.until_ns = GATE_NEVER};

	switch (hold) {
	case IDLEGATE_HOLD_USER_ACTIVE:
		if (g->input_seen)
			judge_until(&v, gate_add_ns(g->input_ns, policy->idle_after_ns), g->now_ns);
		break;
	case IDLEGATE_HOLD_NOT_CHARGING:
	case IDLEGATE_HOLD_DRAINING:
	case IDLEGATE_HOLD_BATTERY_LOW:
	case IDLEGATE_HOLD_BATTERY_HOT:
		v.raw = judge_power(g, policy, hold);
		break;
	case IDLEGATE_HOLD_ZONE_HOT:
		v.raw = g->zones_hot;
		break;
	case IDLEGATE_HOLD_SUSPENDING:
		v.raw = g->suspended;
		if (!g->suspended && g->resumed)
			judge_until(&v, gate_add_ns(g->resumed_ns, policy->resume_settle_ns),
				    g->now_ns);
		break;
	case IDLEGATE_HOLD_GPU_BUSY:
		v.raw = g->gpu_busy;
		break;
	case IDLEGATE_HOLD_CPU_BUSY:
		v.raw = g->cpu_busy;
		break;
	case IDLEGATE_HOLD_SCHEDULE:
		v.raw = gate_heard(g, GATE_SENSOR_SCHEDULE) && !g->hour_allowed;
		break;
	case IDLEGATE_HOLD_PAUSED:
		if (g->paused)
			judge_until(&v, g->pause_until_ns, g->now_ns);
		break;
	case IDLEGATE_HOLD_BROKER_GONE:
		v.raw = !g->hosted;
		v.start = !g->ever_hosted;
		break;
	case IDLEGATE_HOLD_SENSOR_LOST:
		judge_sensors(g, policy, &v);
		break;
	}
	return v;
}
