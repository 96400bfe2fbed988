/* SPDX-License-Identifier: MIT */
/*
 * The step of the first layer's weights, gradient and update in one: g = x^T dh over the batch in
 * its order, m = momentum m + g, w1 -= rate m. An invocation owns the four pixels of a word by
 * FASHION_GRAD_COLS hidden units and touches no other weight; a workgroup has all hidden units.
 */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shape.h"

layout(local_size_x = FASHION_LOCAL) in;
layout(push_constant) uniform Push { uint first; float rate; float momentum; };
layout(std430, binding = 0) readonly buffer Images { uint images[]; };
layout(std430, binding = 1) readonly buffer DH { float dh[]; };
layout(std430, binding = 2) buffer M1 { float m1[]; };
layout(std430, binding = 3) buffer W1 { float w1[]; };

const uint COLS = FASHION_GRAD_COLS;

void main()
{
	uint word = gl_WorkGroupID.x;
	uint lane = gl_LocalInvocationID.x;
	float g[4 * COLS];

	for (uint i = 0; i < 4 * COLS; i++)
		g[i] = 0.0;
	for (uint b = 0; b < FASHION_BATCH; b++) {
		uint x = images[(first + b) * FASHION_WORDS + word];
		float v[COLS];

		for (uint c = 0; c < COLS; c++)
			v[c] = dh[b * FASHION_HIDDEN + lane + c * FASHION_LOCAL];
		for (uint p = 0; p < 4; p++) {
			float pixel = float(x >> (8 * p) & 255u);

			for (uint c = 0; c < COLS; c++)
				g[p * COLS + c] += pixel * v[c];
		}
	}
	for (uint p = 0; p < 4; p++)
		for (uint c = 0; c < COLS; c++) {
			uint at = (4 * word + p) * FASHION_HIDDEN + lane + c * FASHION_LOCAL;
			float m = momentum * m1[at] + g[p * COLS + c] * float(FASHION_PIXEL_SCALE);

			m1[at] = m;
			w1[at] -= rate * m;
		}
}
