/* SPDX-License-Identifier: MIT */
/* An array of an invocation's own that no stack holds. */
#version 450
layout(local_size_x = 1) in;
layout(std430, set = 0, binding = 0) buffer Out { uint to[]; };

void main()
{
	uint own[1 << 26];

	own[to[0]] = to[1];
	to[2] = own[to[3]];
}
