/* SPDX-License-Identifier: MIT */
/*
 * The hidden layer of a batch: h = max(0, x w1 + b1). A workgroup takes FASHION_ROWS pictures (x)
 * by FASHION_LOCAL * FASHION_COLS hidden units (y); a weight is read once for all these pictures,
 * and the sum over the pixels goes in their order.
 */
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shape.h"

layout(local_size_x = FASHION_LOCAL) in;
layout(push_constant) uniform Push { uint first; }; /* picture of the batch in `images` */
layout(std430, binding = 0) readonly buffer Images { uint images[]; };
layout(std430, binding = 1) readonly buffer W1 { float w1[]; }; /* [pixel][hidden] */
layout(std430, binding = 2) readonly buffer B1 { float b1[]; };
layout(std430, binding = 3) writeonly buffer H { float h[]; }; /* [row][hidden] */

void main()
{
	uint row = gl_WorkGroupID.x * FASHION_ROWS;
	uint lane = gl_WorkGroupID.y * FASHION_LOCAL * FASHION_COLS + gl_LocalInvocationID.x;
	uint word = (first + row) * FASHION_WORDS;
	float sum[FASHION_ROWS * FASHION_COLS];

	for (uint i = 0; i < FASHION_ROWS * FASHION_COLS; i++)
		sum[i] = 0.0;
	for (uint k = 0; k < FASHION_WORDS; k++) {
		uint x[FASHION_ROWS];

		for (uint r = 0; r < FASHION_ROWS; r++)
			x[r] = images[word + r * FASHION_WORDS + k];
		[[dont_unroll]] for (uint p = 0; p < 4; p++) {
			uint at = (4 * k + p) * FASHION_HIDDEN + lane;

			for (uint c = 0; c < FASHION_COLS; c++) {
				float w = w1[at + c * FASHION_LOCAL];

				for (uint r = 0; r < FASHION_ROWS; r++)
					sum[r * FASHION_COLS + c] += float(x[r] >> (8 * p) & 255u) * w;
			}
		}
	}
	for (uint r = 0; r < FASHION_ROWS; r++)
		for (uint c = 0; c < FASHION_COLS; c++) {
			uint j = lane + c * FASHION_LOCAL;
			float v = sum[r * FASHION_COLS + c] * float(FASHION_PIXEL_SCALE) + b1[j];

			h[(row + r) * FASHION_HIDDEN + j] = max(v, 0.0);
		}
}
