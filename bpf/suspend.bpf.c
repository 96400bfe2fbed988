/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sleep and waking, where there is no logind: the kernel goes to sleep in steps, each of which has
 * a name and a begin. The first step writes the file systems back and then stops all programs,
 * brokerd too: what is told here arrives before that most times, and at the latest with the waking.
 */
#include "common.bpf.h"

char LICENSE[] SEC("license") = "GPL";

static __always_inline bool name_is(const char *action, const char *name, __u32 size)
{
	char text[20] = {};

	bpf_probe_read_kernel_str(text, sizeof(text), action);
	for (__u32 i = 0; i < size; i++)
		if (text[i] != name[i])
			return false;
	return true;
}

static __always_inline int tell(__u32 asleep)
{
	struct bpf_shared *s = shared_page();
	__u64 now = bpf_ktime_get_ns();
	struct bpf_record *r;

	if (!s)
		return 0;
	s->asleep = asleep;
	if (!occasion(s, BPF_RECORD_SUSPEND, now))
		return 0;
	r = record_new(s, BPF_RECORD_SUSPEND, now);
	if (!r) {
		s->armed[BPF_RECORD_SUSPEND] = 1;
		return 0;
	}
	r->arg = asleep;
	bpf_ringbuf_submit(r, 0);
	return 0;
}

SEC("tp_btf/suspend_resume")
int BPF_PROG(suspend_step, const char *action, int val, bool start)
{
	if (start && name_is(action, "suspend_enter", sizeof("suspend_enter")))
		return tell(1);
	if (!start && name_is(action, "thaw_processes", sizeof("thaw_processes")))
		return tell(0);
	return 0;
}
