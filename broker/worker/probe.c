/* SPDX-License-Identifier: MIT */
/* The document of `broker-worker --probe`; see probe.h. */
#include "broker/worker/probe.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>

#include "broker/worker/speed.h"
#include "broker/worker/vk_device.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/io.h"

DEFINE_CLEANUP(json_t, json, json_decref)

static const char *type_name(VkPhysicalDeviceType type)
{
	switch (type) {
	case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
		return "integrated";
	case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
		return "discrete";
	case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU:
		return "virtual";
	case VK_PHYSICAL_DEVICE_TYPE_CPU:
		return "cpu";
	default:
		return "other";
	}
}

/* A driver's text may be no UTF-8: then its printable part. */
static json_t *text(const char *s)
{
	json_t *j = json_string(s);
	char plain[256];
	size_t n = 0;

	if (j)
		return j;
	for (; *s && n < sizeof(plain) - 1; s++)
		if (*s >= ' ' && *s <= '~')
			plain[n++] = *s;
	plain[n] = '\0';
	return json_string(plain);
}

static json_t *limits_of(const struct vk_caps *c)
{
	const VkPhysicalDeviceLimits *l = &c->limits;
	json_t *sizes = json_array(), *local = json_array();

	for (uint32_t i = 0; i < c->memory.memoryHeapCount; i++) {
		const VkMemoryHeap *h = &c->memory.memoryHeaps[i];

		json_array_append_new(sizes, json_integer((json_int_t)h->size));
		json_array_append_new(local,
				      json_boolean(h->flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT));
	}
	return json_pack("{s:[I,I,I], s:[I,I,I], s:I, s:I, s:I, s:I, s:o, s:o}",
			 "maxComputeWorkGroupCount", (json_int_t)l->maxComputeWorkGroupCount[0],
			 (json_int_t)l->maxComputeWorkGroupCount[1],
			 (json_int_t)l->maxComputeWorkGroupCount[2], "maxComputeWorkGroupSize",
			 (json_int_t)l->maxComputeWorkGroupSize[0],
			 (json_int_t)l->maxComputeWorkGroupSize[1],
			 (json_int_t)l->maxComputeWorkGroupSize[2],
			 "maxComputeWorkGroupInvocations",
			 (json_int_t)l->maxComputeWorkGroupInvocations,
			 "maxComputeSharedMemorySize", (json_int_t)l->maxComputeSharedMemorySize,
			 "maxStorageBufferRange", (json_int_t)l->maxStorageBufferRange,
			 "maxMemoryAllocationCount", (json_int_t)l->maxMemoryAllocationCount,
			 "memory_heaps", sizes, "memory_heaps_device_local", local);
}

static json_t *shader_features_of(uint32_t features)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} names[] = {{SPIRV_FEATURE_INT64, "int64"},
		     {SPIRV_FEATURE_INT16, "int16"},
		     {SPIRV_FEATURE_INT8, "int8"},
		     {SPIRV_FEATURE_FLOAT64, "float64"},
		     {SPIRV_FEATURE_FLOAT16, "float16"},
		     {SPIRV_FEATURE_STORAGE16, "storage16"},
		     {SPIRV_FEATURE_STORAGE8, "storage8"},
		     {SPIRV_FEATURE_SUBGROUP_BASIC, "subgroup_basic"},
		     {SPIRV_FEATURE_SUBGROUP_VOTE, "subgroup_vote"},
		     {SPIRV_FEATURE_SUBGROUP_ARITHMETIC, "subgroup_arithmetic"},
		     {SPIRV_FEATURE_SUBGROUP_BALLOT, "subgroup_ballot"},
		     {SPIRV_FEATURE_SUBGROUP_SHUFFLE, "subgroup_shuffle"}};
	json_t *list = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (features & names[i].bit)
			json_array_append_new(list, json_string(names[i].name));
	return list;
}

static json_t *features_of(const struct vk_caps *c)
{
	return json_pack("{s:i, s:f, s:b, s:b, s:b, s:b, s:b, s:o}", "timestamp_bits",
			 (int)c->timestamp_bits, "timestamp_period_ns",
			 (double)c->limits.timestampPeriod, "sync_fd", c->sync_fd, "timeline",
			 c->timeline, "robust_buffer_access", c->robust_access, "robustness2",
			 c->robustness2, "global_priority", c->global_priority, "shader",
			 shader_features_of(c->spirv.features));
}

/* "Mesa llvmpipe" to "mesa-llvmpipe": fit for a device's id. */
static void short_name(char *out, size_t size, const char *name)
{
	size_t n = 0;

	for (; *name && n < size - 1; name++) {
		if (isalnum((unsigned char)*name))
			out[n++] = (char)tolower((unsigned char)*name);
		else if (n && out[n - 1] != '-')
			out[n++] = '-';
	}
	while (n && out[n - 1] == '-')
		n--;
	out[n] = '\0';
	if (!n)
		snprintf(out, size, "vulkan");
}

static json_t *describe(const struct vk_caps *c)
{
	char uuid[2 * VK_UUID_SIZE + 1], api[32], driver[33];

	short_name(driver, sizeof(driver), c->driver_name);
	hex_encode(uuid, c->uuid, VK_UUID_SIZE);
	snprintf(api, sizeof(api), "%u.%u.%u", VK_API_VERSION_MAJOR(c->api_version),
		 VK_API_VERSION_MINOR(c->api_version), VK_API_VERSION_PATCH(c->api_version));
	return json_pack("{s:o, s:s, s:o, s:o, s:s, s:s, s:s, s:b, s:b, s:o, s:o}", "name",
			 text(c->name), "driver", driver, "driverName", text(c->driver_name),
			 "driverInfo", text(c->driver_info), "api_version", api, "uuid", uuid,
			 "type", type_name(c->type), "software", c->software, "compute",
			 c->queue_family >= 0, "limits", limits_of(c), "features", features_of(c));
}

static void add_node(json_t *j, const struct vk_caps *c)
{
	if (!c->has_node)
		return;
	json_object_set_new(j, "drm",
			    json_pack("{s:I, s:I}", "render_major", (json_int_t)c->render_major,
				      "render_minor", (json_int_t)c->render_minor));
}

static void add_speed(json_t *j, VkPhysicalDevice phys)
{
	struct error err = {.where = ""};
	struct vk_device dev;
	struct speed speed;
	int r = vk_device_open_phys(&dev, VK_NULL_HANDLE, phys, &err);

	if (r == 0) {
		r = speed_measure(&speed, &dev, &err);
		vk_device_close(&dev);
	}
	if (r < 0) {
		json_object_set_new(j, "error", text(err.what));
		return;
	}
	json_object_set_new(j, "speed",
			    json_pack("{s:f, s:f}", "gflops", speed.gflops, "copy_gb_s",
				      speed.copy_gb_s));
}

static json_t *examine_all(struct error *err)
{
	VkPhysicalDevice list[VK_DEVICES_MAX];
	json_t *devices = json_array();
	VkInstance instance;
	uint32_t n;

	if (vk_instance_new(&instance, err) < 0)
		return devices;
	n = vk_physical_list(instance, list);
	for (uint32_t i = 0; i < n; i++) {
		struct vk_caps caps;
		json_t *j;

		vk_caps_read(list[i], &caps);
		j = describe(&caps);
		if (!j)
			continue;
		add_node(j, &caps);
		add_speed(j, list[i]);
		json_array_append_new(devices, j);
	}
	vkDestroyInstance(instance, NULL);
	return devices;
}

int probe_print(struct error *err)
{
	_cleanup_(cleanup_jsonp) json_t *root = json_object();
	struct error none = {.what = ""};

	json_object_set_new(root, "devices", examine_all(&none));
	if (*none.what)
		json_object_set_new(root, "error", text(none.what));
	if (json_dumpf(root, stdout, JSON_COMPACT) < 0 || putchar('\n') == EOF ||
	    fflush(stdout) == EOF)
		return error_set(err, -EIO, "standard output", "writing failed");
	return 0;
}
