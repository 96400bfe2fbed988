/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The case table and what runs it; see gate_cases.h.
 *
 * A line of a case reads: at this millisecond, this fact, then these holds and this deadline. The
 * times follow the defaults of policy.c on purpose: whoever changes a default sees here what it
 * does.
 */
#include "gate_cases.h"

#define MS_NS        1000000ull
#define NONE         GATE_CASE_NO_DEADLINE
#define S            *1000u
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define OPEN      0
#define USER      IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_USER_ACTIVE)
#define UNPLUGGED IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_NOT_CHARGING)
#define DRAIN     IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_DRAINING)
#define LOW       IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_BATTERY_LOW)
#define BHOT      IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_BATTERY_HOT)
#define ZHOT      IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_ZONE_HOT)
#define SUSP      IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_SUSPENDING)
#define GPU       IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_GPU_BUSY)
#define CPU       IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_CPU_BUSY)
#define HOURS     IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_SCHEDULE)
#define PAUSE     IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_PAUSED)
#define GONE      IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_BROKER_GONE)
#define LOST      IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_SENSOR_LOST)

#define UNKNOWN GATE_VALUE_UNKNOWN
/* clang-format off */
#define F_TICK {.kind = GATE_FACT_TICK}
#define F_INPUT {.kind = GATE_FACT_INPUT}
#define F_POWER(online, drains, level, mc) \
	{.kind = GATE_FACT_POWER, .power = {.external_online = (online), .has_battery = true, \
					    .discharging = (drains), .capacity = (level), \
					    .temp_mc = (mc)}}
#define F_MAINS \
	{.kind = GATE_FACT_POWER, .power = {.external_online = true, .capacity = UNKNOWN, \
					    .temp_mc = UNKNOWN}}
#define F_ZONE(n, mc, set, clear) \
	{.kind = GATE_FACT_ZONE, .zone = {.id = (n), .temp_mc = (mc), .set_mc = (set), \
					  .clear_mc = (clear)}}
#define F_ZONE_GONE(n) {.kind = GATE_FACT_ZONE_GONE, .zone = {.id = (n)}}
#define F_ON(what, is) {.kind = GATE_FACT_##what, .on = (is)}
#define F_PAUSE(is, until) {.kind = GATE_FACT_PAUSE, .pause = {.on = (is), .until_ns = (until)}}
#define F_SENSOR(which, now) \
	{.kind = GATE_FACT_SENSOR, .sensor = {.id = GATE_SENSOR_##which, \
					      .state = GATE_SENSOR_##now}}
#define F_BAD(number) {.kind = (number)}
#define STEPS(...) \
	.n_steps = ARRAY_LEN(((const struct gate_case_step[]){__VA_ARGS__})), .step = {__VA_ARGS__}
/* clang-format on */

static const struct gate_fact all_well[] = {
	F_ON(HOST, true),
	F_SENSOR(INPUT, OK),
	F_SENSOR(POWER, OK),
	F_SENSOR(THERMAL, OK),
	F_SENSOR(GPU, OK),
	F_SENSOR(CPU, OK),
	F_SENSOR(SUSPEND, OK),
	F_SENSOR(SCHEDULE, OK),
	F_POWER(true, false, 90, 25000),
	F_ZONE(0, 40000, UNKNOWN, UNKNOWN),
	F_ON(SCHEDULE, true),
};

const struct gate_case gate_cases[] = {
	{"a gate that heard of nothing is closed, and opens with the last fact it needs",
	 .raw_start = true,
	 STEPS({0, F_TICK, GONE | LOST, NONE}, {1 S, F_ON(HOST, true), LOST, NONE},
	       {2 S, F_SENSOR(INPUT, ABSENT), LOST, NONE}, {2 S, F_SENSOR(GPU, ABSENT), LOST, NONE},
	       {2 S, F_SENSOR(CPU, ABSENT), LOST, NONE},
	       {2 S, F_SENSOR(SUSPEND, ABSENT), LOST, NONE},
	       {2 S, F_SENSOR(THERMAL, ABSENT), LOST, NONE}, {3 S, F_SENSOR(POWER, OK), LOST, NONE},
	       {4 S, F_ON(SCHEDULE, true), LOST, NONE}, {5 S, F_MAINS, OPEN, NONE})},
	{"a sensor that fails at the start is waited for like any other that fails",
	 .raw_start = true,
	 STEPS({0, F_ON(HOST, true), LOST, NONE}, {1 S, F_SENSOR(INPUT, LOST), LOST, NONE},
	       {2 S, F_SENSOR(INPUT, OK), LOST, NONE}, {2 S, F_SENSOR(GPU, ABSENT), LOST, NONE},
	       {2 S, F_SENSOR(CPU, ABSENT), LOST, NONE},
	       {2 S, F_SENSOR(SUSPEND, ABSENT), LOST, NONE},
	       {2 S, F_SENSOR(THERMAL, ABSENT), LOST, NONE},
	       {2 S, F_SENSOR(POWER, ABSENT), LOST, NONE},
	       {3 S, F_SENSOR(SCHEDULE, ABSENT), LOST, 8 S}, {8 S, F_TICK, OPEN, NONE})},
	{"an input holds for the idle time after the last one",
	 STEPS({10 S, F_INPUT, USER, 130 S}, {60 S, F_INPUT, USER, 180 S},
	       {130 S, F_TICK, USER, 180 S}, {180 S - 1, F_TICK, USER, 180 S},
	       {180 S, F_TICK, OPEN, NONE})},
	{"an input at the very end of the idle time still holds",
	 STEPS({10 S, F_INPUT, USER, 130 S}, {130 S, F_INPUT, USER, 250 S},
	       {250 S, F_TICK, OPEN, NONE})},
	{"any fact lets a passed deadline pass",
	 STEPS({10 S, F_INPUT, USER, 130 S}, {400 S, F_ON(CPU, false), OPEN, NONE})},
	{"a time that goes back counts as the last one",
	 STEPS({100 S, F_INPUT, USER, 220 S}, {50 S, F_INPUT, USER, 220 S},
	       {10 S, F_TICK, USER, 220 S}, {220 S, F_TICK, OPEN, NONE})},
	{"an unplugged charger holds at once, and half a minute longer than it is away",
	 STEPS({10 S, F_POWER(false, true, 90, 25000), UNPLUGGED, NONE},
	       {20 S, F_POWER(true, false, 90, 25000), UNPLUGGED, 50 S},
	       {40 S, F_POWER(false, false, 90, 25000), UNPLUGGED, NONE},
	       {41 S, F_POWER(true, false, 90, 25000), UNPLUGGED, 71 S},
	       {71 S - 1, F_TICK, UNPLUGGED, 71 S}, {71 S, F_TICK, OPEN, NONE})},
	{"a charger that cannot keep up is no charger",
	 STEPS({10 S, F_POWER(true, true, 90, 25000), DRAIN, NONE},
	       {20 S, F_POWER(true, false, 90, 25000), DRAIN, 80 S},
	       {30 S, F_POWER(false, true, 90, 25000), DRAIN | UNPLUGGED, 80 S},
	       {90 S, F_POWER(true, false, 90, 25000), UNPLUGGED, 120 S},
	       {120 S, F_TICK, OPEN, NONE})},
	{"the level has two limits", STEPS({1 S, F_POWER(true, false, 41, 25000), OPEN, NONE},
					   {2 S, F_POWER(true, false, 40, 25000), LOW, NONE},
					   {3 S, F_POWER(true, false, 49, 25000), LOW, NONE},
					   {4 S, F_POWER(true, false, 50, 25000), OPEN, NONE},
					   {5 S, F_POWER(true, false, 41, 25000), OPEN, NONE})},
	{"a warm battery has two limits and a dwell",
	 STEPS({1 S, F_POWER(true, false, 90, 39900), OPEN, NONE},
	       {2 S, F_POWER(true, false, 90, 40000), BHOT, NONE},
	       {3 S, F_POWER(true, false, 90, 37100), BHOT, NONE},
	       {4 S, F_POWER(true, false, 90, 37000), BHOT, 64 S},
	       {30 S, F_POWER(true, false, 90, 39000), BHOT, 64 S}, {64 S, F_TICK, OPEN, NONE})},
	{"a battery without a level is a sensor lost, and remembers that it was low",
	 STEPS({1 S, F_POWER(true, false, 30, 25000), LOW, NONE},
	       {2 S, F_POWER(true, false, UNKNOWN, 25000), LOW | LOST, NONE},
	       {3 S, F_POWER(true, false, 101, 25000), LOW | LOST, NONE},
	       {4 S, F_POWER(true, false, 45, 25000), LOW | LOST, 9 S}, {9 S, F_TICK, LOW, NONE},
	       {10 S, F_POWER(true, false, 60, 25000), OPEN, NONE})},
	{"a battery temperature that vanishes is a sensor lost",
	 STEPS({1 S, F_POWER(true, false, 90, UNKNOWN), LOST, NONE},
	       {2 S, F_POWER(true, false, 90, 26000), LOST, 7 S}, {7 S, F_TICK, OPEN, NONE},
	       {8 S, F_POWER(true, false, 90, 900000), LOST, NONE}, {9 S, F_MAINS, LOST, 14 S},
	       {14 S, F_TICK, OPEN, NONE}, {15 S, F_POWER(true, false, 90, UNKNOWN), OPEN, NONE})},
	{"one hot zone of several holds",
	 STEPS({1 S, F_ZONE(1, 69900, UNKNOWN, UNKNOWN), OPEN, NONE},
	       {2 S, F_ZONE(1, 70000, UNKNOWN, UNKNOWN), ZHOT, NONE},
	       {3 S, F_ZONE(0, 30000, UNKNOWN, UNKNOWN), ZHOT, NONE},
	       {4 S, F_ZONE(1, 62100, UNKNOWN, UNKNOWN), ZHOT, NONE},
	       {5 S, F_ZONE(1, 62000, UNKNOWN, UNKNOWN), ZHOT, 15 S}, {15 S, F_TICK, OPEN, NONE},
	       {16 S, F_ZONE(1, 80000, UNKNOWN, UNKNOWN), ZHOT, NONE},
	       {17 S, F_ZONE_GONE(1), ZHOT, 27 S}, {27 S, F_TICK, OPEN, NONE})},
	{"a second hot zone does not hide the first",
	 STEPS({1 S, F_ZONE(1, 75000, UNKNOWN, UNKNOWN), ZHOT, NONE},
	       {2 S, F_ZONE(2, 75000, UNKNOWN, UNKNOWN), ZHOT, NONE},
	       {3 S, F_ZONE(2, 30000, UNKNOWN, UNKNOWN), ZHOT, NONE},
	       {4 S, F_ZONE_GONE(2), ZHOT, NONE},
	       {5 S, F_ZONE(1, 30000, UNKNOWN, UNKNOWN), ZHOT, 15 S}, {15 S, F_TICK, OPEN, NONE})},
	{"a zone may have limits of its own",
	 STEPS({1 S, F_ZONE(2, 80000, 95000, UNKNOWN), OPEN, NONE},
	       {2 S, F_ZONE(2, 95000, 95000, UNKNOWN), ZHOT, NONE},
	       {3 S, F_ZONE(2, 88000, 95000, UNKNOWN), ZHOT, NONE},
	       {4 S, F_ZONE(2, 87000, 95000, UNKNOWN), ZHOT, 14 S}, {14 S, F_TICK, OPEN, NONE},
	       {15 S, F_ZONE(3, 50000, 50000, 45000), ZHOT, NONE},
	       {16 S, F_ZONE(3, 46000, 50000, 45000), ZHOT, NONE},
	       {17 S, F_ZONE(3, 45000, 50000, 45000), ZHOT, 27 S})},
	{"a zone without a temperature is a sensor lost, and remembers that it was hot",
	 STEPS({1 S, F_ZONE(0, 75000, UNKNOWN, UNKNOWN), ZHOT, NONE},
	       {2 S, F_ZONE(0, UNKNOWN, UNKNOWN, UNKNOWN), ZHOT | LOST, NONE},
	       {3 S, F_ZONE(0, -274000, UNKNOWN, UNKNOWN), ZHOT | LOST, NONE},
	       {4 S, F_ZONE(0, 65000, UNKNOWN, UNKNOWN), ZHOT | LOST, 9 S},
	       {9 S, F_ZONE_GONE(0), ZHOT | LOST, 19 S},
	       {10 S, F_ZONE(0, 30000, UNKNOWN, UNKNOWN), ZHOT | LOST, 15 S},
	       {15 S, F_TICK, ZHOT, 19 S}, {19 S, F_TICK, OPEN, NONE})},
	{"a sleep holds until the device has settled after it",
	 STEPS({1 S, F_ON(SUSPEND, false), OPEN, NONE}, {2 S, F_ON(SUSPEND, true), SUSP, NONE},
	       {500 S, F_ON(SUSPEND, false), SUSP, 515 S}, {510 S, F_ON(SUSPEND, true), SUSP, NONE},
	       {520 S, F_ON(SUSPEND, false), SUSP, 535 S}, {535 S, F_TICK, OPEN, NONE})},
	{"other programs on the device and on the processor",
	 STEPS({1 S, F_ON(GPU, true), GPU, NONE}, {2 S, F_ON(CPU, true), GPU | CPU, NONE},
	       {3 S, F_ON(GPU, false), GPU | CPU, 13 S}, {4 S, F_ON(CPU, false), GPU | CPU, 9 S},
	       {9 S, F_TICK, GPU, 13 S}, {13 S, F_TICK, OPEN, NONE},
	       {14 S, F_ON(GPU, true), GPU, NONE}, {15 S, F_SENSOR(GPU, ABSENT), GPU, 25 S})},
	{"the hours are exact",
	 STEPS({1 S, F_ON(SCHEDULE, false), HOURS, NONE}, {2 S, F_ON(SCHEDULE, true), OPEN, NONE})},
	{"a pause ends at its time, by word, or at the later time of another",
	 STEPS({1 S, F_PAUSE(true, GATE_NEVER), PAUSE, NONE}, {2 S, F_PAUSE(false, 0), OPEN, NONE},
	       {3 S, F_PAUSE(true, 10000 * MS_NS), PAUSE, 10 S},
	       {4 S, F_PAUSE(true, 20000 * MS_NS), PAUSE, 20 S}, {10 S, F_TICK, PAUSE, 20 S},
	       {20 S, F_TICK, OPEN, NONE}, {21 S, F_PAUSE(true, 5000 * MS_NS), OPEN, NONE})},
	{"a broker that goes closes the gate until one is there",
	 STEPS({1 S, F_ON(HOST, false), GONE, NONE}, {2 S, F_INPUT, GONE | USER, 122 S},
	       {3 S, F_ON(HOST, true), USER, 122 S})},
	{"a lost sensor is found again by its own word alone",
	 STEPS({1 S, F_SENSOR(POWER, LOST), LOST, NONE},
	       {2 S, F_POWER(true, false, 90, 25000), LOST, NONE},
	       {3 S, F_SENSOR(POWER, OK), LOST, 8 S}, {7 S, F_SENSOR(INPUT, LOST), LOST, NONE},
	       {8 S, F_SENSOR(INPUT, ABSENT), LOST, 13 S}, {13 S, F_TICK, OPEN, NONE})},
	{"what an absent sensor once said is forgotten",
	 STEPS({1 S, F_POWER(false, true, 10, 50000), UNPLUGGED | LOW | BHOT, NONE},
	       {2 S, F_SENSOR(POWER, ABSENT), UNPLUGGED | BHOT, 32 S}, {32 S, F_TICK, BHOT, 62 S},
	       {62 S, F_TICK, OPEN, NONE}, {63 S, F_SENSOR(POWER, OK), LOST, NONE},
	       {64 S, F_MAINS, OPEN, NONE})},
	{"nonsense is seen, and wears off",
	 STEPS({1 S, F_BAD(GATE_FACT_COUNT), LOST, 6 S + 1},
	       {2 S, F_ZONE(GATE_MAX_ZONES, 30000, UNKNOWN, UNKNOWN), LOST, 7 S + 1},
	       {3 S, F_BAD(~(u32)0), LOST, 8 S + 1}, {8 S, F_TICK, LOST, 8 S + 1},
	       {8 S + 1, F_TICK, OPEN, NONE})},
};

const u32 gate_cases_count = ARRAY_LEN(gate_cases);

/* Rounded up, by counting: a kernel of 32 bits has no 64-bit division. */
static u32 deadline_ms(const struct gate *gate, const struct gate_case_step *step)
{
	u64 ns = gate_next_deadline(gate);
	u32 ms = step->at_ms;

	if (ns == GATE_NEVER)
		return NONE;
	while (ms * MS_NS < ns && ms < NONE - 1)
		ms++;
	return ms;
}

bool gate_case_run(const struct gate_case *which, struct gate *scratch,
		   struct gate_case_failure *failure)
{
	struct gate_policy policy;

	gate_policy_default(&policy);
	gate_init(scratch, &policy, 0);
	if (!which->raw_start)
		for (u32 i = 0; i < ARRAY_LEN(all_well); i++)
			gate_step(scratch, &policy, &all_well[i], 0);
	for (u32 i = 0; i < which->n_steps; i++) {
		const struct gate_case_step *step = &which->step[i];
		u32 before = scratch->holds;
		int r = gate_step(scratch, &policy, &step->fact, step->at_ms * MS_NS);
		u32 deadline = deadline_ms(scratch, step);

		if (scratch->holds == step->holds && deadline == step->deadline_ms &&
		    (r < 0 || r == (before != scratch->holds)))
			continue;
		*failure = (struct gate_case_failure){.which = which,
						      .step = i,
						      .holds = scratch->holds,
						      .deadline_ms = deadline};
		return false;
	}
	return true;
}
