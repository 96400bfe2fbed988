/* SPDX-License-Identifier: MIT */
/* The logical device and its queue; see vk_device.h. */
#include "broker/worker/vk_device.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libbroker/util/cleanup.h"

const char *vk_result_text(VkResult result)
{
	switch (result) {
	case VK_SUCCESS:
		return "success";
	case VK_TIMEOUT:
		return "time-out";
	case VK_ERROR_OUT_OF_HOST_MEMORY:
		return "out of host memory";
	case VK_ERROR_OUT_OF_DEVICE_MEMORY:
		return "out of device memory";
	case VK_ERROR_INITIALIZATION_FAILED:
		return "initialization failed";
	case VK_ERROR_DEVICE_LOST:
		return "device lost";
	case VK_ERROR_MEMORY_MAP_FAILED:
		return "mapping memory failed";
	case VK_ERROR_INCOMPATIBLE_DRIVER:
		return "no driver";
	case VK_ERROR_EXTENSION_NOT_PRESENT:
		return "an extension is missing";
	case VK_ERROR_FEATURE_NOT_PRESENT:
		return "a feature is missing";
	case VK_ERROR_TOO_MANY_OBJECTS:
		return "too many objects";
	default:
		return "a Vulkan error";
	}
}

void vk_environment(void)
{
	static const struct {
		const char *name, *value; /* NULL: unset */
	} settings[] = {
		{"MESA_SHADER_CACHE_DISABLE", "true"},
		{"MESA_GLSL_CACHE_DISABLE", "true"},
		{"VK_LOADER_LAYERS_DISABLE", "~all~"},
		{"NODEVICE_SELECT", "1"}, /* Mesa's implicit layer, for loaders before 1.3.234 */
		{"VK_INSTANCE_LAYERS", NULL},
		{"VK_LOADER_LAYERS_ENABLE", NULL},
		{"VK_LAYER_PATH", NULL},
		{"VK_ADD_LAYER_PATH", NULL},
		{"DISPLAY", NULL},
		{"WAYLAND_DISPLAY", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		if (settings[i].value)
			setenv(settings[i].name, settings[i].value, 1);
		else
			unsetenv(settings[i].name);
	}
}

int vk_instance_new(VkInstance *out, struct error *err)
{
	VkApplicationInfo app = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
				 .pApplicationName = "broker-worker",
				 .apiVersion = VK_API_VERSION_1_1};
	VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
				     .pApplicationInfo = &app};
	VkResult result = vkCreateInstance(&info, NULL, out);

	if (result == VK_SUCCESS)
		return 0;
	*out = VK_NULL_HANDLE;
	return error_set(err, -ENODEV, "vulkan",
			 "no instance: %s; is a Vulkan driver (mesa-vulkan-drivers) installed?",
			 vk_result_text(result));
}

uint32_t vk_physical_list(VkInstance instance, VkPhysicalDevice out[VK_DEVICES_MAX])
{
	uint32_t n = VK_DEVICES_MAX;
	VkResult result = vkEnumeratePhysicalDevices(instance, &n, out);

	return result == VK_SUCCESS || result == VK_INCOMPLETE ? n : 0;
}

/* Everything of the allowed capabilities that the device offers, and nothing else. */
static VkResult create_device(struct vk_device *dev)
{
	const struct vk_caps *c = &dev->caps;
	const uint32_t f = c->spirv.features;
	const char *names[8];
	uint32_t n_names = 0;
	float priority = 0.0f;
	VkPhysicalDeviceRobustness2FeaturesEXT robustness2 = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ROBUSTNESS_2_FEATURES_EXT,
		.robustBufferAccess2 = VK_TRUE};
	VkPhysicalDeviceShaderFloat16Int8Features small = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES,
		.shaderFloat16 = !!(f & SPIRV_FEATURE_FLOAT16),
		.shaderInt8 = !!(f & SPIRV_FEATURE_INT8)};
	VkPhysicalDevice8BitStorageFeatures storage8 = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_8BIT_STORAGE_FEATURES,
		.storageBuffer8BitAccess = VK_TRUE};
	VkPhysicalDevice16BitStorageFeatures storage16 = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES,
		.storageBuffer16BitAccess = !!(f & SPIRV_FEATURE_STORAGE16)};
	VkPhysicalDeviceFeatures2 features = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
		.pNext = &storage16,
		.features = {.robustBufferAccess = c->robust_access,
			     .shaderInt64 = !!(f & SPIRV_FEATURE_INT64),
			     .shaderInt16 = !!(f & SPIRV_FEATURE_INT16),
			     .shaderFloat64 = !!(f & SPIRV_FEATURE_FLOAT64)}};
	VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
					 .queueFamilyIndex = (uint32_t)c->queue_family,
					 .queueCount = 1,
					 .pQueuePriorities = &priority};
	VkDeviceQueueGlobalPriorityCreateInfoKHR global = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_GLOBAL_PRIORITY_CREATE_INFO_KHR,
		.globalPriority = VK_QUEUE_GLOBAL_PRIORITY_LOW_KHR};
	VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
				   .pNext = &features,
				   .queueCreateInfoCount = 1,
				   .pQueueCreateInfos = &queue,
				   .ppEnabledExtensionNames = names};

	if (c->robustness2) {
		robustness2.pNext = (void *)info.pNext;
		info.pNext = &robustness2;
		names[n_names++] = VK_EXT_ROBUSTNESS_2_EXTENSION_NAME;
	}
	if (f & (SPIRV_FEATURE_FLOAT16 | SPIRV_FEATURE_INT8)) {
		small.pNext = (void *)info.pNext;
		info.pNext = &small;
		names[n_names++] = VK_KHR_SHADER_FLOAT16_INT8_EXTENSION_NAME;
	}
	if (f & SPIRV_FEATURE_STORAGE8) {
		storage8.pNext = (void *)info.pNext;
		info.pNext = &storage8;
		names[n_names++] = VK_KHR_8BIT_STORAGE_EXTENSION_NAME;
	}
	if (c->sync_fd)
		names[n_names++] = VK_KHR_EXTERNAL_FENCE_FD_EXTENSION_NAME;
	if (c->global_priority) {
		queue.pNext = &global;
		names[n_names++] = VK_KHR_GLOBAL_PRIORITY_EXTENSION_NAME;
	}
	info.enabledExtensionCount = n_names;
	return vkCreateDevice(dev->phys, &info, NULL, &dev->device);
}

int vk_device_open_phys(struct vk_device *out, VkInstance instance, VkPhysicalDevice phys,
			struct error *err)
{
	VkResult result = VK_ERROR_FEATURE_NOT_PRESENT;

	*out = (struct vk_device){.instance = instance, .phys = phys};
	vk_caps_read(phys, &out->caps);
	if (out->caps.queue_family >= 0)
		result = create_device(out);
	if (result == VK_ERROR_NOT_PERMITTED_KHR) { /* global priority: a wish, not a need */
		out->caps.global_priority = false;
		result = create_device(out);
	}
	if (result != VK_SUCCESS) {
		error_set(err, -ENODEV, out->caps.name, "cannot compute on it: %s",
			  vk_result_text(result));
		vk_device_close(out);
		return -ENODEV;
	}
	vkGetDeviceQueue(out->device, (uint32_t)out->caps.queue_family, 0, &out->queue);
	if (out->caps.sync_fd)
		out->get_fence_fd =
			(PFN_vkGetFenceFdKHR)vkGetDeviceProcAddr(out->device, "vkGetFenceFdKHR");
	return 0;
}

int vk_device_open(struct vk_device *out, const uint8_t uuid[VK_UUID_SIZE], struct error *err)
{
	VkPhysicalDevice list[VK_DEVICES_MAX];
	VkInstance instance;
	uint32_t n;
	int r = vk_instance_new(&instance, err);

	*out = (struct vk_device){.instance = VK_NULL_HANDLE};
	if (r < 0)
		return r;
	n = vk_physical_list(instance, list);
	for (uint32_t i = 0; i < n; i++) {
		struct vk_caps caps;

		vk_caps_read(list[i], &caps);
		if (!memcmp(caps.uuid, uuid, VK_UUID_SIZE))
			return vk_device_open_phys(out, instance, list[i], err);
	}
	vkDestroyInstance(instance, NULL);
	return error_set(err, -ENODEV, "vulkan", "none of %u devices has the deviceUUID asked for",
			 n);
}

void vk_device_close(struct vk_device *dev)
{
	if (dev->device)
		vkDestroyDevice(dev->device, NULL);
	if (dev->instance)
		vkDestroyInstance(dev->instance, NULL);
	dev->device = VK_NULL_HANDLE;
	dev->instance = VK_NULL_HANDLE;
}
