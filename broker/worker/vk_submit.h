/* SPDX-License-Identifier: MIT */
/*
 * Handing slices to the device: two slots, each with a command buffer, a fence and two
 * timestamps of its own, used again and again. Nothing is allocated for a slice.
 *
 * How long a slice took on the device comes from timestamps where the queue has them and as long as
 * they agree with the clock; from the fence otherwise: from when the slice could begin (it was
 * submitted, and the one before it had ended) until its fence was seen.
 */
#ifndef BROKER_WORKER_VK_SUBMIT_H
#define BROKER_WORKER_VK_SUBMIT_H

#include "broker/worker/fence.h"
#include "broker/worker/slice.h"
#include "broker/worker/vk_kernel.h"

#define VK_SLOTS 2

struct vk_slot {
	VkCommandPool pool;
	VkCommandBuffer commands;
	VkFence fence;
	int fence_fd;
	bool busy; /* submitted, and not waited for yet */
	uint64_t submitted_ns;
	uint64_t done_ns; /* 0: not seen done yet */
	struct slice slice;
};

struct vk_submit {
	const struct vk_device *dev;
	const struct vk_kernels *kernels;
	struct fence_ring *ring; /* NULL: the fences do not become descriptors */
	VkQueryPool queries; /* two for each slot */
	bool timestamps;
	uint32_t bad_timestamps; /* in a row */
	uint64_t last_done_ns;
	struct vk_slot slot[VK_SLOTS];
};

/** vk_submit_new() - Return: 0 (vk_submit_free()); -ENOMEM with words */
int vk_submit_new(struct vk_submit *out, const struct vk_device *dev,
		  const struct vk_kernels *kernels, struct fence_ring *ring, struct error *err);
void vk_submit_free(struct vk_submit *s);

/** vk_submit_record() - record slot @i's slice; nothing is on the device yet, and need not come */
VkResult vk_submit_record(struct vk_submit *s, unsigned int i);

/** vk_submit_recorded() - submit what slot @i holds; done_ns is set if it is over already */
VkResult vk_submit_recorded(struct vk_submit *s, unsigned int i);

/** vk_submit_slice() - both */
VkResult vk_submit_slice(struct vk_submit *s, unsigned int i);

/** vk_submit_wait() - until slot @i is done, and how long it took on the device */
VkResult vk_submit_wait(struct vk_submit *s, unsigned int i, uint64_t *took_ns);

/** vk_submit_to_host() - what the device has written is to be seen in mapped memory; all is idle */
VkResult vk_submit_to_host(struct vk_submit *s);

#endif
