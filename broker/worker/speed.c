/* SPDX-License-Identifier: MIT */
/*
 * The benchmark behind `broker-worker --probe`; see speed.h. It goes the way of a job: a job of
 * two buffers and two kernels made by hand, and slices of one part each. The batch doubles until it
 * takes long enough to be measured, so it is short on a slow device and fair on a fast one.
 */
#include "broker/worker/speed.h"

#include <errno.h>
#include <string.h>

#include "broker/worker/vk_submit.h"
#include "worker/copy_spirv.h"
#include "worker/fma_spirv.h"

#define LOCAL_SIZE      64
#define BYTES           (16u << 20)
#define COPY_GROUPS     (BYTES / 16 / LOCAL_SIZE)
#define FLOPS_PER_GROUP (2.0 * 4 * 8 * 128 * LOCAL_SIZE)
#define LONG_ENOUGH_NS  10000000u
#define GROUPS_MAX      32768
#define ROUNDS          3

enum {
	KERNEL_FMA,
	KERNEL_COPY,
	KERNELS
};

struct bench {
	struct vk_buffers buffers;
	struct vk_kernels kernels;
	struct vk_submit submit;
};

static VkResult run_once(struct bench *b, uint32_t kernel, uint32_t groups, uint64_t *ns)
{
	struct slice *s = &b->submit.slot[0].slice;
	VkResult result;

	s->n = 1;
	s->part[0] = (struct slice_part){.kernel = kernel,
					 .step = kernel,
					 .barrier = true,
					 .box.count = {groups, 1, 1},
					 .groups = groups};
	result = vk_submit_slice(&b->submit, 0);
	return result == VK_SUCCESS ? vk_submit_wait(&b->submit, 0, ns) : result;
}

/* Nanoseconds a workgroup, at best. */
static VkResult measure(struct bench *b, uint32_t kernel, uint32_t groups_max, double *best)
{
	uint32_t groups = 16;
	uint64_t ns;
	VkResult result = run_once(b, kernel, groups, &ns); /* compiles, perhaps */

	*best = 0;
	for (int round = 0; result == VK_SUCCESS && round < ROUNDS; round++) {
		result = run_once(b, kernel, groups, &ns);
		while (result == VK_SUCCESS && ns < LONG_ENOUGH_NS && 2 * groups <= groups_max) {
			groups *= 2;
			result = run_once(b, kernel, groups, &ns);
		}
		if (*best == 0 || (double)ns / groups < *best)
			*best = (double)ns / groups;
	}
	return result;
}

static int measure_both(struct bench *b, struct speed *out, const struct vk_device *dev,
			struct error *err)
{
	double fma = 0, copy = 0;
	int r = vk_submit_new(&b->submit, dev, &b->kernels, NULL, err);
	VkResult result;

	if (r < 0)
		return r;
	result = measure(b, KERNEL_FMA, GROUPS_MAX, &fma);
	if (result == VK_SUCCESS)
		result = measure(b, KERNEL_COPY, COPY_GROUPS, &copy);
	vk_submit_free(&b->submit);
	if (result != VK_SUCCESS || fma <= 0 || copy <= 0)
		return error_set(err, -EIO, dev->caps.name, "the benchmark failed: %s",
				 vk_result_text(result));
	out->gflops = FLOPS_PER_GROUP / fma;
	out->copy_gb_s = 32.0 * LOCAL_SIZE / copy;
	return 0;
}

int speed_measure(struct speed *out, const struct vk_device *dev, struct error *err)
{
	struct job_buffer buffers[] = {{.name = "in", .size = BYTES, .blob = -1},
				       {.name = "out", .size = BYTES, .blob = -1}};
	struct job_kernel kernels[KERNELS] = {
		{.name = "fma", .entry = "main", .n_bindings = 2, .bindings = {{0, 0}, {1, 1}}},
		{.name = "copy", .entry = "main", .n_bindings = 2, .bindings = {{0, 0}, {1, 1}}}};
	struct job_step steps[KERNELS] = {{.kind = JOB_STEP_DISPATCH, .kernel = KERNEL_FMA},
					  {.kind = JOB_STEP_DISPATCH, .kernel = KERNEL_COPY}};
	struct job job = {.n_buffers = 2,
			  .n_kernels = KERNELS,
			  .n_steps = KERNELS,
			  .buffers = buffers,
			  .kernels = kernels,
			  .steps = steps};
	static struct bench b;
	int r = vk_buffers_new(&b.buffers, dev, &job, err);

	if (r < 0)
		return r;
	vk_buffers_fill(&b.buffers, &job, NULL, err);
	r = vk_kernels_new(&b.kernels, dev, &job, &b.buffers, err);
	if (r == 0) {
		r = vk_kernel_compile(&b.kernels, KERNEL_FMA, dev, &job, fma_spirv,
				      sizeof(fma_spirv) / 4, err);
		if (r == 0)
			r = vk_kernel_compile(&b.kernels, KERNEL_COPY, dev, &job, copy_spirv,
					      sizeof(copy_spirv) / 4, err);
		if (r == 0)
			r = measure_both(&b, out, dev, err);
		vk_kernels_free(&b.kernels, dev);
	}
	vk_buffers_free(&b.buffers, dev);
	return r;
}
