/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The gate's machine; see gate.h for the model.
 *
 * A step stores the fact (facts.c), judges every hold by the stored facts (judge.c), and settles
 * the bits here. The raw conditions are a function of the stored facts, the policy and the time, so
 * a new policy needs nothing but another step, and the order of facts about different things cannot
 * matter. What remembers more than the last fact is what must: the two limits of a number, the last
 * resume, whether the battery ever told its temperature, and per hold when it went calm.
 */
#include "gate.h"
#include "internal.h"

static bool hold_is_set(const struct gate *g, u32 hold)
{
	return g->holds & IDLEGATE_HOLD_BIT(hold);
}

static void settle_raw(struct gate *g, u32 hold, const struct gate_verdict *v, u64 dwell_ns)
{
	struct gate_hold_state *h = &g->hold[hold];

	if (!hold_is_set(g, hold)) {
		g->holds |= IDLEGATE_HOLD_BIT(hold);
		h->since_ns = g->now_ns;
		h->no_dwell = v->start;
	}
	h->no_dwell &= v->start;
	h->raw = true;
	/* For the case that it ends by itself; one that a fact ends, ends at that fact. */
	h->calm_ns = v->until_ns;
	h->clear_at_ns = gate_add_ns(v->until_ns, h->no_dwell ? 0 : dwell_ns);
}

static void settle_calm(struct gate *g, u32 hold, u64 dwell_ns)
{
	struct gate_hold_state *h = &g->hold[hold];

	if (h->raw && h->calm_ns > g->now_ns)
		h->calm_ns = g->now_ns;
	h->raw = false;
	if (!hold_is_set(g, hold))
		return;
	h->clear_at_ns = gate_add_ns(h->calm_ns, h->no_dwell ? 0 : dwell_ns);
	if (h->clear_at_ns == GATE_NEVER || h->clear_at_ns > g->now_ns)
		return;
	g->holds &= ~IDLEGATE_HOLD_BIT(hold);
	h->clear_at_ns = GATE_NEVER;
}

static void settle(struct gate *g, const struct gate_policy *policy)
{
	gate_latch(g, policy);
	for (u32 hold = 0; hold < IDLEGATE_HOLD_COUNT; hold++) {
		struct gate_verdict v = gate_judge(g, policy, hold);

		if (v.raw)
			settle_raw(g, hold, &v, policy->dwell_ns[hold]);
		else
			settle_calm(g, hold, policy->dwell_ns[hold]);
	}
}

void gate_init(struct gate *gate, const struct gate_policy *policy, u64 now_ns)
{
	*gate = (struct gate){.now_ns = now_ns, .changed_ns = now_ns};
	for (u32 hold = 0; hold < IDLEGATE_HOLD_COUNT; hold++)
		gate->hold[hold].clear_at_ns = GATE_NEVER;
	settle(gate, policy);
}

int gate_step(struct gate *gate, const struct gate_policy *policy, const struct gate_fact *fact,
	      u64 now_ns)
{
	u32 before = gate->holds;
	int r;

	if (now_ns > gate->now_ns)
		gate->now_ns = now_ns;
	r = gate_take(gate, fact);
	if (r < 0) /* the shortest time there is: the hold must be seen even without a dwell */
		gate->nonsense_until_ns = gate_add_ns(gate->now_ns, 1);
	if (fact->kind != GATE_FACT_TICK)
		gate->facts++;
	settle(gate, policy);
	if (gate->holds == before)
		return r;
	gate->changed_ns = gate->now_ns;
	if (!before)
		gate->closes++;
	if (!gate->holds)
		gate->opens++;
	return r < 0 ? r : 1;
}

u64 gate_next_deadline(const struct gate *gate)
{
	u64 next = GATE_NEVER;

	for (u32 hold = 0; hold < IDLEGATE_HOLD_COUNT; hold++)
		if (hold_is_set(gate, hold) && gate->hold[hold].clear_at_ns < next)
			next = gate->hold[hold].clear_at_ns;
	return next;
}
