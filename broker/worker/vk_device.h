/* SPDX-License-Identifier: MIT */
/*
 * A Vulkan device for computing: the instance, what a physical device can do, and the logical
 * device with its one queue.
 *
 * Nothing of the environment may add code to this process: layers and shader caches are turned
 * off before the loader is entered. A device is found again by its deviceUUID.
 */
#ifndef BROKER_WORKER_VK_DEVICE_H
#define BROKER_WORKER_VK_DEVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan.h>

#include "broker/worker/spirv_check.h"
#include "libbroker/util/error.h"

#define VK_DEVICES_MAX 16

struct vk_caps {
	char name[VK_MAX_PHYSICAL_DEVICE_NAME_SIZE];
	char driver_name[VK_MAX_DRIVER_NAME_SIZE];
	char driver_info[VK_MAX_DRIVER_INFO_SIZE];
	uint8_t uuid[VK_UUID_SIZE];
	uint32_t api_version, driver_version;
	VkPhysicalDeviceType type;
	VkPhysicalDeviceLimits limits;
	VkPhysicalDeviceMemoryProperties memory;
	int queue_family; /* the one to use; -1: none can compute */
	uint32_t timestamp_bits;
	bool has_node; /* VK_EXT_physical_device_drm with a render node */
	int64_t render_major, render_minor;
	bool software; /* the processor itself, reached through no DRM node */
	bool sync_fd, timeline, robustness2, global_priority;
	bool robust_access;
	struct spirv_limits spirv;
};

struct vk_device {
	VkInstance instance;
	VkPhysicalDevice phys;
	VkDevice device;
	VkQueue queue;
	struct vk_caps caps;
	PFN_vkGetFenceFdKHR get_fence_fd; /* NULL unless caps.sync_fd */
};

/** vk_environment() - turn layers and caches off; before the first call into Vulkan */
void vk_environment(void);

/** vk_instance_new() - Return: 0 or -ENODEV with words */
int vk_instance_new(VkInstance *out, struct error *err);

/** vk_physical_list() - Return: how many are in @out, at most VK_DEVICES_MAX */
uint32_t vk_physical_list(VkInstance instance, VkPhysicalDevice out[VK_DEVICES_MAX]);

/** vk_caps_read() - what a physical device can do */
void vk_caps_read(VkPhysicalDevice phys, struct vk_caps *out);

/**
 * vk_device_open() - the physical device with this deviceUUID
 * Return: 0 (vk_device_close()); -ENODEV with words.
 */
int vk_device_open(struct vk_device *out, const uint8_t uuid[VK_UUID_SIZE], struct error *err);

/**
 * vk_device_open_phys() - the same on a given one
 * @instance: taken over, also on failure; VK_NULL_HANDLE: the caller keeps it
 */
int vk_device_open_phys(struct vk_device *out, VkInstance instance, VkPhysicalDevice phys,
			struct error *err);
void vk_device_close(struct vk_device *dev);

/** vk_result_text() - a name for a VkResult */
const char *vk_result_text(VkResult result);

#endif
