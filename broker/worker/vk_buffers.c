/* SPDX-License-Identifier: MIT */
/* Buffers on the device; see vk_buffers.h. */
#include "broker/worker/vk_buffers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEEDED (VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT)

/* Device-local counts more than cached; -1 when nothing is visible to the host. */
static int choose_memory(const VkPhysicalDeviceMemoryProperties *m, uint32_t allowed, uint64_t size)
{
	int best = -1, best_score = -1;

	for (uint32_t i = 0; i < m->memoryTypeCount; i++) {
		VkMemoryPropertyFlags flags = m->memoryTypes[i].propertyFlags;
		int score = 0;

		if (!(allowed & 1u << i) || (flags & NEEDED) != NEEDED ||
		    m->memoryHeaps[m->memoryTypes[i].heapIndex].size < size)
			continue;
		score += flags & VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT ? 2 : 0;
		score += flags & VK_MEMORY_PROPERTY_HOST_CACHED_BIT ? 1 : 0;
		if (score > best_score) {
			best = (int)i;
			best_score = score;
		}
	}
	return best;
}

static VkResult back_with_memory(struct vk_buffer *b, const struct vk_device *dev)
{
	VkMemoryRequirements need;
	VkMemoryAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO};
	VkResult result;
	int type;

	vkGetBufferMemoryRequirements(dev->device, b->buffer, &need);
	type = choose_memory(&dev->caps.memory, need.memoryTypeBits, need.size);
	if (type < 0)
		return VK_ERROR_OUT_OF_DEVICE_MEMORY;
	info.allocationSize = need.size;
	info.memoryTypeIndex = (uint32_t)type;
	result = vkAllocateMemory(dev->device, &info, NULL, &b->memory);
	if (result == VK_SUCCESS)
		result = vkBindBufferMemory(dev->device, b->buffer, b->memory, 0);
	if (result == VK_SUCCESS)
		result = vkMapMemory(dev->device, b->memory, 0, VK_WHOLE_SIZE, 0, &b->data);
	return result;
}

static void buffer_free(struct vk_buffer *b, const struct vk_device *dev)
{
	vkDestroyBuffer(dev->device, b->buffer, NULL);
	vkFreeMemory(dev->device, b->memory, NULL);
	*b = (struct vk_buffer){.size = 0};
}

static int buffer_new(struct vk_buffer *out, const struct vk_device *dev, uint64_t size,
		      struct error *err)
{
	VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
				   .size = size,
				   .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT};
	VkResult result;

	*out = (struct vk_buffer){.size = size};
	if (size > dev->caps.limits.maxStorageBufferRange)
		return error_set(err, -E2BIG, NULL, "%" PRIu64 " bytes; this device takes %u", size,
				 dev->caps.limits.maxStorageBufferRange);
	result = vkCreateBuffer(dev->device, &info, NULL, &out->buffer);
	if (result == VK_SUCCESS)
		result = back_with_memory(out, dev);
	if (result == VK_SUCCESS)
		return 0;
	buffer_free(out, dev);
	return error_set(err, -ENOMEM, NULL, "no device memory for %" PRIu64 " bytes: %s", size,
			 vk_result_text(result));
}

static void name_buffer(struct error *err, const struct job_buffer *b)
{
	snprintf(err->where, sizeof(err->where), "buffer %s", b->name);
}

int vk_buffers_new(struct vk_buffers *out, const struct vk_device *dev, const struct job *job,
		   struct error *err)
{
	out->n = 0;
	for (uint32_t i = 0; i < job->n_buffers; i++) {
		int r = buffer_new(&out->buffer[i], dev, job->buffers[i].size, err);

		if (r < 0) {
			name_buffer(err, &job->buffers[i]);
			vk_buffers_free(out, dev);
			return r;
		}
		out->n++;
	}
	return 0;
}

static int fill_from(struct vk_buffer *b, int fd, struct error *err)
{
	uint64_t at = 0;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_set(err, -errno, NULL, "its blob: %s", strerror(errno));
	if (st.st_size < 0 || (uint64_t)st.st_size > b->size)
		return error_set(err, -E2BIG, NULL, "its blob has %jd bytes, the buffer %" PRIu64,
				 (intmax_t)st.st_size, b->size);
	while (at < (uint64_t)st.st_size) {
		ssize_t n = pread(fd, (char *)b->data + at, (size_t)st.st_size - at, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(err, -errno, NULL, "reading its blob: %s",
					 strerror(errno));
		if (n == 0)
			break;
		at += (uint64_t)n;
	}
	memset((char *)b->data + at, 0, b->size - at);
	return 0;
}

int vk_buffers_fill(struct vk_buffers *b, const struct job *job, const int *blob_fds,
		    struct error *err)
{
	for (uint32_t i = 0; i < b->n; i++) {
		int blob = job->buffers[i].blob;
		int r = 0;

		if (blob < 0)
			memset(b->buffer[i].data, 0, b->buffer[i].size);
		else
			r = fill_from(&b->buffer[i], blob_fds[blob], err);
		if (r < 0) {
			name_buffer(err, &job->buffers[i]);
			return r;
		}
	}
	return 0;
}

void vk_buffers_free(struct vk_buffers *b, const struct vk_device *dev)
{
	while (b->n)
		buffer_free(&b->buffer[--b->n], dev);
}
