/* SPDX-License-Identifier: MIT */
/* The table of the programs; see objects.h. A new .bpf.c is one include and one entry here. */
#include "broker/bpf/loader/objects.h"

#include "gpu_fence.skel.h"
#include "gpu_i915.skel.h"
#include "gpu_sched.skel.h"
#include "gpu_virtio.skel.h"
#include "hello.skel.h"
#include "input.skel.h"
#include "power.skel.h"
#include "suspend.skel.h"
#include "thermal.skel.h"

#define OBJECT(name_, ...)                                                                  \
	{                                                                                   \
		.name = #name_, .bytes = name_##_bpf__elf_bytes, .variant = { __VA_ARGS__ } \
	}
#define VARIANT(tier_, ...)                                  \
	{                                                    \
		.tier = (tier_), .programs = { __VA_ARGS__ } \
	}

const struct bpf_source bpf_objects_hello = OBJECT(hello, VARIANT("run", "hello"));

const struct bpf_source bpf_objects[BPF_PROBE_COUNT] = {
	[BPF_PROBE_INPUT] =
		OBJECT(input, VARIANT("fentry", "input_fentry"), VARIANT("kprobe", "input_kprobe")),
	[BPF_PROBE_GPU_SCHED] = OBJECT(
		gpu_sched, VARIANT("tracepoints", "sched_queue_new", "sched_run_new", "sched_done"),
		VARIANT("old tracepoints", "sched_queue_old", "sched_run_old", "sched_done")),
	[BPF_PROBE_GPU_VIRTIO] =
		OBJECT(gpu_virtio, VARIANT("tracepoints", "virtio_queue", "virtio_response")),
	[BPF_PROBE_GPU_I915] = OBJECT(gpu_i915, VARIANT("tracepoints", "i915_add", "i915_done")),
	[BPF_PROBE_GPU_FENCE] =
		OBJECT(gpu_fence, VARIANT("tracepoints", "fence_init", "fence_done")),
	[BPF_PROBE_POWER] =
		OBJECT(power, VARIANT("fentry", "power_fentry"), VARIANT("kprobe", "power_kprobe")),
	[BPF_PROBE_THERMAL] =
		OBJECT(thermal, VARIANT("tracepoints", "thermal_sample", "thermal_trip")),
	[BPF_PROBE_SUSPEND] = OBJECT(suspend, VARIANT("tracepoint", "suspend_step")),
};
