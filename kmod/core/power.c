/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Several supplies to one fact. Chargers of phones register as USB or wireless, boards have no
 * supply at all, laptops have two batteries: what counts is whether anything that is no battery
 * feeds, and the worst of the batteries.
 */
#include "gate.h"

static bool battery_discharges(const struct gate_supply *s)
{
	return s->discharging ||
	       (s->current_ua != GATE_VALUE_UNKNOWN && s->current_ua < -GATE_CURRENT_NOISE_UA);
}

static void add_battery(struct gate_power *out, const struct gate_supply *s)
{
	out->has_battery = true;
	out->discharging |= battery_discharges(s);
	if (s->capacity != GATE_VALUE_UNKNOWN &&
	    (out->capacity == GATE_VALUE_UNKNOWN || s->capacity < out->capacity))
		out->capacity = s->capacity;
	/* GATE_TEMP_UNKNOWN is the smallest of all numbers. */
	if (s->temp_mc > out->temp_mc)
		out->temp_mc = s->temp_mc;
}

void gate_power_sum(struct gate_power *out, const struct gate_supply *supplies, u32 n)
{
	*out = (struct gate_power){.capacity = GATE_VALUE_UNKNOWN, .temp_mc = GATE_TEMP_UNKNOWN};
	for (u32 i = 0; i < n; i++) {
		const struct gate_supply *s = &supplies[i];

		if (!s->is_battery)
			out->external_online |= s->online;
		else if (s->present)
			add_battery(out, s);
	}
	if (!out->has_battery)
		out->external_online = true;
}
