/* SPDX-License-Identifier: MIT */
/* Each element is stirred `turns` times, by its place and the round: order and count both show. */
#version 450
layout(local_size_x = 64) in;
layout(std430, set = 0, binding = 0) buffer State { uint state[]; };
layout(push_constant) uniform Push { uint count; uint round; uint turns; };

void main()
{
	uint at = gl_GlobalInvocationID.x;
	if (at >= count)
		return;
	uint x = state[at];
	for (uint i = 0u; i < turns; i++)
		x = (x ^ (x >> 13)) * 1664525u + 1013904223u + at + round;
	state[at] = x;
}
