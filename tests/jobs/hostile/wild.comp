#version 450
/* SPDX-License-Identifier: MIT */
/* Reads and writes far outside of its buffer. */
layout(local_size_x = 64) in;
layout(set = 0, binding = 0) buffer State {
	uint word[];
};

void main()
{
	uint i = gl_GlobalInvocationID.x;

	for (uint far = 1024; far != 0; far <<= 1)
		word[far + i] = word[far * 3 + i] ^ 0xdeadbeefu;
}
