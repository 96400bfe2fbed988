/* SPDX-License-Identifier: MIT */
/*
 * A second, plain account of what the gate must do, for the property tests and the fuzzer.
 *
 * The model keeps one flag or time for each thing a fact can say, and from them writes down for
 * each hold whether its condition forbids now, and until when. From that alone it foretells the
 * whole set of holds: a hold is set while its condition forbids and for its dwell after it. So
 * "never open while forbidden", "seen for its dwell" and "nothing stale" are one equality.
 */
#ifndef TESTS_GATE_MODEL_H
#define TESTS_GATE_MODEL_H

#include <string.h>

#include "kmod/core/gate.h"

struct model_hold {
	bool set, forbids;
	bool mere_start; /* so far only what was never heard of made it set */
	u64 until, calm_from;
};

struct gate_model {
	u64 now, facts;
	struct model_hold hold[IDLEGATE_HOLD_COUNT];
	bool ok[GATE_SENSOR_COUNT], absent[GATE_SENSOR_COUNT], lost[GATE_SENSOR_COUNT];
	bool value[GATE_SENSOR_COUNT];
	bool touched, slept, woke, gpu, cpu, hour, paused, host, had_host;
	u64 touch, wake, pause_end, nonsense;
	struct gate_power power;
	bool temp_told, low, warm;
	struct {
		bool there, hot;
		s32 temp, set, clear;
	} zone[GATE_MAX_ZONES];
};

static inline bool model_temp_ok(s32 mc)
{
	return -100000 <= mc && mc <= 250000;
}

static inline void model_value(struct gate_model *m, u32 sensor)
{
	m->value[sensor] = true;
	m->absent[sensor] = false;
	m->ok[sensor] = !m->lost[sensor];
}

static inline bool model_sensor(struct gate_model *m, u32 id, u32 state)
{
	if (id > GATE_SENSOR_SCHEDULE || state < GATE_SENSOR_OK || state > GATE_SENSOR_ABSENT)
		return false;
	m->ok[id] = state == GATE_SENSOR_OK;
	m->lost[id] = state == GATE_SENSOR_LOST;
	m->absent[id] = state == GATE_SENSOR_ABSENT;
	if (!m->absent[id])
		return true;
	m->value[id] = false;
	if (id == GATE_SENSOR_GPU)
		m->gpu = false;
	if (id == GATE_SENSOR_CPU)
		m->cpu = false;
	if (id == GATE_SENSOR_SUSPEND)
		m->slept = false;
	if (id == GATE_SENSOR_POWER)
		m->low = m->warm = m->temp_told = false;
	if (id == GATE_SENSOR_THERMAL)
		memset(m->zone, 0, sizeof(m->zone));
	return true;
}

static inline void model_power(struct gate_model *m, const struct gate_power *p)
{
	model_value(m, GATE_SENSOR_POWER);
	m->power = *p;
	m->temp_told = p->has_battery && (m->temp_told || model_temp_ok(p->temp_mc));
}

/* Return: whether the fact makes sense. */
static inline bool model_take(struct gate_model *m, const struct gate_fact *f)
{
	static const u32 sensor_of[GATE_FACT_COUNT] = {
		[GATE_FACT_INPUT] = GATE_SENSOR_INPUT,
		[GATE_FACT_GPU] = GATE_SENSOR_GPU,
		[GATE_FACT_CPU] = GATE_SENSOR_CPU,
		[GATE_FACT_ZONE] = GATE_SENSOR_THERMAL,
		[GATE_FACT_SCHEDULE] = GATE_SENSOR_SCHEDULE,
		[GATE_FACT_SUSPEND] = GATE_SENSOR_SUSPEND,
	};
	bool zone = f->kind == GATE_FACT_ZONE || f->kind == GATE_FACT_ZONE_GONE;

	if (f->kind > GATE_FACT_SENSOR || (zone && f->zone.id >= GATE_MAX_ZONES))
		return false;
	if (f->kind == GATE_FACT_SENSOR)
		return model_sensor(m, f->sensor.id, f->sensor.state);
	if (sensor_of[f->kind] || f->kind == GATE_FACT_INPUT)
		model_value(m, sensor_of[f->kind]);
	if (f->kind == GATE_FACT_INPUT) {
		m->touched = true;
		m->touch = m->now;
	} else if (f->kind == GATE_FACT_POWER) {
		model_power(m, &f->power);
	} else if (f->kind == GATE_FACT_ZONE) {
		m->zone[f->zone.id].there = true;
		m->zone[f->zone.id].temp = f->zone.temp_mc;
		m->zone[f->zone.id].set = f->zone.set_mc;
		m->zone[f->zone.id].clear = f->zone.clear_mc;
	} else if (f->kind == GATE_FACT_ZONE_GONE) {
		memset(&m->zone[f->zone.id], 0, sizeof(m->zone[0]));
	} else if (f->kind == GATE_FACT_SUSPEND) {
		if (m->slept && !f->on) {
			m->woke = true;
			m->wake = m->now;
		}
		m->slept = f->on;
	} else if (f->kind == GATE_FACT_GPU) {
		m->gpu = f->on;
	} else if (f->kind == GATE_FACT_CPU) {
		m->cpu = f->on;
	} else if (f->kind == GATE_FACT_SCHEDULE) {
		m->hour = f->on;
	} else if (f->kind == GATE_FACT_PAUSE) {
		m->paused = f->pause.on;
		m->pause_end = f->pause.until_ns;
	} else if (f->kind == GATE_FACT_HOST) {
		m->host = f->on;
		m->had_host |= f->on;
	}
	return true;
}

static inline void model_remember(struct gate_model *m, const struct gate_policy *p)
{
	bool power = m->value[GATE_SENSOR_POWER];

	if (power && m->power.capacity >= 0 && m->power.capacity <= 100) {
		m->low &= m->power.capacity < p->battery_low_clear;
		m->low |= m->power.capacity <= p->battery_low_set;
	}
	if (power && model_temp_ok(m->power.temp_mc)) {
		m->warm &= m->power.temp_mc > p->battery_hot_clear;
		m->warm |= m->power.temp_mc >= p->battery_hot_set;
	}
	m->low &= m->power.has_battery;
	m->warm &= m->power.has_battery;
	for (u32 i = 0; i < GATE_MAX_ZONES; i++) {
		s32 set = model_temp_ok(m->zone[i].set) ? m->zone[i].set : p->zone_hot_set;
		s32 clear = set - p->zone_hot_set + p->zone_hot_clear;

		if (!m->zone[i].there || !model_temp_ok(m->zone[i].temp))
			continue;
		if (model_temp_ok(m->zone[i].clear) && m->zone[i].clear < set)
			clear = m->zone[i].clear;
		m->zone[i].hot &= m->zone[i].temp > clear;
		m->zone[i].hot |= m->zone[i].temp >= set;
	}
}

static inline bool model_value_missing(const struct gate_model *m, u32 s)
{
	bool any = false;

	if (s == GATE_SENSOR_POWER && m->value[s] && m->power.has_battery)
		return m->power.capacity < 0 || m->power.capacity > 100 ||
		       (!model_temp_ok(m->power.temp_mc) &&
			(m->temp_told || m->power.temp_mc != GATE_TEMP_UNKNOWN));
	if (s == GATE_SENSOR_POWER || s == GATE_SENSOR_SCHEDULE)
		return !m->value[s];
	if (s != GATE_SENSOR_THERMAL)
		return false;
	for (u32 i = 0; i < GATE_MAX_ZONES; i++) {
		if (m->zone[i].there && !model_temp_ok(m->zone[i].temp))
			return true;
		any |= m->zone[i].there;
	}
	return !any;
}

static inline u64 model_after(u64 t, u64 more)
{
	return t > GATE_NEVER - more ? GATE_NEVER : t + more;
}

/* Each hold's condition in a line or two: does it forbid, and until when? */
static inline bool model_forbids(const struct gate_model *m, const struct gate_policy *p, u32 hold,
				 u64 *until, bool *mere_start)
{
	bool power = m->value[GATE_SENSOR_POWER] && p->require_charging;
	bool lost = false;

	*until = GATE_NEVER;
	*mere_start = false;
	switch (hold) {
	case IDLEGATE_HOLD_USER_ACTIVE:
		*until = model_after(m->touch, p->idle_after_ns);
		return m->touched && (*until == GATE_NEVER || m->now < *until);
	case IDLEGATE_HOLD_NOT_CHARGING:
		return power && !m->power.external_online;
	case IDLEGATE_HOLD_DRAINING:
		return power && m->power.external_online && m->power.has_battery &&
		       m->power.discharging;
	case IDLEGATE_HOLD_BATTERY_LOW:
		return m->low;
	case IDLEGATE_HOLD_BATTERY_HOT:
		return m->warm;
	case IDLEGATE_HOLD_ZONE_HOT:
		for (u32 i = 0; i < GATE_MAX_ZONES; i++)
			lost |= m->zone[i].hot;
		return lost;
	case IDLEGATE_HOLD_SUSPENDING:
		if (m->slept)
			return true;
		*until = model_after(m->wake, p->resume_settle_ns);
		return m->woke && (*until == GATE_NEVER || m->now < *until);
	case IDLEGATE_HOLD_GPU_BUSY:
		return m->gpu;
	case IDLEGATE_HOLD_CPU_BUSY:
		return m->cpu;
	case IDLEGATE_HOLD_SCHEDULE:
		return m->value[GATE_SENSOR_SCHEDULE] && !m->hour;
	case IDLEGATE_HOLD_PAUSED:
		*until = m->pause_end;
		return m->paused && (*until == GATE_NEVER || m->now < *until);
	case IDLEGATE_HOLD_BROKER_GONE:
		*mere_start = !m->had_host;
		return !m->host;
	}
	*mere_start = true;
	for (u32 s = 0; s < GATE_SENSOR_COUNT; s++) {
		if (!(p->required_sensors >> s & 1) || m->absent[s])
			continue;
		if (m->ok[s] && !model_value_missing(m, s))
			continue;
		lost = true;
		*mere_start &= !m->lost[s] && !m->value[s];
	}
	if (m->nonsense > m->now) {
		*mere_start = false;
		*until = lost ? GATE_NEVER : m->nonsense;
		lost = true;
	}
	return lost;
}

static inline void model_settle(struct gate_model *m, const struct gate_policy *p)
{
	model_remember(m, p);
	for (u32 i = 0; i < IDLEGATE_HOLD_COUNT; i++) {
		struct model_hold *h = &m->hold[i];
		bool mere_start;
		u64 until, clear;

		if (h->forbids)
			h->calm_from = h->until < m->now ? h->until : m->now;
		h->forbids = model_forbids(m, p, i, &until, &mere_start);
		h->until = until;
		if (h->forbids) {
			h->mere_start = mere_start && (!h->set || h->mere_start);
			h->set = true;
			continue;
		}
		clear = model_after(h->calm_from, h->mere_start ? 0 : p->dwell_ns[i]);
		h->set &= clear == GATE_NEVER || m->now < clear;
	}
}

static inline void model_init(struct gate_model *m, const struct gate_policy *p, u64 now)
{
	memset(m, 0, sizeof(*m));
	m->now = now;
	model_settle(m, p);
}

/* Return: whether the fact makes sense. */
static inline bool model_step(struct gate_model *m, const struct gate_policy *p,
			      const struct gate_fact *f, u64 now)
{
	bool sense;

	m->now = now > m->now ? now : m->now;
	sense = model_take(m, f);
	if (!sense)
		m->nonsense = model_after(m->now, 1);
	m->facts += f->kind != GATE_FACT_TICK;
	model_settle(m, p);
	return sense;
}

static inline u32 model_holds(const struct gate_model *m)
{
	u32 holds = 0;

	for (u32 i = 0; i < IDLEGATE_HOLD_COUNT; i++)
		holds |= m->hold[i].set ? IDLEGATE_HOLD_BIT(i) : 0;
	return holds;
}

/* A deadline is the first tick that clears something, and NEVER means that none does. */
static inline const char *model_check_deadline(const struct gate *g, const struct gate_policy *p)
{
	static const struct gate_fact tick = {.kind = GATE_FACT_TICK};
	u64 next = gate_next_deadline(g);
	struct gate copy = *g;

	if (next == GATE_NEVER)
		return gate_step(&copy, p, &tick, GATE_NEVER - 1)
			       ? "a tick clears a hold, but no deadline was given"
			       : NULL;
	if (next <= g->now_ns)
		return "the deadline has passed already";
	if (next - 1 > g->now_ns && gate_step(&copy, p, &tick, next - 1))
		return "a tick before the deadline changes something";
	if (gate_step(&copy, p, &tick, next) != 1)
		return "the tick at the deadline changes nothing";
	return NULL;
}

/* Takes one step in both; returns NULL, or what is wrong with the gate. */
static inline const char *model_step_both(struct gate_model *m, struct gate *g,
					  const struct gate_policy *p, const struct gate_fact *f,
					  u64 now)
{
	u32 before = g->holds, raw = 0;
	bool sense = model_step(m, p, f, now);
	int r = gate_step(g, p, f, now);

	for (u32 i = 0; i < IDLEGATE_HOLD_COUNT; i++) {
		raw |= m->hold[i].forbids ? IDLEGATE_HOLD_BIT(i) : 0;
		if (g->hold[i].raw != m->hold[i].forbids)
			return "a raw condition differs";
	}
	if (raw & ~g->holds)
		return "the gate lacks a hold whose condition forbids";
	if (model_holds(m) & ~g->holds)
		return "a hold cleared before its dwell was over";
	if (g->holds & ~model_holds(m))
		return "a stale hold";
	if (r != (sense ? (g->holds != before) : -EINVAL))
		return "the return value is wrong";
	if (g->opens - g->closes != !g->holds || g->facts != m->facts || g->now_ns != m->now)
		return "a counter is wrong";
	return model_check_deadline(g, p);
}

#endif
