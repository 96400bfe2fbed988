/* SPDX-License-Identifier: MIT */
/* Never ends. */
#version 450
layout(local_size_x = 1) in;
layout(std430, set = 0, binding = 0) buffer State { uint state[]; };

void main()
{
	while (atomicAdd(state[0], 1u) != 0xffffffffu || state[1] == 0u)
		state[2] = state[0];
}
