/* SPDX-License-Identifier: MIT */
/* A kernel that no job may have: see tests/unit/test_spirv_check.c. */
#version 450
layout(local_size_x = 64) in;
layout(std430, set = 0, binding = 1) buffer Out { uint o[]; };
layout(std430, set = 1, binding = 0) buffer U { uint u[]; };

void main()
{
	o[0] = u[0];
}
