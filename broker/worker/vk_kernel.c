/* SPDX-License-Identifier: MIT */
/* Pipelines and descriptor sets; see vk_kernel.h. */
#include "broker/worker/vk_kernel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static VkResult make_layouts(struct vk_kernel *k, const struct vk_device *dev,
			     const struct job_kernel *jk)
{
	VkDescriptorSetLayoutBinding bindings[JOB_BINDINGS_MAX];
	VkDescriptorSetLayoutCreateInfo set = {
		.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
		.bindingCount = jk->n_bindings,
		.pBindings = bindings};
	VkPushConstantRange range = {.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
				     .size = jk->n_push * 4};
	VkPipelineLayoutCreateInfo layout = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
					     .setLayoutCount = 1,
					     .pSetLayouts = &k->set_layout,
					     .pushConstantRangeCount = jk->n_push ? 1 : 0,
					     .pPushConstantRanges = &range};
	VkResult result;

	for (uint32_t i = 0; i < jk->n_bindings; i++)
		bindings[i] = (VkDescriptorSetLayoutBinding){
			.binding = jk->bindings[i].binding,
			.descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
			.descriptorCount = 1,
			.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT};
	result = vkCreateDescriptorSetLayout(dev->device, &set, NULL, &k->set_layout);
	if (result == VK_SUCCESS)
		result = vkCreatePipelineLayout(dev->device, &layout, NULL, &k->layout);
	return result;
}

static uint32_t bound_buffer(const struct job_kernel *jk, const struct job_step *step, uint32_t i)
{
	for (uint32_t j = 0; step && j < step->n_bind; j++)
		if (step->bind[j].binding == jk->bindings[i].binding)
			return step->bind[j].buffer;
	return jk->bindings[i].buffer;
}

static VkResult make_set(VkDescriptorSet *out, struct vk_kernels *k, const struct vk_kernel *kernel,
			 const struct vk_device *dev, const struct job_kernel *jk,
			 const struct job_step *step, const struct vk_buffers *buffers)
{
	VkDescriptorBufferInfo info[JOB_BINDINGS_MAX];
	VkWriteDescriptorSet writes[JOB_BINDINGS_MAX];
	VkDescriptorSetAllocateInfo alloc = {.sType =
						     VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
					     .descriptorPool = k->pool,
					     .descriptorSetCount = 1,
					     .pSetLayouts = &kernel->set_layout};
	VkResult result = vkAllocateDescriptorSets(dev->device, &alloc, out);

	if (result != VK_SUCCESS)
		return result;
	for (uint32_t i = 0; i < jk->n_bindings; i++) {
		info[i] = (VkDescriptorBufferInfo){
			.buffer = buffers->buffer[bound_buffer(jk, step, i)].buffer,
			.range = VK_WHOLE_SIZE};
		writes[i] =
			(VkWriteDescriptorSet){.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
					       .dstSet = *out,
					       .dstBinding = jk->bindings[i].binding,
					       .descriptorCount = 1,
					       .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
					       .pBufferInfo = &info[i]};
	}
	vkUpdateDescriptorSets(dev->device, jk->n_bindings, writes, 0, NULL);
	return VK_SUCCESS;
}

static VkResult make_pool(struct vk_kernels *k, const struct vk_device *dev, const struct job *job)
{
	VkDescriptorPoolSize size = {.type = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER};
	VkDescriptorPoolCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
					   .poolSizeCount = 1,
					   .pPoolSizes = &size};

	info.maxSets = job->n_kernels;
	for (uint32_t i = 0; i < job->n_kernels; i++)
		size.descriptorCount += job->kernels[i].n_bindings;
	for (uint32_t i = 0; i < job->n_steps; i++) {
		const struct job_step *step = &job->steps[i];

		if (step->kind != JOB_STEP_DISPATCH || !step->n_bind)
			continue;
		info.maxSets++;
		size.descriptorCount += job->kernels[step->kernel].n_bindings;
	}
	if (!size.descriptorCount)
		info.poolSizeCount = 0;
	return vkCreateDescriptorPool(dev->device, &info, NULL, &k->pool);
}

static VkResult make_all(struct vk_kernels *k, const struct vk_device *dev, const struct job *job,
			 const struct vk_buffers *buffers)
{
	VkResult result = make_pool(k, dev, job);

	for (uint32_t i = 0; result == VK_SUCCESS && i < job->n_kernels; i++) {
		struct vk_kernel *kernel = &k->kernel[i];

		k->n++;
		result = make_layouts(kernel, dev, &job->kernels[i]);
		if (result == VK_SUCCESS)
			result = make_set(&kernel->set, k, kernel, dev, &job->kernels[i], NULL,
					  buffers);
	}
	for (uint32_t i = 0; result == VK_SUCCESS && i < job->n_steps; i++) {
		const struct job_step *step = &job->steps[i];

		if (step->kind == JOB_STEP_DISPATCH && step->n_bind)
			result = make_set(&k->step_set[i], k, &k->kernel[step->kernel], dev,
					  &job->kernels[step->kernel], step, buffers);
	}
	return result;
}

int vk_kernels_new(struct vk_kernels *out, const struct vk_device *dev, const struct job *job,
		   const struct vk_buffers *buffers, struct error *err)
{
	VkResult result = VK_ERROR_OUT_OF_HOST_MEMORY;

	*out = (struct vk_kernels){
		.kernel = calloc(job->n_kernels, sizeof(*out->kernel)),
		.step_set = calloc(job->n_steps, sizeof(*out->step_set)),
	};
	if (out->kernel && out->step_set)
		result = make_all(out, dev, job, buffers);
	if (result == VK_SUCCESS)
		return 0;
	vk_kernels_free(out, dev);
	return error_set(err, -ENOMEM, "kernels", "the device cannot hold them: %s",
			 vk_result_text(result));
}

int vk_kernel_compile(struct vk_kernels *k, uint32_t i, const struct vk_device *dev,
		      const struct job *job, const uint32_t *words, size_t n_words,
		      struct error *err)
{
	const struct job_kernel *jk = &job->kernels[i];
	VkSpecializationMapEntry entries[JOB_SPEC_MAX];
	uint32_t values[JOB_SPEC_MAX];
	VkSpecializationInfo spec = {.mapEntryCount = jk->n_spec,
				     .pMapEntries = entries,
				     .dataSize = jk->n_spec * sizeof(values[0]),
				     .pData = values};
	VkShaderModuleCreateInfo module = {.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
					   .codeSize = n_words * sizeof(*words),
					   .pCode = words};
	VkComputePipelineCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
		.flags = VK_PIPELINE_CREATE_DISPATCH_BASE_BIT,
		.stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
			  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
			  .pName = jk->entry,
			  .pSpecializationInfo = &spec},
		.layout = k->kernel[i].layout};
	VkResult result;

	for (uint32_t j = 0; j < jk->n_spec; j++) {
		values[j] = jk->spec[j].bits;
		entries[j] = (VkSpecializationMapEntry){.constantID = jk->spec[j].id,
							.offset = j * (uint32_t)sizeof(values[0]),
							.size = sizeof(values[0])};
	}
	result = vkCreateShaderModule(dev->device, &module, NULL, &info.stage.module);
	if (result == VK_SUCCESS) {
		result = vkCreateComputePipelines(dev->device, VK_NULL_HANDLE, 1, &info, NULL,
						  &k->kernel[i].pipeline);
		vkDestroyShaderModule(dev->device, info.stage.module, NULL);
	}
	if (result != VK_SUCCESS) {
		char where[96];

		snprintf(where, sizeof(where), "kernel %s", jk->name);
		return error_set(err, -EINVAL, where, "the driver cannot compile it: %s",
				 vk_result_text(result));
	}
	return 0;
}

void vk_kernels_free(struct vk_kernels *k, const struct vk_device *dev)
{
	while (k->n) {
		struct vk_kernel *kernel = &k->kernel[--k->n];

		vkDestroyPipeline(dev->device, kernel->pipeline, NULL);
		vkDestroyPipelineLayout(dev->device, kernel->layout, NULL);
		vkDestroyDescriptorSetLayout(dev->device, kernel->set_layout, NULL);
	}
	vkDestroyDescriptorPool(dev->device, k->pool, NULL);
	free(k->kernel);
	free(k->step_set);
	*k = (struct vk_kernels){.n = 0};
}
