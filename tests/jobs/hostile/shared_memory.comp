#version 450
/* SPDX-License-Identifier: MIT */
/* More shared memory than any workgroup gets. */
layout(local_size_x = 1) in;
layout(set = 0, binding = 0) buffer State {
	uint word[];
};
shared uint room[1 << 20];

void main()
{
	room[word[0]] = 1;
	word[1] = room[word[2]];
}
