/* SPDX-License-Identifier: MIT */
/*
 * An eBPF program as a bell; see bpf_tell.h. The switch is turned on again before the call, and as
 * often as something came while it was off: what came before the last turn, the call looks at.
 */
#include "broker/sources/bpf_tell.h"

#include <errno.h>
#include <stdlib.h>

#define ARM_TRIES 8 /* where it never ends, the next record comes anyway */

struct bpf_tell {
	struct bpf_hub *hub;
	enum bpf_probe probe;
	enum bpf_record_kind kind;
	bpf_tell_fn fn;
	void *data;
};

static void tell_arm(struct bpf_tell *t)
{
	for (int i = 0; i < ARM_TRIES; i++)
		if (!bpf_hub_arm(t->hub, t->kind, bpf_hub_last(t->hub, t->kind)))
			return;
}

static void tell_ring(void *data, const struct bpf_record *rec)
{
	struct bpf_tell *t = data;

	tell_arm(t);
	t->fn(t->data, rec);
}

void bpf_tell_free(struct bpf_tell *t)
{
	if (!t)
		return;
	bpf_hub_listen(t->hub, t->kind, NULL, NULL);
	bpf_hub_detach(t->hub, t->probe);
	free(t);
}

int bpf_tell_new(struct bpf_tell **out, struct bpf_hub *hub, enum bpf_probe probe,
		 enum bpf_record_kind kind, bpf_tell_fn fn, void *data)
{
	int r = bpf_hub_attach(hub, probe);
	struct bpf_tell *t;

	if (r < 0)
		return r;
	t = malloc(sizeof(*t));
	if (!t) {
		bpf_hub_detach(hub, probe);
		return -ENOMEM;
	}
	*t = (struct bpf_tell){.hub = hub, .probe = probe, .kind = kind, .fn = fn, .data = data};
	bpf_hub_listen(hub, kind, tell_ring, t);
	tell_arm(t);
	*out = t;
	return 0;
}
