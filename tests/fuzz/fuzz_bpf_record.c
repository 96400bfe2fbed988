/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a record of the eBPF ring: what is taken is of this version, names a kind, has a
 * time, a name that ends and can be shown, and for an input nothing but the time; and taken once
 * more it is the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "broker/bpf/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void want(int condition)
{
	if (!condition)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct bpf_record untouched = {.version = 77};
	struct bpf_record r = untouched, again;
	size_t len;

	if (bpf_record_parse(data, size, &r) < 0) {
		want(!memcmp(&r, &untouched, sizeof(r)));
		return 0;
	}
	want(size == sizeof(r));
	want(r.version == BPF_RECORD_VERSION && r.kind < BPF_RECORD_COUNT && r.at_ns);
	len = strnlen(r.comm, sizeof(r.comm));
	want(len < sizeof(r.comm));
	for (size_t i = 0; i < sizeof(r.comm); i++)
		want(i < len ? r.comm[i] >= ' ' && r.comm[i] <= '~' : !r.comm[i]);
	if (r.kind == BPF_RECORD_INPUT)
		want(!r.arg && !r.value && !r.tgid && !r.comm[0]);
	want(bpf_record_parse(&r, sizeof(r), &again) == 0);
	want(!memcmp(&r, &again, sizeof(r)));
	return 0;
}
