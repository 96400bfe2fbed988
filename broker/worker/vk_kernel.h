/* SPDX-License-Identifier: MIT */
/*
 * The job's kernels on the device: for each a pipeline that may start at a base workgroup, and
 * descriptor sets for its bindings; and one more set for each step of the program that binds
 * other buffers. All is made before the job starts: nothing is allocated for a slice.
 */
#ifndef BROKER_WORKER_VK_KERNEL_H
#define BROKER_WORKER_VK_KERNEL_H

#include "broker/worker/vk_buffers.h"

struct vk_kernel {
	VkDescriptorSetLayout set_layout;
	VkPipelineLayout layout;
	VkPipeline pipeline;
	VkDescriptorSet set;
};

struct vk_kernels {
	uint32_t n;
	struct vk_kernel *kernel; /* owned */
	VkDescriptorSet *step_set; /* owned; a step's own set, or VK_NULL_HANDLE */
	VkDescriptorPool pool;
};

/**
 * vk_kernels_new() - layouts and descriptor sets; no pipeline yet
 * Return: 0 (vk_kernels_free()); -ENOMEM with words.
 */
int vk_kernels_new(struct vk_kernels *out, const struct vk_device *dev, const struct job *job,
		   const struct vk_buffers *buffers, struct error *err);

/**
 * vk_kernel_compile() - the pipeline of kernel @i; this enters the driver's compiler
 * @words: a module that spirv_check() took
 * Return: 0; -EINVAL when the driver refuses it, with words.
 */
int vk_kernel_compile(struct vk_kernels *k, uint32_t i, const struct vk_device *dev,
		      const struct job *job, const uint32_t *words, size_t n_words,
		      struct error *err);
void vk_kernels_free(struct vk_kernels *k, const struct vk_device *dev);

#endif
