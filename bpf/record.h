/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the eBPF programs and brokerd share: one kind of record, which goes through the one ring
 * buffer, and one page of counters and switches, which both sides have mapped.
 *
 * A record only says that there is something to look at, and how urgent it is; what is to be known
 * is in the page and in the maps. So a record that is lost (the ring was full: `dropped` counts)
 * costs a delay and no fact, and there need never be many: a program sends a record only where its
 * switch in `armed` is on, and turns it off. brokerd turns it on again when it wants to hear more,
 * and looks at the page once more after that, so that nothing between the two is missed.
 *
 * Of an input there is a time and nothing else: no code, no value, no device.
 */
#ifndef IDLEBROKER_BPF_RECORD_H
#define IDLEBROKER_BPF_RECORD_H

#ifndef __bpf__
#include <stdint.h>
#include <linux/types.h>
#endif

#define BPF_RECORD_VERSION 1u
#define BPF_COMM_LEN       16

enum bpf_record_kind {
	BPF_RECORD_HELLO = 0, /* the programs work: sent when brokerd asks for it */
	BPF_RECORD_INPUT, /* the owner used the device */
	BPF_RECORD_GPU, /* a foreign program gave work to a device; tgid, comm */
	BPF_RECORD_GPU_SHARE, /* foreign programs have used more than their share */
	BPF_RECORD_POWER, /* something of a power supply changed */
	BPF_RECORD_THERMAL, /* a zone passed the limit or a trip; arg: zone, value: thousandths C */
	BPF_RECORD_SUSPEND, /* arg 1: the machine goes to sleep; 0: it is awake again */
	BPF_RECORD_COUNT
};

/* Fixed size. What a kind does not use is zero. */
struct bpf_record {
	__u32 version; /* BPF_RECORD_VERSION */
	__u32 kind; /* enum bpf_record_kind */
	__u64 at_ns; /* CLOCK_MONOTONIC */
	__u32 tgid;
	__u32 arg;
	__s64 value;
	char comm[BPF_COMM_LEN]; /* ended by 0 */
};

_Static_assert(sizeof(struct bpf_record) == 48, "a record is 48 bytes");

/* One page, mapped by brokerd, which writes to `armed` and the limits and reads all. */
struct bpf_shared {
	__u32 armed[16]; /* by kind: send a record at the next occasion, and turn this off */
	__u64 last_ns[16]; /* by kind: when there last was an occasion */
	__u64 count[16]; /* by kind: how many occasions there were, about */
	__u64 dropped; /* records that found the ring full */
	__u32 our_tgid; /* brokerd as the kernel numbers it: its children are no foreigners */
	__s32 zone_limit_mc; /* THERMAL: hotter than this is an occasion, and so is cooler again */
	__u64 gpu_burst_ns; /* GPU_SHARE: see gpu_share.h */
	__u32 gpu_permille;
	__u32 gpu_devices; /* how many were named so far */
	__u64 asleep; /* SUSPEND: whether the last occasion was going to sleep */
};

_Static_assert(sizeof(struct bpf_shared) == 16 * (4 + 8 + 8) + 40, "no holes in the page");
_Static_assert(BPF_RECORD_COUNT <= 16, "the page has 16 places");

#endif
