/* SPDX-License-Identifier: MIT */
/* Running compute kernels in tests; see vkrun.h. */
#include "tests/jobs/vkrun.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "libbroker/util/cleanup.h"
#include "libbroker/util/io.h"

#define SPIRV_MAX (1u << 20)
#define SETS_MAX  16 /* of the dispatches between two resets of the pool: only one is in use */

static void must(VkResult r, const char *what)
{
	if (r == VK_SUCCESS)
		return;
	fprintf(stderr, "vkrun: %s failed: VkResult %d\n", what, r);
	exit(1);
}

static int find_queue(VkPhysicalDevice physical)
{
	VkQueueFamilyProperties props[16];
	uint32_t n = 16;

	vkGetPhysicalDeviceQueueFamilyProperties(physical, &n, props);
	for (uint32_t i = 0; i < n; i++)
		if (props[i].queueFlags & VK_QUEUE_COMPUTE_BIT)
			return (int)i;
	return -1;
}

static int open_device(struct vkrun *v, bool polled)
{
	static const char *const exports[] = {VK_KHR_EXTERNAL_FENCE_FD_EXTENSION_NAME};
	VkPhysicalDevice all[16];
	uint32_t n = 16;
	const float priority = 1.0f;
	VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
					 .queueCount = 1,
					 .pQueuePriorities = &priority};
	VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
				   .queueCreateInfoCount = 1,
				   .pQueueCreateInfos = &queue,
				   .enabledExtensionCount = polled ? 1 : 0,
				   .ppEnabledExtensionNames = exports};

	vkEnumeratePhysicalDevices(v->instance, &n, all);
	for (uint32_t i = 0; i < n; i++) {
		int family = find_queue(all[i]);

		if (family < 0)
			continue;
		v->physical = all[i];
		v->family = queue.queueFamilyIndex = (uint32_t)family;
		must(vkCreateDevice(v->physical, &info, NULL, &v->device), "vkCreateDevice");
		vkGetDeviceQueue(v->device, v->family, 0, &v->queue);
		if (polled)
			v->get_fence_fd = (PFN_vkGetFenceFdKHR)vkGetDeviceProcAddr(
				v->device, "vkGetFenceFdKHR");
		return 0;
	}
	return -ENODEV;
}

static void open_pools(struct vkrun *v)
{
	VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
					.flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
					.queueFamilyIndex = v->family};
	VkCommandBufferAllocateInfo commands = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO, .commandBufferCount = 1};
	VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
				     SETS_MAX * VKRUN_BINDINGS_MAX};
	VkDescriptorPoolCreateInfo sets = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
					   .maxSets = SETS_MAX,
					   .poolSizeCount = 1,
					   .pPoolSizes = &size};
	VkExportFenceCreateInfo export = {.sType = VK_STRUCTURE_TYPE_EXPORT_FENCE_CREATE_INFO,
					  .handleTypes = VK_EXTERNAL_FENCE_HANDLE_TYPE_SYNC_FD_BIT};
	VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO,
				   .pNext = v->get_fence_fd ? &export : NULL};

	must(vkCreateCommandPool(v->device, &pool, NULL, &v->pool), "vkCreateCommandPool");
	commands.commandPool = v->pool;
	must(vkAllocateCommandBuffers(v->device, &commands, &v->commands),
	     "vkAllocateCommandBuffers");
	must(vkCreateDescriptorPool(v->device, &sets, NULL, &v->sets), "vkCreateDescriptorPool");
	must(vkCreateFence(v->device, &fence, NULL, &v->fence), "vkCreateFence");
}

static int open_as(struct vkrun *v, bool polled)
{
	VkApplicationInfo app = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
				 .apiVersion = VK_API_VERSION_1_1};
	VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
				     .pApplicationInfo = &app};

	*v = (struct vkrun){0};
	if (vkCreateInstance(&info, NULL, &v->instance) != VK_SUCCESS)
		return -ENODEV;
	if (open_device(v, polled) < 0) {
		vkDestroyInstance(v->instance, NULL);
		return -ENODEV;
	}
	open_pools(v);
	return 0;
}

int vkrun_open(struct vkrun *v)
{
	return open_as(v, false);
}

int vkrun_open_polled(struct vkrun *v)
{
	return open_as(v, true);
}

void vkrun_close(struct vkrun *v)
{
	for (uint32_t i = 0; i < v->n_kernels; i++) {
		vkDestroyPipeline(v->device, v->kernels[i].pipeline, NULL);
		vkDestroyPipelineLayout(v->device, v->kernels[i].layout, NULL);
		vkDestroyDescriptorSetLayout(v->device, v->kernels[i].set_layout, NULL);
		vkDestroyShaderModule(v->device, v->kernels[i].module, NULL);
	}
	for (uint32_t i = 0; i < v->n_buffers; i++) {
		vkDestroyBuffer(v->device, v->buffers[i].buffer, NULL);
		vkFreeMemory(v->device, v->buffers[i].memory, NULL);
	}
	vkDestroyFence(v->device, v->fence, NULL);
	vkDestroyDescriptorPool(v->device, v->sets, NULL);
	vkDestroyCommandPool(v->device, v->pool, NULL);
	vkDestroyDevice(v->device, NULL);
	vkDestroyInstance(v->instance, NULL);
	*v = (struct vkrun){0};
}

static uint32_t mappable_type(const struct vkrun *v, uint32_t allowed)
{
	const uint32_t want = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
			      VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
	VkPhysicalDeviceMemoryProperties props;

	vkGetPhysicalDeviceMemoryProperties(v->physical, &props);
	for (uint32_t i = 0; i < props.memoryTypeCount; i++)
		if (allowed & 1u << i && (props.memoryTypes[i].propertyFlags & want) == want)
			return i;
	must(VK_ERROR_FEATURE_NOT_PRESENT, "finding memory that can be mapped");
	return 0;
}

uint32_t vkrun_buffer(struct vkrun *v, uint64_t size)
{
	struct vkrun_buffer *b = &v->buffers[v->n_buffers];
	VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
				   .size = size,
				   .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT};
	VkMemoryAllocateInfo memory = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO};
	VkMemoryRequirements needs;

	if (v->n_buffers == VKRUN_BUFFERS_MAX)
		must(VK_ERROR_TOO_MANY_OBJECTS, "vkrun_buffer");
	b->size = size;
	must(vkCreateBuffer(v->device, &info, NULL, &b->buffer), "vkCreateBuffer");
	vkGetBufferMemoryRequirements(v->device, b->buffer, &needs);
	memory.allocationSize = needs.size;
	memory.memoryTypeIndex = mappable_type(v, needs.memoryTypeBits);
	must(vkAllocateMemory(v->device, &memory, NULL, &b->memory), "vkAllocateMemory");
	must(vkBindBufferMemory(v->device, b->buffer, b->memory, 0), "vkBindBufferMemory");
	must(vkMapMemory(v->device, b->memory, 0, VK_WHOLE_SIZE, 0, &b->map), "vkMapMemory");
	memset(b->map, 0, size);
	return v->n_buffers++;
}

static void load_module(struct vkrun *v, struct vkrun_kernel *k, const char *path)
{
	_cleanup_free_ char *code = NULL;
	ssize_t n = io_read_file(AT_FDCWD, path, SPIRV_MAX, &code);
	VkShaderModuleCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
					 .codeSize = (size_t)n,
					 .pCode = (const uint32_t *)code};

	if (n <= 0)
		fprintf(stderr, "vkrun: %s: %s\n", path, n ? strerror((int)-n) : "is empty");
	must(n > 0 ? VK_SUCCESS : VK_ERROR_UNKNOWN, "reading a kernel");
	must(vkCreateShaderModule(v->device, &info, NULL, &k->module), "vkCreateShaderModule");
}

static void make_layouts(struct vkrun *v, struct vkrun_kernel *k)
{
	VkDescriptorSetLayoutBinding bindings[VKRUN_BINDINGS_MAX];
	VkDescriptorSetLayoutCreateInfo set = {
		.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
		.bindingCount = k->n_bindings,
		.pBindings = bindings};
	VkPushConstantRange push = {VK_SHADER_STAGE_COMPUTE_BIT, 0, 4 * k->n_push};
	VkPipelineLayoutCreateInfo layout = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
					     .setLayoutCount = 1,
					     .pSetLayouts = &k->set_layout,
					     .pushConstantRangeCount = k->n_push ? 1 : 0,
					     .pPushConstantRanges = &push};

	for (uint32_t i = 0; i < k->n_bindings; i++)
		bindings[i] = (VkDescriptorSetLayoutBinding){
			.binding = i,
			.descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
			.descriptorCount = 1,
			.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT};
	must(vkCreateDescriptorSetLayout(v->device, &set, NULL, &k->set_layout),
	     "vkCreateDescriptorSetLayout");
	must(vkCreatePipelineLayout(v->device, &layout, NULL, &k->layout),
	     "vkCreatePipelineLayout");
}

uint32_t vkrun_kernel(struct vkrun *v, const char *spirv_path, uint32_t n_bindings, uint32_t n_push)
{
	struct vkrun_kernel *k = &v->kernels[v->n_kernels];
	VkComputePipelineCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
		.flags = VK_PIPELINE_CREATE_DISPATCH_BASE_BIT,
		.stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
			  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
			  .pName = "main"}};

	if (v->n_kernels == VKRUN_KERNELS_MAX || n_bindings > VKRUN_BINDINGS_MAX ||
	    n_push > VKRUN_PUSH_MAX)
		must(VK_ERROR_TOO_MANY_OBJECTS, "vkrun_kernel");
	k->n_bindings = n_bindings;
	k->n_push = n_push;
	load_module(v, k, spirv_path);
	make_layouts(v, k);
	info.stage.module = k->module;
	info.layout = k->layout;
	must(vkCreateComputePipelines(v->device, VK_NULL_HANDLE, 1, &info, NULL, &k->pipeline),
	     "vkCreateComputePipelines");
	return v->n_kernels++;
}

static VkDescriptorSet bind_set(struct vkrun *v, const struct vkrun_kernel *k,
				const uint32_t *buffers)
{
	VkDescriptorSetAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
					    .descriptorPool = v->sets,
					    .descriptorSetCount = 1,
					    .pSetLayouts = &k->set_layout};
	VkDescriptorBufferInfo parts[VKRUN_BINDINGS_MAX];
	VkWriteDescriptorSet writes[VKRUN_BINDINGS_MAX];
	VkDescriptorSet set;

	must(vkResetDescriptorPool(v->device, v->sets, 0), "vkResetDescriptorPool");
	must(vkAllocateDescriptorSets(v->device, &info, &set), "vkAllocateDescriptorSets");
	for (uint32_t i = 0; i < k->n_bindings; i++) {
		parts[i] =
			(VkDescriptorBufferInfo){v->buffers[buffers[i]].buffer, 0, VK_WHOLE_SIZE};
		writes[i] =
			(VkWriteDescriptorSet){.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
					       .dstSet = set,
					       .dstBinding = i,
					       .descriptorCount = 1,
					       .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
					       .pBufferInfo = &parts[i]};
	}
	vkUpdateDescriptorSets(v->device, k->n_bindings, writes, 0, NULL);
	return set;
}

/* The fence is as new afterwards: who takes its payload has reset it. */
static void wait_end(struct vkrun *v)
{
	VkFenceGetFdInfoKHR info = {.sType = VK_STRUCTURE_TYPE_FENCE_GET_FD_INFO_KHR,
				    .fence = v->fence,
				    .handleType = VK_EXTERNAL_FENCE_HANDLE_TYPE_SYNC_FD_BIT};
	struct pollfd end = {.events = POLLIN};

	if (!v->get_fence_fd) {
		must(vkWaitForFences(v->device, 1, &v->fence, VK_TRUE, UINT64_MAX),
		     "vkWaitForFences");
		must(vkResetFences(v->device, 1, &v->fence), "vkResetFences");
		return;
	}
	must(v->get_fence_fd(v->device, &info, &end.fd), "vkGetFenceFdKHR");
	if (end.fd < 0)
		return; /* it has ended already */
	while (poll(&end, 1, -1) < 0)
		must(errno == EINTR ? VK_SUCCESS : VK_ERROR_UNKNOWN, "poll");
	close(end.fd);
}

void vkrun_dispatch_part(struct vkrun *v, uint32_t kernel, const uint32_t *buffers,
			 const uint32_t *push, const uint32_t base[3], const uint32_t groups[3])
{
	const struct vkrun_kernel *k = &v->kernels[kernel];
	VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
	VkSubmitInfo submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
			       .commandBufferCount = 1,
			       .pCommandBuffers = &v->commands};
	VkDescriptorSet set = bind_set(v, k, buffers);

	must(vkBeginCommandBuffer(v->commands, &begin), "vkBeginCommandBuffer");
	vkCmdBindPipeline(v->commands, VK_PIPELINE_BIND_POINT_COMPUTE, k->pipeline);
	vkCmdBindDescriptorSets(v->commands, VK_PIPELINE_BIND_POINT_COMPUTE, k->layout, 0, 1, &set,
				0, NULL);
	if (k->n_push)
		vkCmdPushConstants(v->commands, k->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0,
				   4 * k->n_push, push);
	vkCmdDispatchBase(v->commands, base[0], base[1], base[2], groups[0], groups[1], groups[2]);
	must(vkEndCommandBuffer(v->commands), "vkEndCommandBuffer");
	must(vkQueueSubmit(v->queue, 1, &submit, v->fence), "vkQueueSubmit");
	wait_end(v);
}

void vkrun_dispatch(struct vkrun *v, uint32_t kernel, const uint32_t *buffers, const uint32_t *push,
		    const uint32_t groups[3])
{
	vkrun_dispatch_part(v, kernel, buffers, push, (const uint32_t[3]){0}, groups);
}
