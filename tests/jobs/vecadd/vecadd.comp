#version 450
/* SPDX-License-Identifier: MIT */
/* c[i] += a[i] + round * b[i] */
layout(local_size_x_id = 0) in;
layout(set = 0, binding = 0) readonly buffer A { uint a[]; };
layout(set = 0, binding = 1) readonly buffer B { uint b[]; };
layout(set = 0, binding = 2) buffer C { uint c[]; };
layout(push_constant) uniform Push { uint round; };

void main()
{
	uint i = gl_GlobalInvocationID.x;

	if (i < c.length())
		c[i] += a[i] + round * b[i];
}
