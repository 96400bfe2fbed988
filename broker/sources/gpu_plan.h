/* SPDX-License-Identifier: MIT */
/* Which eBPF programs see the work of which drivers. */
#ifndef BROKER_SOURCES_GPU_PLAN_H
#define BROKER_SOURCES_GPU_PLAN_H

#include <stdint.h>

#include "broker/bpf/hub.h"

#define GPU_PLAN_BIT(probe) (1u << (probe))
#define GPU_PLAN_FENCE      GPU_PLAN_BIT(BPF_PROBE_GPU_FENCE)
#define GPU_PLAN_DEVICES    16

struct gpu_plan {
	uint32_t probes; /* bits of GPU_PLAN_BIT(); FENCE comes alone */
	uint32_t n_devices;
};

/** gpu_plan_add() - one more device, by the name of its driver as sysfs tells it; pure */
void gpu_plan_add(struct gpu_plan *plan, const char *driver);

/**
 * gpu_plan_look() - all render nodes and accelerators of <sys>/class
 * Return: 0 or -errno; none at all is no error.
 */
int gpu_plan_look(struct gpu_plan *out, const char *sys);

#endif
