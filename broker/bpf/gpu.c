/* SPDX-License-Identifier: MIT */
/* Reading the accounts of device time; see gpu.h. Each call is a few system calls, none sleeps. */
#include "broker/bpf/gpu.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "broker/bpf/hub_internal.h"
#include "broker/bpf/record.h"

void bpf_gpu_limit(struct bpf_hub *hub, const struct gpu_share_limit *limit)
{
	struct bpf_shared *page = bpf_hub_page(hub);

	if (!page)
		return;
	__atomic_store_n(&page->gpu_burst_ns, limit->burst_ns, __ATOMIC_RELAXED);
	__atomic_store_n(&page->gpu_permille, limit->permille, __ATOMIC_RELAXED);
}

int bpf_gpu_total(const struct bpf_hub *hub, struct gpu_total *out)
{
	int fd = bpf_hub_map(hub, "gpu_total");
	const __u32 zero = 0;

	if (fd < 0)
		return fd;
	return bpf_map_lookup_elem_flags(fd, &zero, out, BPF_F_LOCK) < 0 ? -errno : 0;
}

static void name_devices(int fd, struct bpf_gpu_client *clients, const uint32_t *ids, int n)
{
	struct gpu_device device;
	__u64 key, *prev = NULL;

	for (int looked = 0; looked < GPU_DEVICES_MAX; looked++) {
		if (bpf_map_get_next_key(fd, prev, &key) < 0)
			return;
		prev = &key;
		if (bpf_map_lookup_elem(fd, &key, &device) < 0)
			continue;
		device.name[GPU_NAME_LEN - 1] = '\0';
		for (int i = 0; i < n; i++)
			if (ids[i] == device.id)
				memcpy(clients[i].device, device.name, GPU_NAME_LEN);
	}
}

int bpf_gpu_clients(const struct bpf_hub *hub, struct bpf_gpu_client *out, int max)
{
	int fd = bpf_hub_map(hub, "gpu_clients"), n = 0;
	struct gpu_client_key key, *prev = NULL;
	uint32_t ids[GPU_CLIENTS_MAX];

	if (fd < 0)
		return fd;
	if (max > GPU_CLIENTS_MAX)
		max = GPU_CLIENTS_MAX;
	/* The table changes meanwhile: a key that went makes the kernel begin again, so count. */
	for (int looked = 0; n < max && looked < 2 * GPU_CLIENTS_MAX; looked++) {
		struct bpf_gpu_client *c = &out[n];

		if (bpf_map_get_next_key(fd, prev, &key) < 0)
			break;
		prev = &key;
		*c = (struct bpf_gpu_client){.tgid = key.tgid};
		if (bpf_map_lookup_elem(fd, &key, &c->counts) < 0)
			continue;
		bpf_comm_clean(c->counts.comm);
		ids[n++] = key.device;
	}
	name_devices(bpf_hub_map(hub, "gpu_devices"), out, ids, n);
	return n;
}
