/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the files of the core share; callers include gate.h alone.
 *
 * A step is three moves: gate_take() stores the fact (facts.c), gate_latch() and gate_judge() say
 * what the stored facts forbid (judge.c), and gate.c sets and clears the bits.
 */
#ifndef IDLEGATE_CORE_INTERNAL_H
#define IDLEGATE_CORE_INTERNAL_H

#include "gate.h"

/* What gate_judge() says of one hold. */
struct gate_verdict {
	bool raw; /* the condition forbids it now */
	bool start; /* if raw: only since something was not heard of yet */
	u64 until_ns; /* if raw: when it ends by itself, or GATE_NEVER */
};

/* Return: 0, or -EINVAL for nonsense; nothing is stored then. g->now_ns is the fact's time. */
int gate_take(struct gate *g, const struct gate_fact *fact);

void gate_latch(struct gate *g, const struct gate_policy *policy);

/* Writes g->lost when asked for sensor-lost, else nothing. */
struct gate_verdict gate_judge(struct gate *g, const struct gate_policy *policy, u32 hold);

static inline u64 gate_add_ns(u64 a, u64 b)
{
	u64 sum = a + b;

	return sum < a ? GATE_NEVER : sum;
}

static inline bool gate_temp_valid(s32 mc)
{
	return mc >= GATE_TEMP_MIN_MC && mc <= GATE_TEMP_MAX_MC;
}

/* Has the sensor given a value since the start, or since it was absent? */
static inline bool gate_heard(const struct gate *g, u32 sensor)
{
	return g->heard & GATE_SENSOR_BIT(sensor);
}

#endif
