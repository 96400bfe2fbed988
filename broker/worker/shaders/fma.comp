/* SPDX-License-Identifier: MIT */
/* Arithmetic speed: 8 chains of 4-wide multiply-adds, 2 * 4 * 8 * 128 operations an invocation. */
#version 450
layout(local_size_x = 64) in;
layout(std430, set = 0, binding = 0) readonly buffer In { vec4 seed[]; };
layout(std430, set = 0, binding = 1) writeonly buffer Out { vec4 result[]; };

void main()
{
	uint at = gl_GlobalInvocationID.x & 1023u;
	vec4 s = seed[at];
	vec4 a = s, b = s + 1.0, c = s + 2.0, d = s + 3.0;
	vec4 e = s + 4.0, f = s + 5.0, g = s + 6.0, h = s + 7.0;
	for (int i = 0; i < 128; i++) {
		a = fma(a, s, s);
		b = fma(b, s, s);
		c = fma(c, s, s);
		d = fma(d, s, s);
		e = fma(e, s, s);
		f = fma(f, s, s);
		g = fma(g, s, s);
		h = fma(h, s, s);
	}
	result[at] = a + b + c + d + e + f + g + h;
}
