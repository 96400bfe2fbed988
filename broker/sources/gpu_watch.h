/* SPDX-License-Identifier: MIT */
/*
 * Do other programs use the device too much? Judged from what the eBPF programs count. Pure: facts
 * and time in, a verdict out.
 *
 * Two ways, by the owner's choice. At once: any work of a foreign program closes, and a quiet
 * window after the last of it opens. By share: the bucket of bpf/gpu_share.h must overflow, and be
 * half empty again; a job that is still running counts as far as it has come.
 *
 * Who is woken for what: the programs tell by themselves that the bucket overflows, but not that
 * one long job is at work. So the first work after a quiet time is told too, and is looked at when
 * it would have filled the bucket; while small work goes on it is looked at once a window, and
 * when a window passed without any, the next first work is to be told again.
 */
#ifndef BROKER_SOURCES_GPU_WATCH_H
#define BROKER_SOURCES_GPU_WATCH_H

#include <stdint.h>

#include "bpf/gpu.h"

#define GPU_WATCH_NEVER UINT64_MAX

struct gpu_watch {
	struct gpu_share_limit limit;
	uint64_t window_ns;
	bool at_once;
	bool busy;
	uint64_t submits; /* at the last step */
};

enum gpu_watch_event {
	GPU_WATCH_LOOK, /* the time has come, or the gate wants to know */
	GPU_WATCH_SUBMIT, /* a foreign program gave work to a device */
	GPU_WATCH_OVER, /* the bucket overflowed */
	GPU_WATCH_LOST, /* records were lost: any of them */
};

struct gpu_watch_verdict {
	bool busy;
	bool arm_submit; /* ask to be told of the next work */
	bool arm_over; /* and of the next overflow */
	uint64_t look_at_ns; /* or GPU_WATCH_NEVER */
	uint64_t level_ns; /* of the bucket, with what is running; for words */
};

/**
 * gpu_watch_init() - nothing used so far
 * @permille: share that foreign programs may use, 1 to 1000
 * @window_ns: at least 1 ms
 */
void gpu_watch_init(struct gpu_watch *w, uint32_t permille, uint64_t window_ns, bool at_once);

/** gpu_watch_step() - @total: as counted now, at @now_ns (CLOCK_MONOTONIC) */
void gpu_watch_step(struct gpu_watch *w, enum gpu_watch_event event, const struct gpu_total *total,
		    uint64_t now_ns, struct gpu_watch_verdict *out);

#endif
