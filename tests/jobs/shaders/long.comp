/* SPDX-License-Identifier: MIT */
/*
 * A workgroup that takes some tenths of a second. Mesa's software driver leaves loops after 65535
 * turns in all, so that the body is long and there are many invocations.
 */
#version 450
layout(local_size_x = 1024) in;
layout(std430, set = 0, binding = 0) buffer State { uint state[]; };
layout(push_constant) uniform Push { uint turns; };

#define ONCE x = (x ^ (x >> 13)) * 1664525u + 1013904223u + i;
#define FOUR ONCE ONCE ONCE ONCE

void main()
{
	uint at = gl_GlobalInvocationID.x;
	uint x = state[at] + at;
	for (uint i = 0u; i < turns; i++) {
		FOUR FOUR
	}
	state[at] = x;
}
