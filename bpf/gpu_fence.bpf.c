/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Work given to a device of which nothing better is known: every driver makes a dma-fence for a
 * job, and one that is made in a process is most likely that of a job which the process submits.
 *
 * Coarse, and used alone: a fence's time is that from its making to its signal, or from the last
 * signal of its context, so waiting for another job counts as use, and so do the fences of displays
 * and of containers that are not known by name. Which is why a fence is no job that runs (it may
 * never be signalled): only what was signalled counts.
 */
#include "gpu_account.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/* Fences that are no jobs. Of no type, and zero where the kernel does not name its data. */
extern const void dma_fence_array_ops __ksym __weak;
extern const void dma_fence_chain_ops __ksym __weak;
extern const void dma_fence_stub_ops __ksym __weak;
extern const void drm_crtc_fence_ops __ksym __weak;
extern const void drm_sched_fence_ops_scheduled __ksym __weak;

static __always_inline bool is_no_job(const void *ops)
{
	return ops == &dma_fence_array_ops || ops == &dma_fence_chain_ops ||
	       ops == &dma_fence_stub_ops || ops == &drm_crtc_fence_ops ||
	       ops == &drm_sched_fence_ops_scheduled;
}

SEC("tp_btf/dma_fence_init")
int BPF_PROG(fence_init, struct dma_fence *fence)
{
	const struct task_struct *t = (const struct task_struct *)bpf_get_current_task();
	struct gpu_job_key key = {.object = (__u64)fence};
	struct gpu_job *job;

	if (BPF_CORE_READ(t, flags) & PF_KTHREAD || is_no_job(BPF_CORE_READ(fence, ops)))
		return 0;
	gpu_queued(&key, NULL);
	job = bpf_map_lookup_elem(&gpu_jobs, &key);
	if (!job)
		return 0;
	job->ring = BPF_CORE_READ(fence, context);
	job->run_ns = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/dma_fence_signaled")
int BPF_PROG(fence_done, struct dma_fence *fence)
{
	struct gpu_job_key key = {.object = (__u64)fence};

	return gpu_done(&key);
}
