/* SPDX-License-Identifier: MIT */
/*
 * The smallest way to run a compute kernel in a test: buffers that the test maps, kernels from
 * SPIR-V files, whole dispatches one after the other. No slicing, no lock-down: what the worker
 * makes of the same kernel is compared with this. Errors end the program with a sentence.
 */
#ifndef TESTS_JOBS_VKRUN_H
#define TESTS_JOBS_VKRUN_H

#include <stdint.h>
#include <vulkan/vulkan.h>

#define VKRUN_BUFFERS_MAX  64
#define VKRUN_KERNELS_MAX  32
#define VKRUN_BINDINGS_MAX 8
#define VKRUN_PUSH_MAX     8

struct vkrun_buffer {
	VkBuffer buffer;
	VkDeviceMemory memory;
	void *map;
	uint64_t size;
};

struct vkrun_kernel {
	VkShaderModule module;
	VkDescriptorSetLayout set_layout;
	VkPipelineLayout layout;
	VkPipeline pipeline;
	uint32_t n_bindings, n_push;
};

struct vkrun {
	VkInstance instance;
	VkPhysicalDevice physical;
	VkDevice device;
	VkQueue queue;
	VkCommandPool pool;
	VkCommandBuffer commands;
	VkDescriptorPool sets;
	VkFence fence;
	PFN_vkGetFenceFdKHR get_fence_fd; /* of vkrun_open_polled(), or NULL */
	uint32_t family;
	uint32_t n_buffers, n_kernels;
	struct vkrun_buffer buffers[VKRUN_BUFFERS_MAX];
	struct vkrun_kernel kernels[VKRUN_KERNELS_MAX];
};

/** vkrun_open() - the first device with a compute queue; 0, or -ENODEV when there is none */
int vkrun_open(struct vkrun *v);

/** vkrun_open_polled() - the same; each dispatch has a fence of the kernel's, and waits for it */
int vkrun_open_polled(struct vkrun *v);
void vkrun_close(struct vkrun *v);

/** vkrun_buffer() - a zeroed storage buffer; returns its number, its bytes are buffers[].map */
uint32_t vkrun_buffer(struct vkrun *v, uint64_t size);

/** vkrun_kernel() - bindings 0..@n_bindings-1, @n_push words of push constants; its number */
uint32_t vkrun_kernel(struct vkrun *v, const char *spirv_path, uint32_t n_bindings,
		      uint32_t n_push);

/** vkrun_dispatch() - run it whole and wait */
void vkrun_dispatch(struct vkrun *v, uint32_t kernel, const uint32_t *buffers, const uint32_t *push,
		    const uint32_t groups[3]);

/** vkrun_dispatch_part() - the same for @groups workgroups from @base on, as the worker cuts it */
void vkrun_dispatch_part(struct vkrun *v, uint32_t kernel, const uint32_t *buffers,
			 const uint32_t *push, const uint32_t base[3], const uint32_t groups[3]);

#endif
