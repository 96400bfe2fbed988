/* SPDX-License-Identifier: MIT */
/* Which sources eBPF serves, and words for its programs; see bpf.h. */
#include "broker/sources/bpf.h"

#include <errno.h>
#include <stdio.h>

#include "broker/bpf/hub.h"

static const struct {
	const struct source_ops *instead_of, *ops;
	enum bpf_probe probe;
} served[] = {
	{&source_input, &source_bpf_input, BPF_PROBE_INPUT},
};

const struct source_ops *source_bpf_choose(const struct source_ops *ops, struct bpf_hub *hub)
{
	for (size_t i = 0; hub && i < sizeof(served) / sizeof(served[0]); i++)
		if (served[i].instead_of == ops && bpf_hub_attach(hub, served[i].probe) == 0)
			return served[i].ops;
	return NULL;
}

static const char *const row_names[BPF_PROBE_COUNT] = {
	[BPF_PROBE_INPUT] = "ebpf input",
};

int source_bpf_status(const struct bpf_hub *hub, unsigned int i, struct source_status *out)
{
	struct bpf_probe_status p;

	for (unsigned int probe = 0; bpf_hub_status(hub, probe, &p) == 0; probe++) {
		if (!p.wanted || i--)
			continue;
		/* One that is not there is no fault: the next best tier stands in for it. */
		*out = (struct source_status){.name = row_names[probe], .tier = p.tier, .ok = true};
		snprintf(out->detail, sizeof(out->detail), "%s", p.detail);
		return 0;
	}
	return -ENOENT;
}
