/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * How much of the device do other programs use? A leaking bucket of device time; pure, and the same
 * in the kernel's programs, in brokerd and in the tests.
 *
 * Device time that foreign programs used fills the bucket; it leaks at the share that they may use.
 * The bucket overflows at `burst`, the share times the window: so a program that uses more than its
 * share is noticed after at most a window, one that takes the whole device after about the
 * burst, and a clock that is redrawn once a minute, or once a second, never. It holds at most two
 * bursts, so what was used long ago is forgotten.
 */
#ifndef IDLEBROKER_BPF_GPU_SHARE_H
#define IDLEBROKER_BPF_GPU_SHARE_H

#ifndef __bpf__
#include <stdbool.h>
#include <linux/types.h>
#endif

#define GPU_SHARE_ELAPSED_MAX (3600ull * 1000000000) /* by then every bucket is empty */

struct gpu_share {
	__u64 level_ns; /* device time in the bucket */
	__u64 at_ns; /* when that was so */
};

struct gpu_share_limit {
	__u64 burst_ns; /* at least 1 */
	__u32 permille; /* of the device's time that may be used; 1 to 1000 */
	__u32 pad;
};

static inline void gpu_share_leak(struct gpu_share *s, const struct gpu_share_limit *limit,
				  __u64 now_ns)
{
	__u64 elapsed, leaked;

	if (now_ns <= s->at_ns)
		return;
	elapsed = now_ns - s->at_ns;
	if (elapsed > GPU_SHARE_ELAPSED_MAX)
		elapsed = GPU_SHARE_ELAPSED_MAX;
	leaked = elapsed * limit->permille / 1000;
	s->level_ns = s->level_ns > leaked ? s->level_ns - leaked : 0;
	s->at_ns = now_ns;
}

/** gpu_share_add() - @busy_ns were used up to @now_ns; returns whether that is too much */
static inline bool gpu_share_add(struct gpu_share *s, const struct gpu_share_limit *limit,
				 __u64 now_ns, __u64 busy_ns)
{
	gpu_share_leak(s, limit, now_ns);
	if (busy_ns > 2 * limit->burst_ns)
		busy_ns = 2 * limit->burst_ns;
	s->level_ns += busy_ns;
	if (s->level_ns > 2 * limit->burst_ns)
		s->level_ns = 2 * limit->burst_ns;
	return s->level_ns > limit->burst_ns;
}

#endif
