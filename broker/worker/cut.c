/* SPDX-License-Identifier: MIT */
/* Boxes out of a dispatch; see cut.h. */
#include "broker/worker/cut.h"

#include <errno.h>

int cut_total(const uint32_t groups[3], uint64_t *total)
{
	uint64_t plane = (uint64_t)groups[0] * groups[1];

	if (__builtin_mul_overflow(plane, (uint64_t)groups[2], total))
		return -ERANGE;
	return 0;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t cut_next(const uint32_t groups[3], uint64_t position, uint64_t most, struct cut_box *out)
{
	uint64_t row = groups[0], plane = row * groups[1];
	uint64_t x = position % row, y = position / row % groups[1], z = position / plane;
	uint64_t nx = row, ny = 1, nz = 1;

	if (x || most < row)
		nx = min_u64(most, row - x);
	else if (y || most < plane)
		ny = min_u64(most / row, groups[1] - y);
	else {
		ny = groups[1];
		nz = min_u64(most / plane, groups[2] - z);
	}
	*out = (struct cut_box){
		.base = {(uint32_t)x, (uint32_t)y, (uint32_t)z},
		.count = {(uint32_t)nx, (uint32_t)ny, (uint32_t)nz},
	};
	return nx * ny * nz;
}
