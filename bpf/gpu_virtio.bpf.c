/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Work given to a virtual GPU (virtio-gpu), which has no scheduler in the guest: commands go to the
 * host through one queue, and the host answers one with a fence when its work is done.
 *
 * Only SUBMIT_3D is work for the device: the other commands are those of a display, also of one
 * that is drawn by the processor. One without a fence (a Vulkan program that wakes the host's
 * side up) is work whose end nobody tells; it counts as a submission.
 */
#include "gpu_account.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/* linux/virtio_gpu.h */
#define VIRTIO_GPU_CMD_SUBMIT_3D 0x0207
#define VIRTIO_GPU_FLAG_FENCE    1

/* The key of a command with a fence; false for one without. */
static __always_inline bool fenced(const struct virtqueue *vq,
				   const struct virtio_gpu_ctrl_hdr *hdr, struct gpu_job_key *key)
{
	key->object = (__u64)vq;
	key->number = BPF_CORE_READ(hdr, fence_id);
	return BPF_CORE_READ(hdr, flags) & VIRTIO_GPU_FLAG_FENCE;
}

SEC("tp_btf/virtio_gpu_cmd_queue")
int BPF_PROG(virtio_queue, struct virtqueue *vq, struct virtio_gpu_ctrl_hdr *hdr)
{
	struct gpu_job_key key = {};
	bool ends;

	if (ARG_MISSING(vq) || ARG_MISSING(hdr) ||
	    BPF_CORE_READ(hdr, type) != VIRTIO_GPU_CMD_SUBMIT_3D)
		return 0;
	ends = fenced(vq, hdr, &key);
	gpu_queued(ends ? &key : NULL, BPF_CORE_READ(vq, vdev, dev.parent));
	return ends ? gpu_run(&key, (__u64)vq) : 0;
}

SEC("tp_btf/virtio_gpu_cmd_response")
int BPF_PROG(virtio_response, struct virtqueue *vq, struct virtio_gpu_ctrl_hdr *hdr)
{
	struct gpu_job_key key = {};

	if (ARG_MISSING(vq) || ARG_MISSING(hdr) || !fenced(vq, hdr, &key))
		return 0;
	return gpu_done(&key);
}
