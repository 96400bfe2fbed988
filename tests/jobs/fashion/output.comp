/* SPDX-License-Identifier: MIT */
/*
 * The output layer and the way back, one picture an invocation: logits, softmax, the gradient of
 * the cross entropy by the logits (d), and by the hidden layer before its ramp (dh). Both are
 * divided by the batch, so that the sums over it are means.
 */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shape.h"

layout(local_size_x = FASHION_LOCAL) in;
layout(push_constant) uniform Push { uint first; };
layout(std430, binding = 0) readonly buffer Labels { uint labels[]; }; /* bytes, four to a word */
layout(std430, binding = 1) readonly buffer W2 { float w2[]; }; /* [hidden][class] */
layout(std430, binding = 2) readonly buffer B2 { float b2[]; };
layout(std430, binding = 3) readonly buffer H { float h[]; };
layout(std430, binding = 4) writeonly buffer D { float d[]; }; /* [row][class] */
layout(std430, binding = 5) writeonly buffer DH { float dh[]; }; /* [row][hidden] */

void main()
{
	uint row = gl_GlobalInvocationID.x;
	float z[FASHION_CLASSES];
	float most, total = 0.0;
	uint label;

	if (row >= FASHION_BATCH)
		return;
	for (uint c = 0; c < FASHION_CLASSES; c++)
		z[c] = b2[c];
	for (uint j = 0; j < FASHION_HIDDEN; j++) {
		float v = h[row * FASHION_HIDDEN + j];

		for (uint c = 0; c < FASHION_CLASSES; c++)
			z[c] += v * w2[j * FASHION_CLASSES + c];
	}
	most = z[0];
	for (uint c = 1; c < FASHION_CLASSES; c++)
		most = max(most, z[c]);
	for (uint c = 0; c < FASHION_CLASSES; c++) {
		z[c] = exp(z[c] - most);
		total += z[c];
	}
	label = labels[(first + row) / 4] >> (8 * ((first + row) % 4)) & 255u;
	for (uint c = 0; c < FASHION_CLASSES; c++) {
		z[c] = (z[c] / total - (c == label ? 1.0 : 0.0)) / float(FASHION_BATCH);
		d[row * FASHION_CLASSES + c] = z[c];
	}
	for (uint j = 0; j < FASHION_HIDDEN; j++) {
		float sum = 0.0;

		for (uint c = 0; c < FASHION_CLASSES; c++)
			sum += z[c] * w2[j * FASHION_CLASSES + c];
		dh[row * FASHION_HIDDEN + j] = h[row * FASHION_HIDDEN + j] > 0.0 ? sum : 0.0;
	}
}
