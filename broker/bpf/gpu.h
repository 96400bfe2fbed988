/* SPDX-License-Identifier: MIT */
/* The accounts of device time that the GPU programs keep (bpf/gpu.h), read by brokerd. */
#ifndef BROKER_BPF_GPU_H
#define BROKER_BPF_GPU_H

#include "bpf/gpu.h"
#include "broker/bpf/hub.h"

struct bpf_gpu_client {
	uint32_t tgid; /* 0: the kernel */
	char device[GPU_NAME_LEN]; /* "0000:03:00.0"; empty: not known */
	struct gpu_client counts; /* its comm can be shown */
};

/** bpf_gpu_limit() - what foreign programs may use; see bpf/gpu_share.h. Holds from now on. */
void bpf_gpu_limit(struct bpf_hub *hub, const struct gpu_share_limit *limit);

/** bpf_gpu_total() - Return: 0, or -errno: no GPU program is attached */
int bpf_gpu_total(const struct bpf_hub *hub, struct gpu_total *out);

/** bpf_gpu_clients() - at most @max, in no order; returns how many, or -errno as above */
int bpf_gpu_clients(const struct bpf_hub *hub, struct bpf_gpu_client *out, int max);

#endif
