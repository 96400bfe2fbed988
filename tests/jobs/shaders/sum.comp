/* SPDX-License-Identifier: MIT */
/* A workgroup's sum through shared memory, whose size is a specialization constant. */
#version 450
layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint SIZE = 32;
layout(std430, set = 0, binding = 0) readonly buffer In { uint from[]; };
layout(std430, set = 0, binding = 1) buffer Out { uint to[]; };
shared uint part[SIZE];

void main()
{
	uint l = gl_LocalInvocationID.x;
	part[l] = from[gl_GlobalInvocationID.x];
	barrier();
	for (uint half_size = SIZE / 2u; half_size > 0u; half_size /= 2u) {
		if (l < half_size)
			part[l] += part[l + half_size];
		barrier();
	}
	if (l == 0u)
		to[gl_WorkGroupID.x] = part[0];
}
