/* SPDX-License-Identifier: MIT */
/* Schedule: windows over midnight and the week's end, and the days on which the clock jumps. */
#include "sources_fixture.h"

#include <stdlib.h>
#include <time.h>

#include "broker/sources/schedule_time.h"

#define MON                1
#define FRI                16
#define SAT                32
#define SUN                64
#define WORKDAYS           31
#define ALL                127
#define AT(day, hour, min) ((day)*1440 + (hour)*60 + (min))

struct week_case {
	struct config_window w[2];
	uint32_t n, minute;
	bool allowed;
	uint32_t edge;
};

static const struct week_case week_cases[] = {
	/* no windows: always; a window without days: never */
	{{{}}, 0, AT(3, 4, 5), true, 0},
	{{{0, 60, 120}}, 1, AT(3, 1, 30), false, 0},
	/* within a day; the first minute is in, the last is not */
	{{{MON, 540, 600}}, 1, AT(0, 8, 59), false, 1},
	{{{MON, 540, 600}}, 1, AT(0, 9, 0), true, 60},
	{{{MON, 540, 600}}, 1, AT(0, 9, 59), true, 1},
	{{{MON, 540, 600}}, 1, AT(0, 10, 0), false, 7 * 1440 - 60},
	/* over midnight */
	{{{WORKDAYS, 1320, 360}}, 1, AT(0, 21, 0), false, 60},
	{{{WORKDAYS, 1320, 360}}, 1, AT(0, 23, 0), true, 420},
	{{{WORKDAYS, 1320, 360}}, 1, AT(1, 5, 59), true, 1},
	{{{WORKDAYS, 1320, 360}}, 1, AT(0, 3, 0), false, 19 * 60}, /* Sunday night is not in */
	{{{WORKDAYS, 1320, 360}}, 1, AT(5, 3, 0), true, 180}, /* Friday's runs into Saturday */
	/* over the week's end */
	{{{SUN, 1380, 60}}, 1, AT(6, 23, 30), true, 90},
	{{{SUN, 1380, 60}}, 1, AT(0, 0, 30), true, 30},
	{{{SUN, 1380, 60}}, 1, AT(0, 1, 0), false, 7 * 1440 - 120},
	/* two that touch are one; two that overlap end with the later */
	{{{FRI, 600, 720}, {FRI, 720, 780}}, 2, AT(4, 11, 0), true, 120},
	{{{FRI, 600, 720}, {FRI, 660, 900}}, 2, AT(4, 10, 0), true, 300},
	/* from = to is a whole day; each day so is always */
	{{{SAT, 0, 0}}, 1, AT(5, 0, 0), true, 1440},
	{{{ALL, 300, 300}}, 1, AT(2, 2, 2), true, 0},
};

Test(schedule, windows_of_the_week)
{
	for (size_t i = 0; i < ARRAY_SIZE(week_cases); i++) {
		const struct week_case *c = &week_cases[i];

		cr_assert_eq(schedule_allowed(c->w, c->n, c->minute), c->allowed, "case %zu", i);
		cr_assert_eq(schedule_edge(c->w, c->n, c->minute), c->edge, "case %zu: %u", i,
			     schedule_edge(c->w, c->n, c->minute));
	}
}

static time_t utc(int year, int month, int day, int hour, int min)
{
	struct tm tm = {.tm_year = year - 1900,
			.tm_mon = month - 1,
			.tm_mday = day,
			.tm_hour = hour,
			.tm_min = min};

	return timegm(&tm);
}

Test(schedule, days_on_which_the_clock_jumps)
{
	/* Central Europe 2025: 30 March 01:00 UTC forward, 26 October 01:00 UTC back. */
	const struct config_window night = {ALL, 1320, 360}, small = {ALL, 60, 150};
	const struct {
		const struct config_window *w;
		time_t now;
		bool allowed;
		time_t next;
	} cases[] = {
		/* an ordinary night in summer: 20:00 UTC is 22:00 */
		{&night, utc(2025, 6, 10, 12, 0), false, utc(2025, 6, 10, 20, 0)},
		{&night, utc(2025, 6, 10, 20, 0), true, utc(2025, 6, 11, 4, 0)},
		/* spring: asked again at the jump, then 06:00 is 04:00 UTC */
		{&night, utc(2025, 3, 29, 22, 0), true, utc(2025, 3, 30, 1, 0)},
		{&night, utc(2025, 3, 30, 1, 0), true, utc(2025, 3, 30, 4, 0)},
		/* 02:30 never comes: over at the jump */
		{&small, utc(2025, 3, 30, 0, 30), true, utc(2025, 3, 30, 1, 0)},
		{&small, utc(2025, 3, 30, 1, 0), false, utc(2025, 3, 30, 23, 0)},
		/* autumn: 02:30 comes twice, and so does the end */
		{&small, utc(2025, 10, 25, 23, 0), true, utc(2025, 10, 26, 0, 30)},
		{&small, utc(2025, 10, 26, 0, 30), false, utc(2025, 10, 26, 1, 0)},
		{&small, utc(2025, 10, 26, 1, 0), true, utc(2025, 10, 26, 1, 30)},
		{&small, utc(2025, 10, 26, 1, 30), false, utc(2025, 10, 27, 0, 0)},
	};

	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool allowed;
		time_t next = schedule_next(cases[i].w, 1, cases[i].now, &allowed);

		cr_assert_eq(allowed, cases[i].allowed, "case %zu", i);
		cr_assert_eq(next, cases[i].next, "case %zu: %+ld s", i,
			     (long)(next - cases[i].next));
	}
}

/* Walking from edge to edge meets every change that looking at each minute finds. */
Test(schedule, no_change_is_missed_in_a_year)
{
	const struct config_window w[] = {{WORKDAYS, 1320, 150}, {SAT | SUN, 125, 175}};
	time_t now = utc(2025, 1, 1, 0, 0), end = utc(2026, 1, 1, 0, 0), next;
	bool expected, allowed;

	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	next = schedule_next(w, 2, now, &expected);
	for (; now < end; now += 60) {
		time_t again = schedule_next(w, 2, now, &allowed);

		if (now >= next) {
			expected = allowed;
			next = again;
		}
		cr_assert_eq(allowed, expected, "missed at %ld", (long)now);
		cr_assert_gt(again, now);
	}
}

Test(schedule, the_source_tells_and_takes_a_reload)
{
	struct fixture *f = fixture_new();

	fixture_open(f, &source_schedule);
	fixture_want_state(f, GATE_SENSOR_OK, 0);
	cr_assert(fixture_last(f, GATE_FACT_SCHEDULE)->on);
	f->config.n_windows = 1;
	f->config.windows[0] = (struct config_window){.days = 0};
	source_schedule.reload(f->source);
	cr_assert_not(fixture_last(f, GATE_FACT_SCHEDULE)->on);
	fixture_want_detail(f, "not allowed");
	fixture_free(f);
}

Test(schedule, the_timer_sleeps_until_the_edge)
{
	struct fixture *f = fixture_new();
	uint64_t wakeups;

	f->config.n_windows = 1;
	f->config.windows[0] =
		(struct config_window){.days = ALL, .from_minute = 0, .to_minute = 720};
	fixture_open(f, &source_schedule);
	wakeups = loop_wakeups(f->loop);
	fixture_run(f, 0, 100);
	cr_assert_leq(loop_wakeups(f->loop) - wakeups, 2);
	cr_assert_leq(fixture_count(f, GATE_FACT_SCHEDULE), 2);
	fixture_free(f);
}
