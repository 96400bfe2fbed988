/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Something of a power supply changed: which and what is for brokerd to read. For systems where the
 * kernel's uevents cannot be heard.
 */
#include "common.bpf.h"

char LICENSE[] SEC("license") = "GPL";

static __always_inline int power_changed(void)
{
	struct bpf_shared *s = shared_page();

	if (s)
		occasion_tell(s, BPF_RECORD_POWER);
	return 0;
}

SEC("fentry/power_supply_changed")
int power_fentry(void *ctx)
{
	return power_changed();
}

SEC("kprobe/power_supply_changed")
int power_kprobe(void *ctx)
{
	return power_changed();
}
