/* SPDX-License-Identifier: MIT */
/*
 * Judging foreign use: a device of which the test is the clock and the kernel's programs. What the
 * programs tell is told only where it was asked for, and each telling and each look is counted.
 */
#include <criterion/criterion.h>

#include "broker/sources/gpu_watch.h"
#include "libbroker/util/clock.h"

#define MS NS_PER_MS
#define S  NS_PER_S

struct device {
	struct gpu_watch watch;
	struct gpu_watch_verdict v;
	struct gpu_total total;
	uint64_t now;
	unsigned int wakeups, closes;
};

static void step(struct device *d, enum gpu_watch_event event)
{
	bool was = d->watch.busy;

	d->wakeups++;
	gpu_watch_step(&d->watch, event, &d->total, d->now, &d->v);
	d->closes += !was && d->v.busy;
	cr_assert(d->v.arm_submit || d->v.look_at_ns != GPU_WATCH_NEVER,
		  "neither a timer nor a switch: nothing would ever wake it again");
	if (d->v.look_at_ns != GPU_WATCH_NEVER)
		cr_assert_gt(d->v.look_at_ns, d->now);
}

/* Lets time pass, with the looks that were asked for. */
static void pass(struct device *d, uint64_t until)
{
	while (d->v.look_at_ns <= until) {
		d->now = d->v.look_at_ns;
		step(d, GPU_WATCH_LOOK);
	}
	d->now = until;
}

static void begin(struct device *d)
{
	d->total.submits++;
	d->total.last_ns = d->now;
	if (!d->total.running++)
		d->total.running_since_ns = d->now;
	if (d->v.arm_submit)
		step(d, GPU_WATCH_SUBMIT);
}

static void end(struct device *d)
{
	uint64_t busy = d->now - d->total.running_since_ns;
	bool over = gpu_share_add(&d->total.share, &d->watch.limit, d->now, busy);

	d->total.running--;
	d->total.last_ns = d->now;
	d->total.busy_ns += busy;
	if (over && d->v.arm_over)
		step(d, GPU_WATCH_OVER);
}

static void job(struct device *d, uint64_t ns)
{
	begin(d);
	pass(d, d->now + ns);
	end(d);
}

static struct device device(bool at_once)
{
	struct device d = {.now = 1000 * S};

	gpu_watch_init(&d.watch, 50, S, at_once);
	step(&d, GPU_WATCH_LOOK);
	cr_assert_not(d.v.busy);
	cr_assert(d.v.arm_submit);
	cr_assert_eq(d.v.look_at_ns, GPU_WATCH_NEVER, "nobody works, so nothing is looked at");
	d.wakeups = 0;
	return d;
}

Test(gpu_watch, a_clock_redrawn_once_a_second_keeps_nothing_closed)
{
	struct device d = device(false);

	for (int i = 0; i < 3600; i++) {
		job(&d, 10 * MS);
		pass(&d, d.now + S - 10 * MS);
		cr_assert_not(d.v.busy, "after %d redraws", i);
	}
	cr_assert_eq(d.closes, 0);
	cr_assert_leq(d.wakeups, 2 * 3600);
}

Test(gpu_watch, a_clock_redrawn_once_a_minute_wakes_seldom)
{
	struct device d = device(false);

	for (int i = 0; i < 60; i++) {
		job(&d, 10 * MS);
		pass(&d, d.now + 60 * S - 10 * MS);
	}
	cr_assert_eq(d.closes, 0);
	cr_assert_leq(d.wakeups, 3 * 60);
}

Test(gpu_watch, a_game_closes_soon_and_once_and_opens_after_it)
{
	struct device d = device(false);
	uint64_t start = d.now, over;

	while (!d.v.busy) {
		job(&d, 8 * MS);
		pass(&d, d.now + 8 * MS);
	}
	cr_assert_leq(d.now - start, 130 * MS);
	for (int i = 0; i < 600; i++) {
		job(&d, 8 * MS);
		pass(&d, d.now + 8 * MS);
		cr_assert(d.v.busy);
	}
	cr_assert_eq(d.closes, 1);
	cr_assert_leq(d.wakeups, 30, "about one a second");
	over = d.now;
	while (d.v.busy)
		pass(&d, d.v.look_at_ns);
	cr_assert_geq(d.now - over, 500 * MS);
	cr_assert_leq(d.now - over, 2 * S);
	pass(&d, d.now + 10 * S);
	cr_assert(d.v.arm_submit);
	cr_assert_eq(d.v.look_at_ns, GPU_WATCH_NEVER);
}

Test(gpu_watch, one_long_job_is_noticed_while_it_runs)
{
	struct device d = device(false);
	uint64_t start = d.now;

	begin(&d);
	pass(&d, start + 49 * MS);
	cr_assert_not(d.v.busy);
	pass(&d, start + 65 * MS);
	cr_assert(d.v.busy);
	pass(&d, start + 5 * S);
	cr_assert(d.v.busy);
	end(&d);
	pass(&d, d.now + 3 * S);
	cr_assert_not(d.v.busy);
}

Test(gpu_watch, a_job_that_never_ends_is_given_up)
{
	struct device d = device(false);

	begin(&d); /* and its end is never told: the program's table was full */
	pass(&d, d.now + 50 * S);
	cr_assert(d.v.busy);
	pass(&d, d.now + 20 * S);
	cr_assert_not(d.v.busy);
}

Test(gpu_watch, at_once_means_at_the_first_work)
{
	struct device d = device(true);
	uint64_t end_ns;

	begin(&d);
	cr_assert(d.v.busy);
	pass(&d, d.now + 3 * S);
	cr_assert(d.v.busy, "it still runs");
	end(&d);
	end_ns = d.now;
	pass(&d, end_ns + 900 * MS);
	cr_assert(d.v.busy, "not quiet for a window yet");
	pass(&d, end_ns + 2100 * MS);
	cr_assert_not(d.v.busy);
	cr_assert(d.v.arm_submit);
	cr_assert_eq(d.v.look_at_ns, GPU_WATCH_NEVER);
}

Test(gpu_watch, work_goes_on_at_once)
{
	struct device d = device(true);

	for (int i = 0; i < 100; i++) {
		job(&d, MS);
		pass(&d, d.now + 500 * MS);
		cr_assert(d.v.busy, "work %d", i);
	}
	cr_assert_eq(d.closes, 1);
	cr_assert_leq(d.wakeups, 110);
}

Test(gpu_watch, lost_records_close_until_it_is_known)
{
	for (int at_once = 0; at_once < 2; at_once++) {
		struct device d = device(at_once);

		step(&d, GPU_WATCH_LOST);
		cr_assert(d.v.busy);
		pass(&d, d.now + 2 * S);
		cr_assert_not(d.v.busy, "the counts say that nobody works");
		cr_assert(d.v.arm_submit);
	}
}
