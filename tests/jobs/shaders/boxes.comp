/* SPDX-License-Identifier: MIT */
/* Counts how often each workgroup of a dispatch in three dimensions ran. */
#version 450
layout(local_size_x = 1) in;
layout(std430, set = 0, binding = 0) buffer Count { uint count[]; };
layout(push_constant) uniform Push { uint nx; uint ny; };

void main()
{
	uvec3 g = gl_WorkGroupID;
	atomicAdd(count[(g.z * ny + g.y) * nx + g.x], 1u);
}
