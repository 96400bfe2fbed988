/* SPDX-License-Identifier: MIT */
/*
 * Waiting until the device has done a slice.
 *
 * Where the driver exports a fence as a sync_file, the wait is a poll of that descriptor through
 * an io_uring; otherwise it is vkWaitForFences. The ring is made before the lockdown and is
 * restricted to polling, so it opens no way around the seccomp filter: a ring can do by itself
 * what the filter forbids.
 *
 * A wait has no limit of its own: the watchdog ends a worker whose slice takes too long.
 */
#ifndef BROKER_WORKER_FENCE_H
#define BROKER_WORKER_FENCE_H

#include "broker/worker/vk_device.h"

struct fence_ring;

/** fence_ring_new() - Return: 0; -ENOSYS or -EPERM where io_uring is not to be had; -errno */
int fence_ring_new(struct fence_ring **out);
void fence_ring_free(struct fence_ring *r); /* NULL is fine */

/**
 * fence_ring_wait() - until @fd (a sync_file, or anything that polls) is readable
 * @r: NULL: by poll(2)
 * @timeout_ms: -1: no limit
 * Return: 0; -ETIME; -errno.
 */
int fence_ring_wait(struct fence_ring *r, int fd, int timeout_ms);

/**
 * fence_export() - right after the submission: the fence as a sync_file
 * Return: a descriptor, the caller's; FENCE_SIGNALLED; FENCE_NO_FD: use the fence itself.
 */
int fence_export(const struct vk_device *dev, VkFence fence);
#define FENCE_SIGNALLED (-1)
#define FENCE_NO_FD     (-2)

/**
 * fence_wait() - until the slice behind @fence is done, then reset the fence
 * @fd: of fence_export(), taken over
 */
VkResult fence_wait(const struct vk_device *dev, struct fence_ring *r, VkFence fence, int fd);

#endif
