/* SPDX-License-Identifier: MIT */
/* Waiting for a fence, whichever way the driver offers; see fence.h. */
#include "broker/worker/fence.h"

#include <unistd.h>

#define WAIT_STEP_NS 1000000000ull

int fence_export(const struct vk_device *dev, VkFence fence)
{
	VkFenceGetFdInfoKHR info = {.sType = VK_STRUCTURE_TYPE_FENCE_GET_FD_INFO_KHR,
				    .fence = fence,
				    .handleType = VK_EXTERNAL_FENCE_HANDLE_TYPE_SYNC_FD_BIT};
	int fd;

	if (!dev->get_fence_fd || dev->get_fence_fd(dev->device, &info, &fd) != VK_SUCCESS)
		return FENCE_NO_FD;
	return fd;
}

VkResult fence_wait(const struct vk_device *dev, struct fence_ring *r, VkFence fence, int fd)
{
	VkResult result = VK_SUCCESS;

	if (fd >= 0) {
		/* Exporting has reset the fence: the sync_file has its payload now. */
		int e = fence_ring_wait(r, fd, -1);

		close(fd);
		return e < 0 ? VK_ERROR_DEVICE_LOST : VK_SUCCESS;
	}
	if (fd == FENCE_SIGNALLED)
		return VK_SUCCESS;
	do
		result = vkWaitForFences(dev->device, 1, &fence, VK_TRUE, WAIT_STEP_NS);
	while (result == VK_TIMEOUT);
	if (result == VK_SUCCESS)
		result = vkResetFences(dev->device, 1, &fence);
	return result;
}
