/* SPDX-License-Identifier: MIT */
/* A build without eBPF (WITH_BPF=0): the interface of hub.h, in which nothing can be attached. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/bpf/gpu.h"

struct bpf_hub {
	bool wanted[BPF_PROBE_COUNT];
};

int bpf_hub_new(struct bpf_hub **out, struct loop *loop, const char *loader)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void bpf_hub_free(struct bpf_hub *hub)
{
	free(hub);
}

int bpf_hub_attach(struct bpf_hub *hub, enum bpf_probe probe)
{
	if (hub)
		hub->wanted[probe] = true;
	return -EOPNOTSUPP;
}

void bpf_hub_detach(struct bpf_hub *hub, enum bpf_probe probe)
{
	if (hub)
		hub->wanted[probe] = false;
}

void bpf_hub_on_answer(struct bpf_hub *hub, enum bpf_probe probe, bpf_hub_answer_fn fn, void *data)
{
}

void bpf_hub_ask_again(struct bpf_hub *hub, enum bpf_probe probe, int error)
{
}

int bpf_hub_status(const struct bpf_hub *hub, enum bpf_probe probe, struct bpf_probe_status *out)
{
	if (!hub || (unsigned int)probe >= BPF_PROBE_COUNT)
		return -ENOENT;
	*out = (struct bpf_probe_status){
		.name = bpf_probe_name(probe), .tier = "none", .wanted = hub->wanted[probe]};
	snprintf(out->detail, sizeof(out->detail), "brokerd was built without eBPF");
	return 0;
}

void bpf_hub_listen(struct bpf_hub *hub, enum bpf_record_kind kind, bpf_hub_fn fn, void *data)
{
}

bool bpf_hub_arm(struct bpf_hub *hub, enum bpf_record_kind kind, uint64_t known_ns)
{
	return false;
}

uint64_t bpf_hub_last(const struct bpf_hub *hub, enum bpf_record_kind kind)
{
	return 0;
}

void bpf_hub_zone_limit(struct bpf_hub *hub, int32_t limit_mc)
{
}

bool bpf_hub_asleep(const struct bpf_hub *hub)
{
	return false;
}

uint64_t bpf_hub_dropped(const struct bpf_hub *hub)
{
	return 0;
}

void bpf_gpu_limit(struct bpf_hub *hub, const struct gpu_share_limit *limit)
{
}

int bpf_gpu_total(const struct bpf_hub *hub, struct gpu_total *out)
{
	return -ENOENT;
}

int bpf_gpu_clients(const struct bpf_hub *hub, struct bpf_gpu_client *out, int max)
{
	return -ENOENT;
}
