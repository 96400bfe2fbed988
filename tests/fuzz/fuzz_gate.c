/* SPDX-License-Identifier: MIT */
/*
 * The gate under any stream of facts. Two ways to read the input, by its first byte: as choices of
 * a source that likes the edges (tests/gate_stream.h), or as raw facts, every bit of them free but
 * for the bools. Either way the model must agree with the gate after each step, and all sensors
 * well must open it in the end.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "kmod/core/gate.h"
#include "tests/gate_model.h"
#include "tests/gate_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bytes {
	const uint8_t *at;
	size_t left;
};

static uint8_t take_byte(struct bytes *b)
{
	if (!b->left)
		return 0;
	b->left--;
	return *b->at++;
}

static uint64_t take_u64(struct bytes *b)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | take_byte(b);
	return v;
}

static u32 take_u32(void *data)
{
	return (u32)take_u64(data);
}

/* One byte is enough for most choices, and keeps the inputs short. */
static u32 take_choice(void *data)
{
	return take_byte(data);
}

static struct gate_fact raw_fact(struct bytes *b)
{
	struct gate_fact f = {.kind = take_byte(b) % (GATE_FACT_COUNT + 1)};

	switch (f.kind) {
	case GATE_FACT_POWER:
		f.power = (struct gate_power){.external_online = take_byte(b) & 1,
					      .has_battery = take_byte(b) & 1,
					      .discharging = take_byte(b) & 1,
					      .capacity = (s32)take_u32(b),
					      .temp_mc = (s32)take_u32(b)};
		break;
	case GATE_FACT_ZONE:
	case GATE_FACT_ZONE_GONE:
		f.zone.id = take_byte(b);
		f.zone.temp_mc = (s32)take_u32(b);
		f.zone.set_mc = (s32)take_u32(b);
		f.zone.clear_mc = (s32)take_u32(b);
		break;
	case GATE_FACT_PAUSE:
		f.pause.on = take_byte(b) & 1;
		f.pause.until_ns = take_u64(b);
		break;
	case GATE_FACT_SENSOR:
		f.sensor.id = take_byte(b);
		f.sensor.state = take_byte(b);
		break;
	default:
		f.on = take_byte(b) & 1;
		break;
	}
	return f;
}

struct pair {
	struct gate_policy policy;
	struct gate gate;
	struct gate_model model;
};

static void step(struct pair *p, const struct gate_fact *f, u64 now)
{
	const char *wrong = model_step_both(&p->model, &p->gate, &p->policy, f, now);

	if (!wrong)
		return;
	fprintf(stderr, "%s: fact %u at %llu, holds %#x, must be %#x\n", wrong, f->kind,
		(unsigned long long)now, p->gate.holds, model_holds(&p->model));
	abort();
}

/* Near the end of time nothing wears off any more, so this ends only streams well before it. */
static void calm(struct pair *p, const struct model_source *s)
{
	struct gate_fact facts[MODEL_WELL_FACTS];

	if (p->gate.now_ns > GATE_NEVER / 2)
		return;
	model_well(s, facts);
	for (u32 i = 0; i < MODEL_WELL_FACTS; i++)
		step(p, &facts[i], p->gate.now_ns);
	step(p, &(struct gate_fact){.kind = GATE_FACT_TICK}, p->gate.now_ns + 2000 * MODEL_S);
	if (p->gate.holds) {
		fprintf(stderr, "all is well, and these holds stay: %#x\n", p->gate.holds);
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = {data, size};
	struct model_source source = {take_choice, &b};
	bool raw = take_byte(&b) & 1;
	struct pair p;
	u64 start;

	model_policy(&source, &p.policy);
	if (gate_policy_check(&p.policy))
		abort();
	start = raw ? take_u64(&b) : MODEL_S;
	gate_init(&p.gate, &p.policy, start);
	model_init(&p.model, &p.policy, start);
	while (b.left) {
		u64 now = raw && take_byte(&b) % 8 == 0 ? take_u64(&b)
							: model_time(&source, &p.gate);
		struct gate_fact f = raw ? raw_fact(&b) : model_fact(&source, now);

		step(&p, &f, now);
	}
	calm(&p, &source);
	return 0;
}
