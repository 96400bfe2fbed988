/* SPDX-License-Identifier: MIT */
/* The leaking bucket of device time: who is let pass, and who is noticed, and when. */
#include <criterion/criterion.h>

#include "bpf/gpu_share.h"

#define MS 1000000ull
#define S  (1000 * MS)

/* 5 % of a window of 1 s, the defaults. */
static const struct gpu_share_limit limit = {.burst_ns = 50 * MS, .permille = 50};

/* A client that uses the device for @busy each @period; when it is noticed, or 0 within a day. */
static __u64 noticed_at(__u64 busy, __u64 period)
{
	struct gpu_share s = {};

	for (__u64 now = period; now < 24 * 3600 * S; now += period)
		if (gpu_share_add(&s, &limit, now, busy))
			return now;
	return 0;
}

Test(gpu_share, a_clock_is_let_pass)
{
	cr_assert_eq(noticed_at(10 * MS, S), 0, "redrawn once a second, 1 %% of the device");
	cr_assert_eq(noticed_at(45 * MS, S), 0, "the same on a very slow device");
	cr_assert_eq(noticed_at(49 * MS, 60 * S), 0, "redrawn once a minute");
}

Test(gpu_share, who_uses_more_is_noticed_within_a_window)
{
	/* A game: 8 of 16 ms. */
	cr_assert_leq(noticed_at(8 * MS, 16 * MS), 120 * MS);
	cr_assert_gt(noticed_at(8 * MS, 16 * MS), 50 * MS);
	/* A video at 24 frames with 4 ms each: almost twice its share. */
	cr_assert_leq(noticed_at(4 * MS, 42 * MS), 1200 * MS);
	/* One job as long as the burst, and a bit. */
	cr_assert_eq(noticed_at(51 * MS, 60 * S), 60 * S);
}

Test(gpu_share, the_share_itself_is_the_edge)
{
	cr_assert_eq(noticed_at(50000, MS), 0, "just 5 %%");
	cr_assert_neq(noticed_at(51000, MS), 0, "5.1 %%, for long enough");
}

Test(gpu_share, what_was_long_ago_is_forgotten)
{
	struct gpu_share s = {};

	cr_assert(gpu_share_add(&s, &limit, 10 * S, 10 * S));
	cr_assert_eq(s.level_ns, 2 * limit.burst_ns, "never more than two bursts");
	gpu_share_leak(&s, &limit, 11 * S);
	cr_assert_eq(s.level_ns, limit.burst_ns);
	gpu_share_leak(&s, &limit, 12 * S);
	cr_assert_eq(s.level_ns, 0);
}

Test(gpu_share, time_does_not_run_back_nor_over)
{
	struct gpu_share s = {.level_ns = 40 * MS, .at_ns = 5 * S};

	gpu_share_leak(&s, &limit, 4 * S);
	cr_assert_eq(s.level_ns, 40 * MS);
	cr_assert_eq(s.at_ns, 5 * S);
	gpu_share_leak(&s, &limit, ~0ull);
	cr_assert_eq(s.level_ns, 0);
	cr_assert(gpu_share_add(&s, &limit, ~0ull, ~0ull));
	cr_assert_eq(s.level_ns, 2 * limit.burst_ns);
}
