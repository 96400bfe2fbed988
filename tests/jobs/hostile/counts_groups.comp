#version 450
/* SPDX-License-Identifier: MIT */
/* Reads NumWorkgroups, so it cannot be cut; `rounds` makes the whole dispatch as long as wanted. */
layout(local_size_x = 64) in;
layout(set = 0, binding = 0) buffer State {
	uint word[];
};
layout(push_constant) uniform Push {
	uint rounds;
};

void main()
{
	uint i = gl_GlobalInvocationID.x;
	uint x = i * gl_NumWorkGroups.x;

	for (uint r = 0; r < rounds; r++)
		x = (x ^ (x >> 16)) * 0x7feb352du + r;
	word[i] = x;
}
