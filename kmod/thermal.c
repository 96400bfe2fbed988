/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Heat: the thermal zones that the owner named.
 *
 * The thermal core tells a module of nothing, so zones are read when looked at. It gives a zone by
 * its name without a reference: each look finds its zones anew, and a name that stands for no zone,
 * or for more than one, is a broken sensor until a look finds it. A zone that has no value now is
 * known and without a temperature, which the gate takes for a broken sensor too: it was named
 * because it matters.
 */
#include <linux/err.h>
#include <linux/kconfig.h>
#include <linux/string.h>
#include <linux/thermal.h>

#include "core/gate.h"
#include "look.h"
#include "watch.h"

static struct idlegate_zones named;
static u32 zones_told; /* bits of the ids that the gate knows */
static u32 thermal_told; /* the state that was told last */

static void say_gone(struct look *look, u32 id)
{
	if (!(zones_told & (1u << id)))
		return;
	zones_told &= ~(1u << id);
	look_add(look, &(struct gate_fact){.kind = GATE_FACT_ZONE_GONE, .zone = {.id = id}});
}

/* Returns whether it is there. */
static bool read_zone(struct look *look, u32 id)
{
	const struct idlegate_zone *z = &named.zone[id];
	struct thermal_zone_device *tz = thermal_zone_get_zone_by_name(z->name);
	struct gate_fact fact = {
		.kind = GATE_FACT_ZONE,
		.zone = {.id = id, .set_mc = z->set_mc, .clear_mc = z->clear_mc},
	};
	int mc;

	if (IS_ERR(tz)) {
		say_gone(look, id);
		return false;
	}
	fact.zone.temp_mc = thermal_zone_get_temp(tz, &mc) ? GATE_TEMP_UNKNOWN : mc;
	zones_told |= 1u << id;
	look_add(look, &fact);
	return true;
}

void watch_thermal_look(struct look *look)
{
	bool all = true;

	for (u32 id = 0; id < IDLEGATE_ZONES; id++) {
		if (id < named.n)
			all &= read_zone(look, id);
		else
			say_gone(look, id);
	}
	if (named.n)
		look_add_sensor(look, GATE_SENSOR_THERMAL, all ? GATE_SENSOR_OK : GATE_SENSOR_LOST,
				&thermal_told);
}

void watch_thermal_set(const struct idlegate_zones *zones)
{
	named = *zones;
}

int watch_thermal_begin(void)
{
	memset(&named, 0, sizeof(named));
	zones_told = 0;
	thermal_told = GATE_SENSOR_UNHEARD;
	return 0;
}

void watch_thermal_end(void)
{
}
