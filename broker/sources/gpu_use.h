/* SPDX-License-Identifier: MIT */
/*
 * Who uses which device how much: one row for each process and device, for people to read.
 *
 * Device time comes from the accounts that the eBPF programs keep, where they are attached, else
 * from fdinfo; memory always from fdinfo. Both name a device as sysfs does. A look reads /proc, so
 * it belongs on no thread that must answer at once; what it found is a plain list.
 */
#ifndef BROKER_SOURCES_GPU_USE_H
#define BROKER_SOURCES_GPU_USE_H

#include "broker/bpf/gpu.h"
#include "broker/sources/gpu_clients.h"

#define GPU_USE_MAX    512
#define GPU_DEVICE_MAX 64

struct gpu_use_row {
	int pid; /* 0: the kernel */
	uint32_t uid;
	char comm[BPF_COMM_LEN]; /* can be shown */
	char device[GPU_DEVICE_MAX]; /* "0000:03:00.0", "ff9a0000.gpu"; a driver's name, or empty */
	bool has_time, has_cycles, has_memory;
	uint64_t device_ns; /* since it opened the device; of eBPF: since that counts */
	uint64_t cycles,
		total_cycles; /* of drivers that count no time: its own, and all that passed */
	uint64_t memory; /* bytes */
};

struct gpu_use {
	bool ebpf; /* times are those of the eBPF programs */
	uint32_t n, n_denied; /* rows; processes that may not be looked into */
	struct gpu_use_row row[GPU_USE_MAX];
};

/**
 * gpu_use_look() - anew, into @out
 * @clients: remembers which processes are worth a look
 * @accounts: @n_accounts of them; below 0: eBPF counts nothing here
 * Return: 0, or -errno when @proc cannot be read or memory is short.
 */
int gpu_use_look(struct gpu_use *out, struct gpu_clients *clients, const char *proc,
		 const char *sys, uint64_t now_ns, const struct bpf_gpu_client *accounts,
		 int n_accounts);

/**
 * gpu_device_name() - the device behind a node, as sysfs names it
 * @node: "renderD128", "card0" or "accel0"
 * Return: false: not known; @out is empty then.
 */
bool gpu_device_name(char out[GPU_DEVICE_MAX], const char *sys, const char *node);

#endif
