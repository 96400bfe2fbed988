/* SPDX-License-Identifier: MIT */
/*
 * What must be true of the gate for every stream of facts, tried on random ones. A failure prints
 * its seed; IDLEBROKER_SEED=N runs that stream alone.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <time.h>

#include "kmod/core/gate.h"
#include "tests/gate_model.h"
#include "tests/gate_stream.h"

#define STREAMS 200
#define STEPS   400

/* xorshift: the same numbers everywhere for a seed. */
static u32 random_next(void *data)
{
	u64 *x = data;

	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return (u32)(*x >> 32);
}

static u64 seed_of(unsigned int stream, bool *alone)
{
	const char *given = getenv("IDLEBROKER_SEED");
	static u64 base;

	*alone = given;
	if (given)
		return strtoull(given, NULL, 0);
	if (!base)
		base = (u64)time(NULL) << 20;
	return base + stream;
}

struct stream {
	u64 seed, random;
	struct model_source source;
	struct gate_policy policy;
	struct gate gate;
	struct gate_model model;
};

static void stream_init(struct stream *s, u64 seed)
{
	s->seed = seed;
	s->random = seed * 0x9e3779b97f4a7c15ull | 1;
	s->source = (struct model_source){random_next, &s->random};
	model_policy(&s->source, &s->policy);
	cr_assert_null(gate_policy_check(&s->policy), "seed %#llx", (unsigned long long)seed);
	gate_init(&s->gate, &s->policy, 7 * MODEL_S);
	model_init(&s->model, &s->policy, 7 * MODEL_S);
}

static void stream_step(struct stream *s, const struct gate_fact *f, u64 now)
{
	const char *wrong = model_step_both(&s->model, &s->gate, &s->policy, f, now);

	cr_assert_null(wrong, "%s: fact %u at %llu, holds %#x, must be %#x: IDLEBROKER_SEED=%#llx",
		       wrong, f->kind, (unsigned long long)now, s->gate.holds,
		       model_holds(&s->model), (unsigned long long)s->seed);
}

/* Random sensors are seldom all well at once: without this the gate would hardly ever open. */
static void stream_calm(struct stream *s)
{
	struct gate_fact facts[MODEL_WELL_FACTS];

	model_well(&s->source, facts);
	for (u32 i = 0; i < MODEL_WELL_FACTS; i++)
		stream_step(s, &facts[i], s->gate.now_ns);
	if (model_below(&s->source, 4))
		stream_step(s, &(struct gate_fact){.kind = GATE_FACT_TICK},
			    s->gate.now_ns + 300 * MODEL_S);
}

static void stream_run(struct stream *s, unsigned int steps)
{
	for (unsigned int i = 0; i < steps; i++) {
		u64 now = model_time(&s->source, &s->gate);
		struct gate_fact f = model_fact(&s->source, now);

		if (model_below(&s->source, 50) == 0)
			model_policy(&s->source, &s->policy);
		stream_step(s, &f, now);
		if (model_below(&s->source, 20) == 0)
			stream_calm(s);
	}
}

Test(gate_properties, the_holds_are_what_the_conditions_and_dwells_say)
{
	unsigned int opened = 0, closed = 0;
	bool alone = false;

	for (unsigned int i = 0; i < STREAMS && !alone; i++) {
		struct stream s;

		stream_init(&s, seed_of(i, &alone));
		stream_run(&s, STEPS);
		opened += s.gate.opens;
		closed += s.gate.closes;
	}
	cr_assert(alone || (opened > STREAMS && closed > STREAMS),
		  "the streams opened the gate %u times and closed it %u times", opened, closed);
}

Test(gate_properties, all_well_in_any_order_opens_the_gate_in_the_end)
{
	bool alone = false;

	for (unsigned int i = 0; i < STREAMS && !alone; i++) {
		struct gate_fact facts[MODEL_WELL_FACTS];
		struct stream s;

		stream_init(&s, seed_of(i, &alone));
		stream_run(&s, STEPS / 4);
		model_well(&s.source, facts);
		for (u32 j = 0; j < MODEL_WELL_FACTS; j++)
			stream_step(&s, &facts[j], s.gate.now_ns + model_below(&s.source, 3));
		/* By deadlines alone, as a host with a timer does it, and in few of them. */
		for (u32 j = 0; gate_next_deadline(&s.gate) != GATE_NEVER; j++) {
			cr_assert_leq(j, 2 * IDLEGATE_HOLD_COUNT);
			stream_step(&s, &(struct gate_fact){.kind = GATE_FACT_TICK},
				    gate_next_deadline(&s.gate));
		}
		cr_assert_eq(s.gate.holds, 0, "stale holds %#x: IDLEBROKER_SEED=%#llx",
			     s.gate.holds, (unsigned long long)s.seed);
	}
}

/* One fact for each subject, at random: what is left when the order may not matter. */
static u32 one_of_each(struct stream *s, struct gate_fact *facts)
{
	static const u32 plain[] = {GATE_FACT_INPUT, GATE_FACT_SUSPEND,  GATE_FACT_GPU,
				    GATE_FACT_CPU,   GATE_FACT_SCHEDULE, GATE_FACT_HOST};
	u32 n = 0;

	for (u32 i = 0; i < MODEL_LEN(plain); i++)
		facts[n++] = (struct gate_fact){.kind = plain[i], .on = model_below(&s->source, 2)};
	facts[n++] =
		(struct gate_fact){.kind = GATE_FACT_POWER, .power = model_power_fact(&s->source)};
	for (u32 id = 0; id < 4; id++)
		facts[n++] = (struct gate_fact){
			.kind = model_below(&s->source, 4) ? GATE_FACT_ZONE : GATE_FACT_ZONE_GONE,
			.zone = {.id = id,
				 .temp_mc = model_temp(&s->source),
				 .set_mc = GATE_TEMP_UNKNOWN,
				 .clear_mc = GATE_TEMP_UNKNOWN}};
	facts[n++] = (struct gate_fact){.kind = GATE_FACT_PAUSE,
					.pause = {.on = model_below(&s->source, 2),
						  .until_ns = s->gate.now_ns + MODEL_S}};
	return n;
}

Test(gate_properties, the_order_of_facts_of_one_moment_does_not_matter)
{
	static const struct gate_fact lasting_zone = {.kind = GATE_FACT_ZONE,
						      .zone = {.id = 31,
							       .temp_mc = 30000,
							       .set_mc = GATE_TEMP_UNKNOWN,
							       .clear_mc = GATE_TEMP_UNKNOWN}};
	bool alone = false;

	for (unsigned int i = 0; i < STREAMS && !alone; i++) {
		struct gate_fact facts[MODEL_WELL_FACTS];
		struct stream a, b;
		u64 now;
		u32 n;

		stream_init(&a, seed_of(i, &alone));
		stream_run(&a, STEPS / 4);
		/* Between the end of the last zone and the start of another a sensor is lost. */
		stream_step(&a, &lasting_zone, a.gate.now_ns);
		now = a.gate.now_ns + MODEL_S;
		n = one_of_each(&a, facts);
		b = a;
		b.source.data = &b.random;
		for (u32 j = 0; j < n; j++)
			stream_step(&a, &facts[j], now);
		model_shuffle(&b.source, facts, n);
		for (u32 j = 0; j < n; j++)
			stream_step(&b, &facts[j], now);
		cr_assert_eq(a.gate.holds, b.gate.holds, "%#x and %#x: IDLEBROKER_SEED=%#llx",
			     a.gate.holds, b.gate.holds, (unsigned long long)a.seed);
		for (u32 h = 0; h < IDLEGATE_HOLD_COUNT; h++)
			cr_assert_eq(a.gate.hold[h].raw, b.gate.hold[h].raw);
	}
}

Test(gate_properties, a_clock_that_runs_back_is_a_clock_that_stands)
{
	bool alone = false;

	for (unsigned int i = 0; i < STREAMS && !alone; i++) {
		struct stream s;
		struct gate still;

		stream_init(&s, seed_of(i, &alone));
		stream_run(&s, STEPS / 8);
		for (unsigned int j = 0; j < STEPS / 8; j++) {
			u64 now = s.gate.now_ns;
			struct gate_fact f = model_fact(&s.source, now);

			still = s.gate;
			gate_step(&still, &s.policy, &f, now);
			stream_step(&s, &f, now - model_below(&s.source, 7) * MODEL_S);
			cr_assert_eq(s.gate.now_ns, now);
			cr_assert_eq(s.gate.holds, still.holds);
			cr_assert_eq(gate_next_deadline(&s.gate), gate_next_deadline(&still));
		}
	}
}
