#version 450
/* SPDX-License-Identifier: MIT */
/* v[i] = i * scale */
layout(local_size_x_id = 0) in;
layout(set = 0, binding = 0) writeonly buffer V { uint v[]; };
layout(push_constant) uniform Push { uint scale; };

void main()
{
	uint i = gl_GlobalInvocationID.x;

	if (i < v.length())
		v[i] = i * scale;
}
