/* SPDX-License-Identifier: MIT */
/*
 * Does not end in any time one would wait for. Mesa's software driver leaves loops after 65535 turns
 * in all, so that the body is long and a workgroup has many invocations.
 */
#version 450
layout(local_size_x = 1024) in;
layout(std430, set = 0, binding = 0) buffer State { uint state[]; };

#define ONCE atomicAdd(state[i & 7u], i);
#define FOUR ONCE ONCE ONCE ONCE
#define MANY FOUR FOUR FOUR FOUR FOUR FOUR FOUR FOUR FOUR FOUR FOUR FOUR FOUR FOUR FOUR FOUR

void main()
{
	for (uint i = 0u; state[8] == 0u; i++) {
		MANY
	}
}
