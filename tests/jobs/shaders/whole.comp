/* SPDX-License-Identifier: MIT */
/* Reads NumWorkgroups, so it must not be cut. */
#version 450
layout(local_size_x = 1) in;
layout(std430, set = 0, binding = 0) buffer Out { uint result[]; };

void main()
{
	uvec3 g = gl_WorkGroupID, n = gl_NumWorkGroups;
	result[(g.z * n.y + g.y) * n.x + g.x] += n.x * 10000u + n.y * 100u + n.z;
}
