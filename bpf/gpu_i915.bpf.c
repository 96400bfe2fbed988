/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Work given to an Intel GPU of the driver i915, which has a scheduler of its own: a request is
 * added by the process that submits it, and done when its fence is signalled. When it begins is not
 * told in a kernel as distributions build it: it counts from its submission, or from the end of
 * the one before it on its engine.
 */
#include "gpu_account.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("tp_btf/i915_request_add")
int BPF_PROG(i915_add, struct i915_request *rq)
{
	struct gpu_job_key key = {};

	if (ARG_MISSING(rq))
		return 0;
	key.object = (__u64)__builtin_preserve_access_index(&rq->fence);
	gpu_queued(&key, BPF_CORE_READ(rq, i915, drm.dev));
	return gpu_run(&key, (__u64)BPF_CORE_READ(rq, engine));
}

SEC("tp_btf/dma_fence_signaled")
int BPF_PROG(i915_done, struct dma_fence *fence)
{
	struct gpu_job_key key = {.object = (__u64)fence};

	return gpu_done(&key);
}
