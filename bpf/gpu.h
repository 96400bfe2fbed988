/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the GPU programs keep for brokerd to read: for each program and device the device time that
 * it used, the devices' names, and the sum over all foreign programs.
 *
 * Foreign is who is not brokerd and does not descend from it; the kernel itself is not foreign.
 */
#ifndef IDLEBROKER_BPF_GPU_H
#define IDLEBROKER_BPF_GPU_H

#include "gpu_share.h"
#include "record.h"

#define GPU_CLIENTS_MAX 1024 /* the ones unused longest go first */
#define GPU_DEVICES_MAX 16
#define GPU_NAME_LEN    32

struct gpu_client_key {
	__u32 tgid; /* 0: the kernel */
	__u32 device; /* gpu_device.id */
};

struct gpu_client {
	__u64 busy_ns; /* device time of work that is done */
	__u64 submits, done; /* jobs given to the device, and done; the difference is in flight */
	__u64 last_ns; /* of the last submission or end, CLOCK_MONOTONIC */
	__u32 foreign;
	__u32 pad;
	char comm[BPF_COMM_LEN]; /* of the thread that was first seen */
};

struct gpu_device {
	__u32 id; /* from 1; 0 is a device of which no name is known */
	__u32 pad;
	char name[GPU_NAME_LEN]; /* as in /sys/devices: "0000:03:00.0", "ff9a0000.gpu" */
};

/* All foreign programs together, on all devices. */
struct gpu_total {
	__u32 lock; /* the kernel's */
	__u32 running; /* jobs on a device now */
	struct gpu_share share; /* of jobs that are done */
	__u64 running_since_ns; /* what is running was counted up to then */
	__u64 busy_ns, submits;
	__u64 last_ns; /* of the last submission or end */
};

#endif
