/* SPDX-License-Identifier: MIT */
/* Recording, submitting and timing of slices; see vk_submit.h. */
#include "broker/worker/vk_submit.h"

#include <errno.h>
#include <string.h>

#include "libbroker/util/clock.h"

/* Timestamps that say this many times more than the clock are no good. */
#define TIMESTAMP_EXCESS   1.25
#define TIMESTAMP_SLACK_NS 200000.0
#define TIMESTAMP_BAD_MAX  3

static VkResult make_slot(struct vk_slot *slot, const struct vk_device *dev)
{
	VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
					.queueFamilyIndex = (uint32_t)dev->caps.queue_family};
	VkCommandBufferAllocateInfo alloc = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO, .commandBufferCount = 1};
	VkExportFenceCreateInfo export = {.sType = VK_STRUCTURE_TYPE_EXPORT_FENCE_CREATE_INFO,
					  .handleTypes = VK_EXTERNAL_FENCE_HANDLE_TYPE_SYNC_FD_BIT};
	VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO,
				   .pNext = dev->get_fence_fd ? &export : NULL};
	VkResult result = vkCreateCommandPool(dev->device, &pool, NULL, &slot->pool);

	slot->fence_fd = FENCE_NO_FD;
	if (result != VK_SUCCESS)
		return result;
	alloc.commandPool = slot->pool;
	result = vkAllocateCommandBuffers(dev->device, &alloc, &slot->commands);
	if (result == VK_SUCCESS)
		result = vkCreateFence(dev->device, &fence, NULL, &slot->fence);
	return result;
}

int vk_submit_new(struct vk_submit *out, const struct vk_device *dev,
		  const struct vk_kernels *kernels, struct fence_ring *ring, struct error *err)
{
	VkQueryPoolCreateInfo queries = {.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
					 .queryType = VK_QUERY_TYPE_TIMESTAMP,
					 .queryCount = 2 * VK_SLOTS};
	VkResult result = VK_SUCCESS;

	*out = (struct vk_submit){.dev = dev, .kernels = kernels, .ring = ring};
	for (int i = 0; result == VK_SUCCESS && i < VK_SLOTS; i++)
		result = make_slot(&out->slot[i], dev);
	/* Mesa's software driver stops all its threads for a timestamp, which costs some percent
	 * and tells no more than the clock. */
	if (result == VK_SUCCESS && dev->caps.timestamp_bits && !dev->caps.software) {
		result = vkCreateQueryPool(dev->device, &queries, NULL, &out->queries);
		out->timestamps = result == VK_SUCCESS;
	}
	if (result == VK_SUCCESS)
		return 0;
	vk_submit_free(out);
	return error_set(err, -ENOMEM, "slices", "no command buffers: %s", vk_result_text(result));
}

void vk_submit_free(struct vk_submit *s)
{
	for (int i = 0; i < VK_SLOTS; i++) {
		vkDestroyFence(s->dev->device, s->slot[i].fence, NULL);
		vkDestroyCommandPool(s->dev->device, s->slot[i].pool, NULL);
	}
	vkDestroyQueryPool(s->dev->device, s->queries, NULL);
	memset(s->slot, 0, sizeof(s->slot));
}

static void barrier(VkCommandBuffer c, VkPipelineStageFlags to, VkAccessFlags access)
{
	VkMemoryBarrier b = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
			     .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT,
			     .dstAccessMask = access};

	vkCmdPipelineBarrier(c, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, to, 0, 1, &b, 0, NULL, 0,
			     NULL);
}

static void record_part(const struct vk_submit *s, VkCommandBuffer c, const struct slice_part *p,
			const struct slice_part *last)
{
	const struct vk_kernel *k = &s->kernels->kernel[p->kernel];
	VkDescriptorSet set = s->kernels->step_set[p->step];
	bool same_kernel = last && last->kernel == p->kernel;

	if (p->barrier)
		barrier(c, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
			VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT);
	if (!same_kernel)
		vkCmdBindPipeline(c, VK_PIPELINE_BIND_POINT_COMPUTE, k->pipeline);
	if (!same_kernel || last->step != p->step)
		vkCmdBindDescriptorSets(c, VK_PIPELINE_BIND_POINT_COMPUTE, k->layout, 0, 1,
					set ? &set : &k->set, 0, NULL);
	if (p->n_push &&
	    (!same_kernel || memcmp(last->push, p->push, p->n_push * sizeof(p->push[0])) != 0))
		vkCmdPushConstants(c, k->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, p->n_push * 4,
				   p->push);
	vkCmdDispatchBase(c, p->box.base[0], p->box.base[1], p->box.base[2], p->box.count[0],
			  p->box.count[1], p->box.count[2]);
}

static VkResult begin(const struct vk_submit *s, const struct vk_slot *slot)
{
	VkCommandBufferBeginInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
					 .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT};
	VkResult result = vkResetCommandPool(s->dev->device, slot->pool, 0);

	return result == VK_SUCCESS ? vkBeginCommandBuffer(slot->commands, &info) : result;
}

/* Nothing else is submitted, so that what is over now was not kept waiting by another slice. */
static bool is_alone(const struct vk_submit *s, const struct vk_slot *slot)
{
	for (int i = 0; i < VK_SLOTS; i++)
		if (&s->slot[i] != slot && s->slot[i].busy)
			return false;
	return true;
}

static VkResult submit_slot(const struct vk_submit *s, struct vk_slot *slot)
{
	VkSubmitInfo submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
			       .commandBufferCount = 1,
			       .pCommandBuffers = &slot->commands};
	VkResult result;

	slot->done_ns = 0;
	slot->submitted_ns = clock_now_ns();
	result = vkQueueSubmit(s->dev->queue, 1, &submit, slot->fence);
	if (result != VK_SUCCESS)
		return result;
	slot->busy = true;
	slot->fence_fd = fence_export(s->dev, slot->fence);
	if (!is_alone(s, slot))
		return VK_SUCCESS;
	/* Some drivers do the work in the call: then its end is now, not when it is asked for. */
	if (slot->fence_fd == FENCE_SIGNALLED ||
	    (slot->fence_fd == FENCE_NO_FD &&
	     vkGetFenceStatus(s->dev->device, slot->fence) == VK_SUCCESS))
		slot->done_ns = clock_now_ns();
	return VK_SUCCESS;
}

VkResult vk_submit_record(struct vk_submit *s, unsigned int i)
{
	struct vk_slot *slot = &s->slot[i];
	VkCommandBuffer c = slot->commands;
	VkResult result = begin(s, slot);

	if (result != VK_SUCCESS)
		return result;
	if (s->timestamps) {
		vkCmdResetQueryPool(c, s->queries, 2 * i, 2);
		/* Behind all earlier work, so that two slices in flight do not count twice. */
		vkCmdWriteTimestamp(c, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, s->queries, 2 * i);
	}
	for (uint32_t n = 0; n < slot->slice.n; n++)
		record_part(s, c, &slot->slice.part[n], n ? &slot->slice.part[n - 1] : NULL);
	if (s->timestamps)
		vkCmdWriteTimestamp(c, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, s->queries, 2 * i + 1);
	return vkEndCommandBuffer(c);
}

VkResult vk_submit_recorded(struct vk_submit *s, unsigned int i)
{
	return submit_slot(s, &s->slot[i]);
}

VkResult vk_submit_slice(struct vk_submit *s, unsigned int i)
{
	VkResult result = vk_submit_record(s, i);

	return result == VK_SUCCESS ? vk_submit_recorded(s, i) : result;
}

/* Between the two timestamps of slot @i, or -1. */
static double timestamp_ns(const struct vk_submit *s, unsigned int i)
{
	uint32_t bits = s->dev->caps.timestamp_bits;
	uint64_t mask = bits >= 64 ? ~0ull : (1ull << bits) - 1;
	uint64_t t[2];

	if (vkGetQueryPoolResults(s->dev->device, s->queries, 2 * i, 2, sizeof(t), t, sizeof(t[0]),
				  VK_QUERY_RESULT_64_BIT) != VK_SUCCESS)
		return -1;
	return (double)((t[1] - t[0]) & mask) * (double)s->dev->caps.limits.timestampPeriod;
}

VkResult vk_submit_wait(struct vk_submit *s, unsigned int i, uint64_t *took_ns)
{
	struct vk_slot *slot = &s->slot[i];
	VkResult result = fence_wait(s->dev, s->ring, slot->fence, slot->fence_fd);
	uint64_t began = slot->submitted_ns;
	double ns;

	slot->fence_fd = FENCE_NO_FD;
	slot->busy = false;
	if (result != VK_SUCCESS)
		return result;
	if (!slot->done_ns)
		slot->done_ns = clock_now_ns();
	if (s->last_done_ns > began)
		began = s->last_done_ns;
	s->last_done_ns = slot->done_ns;
	*took_ns = slot->done_ns > began ? slot->done_ns - began : 1;
	if (!s->timestamps)
		return VK_SUCCESS;
	ns = timestamp_ns(s, i);
	if (ns <= 0 || ns > (double)*took_ns * TIMESTAMP_EXCESS + TIMESTAMP_SLACK_NS) {
		if (++s->bad_timestamps >= TIMESTAMP_BAD_MAX)
			s->timestamps = false;
		return VK_SUCCESS;
	}
	s->bad_timestamps = 0;
	*took_ns = (uint64_t)ns;
	return VK_SUCCESS;
}

VkResult vk_submit_to_host(struct vk_submit *s)
{
	struct vk_slot *slot = &s->slot[0];
	VkResult result = begin(s, slot);
	int fd;

	if (result != VK_SUCCESS)
		return result;
	barrier(slot->commands, VK_PIPELINE_STAGE_HOST_BIT, VK_ACCESS_HOST_READ_BIT);
	result = vkEndCommandBuffer(slot->commands);
	if (result == VK_SUCCESS)
		result = submit_slot(s, slot);
	fd = slot->fence_fd;
	slot->fence_fd = FENCE_NO_FD;
	slot->busy = false;
	return result == VK_SUCCESS ? fence_wait(s->dev, s->ring, slot->fence, fd) : result;
}
