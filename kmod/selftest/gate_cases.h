/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The case table of the gate: facts with their times, and after each the holds and the next
 * deadline that must be. The module's self-test and the unit tests run the same table; like the
 * core it uses no libc.
 */
#ifndef IDLEGATE_SELFTEST_GATE_CASES_H
#define IDLEGATE_SELFTEST_GATE_CASES_H

#include "../core/gate.h"

#define GATE_CASE_MAX_STEPS   12
#define GATE_CASE_NO_DEADLINE (~(u32)0)

struct gate_case_step {
	u32 at_ms;
	struct gate_fact fact;
	u32 holds; /* right after */
	u32 deadline_ms; /* gate_next_deadline(), or GATE_CASE_NO_DEADLINE */
};

/* Cases run under gate_policy_default(). */
struct gate_case {
	const char *name;
	bool raw_start; /* no facts before the first step; else all that is needed, all well */
	u32 n_steps;
	struct gate_case_step step[GATE_CASE_MAX_STEPS];
};

extern const struct gate_case gate_cases[];
extern const u32 gate_cases_count;

struct gate_case_failure {
	const struct gate_case *which;
	u32 step;
	u32 holds; /* what was, where which->step[step] has what had to be */
	u32 deadline_ms;
};

/**
 * gate_case_run() - run one case
 * @scratch: a gate to run it in; large for a kernel's stack, so the caller brings it
 * @failure: written when it failed
 * Return: whether it passed.
 */
bool gate_case_run(const struct gate_case *which, struct gate *scratch,
		   struct gate_case_failure *failure);

#endif
