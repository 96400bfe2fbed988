/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The limits: the ones that suit a phone on its charger, each with its reason, and the check
 * that a set of limits can work together.
 */
#include "gate.h"

#define S_NS   1000000000ull
#define DAY_NS (24 * 3600 * S_NS)

void gate_policy_default(struct gate_policy *policy)
{
	*policy = (struct gate_policy){
		/* Two minutes: longer than a reader's pause between two pages. */
		.idle_after_ns = 120 * S_NS,
		/* After a resume the owner's own programs catch up first. */
		.resume_settle_ns = 15 * S_NS,
		/*
		 * The owner comes first: half a charge must be there before work begins. Both
		 * limits lie below the 60 and 80 percent at which careful owners stop the charging,
		 * or such a phone would never lend.
		 */
		.battery_low_set = 40,
		.battery_low_clear = 50,
		/*
		 * Charging a lithium cell above 45 degrees ages it fast; 40 leaves it room, and 37
		 * is what a phone reaches again within minutes of rest.
		 */
		.battery_hot_set = 40000,
		.battery_hot_clear = 37000,
		/* Below the 75 to 85 degrees at which phone chips begin to throttle their owner. */
		.zone_hot_set = 70000,
		.zone_hot_clear = 62000,
		.require_charging = true,
		/* A device that has none of a kind says so (absent); silence is not trusted. */
		.required_sensors = GATE_SENSOR_MASK,
	};
	/* A loose plug and a charger that negotiates come and go within seconds. */
	policy->dwell_ns[IDLEGATE_HOLD_NOT_CHARGING] = 30 * S_NS;
	/* The load itself turns the current around, so this is what bounds start and stop. */
	policy->dwell_ns[IDLEGATE_HOLD_DRAINING] = 60 * S_NS;
	/* A battery is heavy: its inside is warmer than its sensor for a while. */
	policy->dwell_ns[IDLEGATE_HOLD_BATTERY_HOT] = 60 * S_NS;
	policy->dwell_ns[IDLEGATE_HOLD_ZONE_HOT] = 10 * S_NS;
	/* A program that draws pauses between frames, pages and scenes. */
	policy->dwell_ns[IDLEGATE_HOLD_GPU_BUSY] = 10 * S_NS;
	policy->dwell_ns[IDLEGATE_HOLD_CPU_BUSY] = 5 * S_NS;
	/* A sensor that fails now and then must not open the gate between two failures. */
	policy->dwell_ns[IDLEGATE_HOLD_SENSOR_LOST] = 5 * S_NS;
	/*
	 * None for the rest: the idle and the settle time are dwells themselves, the level has two
	 * limits and moves slowly, and the owner's word (schedule, pause) and the host's are exact.
	 */
}

static bool temp_possible(s32 mc)
{
	return mc >= GATE_TEMP_MIN_MC && mc <= GATE_TEMP_MAX_MC;
}

static const char *check_times(const struct gate_policy *policy)
{
	if (policy->idle_after_ns > DAY_NS)
		return "idle_after must not be longer than a day";
	if (policy->resume_settle_ns > DAY_NS)
		return "resume_settle must not be longer than a day";
	for (u32 hold = 0; hold < IDLEGATE_HOLD_COUNT; hold++)
		if (policy->dwell_ns[hold] > DAY_NS)
			return "a dwell must not be longer than a day";
	return NULL;
}

const char *gate_policy_check(const struct gate_policy *policy)
{
	if (policy->battery_low_set < 0 || policy->battery_low_clear > 100)
		return "battery_low_set and battery_low_clear must be from 0 to 100 percent";
	if (policy->battery_low_set >= policy->battery_low_clear)
		return "battery_low_set must be below battery_low_clear";
	if (!temp_possible(policy->battery_hot_set) || !temp_possible(policy->battery_hot_clear))
		return "battery_hot_set and battery_hot_clear must be from -100 to 250 degrees";
	if (policy->battery_hot_clear >= policy->battery_hot_set)
		return "battery_hot_clear must be below battery_hot_set";
	if (!temp_possible(policy->zone_hot_set) || !temp_possible(policy->zone_hot_clear))
		return "zone_hot_set and zone_hot_clear must be from -100 to 250 degrees";
	if (policy->zone_hot_clear >= policy->zone_hot_set)
		return "zone_hot_clear must be below zone_hot_set";
	if (policy->required_sensors & ~GATE_SENSOR_MASK)
		return "required_sensors names a sensor that does not exist";
	if (policy->require_charging &&
	    !(policy->required_sensors & GATE_SENSOR_BIT(GATE_SENSOR_POWER)))
		return "require_charging needs power among required_sensors";
	return check_times(policy);
}
