/* SPDX-License-Identifier: MIT */
/* What /dev/idlegate is told: each kind of fact, and the limits, field by field. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "broker/gatehost_uapi.h"

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))

static const struct {
	const char *name;
	struct gate_fact in;
	struct idlegate_fact out;
} facts[] = {
	{"tick", {.kind = GATE_FACT_TICK}, {.kind = 0}},
	{"input", {.kind = GATE_FACT_INPUT}, {.kind = 1}},
	/* clang-format off */
	{"fed",
	 {.kind = GATE_FACT_POWER,
	  .power = {.external_online = true, .has_battery = true,
		    .capacity = 80, .temp_mc = 31000}},
	 {.kind = 2, .on = 3, .capacity = 80, .temp_mc = 31000}},
	/* clang-format on */
	{"drained",
	 {.kind = GATE_FACT_POWER,
	  .power = {.has_battery = true,
		    .discharging = true,
		    .capacity = GATE_VALUE_UNKNOWN,
		    .temp_mc = GATE_TEMP_UNKNOWN}},
	 {.kind = 2,
	  .on = 6,
	  .capacity = IDLEGATE_VALUE_UNKNOWN,
	  .temp_mc = IDLEGATE_VALUE_UNKNOWN}},
	{"zone",
	 {.kind = GATE_FACT_ZONE,
	  .zone = {.id = 31, .temp_mc = -5, .set_mc = 60000, .clear_mc = 55000}},
	 {.kind = 3, .id = 31, .temp_mc = -5, .set_mc = 60000, .clear_mc = 55000}},
	{"zone gone",
	 {.kind = GATE_FACT_ZONE_GONE, .zone = {.id = 4, .temp_mc = 9, .set_mc = 9, .clear_mc = 9}},
	 {.kind = 4, .id = 4}},
	{"suspend", {.kind = GATE_FACT_SUSPEND, .on = true}, {.kind = 5, .on = 1}},
	{"gpu", {.kind = GATE_FACT_GPU, .on = true}, {.kind = 6, .on = 1}},
	{"cpu", {.kind = GATE_FACT_CPU, .on = false}, {.kind = 7}},
	{"schedule", {.kind = GATE_FACT_SCHEDULE, .on = true}, {.kind = 8, .on = 1}},
	{"pause",
	 {.kind = GATE_FACT_PAUSE, .pause = {.on = true, .until_ns = GATE_NEVER}},
	 {.kind = 9, .on = 1, .until_ns = IDLEGATE_NEVER}},
	{"resume",
	 {.kind = GATE_FACT_PAUSE, .pause = {.on = false, .until_ns = 77}},
	 {.kind = 9, .until_ns = 0}},
	{"sensor",
	 {.kind = GATE_FACT_SENSOR, .sensor = {.id = GATE_SENSOR_CPU, .state = GATE_SENSOR_ABSENT}},
	 {.kind = 11, .id = 4, .on = 3}},
};

Test(gatehost_uapi, every_kind_of_fact)
{
	struct idlegate_fact out;

	for (size_t i = 0; i < ROWS(facts); i++) {
		memset(&out, 0xff, sizeof(out));
		cr_assert_eq(gatehost_uapi_fact(&out, &facts[i].in), 0, "%s", facts[i].name);
		cr_assert_eq(memcmp(&out, &facts[i].out, sizeof(out)), 0, "%s", facts[i].name);
	}
}

Test(gatehost_uapi, what_is_no_fact_is_not_told)
{
	struct idlegate_fact out;

	cr_assert_eq(gatehost_uapi_fact(&out, &(struct gate_fact){.kind = GATE_FACT_HOST}),
		     -EINVAL);
	cr_assert_eq(gatehost_uapi_fact(&out, &(struct gate_fact){.kind = GATE_FACT_COUNT}),
		     -EINVAL);
}

/* Each field gets a value of its own, so that none can be taken for another. */
Test(gatehost_uapi, every_limit)
{
	struct gate_policy in = {
		.idle_after_ns = 1,
		.resume_settle_ns = 2,
		.battery_low_set = 3,
		.battery_low_clear = 4,
		.battery_hot_set = 5,
		.battery_hot_clear = 6,
		.zone_hot_set = 7,
		.zone_hot_clear = 8,
		.require_charging = true,
		.required_sensors = 9,
	};
	struct idlegate_policy out, want = {
					    .idle_after_ns = 1,
					    .resume_settle_ns = 2,
					    .battery_low_set = 3,
					    .battery_low_clear = 4,
					    .battery_hot_set = 5,
					    .battery_hot_clear = 6,
					    .zone_hot_set = 7,
					    .zone_hot_clear = 8,
					    .require_charging = 1,
					    .required_sensors = 9,
					    .look_ms = 5000,
				    };

	for (u32 h = 0; h < IDLEGATE_HOLD_COUNT; h++)
		in.dwell_ns[h] = want.dwell_ns[h] = 100 + h;
	memset(&out, 0xff, sizeof(out));
	gatehost_uapi_policy(&out, &in, 5000);
	cr_assert_eq(memcmp(&out, &want, sizeof(out)), 0);
}
