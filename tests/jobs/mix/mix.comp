#version 450
/* SPDX-License-Identifier: MIT */
/*
 * Stirs each word `rounds` times, by a bijection of 32-bit words that depends on the step. Any
 * dispatch or workgroup that is lost, done twice or done in the wrong order changes the result.
 */
layout(local_size_x = 64) in;
layout(set = 0, binding = 0) buffer State {
	uint word[];
};
layout(push_constant) uniform Push {
	uint step;
	uint rounds;
};

void main()
{
	uint i = gl_GlobalInvocationID.x;
	uint x = word[i] + i;

	for (uint r = 0; r < rounds; r++) {
		x ^= x >> 16;
		x *= 0x7feb352du;
		x ^= x >> 15;
		x *= 0x846ca68bu;
		x ^= x >> 16;
		x += step * 0x9e3779b9u + r;
	}
	word[i] = x;
}
