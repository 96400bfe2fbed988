/* SPDX-License-Identifier: MIT */
/*
 * The job's buffers on the device: one allocation each, mapped for as long as the job lives.
 *
 * All memory is host-visible and coherent, so inputs are read straight into it and checkpoints
 * and outputs are written straight out of it. Phones and boards share one memory between
 * processor and GPU, so this costs nothing there; a card with memory of its own works through
 * its host-visible heap, at the speed of its bus. Device-local is preferred, then cached.
 */
#ifndef BROKER_WORKER_VK_BUFFERS_H
#define BROKER_WORKER_VK_BUFFERS_H

#include "broker/worker/vk_device.h"
#include "libbroker/job/job.h"

struct vk_buffer {
	VkBuffer buffer;
	VkDeviceMemory memory;
	void *data; /* mapped */
	uint64_t size;
};

struct vk_buffers {
	uint32_t n;
	struct vk_buffer buffer[JOB_BUFFERS_MAX];
};

/**
 * vk_buffers_new() - all buffers of a job; vk_buffers_fill() gives them their first contents
 * Return: 0 (vk_buffers_free()); -E2BIG over the device's limit; -ENOMEM; words in @err.
 */
int vk_buffers_new(struct vk_buffers *out, const struct vk_device *dev, const struct job *job,
		   struct error *err);

/**
 * vk_buffers_fill() - zeros, or the blob
 * @blob_fds: in the order of job->blobs; a blob may be smaller than its buffer (zeros follow)
 * Return: 0; -E2BIG when a blob is larger; -errno; words in @err.
 */
int vk_buffers_fill(struct vk_buffers *b, const struct job *job, const int *blob_fds,
		    struct error *err);
void vk_buffers_free(struct vk_buffers *b, const struct vk_device *dev);

#endif
