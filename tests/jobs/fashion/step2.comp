/* SPDX-License-Identifier: MIT */
/*
 * The step of all other parameters, one an invocation: the second layer's weights, its biases,
 * and the first layer's biases. Their sums over the batch go in its order.
 */
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shape.h"

layout(local_size_x = FASHION_LOCAL) in;
layout(push_constant) uniform Push { float rate; float momentum; };
layout(std430, binding = 0) readonly buffer H { float h[]; };
layout(std430, binding = 1) readonly buffer D { float d[]; };
layout(std430, binding = 2) readonly buffer DH { float dh[]; };
layout(std430, binding = 3) buffer W2 { float w2[]; };
layout(std430, binding = 4) buffer B2 { float b2[]; };
layout(std430, binding = 5) buffer B1 { float b1[]; };
layout(std430, binding = 6) buffer M2 { float m2[]; }; /* momentum of w2, b2 and b1, in this order */

const uint WEIGHTS = FASHION_HIDDEN * FASHION_CLASSES;

void main()
{
	uint at = gl_GlobalInvocationID.x;
	uint hidden = at / FASHION_CLASSES, cls = at % FASHION_CLASSES;
	float g = 0.0, step;

	if (at >= FASHION_PARAMS2)
		return;
	for (uint b = 0; b < FASHION_BATCH; b++) {
		if (at < WEIGHTS)
			g += h[b * FASHION_HIDDEN + hidden] * d[b * FASHION_CLASSES + cls];
		else if (at < WEIGHTS + FASHION_CLASSES)
			g += d[b * FASHION_CLASSES + at - WEIGHTS];
		else
			g += dh[b * FASHION_HIDDEN + at - WEIGHTS - FASHION_CLASSES];
	}
	m2[at] = momentum * m2[at] + g;
	step = rate * m2[at];
	if (at < WEIGHTS)
		w2[at] -= step;
	else if (at < WEIGHTS + FASHION_CLASSES)
		b2[at - WEIGHTS] -= step;
	else
		b1[at - WEIGHTS - FASHION_CLASSES] -= step;
}
