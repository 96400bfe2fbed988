/* SPDX-License-Identifier: MIT */
/*
 * What a stranger's SPIR-V must be before a driver sees it.
 *
 * First SPIRV-Tools' validator, against the rules of Vulkan 1.1. Then a pass of our own over the
 * words, for what validity does not promise:
 *   - exactly one entry point, of the given name, of model GLCompute;
 *   - only capabilities of a short list, each offered by the device;
 *   - resources are storage buffers of descriptor set 0, single ones, each bound in job.json;
 *   - the push-constant block is no larger than what the job pushes, and made of plain words;
 *   - the workgroup's size and its shared memory lie within the device's limits, and an
 *     invocation's own variables within a fixed one;
 * and whether the kernel reads NumWorkgroups, so that it must not be cut, and which bindings it may
 * write (spirv_writes.h).
 *
 * The second pass trusts the validator for the shape of instructions, but not for memory safety:
 * every index is checked again, so that a fault in the validator is no fault here.
 */
#ifndef BROKER_WORKER_SPIRV_CHECK_H
#define BROKER_WORKER_SPIRV_CHECK_H

#include "libbroker/job/job.h"

/* What a device may offer beyond plain shaders; each opens capabilities of the list. */
enum spirv_feature {
	SPIRV_FEATURE_INT64 = 1 << 0,
	SPIRV_FEATURE_INT16 = 1 << 1,
	SPIRV_FEATURE_INT8 = 1 << 2,
	SPIRV_FEATURE_FLOAT64 = 1 << 3,
	SPIRV_FEATURE_FLOAT16 = 1 << 4,
	SPIRV_FEATURE_STORAGE16 = 1 << 5,
	SPIRV_FEATURE_STORAGE8 = 1 << 6,
	SPIRV_FEATURE_SUBGROUP_BASIC = 1 << 7,
	SPIRV_FEATURE_SUBGROUP_VOTE = 1 << 8,
	SPIRV_FEATURE_SUBGROUP_ARITHMETIC = 1 << 9,
	SPIRV_FEATURE_SUBGROUP_BALLOT = 1 << 10,
	SPIRV_FEATURE_SUBGROUP_SHUFFLE = 1 << 11,
	SPIRV_FEATURE_ALL = (1 << 12) - 1,
};

struct spirv_limits {
	uint32_t features; /* set of enum spirv_feature */
	uint32_t local_size[3];
	uint32_t local_invocations;
	uint32_t shared_bytes;
};

struct spirv_info {
	bool reads_num_workgroups;
	uint32_t local_size[3];
	uint32_t push_bytes;
	uint64_t writes; /* bit n: it may write binding n */
};

/** spirv_limits_any() - limits that some device meets: for checking without a device */
void spirv_limits_any(struct spirv_limits *out);

/**
 * spirv_check() - one kernel of a job against its module
 * @words, @n_words: the module; any content
 * Return: 0 with *@info; -EINVAL with @err: where = "kernel <name>".
 */
int spirv_check(const uint32_t *words, size_t n_words, const struct job_kernel *kernel,
		const struct spirv_limits *limits, struct spirv_info *info, struct error *err);

#endif
