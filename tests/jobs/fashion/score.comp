/* SPDX-License-Identifier: MIT */
/*
 * How many predictions are right: one invocation counts, so there is one order and one writer.
 */
#version 450

layout(local_size_x = 1) in;
layout(push_constant) uniform Push { uint count; };
layout(std430, binding = 0) readonly buffer Labels { uint labels[]; }; /* bytes, four to a word */
layout(std430, binding = 1) readonly buffer Predictions { uint predictions[]; };
layout(std430, binding = 2) writeonly buffer Score { uint score[]; }; /* right, of how many */

void main()
{
	uint right = 0;

	for (uint i = 0; i < count; i++)
		if (predictions[i] == (labels[i / 4] >> (8 * (i % 4)) & 255u))
			right++;
	score[0] = right;
	score[1] = count;
}
