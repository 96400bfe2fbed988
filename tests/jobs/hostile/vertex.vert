#version 450
/* SPDX-License-Identifier: MIT */
/* No kernel: another execution model. */
layout(set = 0, binding = 0) buffer State {
	uint word[];
};

void main()
{
	gl_Position = vec4(float(word[0]));
}
