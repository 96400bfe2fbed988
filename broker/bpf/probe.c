/* SPDX-License-Identifier: MIT */
/* The names of the programs; see probe.h. */
#include "broker/bpf/probe.h"

static const char *const names[BPF_PROBE_COUNT] = {
	[BPF_PROBE_INPUT] = "input",           [BPF_PROBE_GPU_SCHED] = "gpu_sched",
	[BPF_PROBE_GPU_VIRTIO] = "gpu_virtio", [BPF_PROBE_GPU_I915] = "gpu_i915",
	[BPF_PROBE_GPU_FENCE] = "gpu_fence",   [BPF_PROBE_POWER] = "power",
	[BPF_PROBE_THERMAL] = "thermal",       [BPF_PROBE_SUSPEND] = "suspend",
};

const char *bpf_probe_name(enum bpf_probe probe)
{
	return names[probe];
}
