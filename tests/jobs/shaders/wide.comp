/* SPDX-License-Identifier: MIT */
/* Needs what not every device offers: 64-bit integers and floats. */
#version 450
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
layout(local_size_x = 64) in;
layout(std430, set = 0, binding = 0) buffer Out { int64_t o[]; };

void main()
{
	o[0] = int64_t(double(o[1]) * 3.0LF);
}
