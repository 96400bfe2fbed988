/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The first move of a step: a fact is stored where judge.c finds it, and nothing is judged. */
#include "internal.h"

/* A value came: a sensor that speaks is neither unheard of nor absent. */
static void hear(struct gate *g, u32 sensor)
{
	g->heard |= GATE_SENSOR_BIT(sensor);
	if (g->sensor[sensor] != GATE_SENSOR_LOST)
		g->sensor[sensor] = GATE_SENSOR_OK;
}

/* Nobody is left who could take back what the sensor said. */
static void forget(struct gate *g, u32 sensor)
{
	g->heard &= ~GATE_SENSOR_BIT(sensor);
	switch (sensor) {
	case GATE_SENSOR_POWER:
		g->battery_temp_seen = false;
		g->battery_low = false;
		g->battery_hot = false;
		break;
	case GATE_SENSOR_THERMAL:
		g->zones_known = 0;
		g->zones_hot = 0;
		break;
	case GATE_SENSOR_GPU:
		g->gpu_busy = false;
		break;
	case GATE_SENSOR_CPU:
		g->cpu_busy = false;
		break;
	case GATE_SENSOR_SUSPEND:
		g->suspended = false;
		break;
	default: /* an input wears off, and the schedule goes by heard() */
		break;
	}
}

static int take_sensor(struct gate *g, u32 sensor, u32 state)
{
	if (sensor >= GATE_SENSOR_COUNT || state == GATE_SENSOR_UNHEARD ||
	    state > GATE_SENSOR_ABSENT)
		return -EINVAL;
	g->sensor[sensor] = state;
	if (state == GATE_SENSOR_ABSENT)
		forget(g, sensor);
	return 0;
}

static void take_power(struct gate *g, const struct gate_power *power)
{
	hear(g, GATE_SENSOR_POWER);
	g->power = *power;
	if (!power->has_battery)
		g->battery_temp_seen = false;
	else if (gate_temp_valid(power->temp_mc))
		g->battery_temp_seen = true;
}

static int take_zone(struct gate *g, const struct gate_fact *fact)
{
	u32 id = fact->zone.id;

	if (id >= GATE_MAX_ZONES)
		return -EINVAL;
	if (fact->kind == GATE_FACT_ZONE_GONE) {
		g->zones_known &= ~(1u << id);
		g->zones_hot &= ~(1u << id);
		return 0;
	}
	hear(g, GATE_SENSOR_THERMAL);
	g->zones_known |= 1u << id;
	g->zone[id].temp_mc = fact->zone.temp_mc;
	g->zone[id].set_mc = fact->zone.set_mc;
	g->zone[id].clear_mc = fact->zone.clear_mc;
	return 0;
}

static void take_suspend(struct gate *g, bool on)
{
	hear(g, GATE_SENSOR_SUSPEND);
	if (g->suspended && !on) {
		g->resumed = true;
		g->resumed_ns = g->now_ns;
	}
	g->suspended = on;
}

int gate_take(struct gate *g, const struct gate_fact *fact)
{
	switch (fact->kind) {
	case GATE_FACT_TICK:
		return 0;
	case GATE_FACT_INPUT:
		hear(g, GATE_SENSOR_INPUT);
		g->input_seen = true;
		g->input_ns = g->now_ns;
		return 0;
	case GATE_FACT_POWER:
		take_power(g, &fact->power);
		return 0;
	case GATE_FACT_ZONE:
	case GATE_FACT_ZONE_GONE:
		return take_zone(g, fact);
	case GATE_FACT_SUSPEND:
		take_suspend(g, fact->on);
		return 0;
	case GATE_FACT_GPU:
		hear(g, GATE_SENSOR_GPU);
		g->gpu_busy = fact->on;
		return 0;
	case GATE_FACT_CPU:
		hear(g, GATE_SENSOR_CPU);
		g->cpu_busy = fact->on;
		return 0;
	case GATE_FACT_SCHEDULE:
		hear(g, GATE_SENSOR_SCHEDULE);
		g->hour_allowed = fact->on;
		return 0;
	case GATE_FACT_PAUSE:
		g->paused = fact->pause.on;
		g->pause_until_ns = fact->pause.until_ns;
		return 0;
	case GATE_FACT_HOST:
		g->hosted = fact->on;
		g->ever_hosted |= fact->on;
		return 0;
	case GATE_FACT_SENSOR:
		return take_sensor(g, fact->sensor.id, fact->sensor.state);
	default:
		return -EINVAL;
	}
}
