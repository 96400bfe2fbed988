/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's types as far as the programs look into them, and every difference between kernels.
 *
 * No vmlinux.h: a struct here has only the fields that are used, and preserve_access_index has the
 * loader put in the offsets of the kernel that runs (CO-RE). Where a field moved or was renamed
 * there are two flavours of the struct, ___old and ___new, of which the loader knows that they
 * stand for the same name, and one function that asks which of them is there. Each fix names the
 * change of the kernel that made it necessary; it can go with the last kernel before that.
 */
#ifndef IDLEBROKER_BPF_CORE_FIXES_H
#define IDLEBROKER_BPF_CORE_FIXES_H

#include <asm/ptrace.h>
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#ifndef bool
#define bool _Bool
#define true 1
#define false 0
#endif

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct task_struct {
	int tgid;
	struct task_struct *real_parent;
	unsigned int flags;
};

struct input_absinfo {
	__s32 value;
};

struct input_dev {
	unsigned long propbit[1];
	unsigned long evbit[1];
	unsigned long absbit[1];
	unsigned long key[1];
	struct input_absinfo *absinfo;
};

struct kobject {
	const char *name;
};

struct device {
	struct kobject kobj;
	struct device *parent;
};

struct dma_fence_ops;

struct dma_fence {
	const struct dma_fence_ops *ops;
	__u64 context;
};

struct drm_gpu_scheduler {
	struct device *dev;
};

struct drm_sched_fence {
	struct dma_fence finished;
};

struct drm_sched_job {
	struct drm_gpu_scheduler *sched;
	struct drm_sched_fence *s_fence;
};

struct thermal_zone_device {
	int id;
	int temperature;
};

struct virtio_device {
	struct device dev;
};

struct virtqueue {
	struct virtio_device *vdev;
};

struct virtio_gpu_ctrl_hdr {
	__u32 type;
	__u32 flags;
	__u64 fence_id;
};

struct drm_device {
	struct device *dev;
};

struct drm_i915_private {
	struct drm_device drm;
};

struct intel_engine_cs;

struct i915_request {
	struct dma_fence fence;
	struct drm_i915_private *i915;
	struct intel_engine_cs *engine;
};

#pragma clang attribute pop

/*
 * Linux 6.14 supposes that any argument of a module's tracepoint may be NULL ("bpf: Augment raw_tp
 * arguments with PTR_MAYBE_NULL"), and takes no program that reckons with one unasked. None is.
 */
#define ARG_MISSING(arg) (!(arg))

/*
 * Linux 6.16 renamed the scheduler's tracepoints and made them a stable interface ("drm/sched: Make
 * gpu_scheduler tracepoints stable"). What they give is the same: the job, then its entity.
 */
#define DRM_SCHED_QUEUE_OLD "drm_sched_job"
#define DRM_SCHED_QUEUE_NEW "drm_sched_job_queue"
#define DRM_SCHED_RUN_OLD   "drm_run_job"
#define DRM_SCHED_RUN_NEW   "drm_sched_job_run"

/* A bit of a bitmap, in the kernel an array of long: read by bytes, for machines of 32 bits too. */
#define bitmap_bit(bits, bit)                                                                  \
	({                                                                                     \
		__u8 byte_ = 0;                                                                \
		bpf_probe_read_kernel(&byte_, 1,                                               \
				      (const char *)__builtin_preserve_access_index(&(bits)) + \
					      (bit) / 8);                                      \
		byte_ >> (bit) % 8 & 1;                                                        \
	})

#endif
