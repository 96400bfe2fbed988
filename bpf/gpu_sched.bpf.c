/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Work given to a device through the DRM scheduler, which most GPU and NPU drivers use.
 *
 * A job is queued in the context of the process that submits it, and run by a worker of the
 * kernel; it is known by its `finished` fence, whose signal is its end, whether it was done, failed
 * or was thrown away with its process. A scheduler is one ring.
 */
#include "gpu_account.bpf.h"

char LICENSE[] SEC("license") = "GPL";

static __always_inline struct gpu_job_key job_key(const struct drm_sched_job *job)
{
	struct drm_sched_fence *f = BPF_CORE_READ(job, s_fence);

	return (struct gpu_job_key){
		.object = f ? (__u64)__builtin_preserve_access_index(&f->finished) : 0};
}

static __always_inline int queued(const struct drm_sched_job *job)
{
	struct gpu_job_key key;

	if (ARG_MISSING(job))
		return 0;
	key = job_key(job);
	return gpu_queued(&key, BPF_CORE_READ(job, sched, dev));
}

static __always_inline int run(const struct drm_sched_job *job)
{
	struct gpu_job_key key;

	if (ARG_MISSING(job))
		return 0;
	key = job_key(job);
	return gpu_run(&key, (__u64)BPF_CORE_READ(job, sched));
}

/* The names up to Linux 6.15, and those since; see core_fixes.bpf.h. */
SEC("tp_btf/" DRM_SCHED_QUEUE_OLD)
int BPF_PROG(sched_queue_old, struct drm_sched_job *job)
{
	return queued(job);
}

SEC("tp_btf/" DRM_SCHED_QUEUE_NEW)
int BPF_PROG(sched_queue_new, struct drm_sched_job *job)
{
	return queued(job);
}

SEC("tp_btf/" DRM_SCHED_RUN_OLD)
int BPF_PROG(sched_run_old, struct drm_sched_job *job)
{
	return run(job);
}

SEC("tp_btf/" DRM_SCHED_RUN_NEW)
int BPF_PROG(sched_run_new, struct drm_sched_job *job)
{
	return run(job);
}

SEC("tp_btf/dma_fence_signaled")
int BPF_PROG(sched_done, struct dma_fence *fence)
{
	struct gpu_job_key key = {.object = (__u64)fence};

	return gpu_done(&key);
}
