/* SPDX-License-Identifier: GPL-2.0-only */
/* The sensors, begun in order and ended in the reverse one. */
#include "watch.h"

#include <linux/kconfig.h>
#include <linux/kernel.h>

#include "core/gate.h"
#include "look.h"

struct watch_sensor {
	u32 bit;
	int (*begin)(void);
	void (*end)(void);
};

static const struct watch_sensor sensors[] = {
	{GATE_SENSOR_BIT(GATE_SENSOR_INPUT), watch_input_begin, watch_input_end},
#if IS_REACHABLE(CONFIG_POWER_SUPPLY)
	{GATE_SENSOR_BIT(GATE_SENSOR_POWER), watch_power_begin, watch_power_end},
#endif
#if IS_ENABLED(CONFIG_THERMAL)
	{GATE_SENSOR_BIT(GATE_SENSOR_THERMAL), watch_thermal_begin, watch_thermal_end},
#endif
#if IS_ENABLED(CONFIG_PM_SLEEP)
	{GATE_SENSOR_BIT(GATE_SENSOR_SUSPEND), watch_suspend_begin, watch_suspend_end},
#endif
};

static u32 begun;

u32 watch_available(void)
{
	u32 all = 0;

	for (size_t i = 0; i < ARRAY_SIZE(sensors); i++)
		all |= sensors[i].bit;
	return all;
}

int watch_begin(u32 wanted)
{
	for (size_t i = 0; i < ARRAY_SIZE(sensors); i++) {
		int r;

		if (!(wanted & sensors[i].bit))
			continue;
		r = sensors[i].begin();
		if (r) {
			watch_end();
			return r;
		}
		begun |= sensors[i].bit;
	}
	look_now(LOOK_ALL);
	return 0;
}

void watch_end(void)
{
	for (size_t i = ARRAY_SIZE(sensors); i-- > 0;)
		if (begun & sensors[i].bit)
			sensors[i].end();
	begun = 0;
	look_end();
}

static void forget(const void *unused)
{
	watch_input_forget();
	watch_power_forget();
}

void watch_forget(void)
{
	look_change(forget, NULL);
	look_now(LOOK_ALL);
}

static void set_zones(const void *zones)
{
	watch_thermal_set(zones);
}

void watch_zones(const struct idlegate_zones *zones)
{
	look_change(set_zones, zones);
	look_now(LOOK_ALL);
}
