/* SPDX-License-Identifier: MIT */
/* Reading the accounts of device time; see gpu.h. Each call is a few system calls, none sleeps. */
#include "broker/bpf/gpu.h"

#include <errno.h>
#include <linux/bpf.h>
#include <string.h>

#include "broker/bpf/hub_internal.h"
#include "broker/bpf/record.h"
#include "broker/bpf/sys.h"
#include "libbroker/util/cleanup.h"

bool bpf_gpu_map_fits(const char *name, int map)
{
	static const struct {
		const char *name;
		uint32_t key, value;
	} read[] = {
		{"gpu_total", sizeof(__u32), sizeof(struct gpu_total)},
		{"gpu_clients", sizeof(struct gpu_client_key), sizeof(struct gpu_client)},
		{"gpu_devices", sizeof(__u64), sizeof(struct gpu_device)},
	};
	struct bpf_map_info info;

	for (size_t i = 0; i < ARRAY_SIZE(read); i++) {
		if (strcmp(name, read[i].name) != 0)
			continue;
		return bpf_sys_map_info(map, &info) == 0 && info.key_size == read[i].key &&
		       info.value_size == read[i].value;
	}
	return true;
}

int bpf_gpu_total(const struct bpf_hub *hub, struct gpu_total *out)
{
	int fd = bpf_hub_map(hub, "gpu_total");
	const __u32 zero = 0;

	if (fd < 0)
		return fd;
	return bpf_sys_map_lookup(fd, &zero, out, BPF_F_LOCK);
}

static void name_devices(int fd, struct bpf_gpu_client *clients, const uint32_t *ids, int n)
{
	struct gpu_device device;
	__u64 key, *prev = NULL;

	for (int looked = 0; looked < GPU_DEVICES_MAX; looked++) {
		if (bpf_sys_map_next(fd, prev, &key) < 0)
			return;
		prev = &key;
		if (bpf_sys_map_lookup(fd, &key, &device, 0) < 0)
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

		if (bpf_sys_map_next(fd, prev, &key) < 0)
			break;
		prev = &key;
		*c = (struct bpf_gpu_client){.tgid = key.tgid};
		if (bpf_sys_map_lookup(fd, &key, &c->counts, 0) < 0)
			continue;
		bpf_comm_clean(c->counts.comm);
		ids[n++] = key.device;
	}
	name_devices(bpf_hub_map(hub, "gpu_devices"), out, ids, n);
	return n;
}
