/* SPDX-License-Identifier: MIT */
/* The table of the programs; see objects.h. A new .bpf.c is one include and one entry here. */
#include "broker/bpf/objects.h"

#include "hello.skel.h"
#include "input.skel.h"

const struct bpf_source bpf_objects_hello = {
	.name = "hello",
	.bytes = hello_bpf__elf_bytes,
	.variant = {{.tier = "run", .programs = {"hello"}}},
};

const struct bpf_source bpf_objects[BPF_PROBE_COUNT] = {
	[BPF_PROBE_INPUT] =
		{
			.name = "input",
			.bytes = input_bpf__elf_bytes,
			.variant = {{.tier = "fentry", .programs = {"input_fentry"}},
				    {.tier = "kprobe", .programs = {"input_kprobe"}}},
		},
};
