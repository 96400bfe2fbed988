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
	const struct bpf_tell_ops *ops;
	bool works;
	void *data;
};

static void tell_arm(struct bpf_tell *t)
{
	for (int i = 0; i < ARM_TRIES; i++)
		if (!bpf_hub_arm(t->hub, t->ops->kind, bpf_hub_last(t->hub, t->ops->kind)))
			return;
}

static void tell_ring(void *data, const struct bpf_record *rec)
{
	struct bpf_tell *t = data;

	tell_arm(t);
	t->ops->fn(t->data, rec);
}

static void tell_start(struct bpf_tell *t)
{
	t->works = true;
	bpf_hub_listen(t->hub, t->ops->kind, tell_ring, t);
	tell_arm(t);
}

static void tell_answered(void *data)
{
	struct bpf_tell *t = data;

	if (!t->works && bpf_hub_attach(t->hub, t->ops->probe) == 0)
		tell_start(t);
	t->ops->ready(t->data);
}

bool bpf_tell_works(const struct bpf_tell *t)
{
	return t && t->works;
}

void bpf_tell_free(struct bpf_tell *t)
{
	if (!t)
		return;
	bpf_hub_on_answer(t->hub, t->ops->probe, NULL, NULL);
	if (t->works)
		bpf_hub_listen(t->hub, t->ops->kind, NULL, NULL);
	bpf_hub_detach(t->hub, t->ops->probe);
	free(t);
}

int bpf_tell_new(struct bpf_tell **out, struct bpf_hub *hub, const struct bpf_tell_ops *ops,
		 void *data)
{
	struct bpf_tell *t;

	if (!hub)
		return -EOPNOTSUPP;
	t = malloc(sizeof(*t));
	if (!t)
		return -ENOMEM;
	*t = (struct bpf_tell){.hub = hub, .ops = ops, .data = data};
	bpf_hub_on_answer(hub, ops->probe, tell_answered, t);
	if (bpf_hub_attach(hub, ops->probe) == 0)
		tell_start(t);
	*out = t;
	return 0;
}
