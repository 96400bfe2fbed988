/* SPDX-License-Identifier: MIT */
/* The gate: its case table, then what the table cannot say: policy, counters, sums, words. */
#include <criterion/criterion.h>
#include <string.h>

#include "kmod/core/gate.h"
#include "kmod/selftest/gate_cases.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/clock.h"

Test(gate, case_table)
{
	struct gate gate;
	u32 failures = 0;

	for (u32 i = 0; i < gate_cases_count; i++) {
		const struct gate_case *c = &gate_cases[i];
		struct gate_case_failure f;

		if (gate_case_run(c, &gate, &f))
			continue;
		failures++;
		cr_log_error("%s: step %u: holds %#x deadline %u ms, not %#x and %u ms", c->name,
			     f.step, f.holds, f.deadline_ms, c->step[f.step].holds,
			     c->step[f.step].deadline_ms);
	}
	cr_assert_eq(failures, 0);
	cr_assert_gt(gate_cases_count, 15);
}

Test(gate, the_case_runner_sees_a_wrong_hold_and_a_wrong_deadline)
{
	const u32 user = IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_USER_ACTIVE);
	const struct gate_case right = {
		.name = "an input and its end",
		.n_steps = 2,
		.step = {{1000, {.kind = GATE_FACT_INPUT}, user, 121000},
			 {121000, {.kind = GATE_FACT_TICK}, 0, GATE_CASE_NO_DEADLINE}},
	};
	struct gate_case wrong = right;
	struct gate_case_failure f;
	struct gate gate;

	cr_assert(gate_case_run(&right, &gate, &f));
	wrong.step[1].holds = user;
	cr_assert_not(gate_case_run(&wrong, &gate, &f));
	cr_assert_eq(f.step, 1);
	cr_assert_eq(f.holds, 0);
	wrong = right;
	wrong.step[0].deadline_ms++;
	cr_assert_not(gate_case_run(&wrong, &gate, &f));
	cr_assert_eq(f.step, 0);
	cr_assert_eq(f.deadline_ms, 121000);
}

/* A gate that needs no sensor: open as soon as it is hosted. */
static void bare_gate(struct gate *gate, struct gate_policy *policy)
{
	struct gate_fact host = {.kind = GATE_FACT_HOST, .on = true};

	*policy = (struct gate_policy){.battery_low_set = 40,
				       .battery_low_clear = 50,
				       .battery_hot_set = 40000,
				       .battery_hot_clear = 37000,
				       .zone_hot_set = 70000,
				       .zone_hot_clear = 62000,
				       .idle_after_ns = 100};
	cr_assert_null(gate_policy_check(policy));
	gate_init(gate, policy, 1000);
	cr_assert_eq(gate->holds, IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_BROKER_GONE));
	cr_assert_eq(gate_step(gate, policy, &host, 1000), 1);
	cr_assert_eq(gate->holds, 0);
}

static const struct gate_fact tick = {.kind = GATE_FACT_TICK};
static const struct gate_fact input = {.kind = GATE_FACT_INPUT};

Test(gate, counts_and_times)
{
	struct gate_policy policy;
	struct gate gate;

	bare_gate(&gate, &policy);
	cr_assert_eq(gate.opens, 1);
	cr_assert_eq(gate_step(&gate, &policy, &input, 2000), 1);
	cr_assert_eq(gate_step(&gate, &policy, &input, 2050), 0);
	cr_assert_eq(gate.input_ns, 2050);
	cr_assert_eq(gate.changed_ns, 2000);
	cr_assert_eq(gate.hold[IDLEGATE_HOLD_USER_ACTIVE].since_ns, 2000);
	cr_assert(gate.hold[IDLEGATE_HOLD_USER_ACTIVE].raw);
	cr_assert_eq(gate_step(&gate, &policy, &tick, 2149), 0);
	cr_assert_eq(gate_step(&gate, &policy, &tick, 2160), 1);
	cr_assert_eq(gate.changed_ns, 2160);
	cr_assert_eq(gate.closes, 1);
	cr_assert_eq(gate.opens, 2);
	cr_assert_eq(gate.facts, 3, "ticks are no facts");
}

Test(gate, a_stricter_policy_closes_with_the_next_step)
{
	struct gate_fact power = {.kind = GATE_FACT_POWER,
				  .power = {.external_online = true,
					    .has_battery = true,
					    .capacity = 60,
					    .temp_mc = 30000}};
	struct gate_fact zone = {.kind = GATE_FACT_ZONE,
				 .zone = {.id = 31,
					  .temp_mc = 50000,
					  .set_mc = GATE_TEMP_UNKNOWN,
					  .clear_mc = GATE_TEMP_UNKNOWN}};
	struct gate_policy policy;
	struct gate gate;

	bare_gate(&gate, &policy);
	cr_assert_eq(gate_step(&gate, &policy, &input, 2000), 1);
	cr_assert_eq(gate_step(&gate, &policy, &power, 3000), 1);
	cr_assert_eq(gate_step(&gate, &policy, &zone, 3000), 0);
	cr_assert_eq(gate.holds, 0);
	policy.battery_low_set = 70;
	policy.battery_low_clear = 80;
	policy.zone_hot_set = 50000;
	policy.zone_hot_clear = 45000;
	policy.idle_after_ns = 2000;
	cr_assert_eq(gate_step(&gate, &policy, &tick, 3500), 1);
	cr_assert_eq(gate.holds, IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_BATTERY_LOW) |
					 IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_ZONE_HOT) |
					 IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_USER_ACTIVE));
	policy.required_sensors = GATE_SENSOR_BIT(GATE_SENSOR_GPU);
	cr_assert_eq(gate_step(&gate, &policy, &tick, 4000), 1);
	cr_assert_eq(gate.holds, IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_BATTERY_LOW) |
					 IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_ZONE_HOT) |
					 IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_SENSOR_LOST));
	cr_assert_eq(gate.lost, GATE_SENSOR_BIT(GATE_SENSOR_GPU));
}

Test(gate, a_shorter_policy_takes_back_what_it_would_not_have_set)
{
	struct gate_policy policy;
	struct gate gate;

	bare_gate(&gate, &policy);
	policy.idle_after_ns = 5000;
	cr_assert_eq(gate_step(&gate, &policy, &input, 2000), 1);
	cr_assert_eq(gate_next_deadline(&gate), 7000);
	policy.idle_after_ns = 1000;
	policy.dwell_ns[IDLEGATE_HOLD_USER_ACTIVE] = 500;
	cr_assert_eq(gate_step(&gate, &policy, &tick, 2100), 0);
	cr_assert_eq(gate_next_deadline(&gate), 3500);
}

Test(gate, a_device_may_work_from_its_battery_if_policy_says_so)
{
	struct gate_fact power = {.kind = GATE_FACT_POWER,
				  .power = {.has_battery = true,
					    .discharging = true,
					    .capacity = 90,
					    .temp_mc = 30000}};
	struct gate_policy policy;
	struct gate gate;

	bare_gate(&gate, &policy);
	cr_assert_eq(gate_step(&gate, &policy, &power, 2000), 0);
	cr_assert_eq(gate.holds, 0);
	policy.require_charging = true;
	cr_assert_eq(gate_step(&gate, &policy, &tick, 2000), 1);
	cr_assert_eq(gate.holds, IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_NOT_CHARGING));
	power.power.external_online = true;
	cr_assert_eq(gate_step(&gate, &policy, &power, 2001), 1);
	cr_assert_eq(gate.holds, IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_DRAINING));
}

Test(gate, the_ends_of_time)
{
	struct gate_policy policy;
	struct gate gate;

	bare_gate(&gate, &policy);
	cr_assert_eq(gate_step(&gate, &policy, &input, GATE_NEVER - 10), 1);
	cr_assert_eq(gate_next_deadline(&gate), GATE_NEVER, "a sum past the end is never");
	cr_assert_eq(gate_step(&gate, &policy, &tick, GATE_NEVER), 0);
	cr_assert_eq(gate.holds, IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_USER_ACTIVE));
}

Test(gate, nonsense_is_refused_and_stores_nothing)
{
	static const struct gate_fact bad[] = {
		{.kind = GATE_FACT_COUNT},
		{.kind = GATE_FACT_ZONE, .zone = {.id = GATE_MAX_ZONES, .temp_mc = 20000}},
		{.kind = GATE_FACT_ZONE_GONE, .zone = {.id = 0xffffffff}},
		{.kind = GATE_FACT_SENSOR, .sensor = {GATE_SENSOR_COUNT, GATE_SENSOR_OK}},
		{.kind = GATE_FACT_SENSOR, .sensor = {GATE_SENSOR_GPU, GATE_SENSOR_UNHEARD}},
		{.kind = GATE_FACT_SENSOR, .sensor = {GATE_SENSOR_GPU, GATE_SENSOR_ABSENT + 1}},
	};
	struct gate_policy policy;
	struct gate gate;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		bare_gate(&gate, &policy);
		cr_assert_eq(gate_step(&gate, &policy, &bad[i], 2000), -EINVAL, "fact %zu", i);
		cr_assert_eq(gate.holds, IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_SENSOR_LOST),
			     "must be seen even when the dwell is nothing");
		cr_assert_eq(gate.zones_known, 0);
		cr_assert_eq(gate.sensor[GATE_SENSOR_GPU], GATE_SENSOR_UNHEARD);
		cr_assert_eq(gate_next_deadline(&gate), 2001);
		cr_assert_eq(gate_step(&gate, &policy, &tick, 2001), 1);
		cr_assert_eq(gate.holds, 0);
	}
}

struct policy_case {
	const char *word; /* the key that the sentence must name; NULL: it is fine */
	size_t offset, size;
	u64 value;
};
#define FIELD(f, v, w)                                                          \
	{                                                                       \
		.word = (w), .offset = offsetof(struct gate_policy, f),         \
		.size = sizeof(((struct gate_policy *)0)->f), .value = (u64)(v) \
	}

Test(policy, the_default_is_sound_and_each_broken_pair_is_named)
{
	static const struct policy_case cases[] = {
		FIELD(battery_low_set, -1, "battery_low_set"),
		FIELD(battery_low_set, 0, NULL),
		FIELD(battery_low_set, 49, NULL),
		FIELD(battery_low_set, 50, "battery_low_set"),
		FIELD(battery_low_clear, 100, NULL),
		FIELD(battery_low_clear, 101, "battery_low_clear"),
		FIELD(battery_hot_clear, 39999, NULL),
		FIELD(battery_hot_clear, 40000, "battery_hot_clear"),
		FIELD(battery_hot_set, 250001, "battery_hot_set"),
		FIELD(battery_hot_clear, GATE_TEMP_UNKNOWN, "battery_hot_clear"),
		FIELD(zone_hot_clear, 69999, NULL),
		FIELD(zone_hot_clear, 70000, "zone_hot_clear"),
		FIELD(zone_hot_set, 300000, "zone_hot_set"),
		FIELD(zone_hot_clear, -100001, "zone_hot_clear"),
		FIELD(required_sensors, 1u << GATE_SENSOR_COUNT, "required_sensors"),
		FIELD(required_sensors, GATE_SENSOR_BIT(GATE_SENSOR_POWER), NULL),
		FIELD(required_sensors, 0, "require_charging"),
		FIELD(idle_after_ns, 24 * 3600 * NS_PER_S, NULL),
		FIELD(idle_after_ns, 24 * 3600 * NS_PER_S + 1, "idle_after"),
		FIELD(resume_settle_ns, GATE_NEVER, "resume_settle"),
		FIELD(dwell_ns[IDLEGATE_HOLD_COUNT - 1], GATE_NEVER, "dwell"),
	};
	struct gate_policy policy;

	gate_policy_default(&policy);
	cr_assert_null(gate_policy_check(&policy));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *what;

		gate_policy_default(&policy);
		memcpy((char *)&policy + cases[i].offset, &cases[i].value, cases[i].size);
		what = gate_policy_check(&policy);
		cr_assert_eq(!what, !cases[i].word, "case %zu: %s", i, what ? what : "fine");
		if (what)
			cr_assert(strstr(what, cases[i].word), "case %zu: %s", i, what);
	}
}

#define NONE GATE_VALUE_UNKNOWN
#define CHARGER(is)                                                                   \
	{                                                                             \
		.online = (is), .capacity = NONE, .temp_mc = NONE, .current_ua = NONE \
	}
#define BATTERY(drains, level, mc, ua)                                                             \
	{                                                                                          \
		.is_battery = true, .present = true, .discharging = (drains), .capacity = (level), \
		.temp_mc = (mc), .current_ua = (ua)                                                \
	}

static const struct power_case {
	const char *name;
	u32 n;
	struct gate_supply supply[3];
	struct gate_power want;
} power_cases[] = {
	{"nothing at all is mains", 0, {}, {true, false, false, NONE, NONE}},
	{"a charger that is offline, and no battery, is mains",
	 1,
	 {CHARGER(false)},
	 {true, false, false, NONE, NONE}},
	{"a battery bay that is empty is no battery",
	 1,
	 {{.is_battery = true,
	   .discharging = true,
	   .capacity = 0,
	   .temp_mc = 90000,
	   .current_ua = -1000000}},
	 {true, false, false, NONE, NONE}},
	{"a battery alone", 1, {BATTERY(true, 55, 30000, -500000)}, {false, true, true, 55, 30000}},
	{"a phone on its charger",
	 2,
	 {BATTERY(false, 55, 30000, 900000), CHARGER(true)},
	 {true, true, false, 55, 30000}},
	{"one charger of two is enough",
	 3,
	 {CHARGER(false), CHARGER(true), BATTERY(false, 55, 30000, 900000)},
	 {true, true, false, 55, 30000}},
	{"it says charging, but the current flows out",
	 2,
	 {BATTERY(false, 55, 30000, -120000), CHARGER(true)},
	 {true, true, true, 55, 30000}},
	{"a full battery trembles around nothing",
	 2,
	 {BATTERY(false, 100, 30000, -GATE_CURRENT_NOISE_UA), CHARGER(true)},
	 {true, true, false, 100, 30000}},
	{"an unknown current says nothing",
	 2,
	 {BATTERY(false, 55, 30000, NONE), CHARGER(true)},
	 {true, true, false, 55, 30000}},
	{"the worst of two batteries",
	 3,
	 {BATTERY(false, 20, 25000, 0), BATTERY(true, 80, 45000, 0), CHARGER(true)},
	 {true, true, true, 20, 45000}},
	{"a charger's second supply of type Battery knows nothing",
	 3,
	 {BATTERY(false, NONE, NONE, NONE), BATTERY(false, 80, -5000, 1), CHARGER(true)},
	 {true, true, false, 80, -5000}},
};

Test(power, sums)
{
	for (size_t i = 0; i < ARRAY_SIZE(power_cases); i++) {
		const struct power_case *c = &power_cases[i];
		struct gate_power got;

		gate_power_sum(&got, c->supply, c->n);
		cr_assert_eq(got.external_online, c->want.external_online, "%s", c->name);
		cr_assert_eq(got.has_battery, c->want.has_battery, "%s", c->name);
		cr_assert_eq(got.discharging, c->want.discharging, "%s", c->name);
		cr_assert_eq(got.capacity, c->want.capacity, "%s: %d", c->name, got.capacity);
		cr_assert_eq(got.temp_mc, c->want.temp_mc, "%s: %d", c->name, got.temp_mc);
	}
}

Test(words, every_hold_and_sensor_has_them_and_no_two_share_a_name)
{
	for (u32 i = 0; i < IDLEGATE_HOLD_COUNT; i++) {
		const struct gate_hold_info *info = gate_hold_info(i);

		cr_assert(info && info->name && *info->why && *info->clears, "hold %u", i);
		for (u32 j = 0; j < i; j++)
			cr_assert_str_neq(info->name, gate_hold_info(j)->name);
	}
	cr_assert_str_eq(gate_hold_info(IDLEGATE_HOLD_NOT_CHARGING)->name, "not-charging");
	cr_assert_str_eq(gate_hold_info(IDLEGATE_HOLD_SENSOR_LOST)->name, "sensor-lost");
	cr_assert_null(gate_hold_info(IDLEGATE_HOLD_COUNT));
	for (u32 i = 0; i < GATE_SENSOR_COUNT; i++)
		cr_assert_not_null(gate_sensor_name(i));
	cr_assert_str_eq(gate_sensor_name(GATE_SENSOR_SCHEDULE), "schedule");
	cr_assert_null(gate_sensor_name(GATE_SENSOR_COUNT));
}
