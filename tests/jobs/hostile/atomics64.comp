#version 450
/* SPDX-License-Identifier: MIT */
/* Needs the capability Int64Atomics, which is not among those a job may use. */
#extension GL_ARB_gpu_shader_int64 : require
#extension GL_EXT_shader_atomic_int64 : require
layout(local_size_x = 1) in;
layout(set = 0, binding = 0) buffer State {
	uint64_t word[];
};

void main()
{
	atomicAdd(word[0], 1ul);
}
