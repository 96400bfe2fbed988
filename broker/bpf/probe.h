/* SPDX-License-Identifier: MIT */
/* The eBPF programs by number and name: one probe is one bpf/<name>.bpf.c. */
#ifndef BROKER_BPF_PROBE_H
#define BROKER_BPF_PROBE_H

enum bpf_probe {
	BPF_PROBE_INPUT,
	BPF_PROBE_GPU_SCHED, /* drivers that use the DRM scheduler */
	BPF_PROBE_GPU_VIRTIO,
	BPF_PROBE_GPU_I915,
	BPF_PROBE_GPU_FENCE, /* any other driver, coarsely */
	BPF_PROBE_POWER,
	BPF_PROBE_THERMAL,
	BPF_PROBE_SUSPEND,
	BPF_PROBE_COUNT
};

/** bpf_probe_name() - "input"; static */
const char *bpf_probe_name(enum bpf_probe probe);

#endif
