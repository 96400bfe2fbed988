/* SPDX-License-Identifier: MIT */
/*
 * The checks of a stranger's SPIR-V, the validator of SPIRV-Tools included. Checked besides
 * crashes: a module that is taken has a workgroup within the limits and no more push constants
 * than are pushed.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "broker/worker/spirv_check.h"

#define WORDS_MAX 16384

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct job_kernel kernel = {
		.name = "k",
		.entry = "main",
		.n_bindings = 2,
		.bindings = {{.binding = 0}, {.binding = 1}},
		.n_push = 3,
		.n_spec = 1,
		.spec = {{.id = 0, .bits = 64}},
	};
	size_t n = size / 4 < WORDS_MAX ? size / 4 : WORDS_MAX;
	uint32_t *words = malloc(n * 4 + 1);
	struct spirv_limits limits;
	struct spirv_info info;
	struct error err;

	spirv_limits_any(&limits);
	memcpy(words, data, n * 4);
	if (spirv_check(words, n, &kernel, &limits, &info, &err) == 0) {
		uint64_t all = (uint64_t)info.local_size[0] * info.local_size[1];

		if (all * info.local_size[2] > limits.local_invocations || !all ||
		    info.push_bytes > kernel.n_push * 4)
			abort();
	}
	free(words);
	return 0;
}
