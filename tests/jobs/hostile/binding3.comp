#version 450
/* SPDX-License-Identifier: MIT */
/* Uses a binding that the job does not bind. */
layout(local_size_x = 1) in;
layout(set = 0, binding = 0) buffer State {
	uint word[];
};
layout(set = 0, binding = 3) buffer Other {
	uint other[];
};

void main()
{
	word[0] = other[0];
}
