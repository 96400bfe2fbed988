/* SPDX-License-Identifier: MIT */
/* A kernel that no job may have: see tests/unit/test_spirv_check.c. */
#version 450
layout(local_size_x = 64) in;
layout(std430, set = 0, binding = 1) buffer Out { uint o[]; };
shared uint big[20000];

void main()
{
	big[gl_LocalInvocationID.x] = 1u; o[0] = big[3];
}
