/* SPDX-License-Identifier: MIT */
/*
 * What a physical device can do: properties, features and extensions in one flat struct; see
 * vk_device.h. Structures of extensions are chained only where the extension is offered.
 */
#include "broker/worker/vk_device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libbroker/util/cleanup.h"

struct extensions {
	uint32_t n;
	VkExtensionProperties *list;
};

static bool has(const struct extensions *e, const char *name)
{
	for (uint32_t i = 0; i < e->n; i++)
		if (!strcmp(e->list[i].extensionName, name))
			return true;
	return false;
}

static void read_extensions(VkPhysicalDevice phys, struct extensions *out)
{
	*out = (struct extensions){.n = 0};
	vkEnumerateDeviceExtensionProperties(phys, NULL, &out->n, NULL);
	out->list = calloc(out->n ? out->n : 1, sizeof(*out->list));
	if (!out->list)
		out->n = 0;
	vkEnumerateDeviceExtensionProperties(phys, NULL, &out->n, out->list);
}

static void read_queues(VkPhysicalDevice phys, struct vk_caps *out)
{
	VkQueueFamilyProperties families[16];
	uint32_t n = ARRAY_SIZE(families);

	out->queue_family = -1;
	vkGetPhysicalDeviceQueueFamilyProperties(phys, &n, families);
	for (uint32_t i = 0; i < n; i++) {
		bool alone = !(families[i].queueFlags & VK_QUEUE_GRAPHICS_BIT);

		if (!(families[i].queueFlags & VK_QUEUE_COMPUTE_BIT))
			continue;
		/* A queue for computing alone leaves the graphics queue to the owner. */
		if (out->queue_family >= 0 && !alone)
			continue;
		out->queue_family = (int)i;
		out->timestamp_bits = families[i].timestampValidBits;
		if (alone)
			break;
	}
}

static uint32_t subgroup_features(const VkPhysicalDeviceSubgroupProperties *p)
{
	static const struct {
		VkSubgroupFeatureFlags vk;
		uint32_t feature;
	} map[] = {
		{VK_SUBGROUP_FEATURE_BASIC_BIT, SPIRV_FEATURE_SUBGROUP_BASIC},
		{VK_SUBGROUP_FEATURE_VOTE_BIT, SPIRV_FEATURE_SUBGROUP_VOTE},
		{VK_SUBGROUP_FEATURE_ARITHMETIC_BIT, SPIRV_FEATURE_SUBGROUP_ARITHMETIC},
		{VK_SUBGROUP_FEATURE_BALLOT_BIT, SPIRV_FEATURE_SUBGROUP_BALLOT},
		{VK_SUBGROUP_FEATURE_SHUFFLE_BIT, SPIRV_FEATURE_SUBGROUP_SHUFFLE},
	};
	uint32_t set = 0;

	if (!(p->supportedStages & VK_SHADER_STAGE_COMPUTE_BIT))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(map); i++)
		if (p->supportedOperations & map[i].vk)
			set |= map[i].feature;
	return set;
}

static void read_properties(VkPhysicalDevice phys, const struct extensions *e, struct vk_caps *out)
{
	VkPhysicalDeviceDrmPropertiesEXT drm = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRM_PROPERTIES_EXT};
	VkPhysicalDeviceDriverProperties driver = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES};
	VkPhysicalDeviceSubgroupProperties subgroup = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES};
	VkPhysicalDeviceIDProperties id = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES,
					   .pNext = &subgroup};
	VkPhysicalDeviceProperties2 p = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
					 .pNext = &id};

	if (has(e, VK_EXT_PHYSICAL_DEVICE_DRM_EXTENSION_NAME)) {
		drm.pNext = p.pNext;
		p.pNext = &drm;
	}
	if (has(e, VK_KHR_DRIVER_PROPERTIES_EXTENSION_NAME)) {
		driver.pNext = p.pNext;
		p.pNext = &driver;
	}
	vkGetPhysicalDeviceProperties2(phys, &p);
	snprintf(out->name, sizeof(out->name), "%s", p.properties.deviceName);
	snprintf(out->driver_name, sizeof(out->driver_name), "%s", driver.driverName);
	snprintf(out->driver_info, sizeof(out->driver_info), "%s", driver.driverInfo);
	memcpy(out->uuid, id.deviceUUID, sizeof(out->uuid));
	out->api_version = p.properties.apiVersion;
	out->driver_version = p.properties.driverVersion;
	out->type = p.properties.deviceType;
	out->limits = p.properties.limits;
	out->has_node = drm.hasRender;
	out->render_major = drm.renderMajor;
	out->render_minor = drm.renderMinor;
	out->software = out->type == VK_PHYSICAL_DEVICE_TYPE_CPU && !out->has_node;
	out->spirv.features |= subgroup_features(&subgroup);
	memcpy(out->spirv.local_size, out->limits.maxComputeWorkGroupSize,
	       sizeof(out->spirv.local_size));
	out->spirv.local_invocations = out->limits.maxComputeWorkGroupInvocations;
	out->spirv.shared_bytes = out->limits.maxComputeSharedMemorySize;
}

static void read_features(VkPhysicalDevice phys, const struct extensions *e, struct vk_caps *out)
{
	VkPhysicalDeviceRobustness2FeaturesEXT robustness2 = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ROBUSTNESS_2_FEATURES_EXT};
	VkPhysicalDeviceShaderFloat16Int8Features small = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES};
	VkPhysicalDevice8BitStorageFeatures storage8 = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_8BIT_STORAGE_FEATURES};
	VkPhysicalDevice16BitStorageFeatures storage16 = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES};
	VkPhysicalDeviceFeatures2 f = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
				       .pNext = &storage16};
	struct spirv_limits *s = &out->spirv;

	if (has(e, VK_EXT_ROBUSTNESS_2_EXTENSION_NAME)) {
		robustness2.pNext = f.pNext;
		f.pNext = &robustness2;
	}
	if (has(e, VK_KHR_SHADER_FLOAT16_INT8_EXTENSION_NAME)) {
		small.pNext = f.pNext;
		f.pNext = &small;
	}
	if (has(e, VK_KHR_8BIT_STORAGE_EXTENSION_NAME)) {
		storage8.pNext = f.pNext;
		f.pNext = &storage8;
	}
	vkGetPhysicalDeviceFeatures2(phys, &f);
	out->robust_access = f.features.robustBufferAccess;
	out->robustness2 = robustness2.robustBufferAccess2;
	s->features |= f.features.shaderInt64 ? SPIRV_FEATURE_INT64 : 0;
	s->features |= f.features.shaderInt16 ? SPIRV_FEATURE_INT16 : 0;
	s->features |= f.features.shaderFloat64 ? SPIRV_FEATURE_FLOAT64 : 0;
	s->features |= small.shaderFloat16 ? SPIRV_FEATURE_FLOAT16 : 0;
	s->features |= small.shaderInt8 ? SPIRV_FEATURE_INT8 : 0;
	s->features |= storage16.storageBuffer16BitAccess ? SPIRV_FEATURE_STORAGE16 : 0;
	s->features |= storage8.storageBuffer8BitAccess ? SPIRV_FEATURE_STORAGE8 : 0;
}

static bool exports_sync_fd(VkPhysicalDevice phys)
{
	VkPhysicalDeviceExternalFenceInfo info = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_FENCE_INFO,
		.handleType = VK_EXTERNAL_FENCE_HANDLE_TYPE_SYNC_FD_BIT};
	VkExternalFenceProperties p = {.sType = VK_STRUCTURE_TYPE_EXTERNAL_FENCE_PROPERTIES};

	vkGetPhysicalDeviceExternalFenceProperties(phys, &info, &p);
	return p.externalFenceFeatures & VK_EXTERNAL_FENCE_FEATURE_EXPORTABLE_BIT;
}

void vk_caps_read(VkPhysicalDevice phys, struct vk_caps *out)
{
	struct extensions e;

	*out = (struct vk_caps){.queue_family = -1};
	read_extensions(phys, &e);
	read_properties(phys, &e, out);
	read_features(phys, &e, out);
	read_queues(phys, out);
	vkGetPhysicalDeviceMemoryProperties(phys, &out->memory);
	out->sync_fd = has(&e, VK_KHR_EXTERNAL_FENCE_FD_EXTENSION_NAME) && exports_sync_fd(phys);
	out->timeline = has(&e, VK_KHR_TIMELINE_SEMAPHORE_EXTENSION_NAME);
	out->global_priority = has(&e, VK_KHR_GLOBAL_PRIORITY_EXTENSION_NAME);
	free(e.list);
}
