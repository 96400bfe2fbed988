/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Heat, where the kernel has no thermal netlink family: whenever a zone's temperature is read by
 * the kernel for itself, it is compared with the limit that brokerd set. A zone that passes it,
 * either way, and one that crosses a trip, is told.
 */
#include "common.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define ZONES_MAX 128

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ZONES_MAX);
	__type(key, __u32);
	__type(value, __u32); /* whether it was hot */
} zones SEC(".maps");

static __always_inline int zone_tell(struct bpf_shared *s, __u32 zone, int temp_mc)
{
	__u64 now = bpf_ktime_get_ns();
	struct bpf_record *r;

	if (!occasion(s, BPF_RECORD_THERMAL, now))
		return 0;
	r = record_new(s, BPF_RECORD_THERMAL, now);
	if (!r) {
		s->armed[BPF_RECORD_THERMAL] = 1;
		return 0;
	}
	r->arg = zone;
	r->value = temp_mc;
	bpf_ringbuf_submit(r, 0);
	return 0;
}

SEC("tp_btf/thermal_temperature")
int BPF_PROG(thermal_sample, struct thermal_zone_device *tz)
{
	__u32 zone = BPF_CORE_READ(tz, id), hot;
	int temp_mc = BPF_CORE_READ(tz, temperature);
	struct bpf_shared *s = shared_page();
	__u32 *was;

	was = bpf_map_lookup_elem(&zones, &zone);
	if (!s || !was)
		return 0;
	hot = temp_mc >= s->zone_limit_mc;
	if (hot == *was)
		return 0;
	*was = hot;
	return zone_tell(s, zone, temp_mc);
}

SEC("tp_btf/thermal_zone_trip")
int BPF_PROG(thermal_trip, struct thermal_zone_device *tz)
{
	struct bpf_shared *s = shared_page();

	return s ? zone_tell(s, BPF_CORE_READ(tz, id), BPF_CORE_READ(tz, temperature)) : 0;
}
