/* SPDX-License-Identifier: MIT */
/* Reads and writes far outside of its buffer. */
#version 450
layout(local_size_x = 64) in;
layout(std430, set = 0, binding = 0) buffer State { uint state[]; };

void main()
{
	uint far = gl_GlobalInvocationID.x * 65537u + 1024u;
	state[far] = 0xdeadbeefu;
	state[gl_LocalInvocationID.x] = state[far + 0x1000000u] & 0u;
}
