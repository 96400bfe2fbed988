/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The first object: it makes the maps that all share, and its one program is run by brokerd
 * itself, once, to find out two things: that programs can be loaded and run at all and their
 * records arrive, and as which process the kernel knows brokerd, which in a container is not what
 * getpid() says.
 */
#include "common.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("raw_tp")
int hello(void *ctx)
{
	struct bpf_shared *s = shared_page();

	if (!s)
		return 0;
	s->our_tgid = bpf_get_current_pid_tgid() >> 32;
	s->armed[BPF_RECORD_HELLO] = 1;
	occasion_tell(s, BPF_RECORD_HELLO);
	return 0;
}
