/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every program has: the ring, the page, and how a record is sent.
 *
 * Each .bpf.c becomes an object of its own, loaded by itself, so that one which this kernel refuses
 * takes no other with it. The maps here are declared in all of them and made once: the loader
 * hands those of the first object (hello.bpf.c) to every other.
 */
#ifndef IDLEBROKER_BPF_COMMON_H
#define IDLEBROKER_BPF_COMMON_H

#include "core_fixes.bpf.h"
#include "record.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 << 10); /* a page of the largest kind, the least there can be */
} records SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct bpf_shared);
} shared SEC(".maps");

static __always_inline struct bpf_shared *shared_page(void)
{
	const __u32 zero = 0;

	return bpf_map_lookup_elem(&shared, &zero);
}

/* Returns a record with its head filled in and all else zero, or NULL: counted as dropped. */
static __always_inline struct bpf_record *record_new(struct bpf_shared *s, __u32 kind, __u64 now)
{
	struct bpf_record *r = bpf_ringbuf_reserve(&records, sizeof(*r), 0);

	if (!r) {
		__sync_fetch_and_add(&s->dropped, 1);
		return NULL;
	}
	__builtin_memset(r, 0, sizeof(*r));
	r->version = BPF_RECORD_VERSION;
	r->kind = kind;
	r->at_ns = now;
	return r;
}

/*
 * Something happened of which @kind tells: note the time, and say whether a record is wanted. The
 * time is noted first, so that who turns the switch on and then looks at the time misses nothing.
 */
static __always_inline bool occasion(struct bpf_shared *s, __u32 kind, __u64 now)
{
	s->count[kind]++;
	s->last_ns[kind] = now;
	return __sync_lock_test_and_set(&s->armed[kind], 0); /* a full barrier, on either side */
}

/* The whole of it, for a kind that has nothing but its time. */
static __always_inline void occasion_tell(struct bpf_shared *s, __u32 kind)
{
	__u64 now = bpf_ktime_get_ns();
	struct bpf_record *r;

	if (!occasion(s, kind, now))
		return;
	r = record_new(s, kind, now);
	if (r)
		bpf_ringbuf_submit(r, 0);
	else
		s->armed[kind] = 1;
}

#endif
