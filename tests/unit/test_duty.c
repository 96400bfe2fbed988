/* SPDX-License-Identifier: MIT */
/*
 * The duty controller over a simulated thermal mass: the zone nears the temperature that belongs
 * to the duty with a time constant, is read at an interval, and jitters a little.
 */
#include <criterion/criterion.h>
#include <math.h>

#include "broker/sched/duty.h"
#include "kmod/core/gate.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/clock.h"

#define TARGET 45000
#define STEP_S 0.1

struct plant {
	double ambient, rise; /* degrees; at full duty it ends at ambient + rise */
	double tau_s;
	double every_s; /* between two readings */
	double temp;
};

struct run {
	double highest, low_late, high_late; /* late: the last third */
	uint32_t duty_end;
};

static double plant_step(struct plant *p, uint32_t permille)
{
	double end = p->ambient + p->rise * permille / 1000.0;

	p->temp += (end - p->temp) * (1 - exp(-STEP_S / p->tau_s));
	return p->temp;
}

static struct run simulate(struct duty *d, struct plant *p, double seconds, uint64_t *now_ns)
{
	struct run r = {.highest = -1000, .low_late = 1000, .high_late = -1000};
	double next = 0;

	for (double t = 0; t < seconds; t += STEP_S) {
		double temp = plant_step(p, d->permille);

		*now_ns += (uint64_t)(STEP_S * 1e9);
		if (t >= next) {
			int32_t jitter = (int32_t)(*now_ns / 7919 % 201) - 100;

			duty_update(d, (int32_t)(temp * 1000) + jitter, *now_ns);
			next += p->every_s;
		}
		r.highest = fmax(r.highest, temp);
		if (t > seconds * 2 / 3) {
			r.low_late = fmin(r.low_late, temp);
			r.high_late = fmax(r.high_late, temp);
		}
	}
	r.duty_end = d->permille;
	return r;
}

Test(duty, settles_at_the_target_without_swinging)
{
	static const double rises[] = {25, 40, 60}, taus[] = {30, 90, 240}, reads[] = {1, 5};

	for (unsigned int i = 0; i < 18; i++) {
		struct plant p = {.ambient = 25,
				  .rise = rises[i % 3],
				  .tau_s = taus[i / 3 % 3],
				  .every_s = reads[i / 9],
				  .temp = 25};
		uint64_t now = NS_PER_S;
		struct duty d;
		struct run r;

		duty_init(&d, TARGET);
		r = simulate(&d, &p, 2400, &now);
		cr_assert(r.low_late > 44 && r.high_late < 46,
			  "rise %g tau %g every %g: %g .. %g at the end", p.rise, p.tau_s,
			  p.every_s, r.low_late, r.high_late);
		cr_assert_lt(r.high_late - r.low_late, 0.6, "it swings");
		cr_assert_lt(r.highest, 49, "rise %g tau %g every %g: shot to %g", p.rise, p.tau_s,
			     p.every_s, r.highest);
	}
}

Test(duty, a_device_that_stays_cool_keeps_its_full_duty)
{
	struct plant p = {.ambient = 20, .rise = 12, .tau_s = 60, .every_s = 5, .temp = 20};
	uint64_t now = NS_PER_S;
	struct duty d;

	duty_init(&d, TARGET);
	cr_assert_eq(d.permille, DUTY_MAX_PERMILLE);
	for (int i = 0; i < 100; i++)
		cr_assert_eq(simulate(&d, &p, 10, &now).duty_end, DUTY_MAX_PERMILLE);
}

/* Hours in the cold or in the sun must not be remembered: the way back is as fast as from new. */
Test(duty, does_not_wind_up)
{
	static const double ambients[] = {-10, 70};

	for (unsigned int i = 0; i < ARRAY_SIZE(ambients); i++) {
		struct plant p = {
			.ambient = ambients[i], .rise = 40, .tau_s = 60, .every_s = 5, .temp = 25};
		uint64_t now = NS_PER_S;
		struct duty d;
		struct run r;

		duty_init(&d, TARGET);
		r = simulate(&d, &p, 4 * 3600, &now);
		cr_assert_eq(r.duty_end, i ? DUTY_MIN_PERMILLE : DUTY_MAX_PERMILLE);
		p.ambient = 25;
		r = simulate(&d, &p, 900, &now);
		cr_assert(r.low_late > 44 && r.high_late < 46, "after %g: %g .. %g", ambients[i],
			  r.low_late, r.high_late);
		if (!i)
			cr_assert_lt(r.highest, 49, "shot to %g", r.highest);
	}
}

Test(duty, follows_a_change_of_the_surroundings)
{
	struct plant p = {.ambient = 15, .rise = 40, .tau_s = 90, .every_s = 3, .temp = 15};
	uint64_t now = NS_PER_S;
	struct duty d;
	struct run r;

	duty_init(&d, TARGET);
	r = simulate(&d, &p, 1800, &now);
	p.ambient = 35;
	r = simulate(&d, &p, 1800, &now);
	cr_assert(r.low_late > 44 && r.high_late < 46, "%g .. %g", r.low_late, r.high_late);
	cr_assert(r.duty_end > 150 && r.duty_end < 350, "%u", r.duty_end);
}

Test(duty, stays_in_range_for_any_reading)
{
	static const int32_t temps[] = {INT32_MIN + 1, -273150, 0, 200000, INT32_MAX};
	static const uint64_t times[] = {0, 1, NS_PER_S, UINT64_MAX, 5, UINT64_MAX / 2};
	struct duty d;

	duty_init(&d, TARGET);
	for (unsigned int n = 0; n < 3000; n++) {
		uint32_t permille = duty_update(&d, temps[n * 7 % 5], times[n * 5 % 6]);

		cr_assert_geq(permille, DUTY_MIN_PERMILLE);
		cr_assert_leq(permille, DUTY_MAX_PERMILLE);
		cr_assert_geq(d.integral, 0);
	}
}

Test(duty, an_unknown_temperature_changes_nothing)
{
	struct duty d, before;

	cr_assert_eq(DUTY_TEMP_UNKNOWN, GATE_TEMP_UNKNOWN);
	duty_init(&d, TARGET);
	duty_update(&d, TARGET + 2000, NS_PER_S);
	before = d;
	cr_assert_eq(duty_update(&d, DUTY_TEMP_UNKNOWN, 100 * NS_PER_S), before.permille);
	cr_assert_eq(d.integral, before.integral);
	cr_assert_lt(d.permille, DUTY_MAX_PERMILLE);
}

struct rest_case {
	uint32_t permille;
	uint64_t busy, rest;
};

Test(duty, rest_makes_the_share)
{
	static const struct rest_case cases[] = {
		{1000, 4000000, 0}, {500, 4000000, 4000000}, {250, 4000000, 12000000},
		{50, 1000, 19000},  {0, 1000, 19000},        {5000, 1000, 0},
		{500, 0, 0},        {999, 4000000, 4004},
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++)
		cr_assert_eq(duty_rest_ns(cases[i].permille, cases[i].busy), cases[i].rest,
			     "case %u", i);
	cr_assert_gt(duty_rest_ns(100, UINT64_MAX), UINT64_MAX / 2000);
}
