/* SPDX-License-Identifier: MIT */
/* Memory speed: 16 bytes read and 16 written by each invocation. */
#version 450
layout(local_size_x = 64) in;
layout(std430, set = 0, binding = 0) readonly buffer In { uvec4 from[]; };
layout(std430, set = 0, binding = 1) writeonly buffer Out { uvec4 to[]; };

void main()
{
	to[gl_GlobalInvocationID.x] = from[gl_GlobalInvocationID.x];
}
