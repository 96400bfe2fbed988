/* SPDX-License-Identifier: MIT */
/*
 * Facts, times and limits that like the edges, made from any source of numbers: a generator in the
 * property tests, the input in the fuzzer.
 */
#ifndef TESTS_GATE_STREAM_H
#define TESTS_GATE_STREAM_H

#include "kmod/core/gate.h"

#define MODEL_S      1000000000ull
#define MODEL_LEN(a) (sizeof(a) / sizeof((a)[0]))

struct model_source {
	u32 (*next)(void *data);
	void *data;
};

static inline u32 model_below(const struct model_source *s, u32 n)
{
	return s->next(s->data) % n;
}

static inline s32 model_temp(const struct model_source *s)
{
	static const s32 edges[] = {GATE_TEMP_UNKNOWN,
				    -100001,
				    -100000,
				    0,
				    25000,
				    36999,
				    37000,
				    37001,
				    39999,
				    40000,
				    61999,
				    62000,
				    62001,
				    69999,
				    70000,
				    95000,
				    250001};
	u32 i = model_below(s, MODEL_LEN(edges) + 4);

	return i < MODEL_LEN(edges) ? edges[i] : (s32)model_below(s, 100000);
}

static inline struct gate_power model_power_fact(const struct model_source *s)
{
	static const s32 levels[] = {GATE_VALUE_UNKNOWN, -1, 0, 40, 41, 49, 50, 90, 100, 101};
	u32 bits = s->next(s->data);

	return (struct gate_power){.external_online = bits & 3,
				   .has_battery = bits & 12,
				   .discharging = !(bits & 0x30),
				   .capacity = levels[model_below(s, MODEL_LEN(levels))],
				   .temp_mc = model_temp(s)};
}

static inline struct gate_fact model_fact(const struct model_source *s, u64 now)
{
	struct gate_fact f = {.kind = model_below(s, GATE_FACT_COUNT)};
	bool wild = model_below(s, 32) == 0;

	switch (f.kind) {
	case GATE_FACT_POWER:
		f.power = model_power_fact(s);
		break;
	case GATE_FACT_ZONE:
	case GATE_FACT_ZONE_GONE:
		f.zone.id = model_below(s, 16) ? model_below(s, 3) : model_below(s, 40);
		f.zone.temp_mc = model_temp(s);
		f.zone.set_mc = model_below(s, 2) ? GATE_TEMP_UNKNOWN : model_temp(s);
		f.zone.clear_mc = model_below(s, 2) ? GATE_TEMP_UNKNOWN : model_temp(s);
		break;
	case GATE_FACT_PAUSE:
		f.pause.on = model_below(s, 2);
		f.pause.until_ns = model_below(s, 4) ? now + model_below(s, 60) * MODEL_S / 2
						     : GATE_NEVER;
		break;
	case GATE_FACT_SENSOR:
		f.sensor.id = model_below(s, GATE_SENSOR_COUNT + (wild ? 2 : 0));
		f.sensor.state = model_below(s, 4 + (wild ? 2 : 0));
		break;
	default:
		f.on = model_below(s, 2);
		if (wild)
			f.kind = s->next(s->data);
		break;
	}
	return f;
}

/* The next moment: often the same, an edge of a deadline, or a little back. */
static inline u64 model_time(const struct model_source *s, const struct gate *g)
{
	static const u64 steps[] = {1, MODEL_S / 1000, MODEL_S, 5 * MODEL_S, 40 * MODEL_S};
	u64 next = gate_next_deadline(g);
	u32 i = model_below(s, 16);

	if (i < MODEL_LEN(steps))
		return g->now_ns + steps[i];
	if (i == 5)
		return g->now_ns - (g->now_ns >> model_below(s, 64));
	if (i < 9 && next != GATE_NEVER)
		return next + i - 7; /* just before, at, or just after */
	return g->now_ns;
}

/* Everything that can be said for opening the gate, in an order by chance. */
#define MODEL_WELL_FACTS (7 + GATE_MAX_ZONES + GATE_SENSOR_COUNT)

static inline void model_shuffle(const struct model_source *s, struct gate_fact *facts, u32 n)
{
	for (u32 i = n; i > 1; i--) {
		u32 j = model_below(s, i);
		struct gate_fact other = facts[i - 1];

		facts[i - 1] = facts[j];
		facts[j] = other;
	}
}

static inline void model_well(const struct model_source *s,
			      struct gate_fact facts[MODEL_WELL_FACTS])
{
	u32 n = 0;

	facts[n++] = (struct gate_fact){.kind = GATE_FACT_HOST, .on = true};
	facts[n++] = (struct gate_fact){.kind = GATE_FACT_SUSPEND};
	facts[n++] = (struct gate_fact){.kind = GATE_FACT_GPU};
	facts[n++] = (struct gate_fact){.kind = GATE_FACT_CPU};
	facts[n++] = (struct gate_fact){.kind = GATE_FACT_PAUSE};
	facts[n++] = (struct gate_fact){.kind = GATE_FACT_SCHEDULE, .on = true};
	facts[n++] = (struct gate_fact){.kind = GATE_FACT_POWER,
					.power = {.external_online = true,
						  .has_battery = true,
						  .capacity = 90,
						  .temp_mc = 25000}};
	for (u32 id = 0; id < GATE_MAX_ZONES; id++)
		facts[n++] = (struct gate_fact){.kind = GATE_FACT_ZONE,
						.zone = {.id = id,
							 .temp_mc = 30000,
							 .set_mc = GATE_TEMP_UNKNOWN,
							 .clear_mc = GATE_TEMP_UNKNOWN}};
	for (u32 id = 0; id < GATE_SENSOR_COUNT; id++)
		facts[n++] = (struct gate_fact){.kind = GATE_FACT_SENSOR,
						.sensor = {.id = id, .state = GATE_SENSOR_OK}};
	model_shuffle(s, facts, n);
}

/* Limits that gate_policy_check() lets pass. */
static inline void model_policy(const struct model_source *s, struct gate_policy *p)
{
	gate_policy_default(p);
	p->idle_after_ns = model_below(s, 200) * MODEL_S;
	p->resume_settle_ns = model_below(s, 20) * MODEL_S;
	for (u32 i = 0; i < IDLEGATE_HOLD_COUNT; i++)
		p->dwell_ns[i] = model_below(s, 3) ? model_below(s, 60) * MODEL_S : 0;
	if (model_below(s, 2))
		p->required_sensors = model_below(s, GATE_SENSOR_MASK + 1);
	p->require_charging = (p->required_sensors & GATE_SENSOR_BIT(GATE_SENSOR_POWER)) &&
			      model_below(s, 4);
	p->battery_low_set += (s32)model_below(s, 3) - 1;
	p->zone_hot_clear -= (s32)model_below(s, 3);
}

#endif
