/* SPDX-License-Identifier: MIT */
/* Which sources eBPF serves, and words for its programs; see bpf.h. */
#include "broker/sources/bpf.h"

#include <errno.h>
#include <stdio.h>

#include "broker/bpf/hub.h"

const struct source_ops *source_bpf_choose(const struct source_ops *ops, struct bpf_hub *hub)
{
	if (!hub)
		return NULL;
	if (ops == &source_input && bpf_hub_attach(hub, BPF_PROBE_INPUT) == 0)
		return &source_bpf_input;
	/* It has the other way in it, for what it can attach changes with the devices. */
	if (ops == &source_gpu)
		return &source_bpf_gpu;
	return NULL;
}

bool source_bpf_asks(const struct source_ops *ops)
{
	return ops != &source_cpu && ops != &source_schedule;
}

static const char *const row_names[BPF_PROBE_COUNT] = {
	[BPF_PROBE_INPUT] = "ebpf input",           [BPF_PROBE_GPU_SCHED] = "ebpf gpu scheduler",
	[BPF_PROBE_GPU_VIRTIO] = "ebpf gpu virtio", [BPF_PROBE_GPU_I915] = "ebpf gpu i915",
	[BPF_PROBE_GPU_FENCE] = "ebpf gpu fences",  [BPF_PROBE_POWER] = "ebpf power",
	[BPF_PROBE_THERMAL] = "ebpf heat",          [BPF_PROBE_SUSPEND] = "ebpf sleep",
};

int source_bpf_status(const struct bpf_hub *hub, unsigned int i, struct source_status *out)
{
	struct bpf_probe_status p;

	for (unsigned int probe = 0; bpf_hub_status(hub, probe, &p) == 0; probe++) {
		if (!p.wanted || i--)
			continue;
		/* One that is not there is no fault: the next best tier stands in for it. */
		*out = (struct source_status){.name = row_names[probe], .tier = p.tier, .ok = true};
		snprintf(out->detail, sizeof(out->detail), "%s", p.detail);
		return 0;
	}
	return -ENOENT;
}
