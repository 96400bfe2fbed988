#version 450
/* SPDX-License-Identifier: MIT */
/*
 * Does not end while the word that it waits for is zero, which nobody changes. Mesa's llvmpipe leaves
 * any loop after 65535 rounds: there it is endless because there are many invocations, each of
 * which waits so long, and each round is long.
 */
layout(local_size_x = 1024) in;
layout(set = 0, binding = 0) coherent volatile buffer State {
	uint word[];
};

void wait4()
{
	uint i = gl_LocalInvocationID.x;

	word[i] = 1 + word[word[i] & 1023] / (word[1023 - i] | 1);
	word[i] = 1 + word[word[i] & 1023] / (word[1023 - i] | 1);
	word[i] = 1 + word[word[i] & 1023] / (word[1023 - i] | 1);
	word[i] = 1 + word[word[i] & 1023] / (word[1023 - i] | 1);
}

void wait16()
{
	wait4();
	wait4();
	wait4();
	wait4();
}

void main()
{
	while (word[1024] == 0) {
		wait16();
		wait16();
		wait16();
		wait16();
	}
}
