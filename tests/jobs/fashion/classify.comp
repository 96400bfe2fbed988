/* SPDX-License-Identifier: MIT */
/*
 * The class of each picture of a batch, one picture an invocation: the largest logit, the lowest
 * number among equals.
 */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shape.h"

layout(local_size_x = FASHION_LOCAL) in;
layout(push_constant) uniform Push { uint first; };
layout(std430, binding = 0) readonly buffer W2 { float w2[]; };
layout(std430, binding = 1) readonly buffer B2 { float b2[]; };
layout(std430, binding = 2) readonly buffer H { float h[]; };
layout(std430, binding = 3) writeonly buffer Predictions { uint predictions[]; };

void main()
{
	uint row = gl_GlobalInvocationID.x, best = 0;
	float most = 0.0;

	if (row >= FASHION_BATCH)
		return;
	for (uint c = 0; c < FASHION_CLASSES; c++) {
		float z = b2[c];

		for (uint j = 0; j < FASHION_HIDDEN; j++)
			z += h[row * FASHION_HIDDEN + j] * w2[j * FASHION_CLASSES + c];
		if (c == 0 || z > most) {
			most = z;
			best = c;
		}
	}
	predictions[first + row] = best;
}
