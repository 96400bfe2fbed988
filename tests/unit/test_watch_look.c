/* SPDX-License-Identifier: MIT */
/*
 * The watchdog's decisions, with a clock moved by hand, one ms at a time: slices of any length, and
 * a process that is stopped and continued. While it is stopped no look happens, and its clocks
 * of processor time stand; the device goes on, but its end is noticed only after.
 */
#include <criterion/criterion.h>

#include "broker/worker/watch_look.h"
#include "libbroker/util/clock.h"

#define LIMIT_MS  200u
#define NOTICE_MS 20u /* from going on until the slicing thread has seen the end */
#define NEVER     100000u

struct story {
	uint32_t slice_ms; /* each; NEVER: endless */
	uint32_t stop_at, stop_every, stop_ms; /* stop_every 0: once */
	bool software, idle; /* idle: it gets no processor */
};

/* Until how many ms of running it was let live; NEVER: it was never ended. */
static uint32_t live(const struct story *s, uint32_t ms)
{
	struct watch_look look = {.stretch = 0};
	struct watch_facts f = {
		.stretch = 1, .limit_ns = LIMIT_MS * NS_PER_MS, .software = s->software};
	uint64_t now = 12345, due = now, over = now + s->slice_ms * NS_PER_MS;
	uint32_t stop = s->stop_ms ? s->stop_at : NEVER;

	f.began_ns = now;
	for (uint32_t ran = 0; ran < ms; ran++, now += NS_PER_MS) {
		if (ran == stop) {
			now += s->stop_ms * NS_PER_MS;
			if (over < now + NOTICE_MS * NS_PER_MS && s->slice_ms != NEVER)
				over = now + NOTICE_MS * NS_PER_MS;
			stop = s->stop_every ? stop + s->stop_every : NEVER;
		}
		f.cpu_ns += s->idle ? 0 : NS_PER_MS;
		if (s->slice_ms != NEVER && now >= over) {
			f.stretch += 2;
			f.began_ns = now;
			over = now + s->slice_ms * NS_PER_MS;
		}
		if (now >= due) {
			int wait;

			f.now_ns = now;
			wait = watch_look(&look, &f);
			if (wait == WATCH_BITE)
				return ran;
			cr_assert_gt(wait, 0);
			due = now + (uint64_t)wait * NS_PER_MS;
		}
	}
	return NEVER;
}

Test(watch_look, an_endless_slice_is_ended_soon_after_its_limit)
{
	for (int software = 0; software < 2; software++) {
		struct story s = {.slice_ms = NEVER, .software = software};
		uint32_t ran = live(&s, 2000);

		cr_assert(ran > LIMIT_MS && ran < 2 * LIMIT_MS, "%u", ran);
	}
}

Test(watch_look, slices_within_the_limit_are_let_be)
{
	static const uint32_t lengths[] = {1, 4, 49, 50, 51, 120, 199};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct story s = {.slice_ms = lengths[i]};

		cr_assert_eq(live(&s, 5000), NEVER, "slices of %u ms", lengths[i]);
	}
}

/* Stopped at each moment of a slice, for less and for much more than the limit. */
Test(watch_look, to_be_stopped_is_not_to_run)
{
	static const uint32_t stops[] = {40, 150, 190, 250, 1000, 60000};
	static const uint32_t lengths[] = {4, 150, 195};

	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
		for (size_t j = 0; j < sizeof(lengths) / sizeof(lengths[0]); j++) {
			for (uint32_t at = 0; at < 600; at++) {
				struct story s = {
					.slice_ms = lengths[j], .stop_at = at, .stop_ms = stops[i]};

				cr_assert_eq(live(&s, 1500), NEVER,
					     "slices of %u ms, stopped after %u for %u", lengths[j],
					     at, stops[i]);
			}
		}
	}
}

Test(watch_look, an_endless_slice_is_ended_however_often_it_is_stopped)
{
	for (uint32_t every = 30; every < 300; every += 7) {
		struct story s = {
			.slice_ms = NEVER, .stop_at = 10, .stop_every = every, .stop_ms = 3000};
		uint32_t ran = live(&s, 5000);

		cr_assert(ran != NEVER && ran > LIMIT_MS / 2, "stopped every %u ms: %u", every,
			  ran);
	}
}

Test(watch_look, a_starved_software_device_is_let_be)
{
	struct story s = {.slice_ms = NEVER, .software = true, .idle = true};

	cr_assert_eq(live(&s, 5000), NEVER);
}

Test(watch_look, it_sleeps_while_there_is_nothing_to_guard)
{
	struct watch_look look = {.stretch = 0};
	struct watch_facts f = {.stretch = 4, .asleep = true, .now_ns = NS_PER_S};

	cr_assert_eq(watch_look(&look, &f), WATCH_KICK);
	f = (struct watch_facts){
		.stretch = 5, .now_ns = 90 * NS_PER_S, .began_ns = NS_PER_S, .limit_ns = NS_PER_S};
	cr_assert_eq(watch_look(&look, &f), 250, "what was before the kick is not counted");
	cr_assert_eq(look.ran_ns, 0);
}
