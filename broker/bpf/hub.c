/* SPDX-License-Identifier: MIT */
/*
 * The eBPF programs as brokerd sees them; see hub.h.
 *
 * A hub that does not work is kept as well, for it knows why.
 *
 * That a record was lost shows in the page only, and so does what the lost one was: every listener
 * is told, and errs closed.
 */
#include "broker/bpf/hub.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/bpf/hub_internal.h"
#include "broker/bpf/record.h"
#include "libbroker/util/log.h"

/* Goes on whatever a record is. */
static void hub_take(void *data, const void *bytes, size_t size)
{
	struct bpf_hub *hub = data;
	const struct hub_listener *l;
	struct bpf_record rec;

	if (bpf_record_parse(bytes, size, &rec) < 0) {
		if (!hub->bad++)
			log_warning("a record of an eBPF program makes no sense and is passed "
				    "over");
		return;
	}
	l = &hub->listener[rec.kind];
	if (l->fn)
		l->fn(l->data, &rec);
}

static void hub_check_dropped(struct bpf_hub *hub)
{
	uint64_t dropped = bpf_hub_dropped(hub);

	if (dropped == hub->dropped_known)
		return;
	log_warning("the eBPF ring was full; what was lost counts as seen",
		    LOG_UINT("records", dropped - hub->dropped_known));
	hub->dropped_known = dropped;
	for (int i = 0; i < BPF_RECORD_COUNT; i++)
		if (hub->listener[i].fn)
			hub->listener[i].fn(hub->listener[i].data, NULL);
}

void hub_records(void *data, int fd, int events)
{
	struct bpf_hub *hub = data;

	if (bpf_ring_read(&hub->base.ring, hub_take, hub) < 0)
		log_warning("the eBPF ring makes no sense; what was in it is passed over");
	hub_check_dropped(hub);
}

void hub_limits(struct bpf_hub *hub)
{
	struct bpf_shared *page = hub->base.page;

	if (!page)
		return;
	__atomic_store_n(&page->zone_limit_mc, hub->zone_limit_mc, __ATOMIC_RELAXED);
	__atomic_store_n(&page->gpu_burst_ns, hub->gpu_limit.burst_ns, __ATOMIC_RELAXED);
	__atomic_store_n(&page->gpu_permille, hub->gpu_limit.permille, __ATOMIC_RELAXED);
}

int bpf_hub_map(const struct bpf_hub *hub, const char *name)
{
	for (int i = 0; hub && i < BPF_PROBE_COUNT; i++) {
		const struct hub_probe *p = &hub->probe[i];

		for (uint32_t m = 0; m < p->has.n_maps; m++)
			if (!strcmp(p->has.map[m], name))
				return p->fd[p->has.n_links + m];
	}
	return -ENOENT;
}

struct bpf_shared *bpf_hub_page(const struct bpf_hub *hub)
{
	return hub ? hub->base.page : NULL;
}

void bpf_hub_free(struct bpf_hub *hub)
{
	if (!hub)
		return;
	bpf_load_proc_free(hub->loader);
	loop_unwatch(hub->watch);
	loop_timer_free(hub->start);
	for (int i = 0; i < BPF_PROBE_COUNT; i++)
		hub_let_go(&hub->probe[i]);
	bpf_base_close(&hub->base);
	free(hub);
}

int bpf_hub_new(struct bpf_hub **out, struct loop *loop, const char *loader)
{
	struct bpf_hub *hub = calloc(1, sizeof(*hub));
	int r;

	if (!hub)
		return -ENOMEM;
	hub->loop = loop;
	hub->program = loader;
	hub->base = BPF_BASE_NONE;
	r = loop_timer_new(loop, hub_load, hub, &hub->start);
	if (r < 0) {
		free(hub);
		return r;
	}
	*out = hub;
	return 0;
}

int bpf_hub_attach(struct bpf_hub *hub, enum bpf_probe probe)
{
	struct hub_probe *p;

	if (!hub)
		return -EOPNOTSUPP;
	p = &hub->probe[probe];
	p->wanted = true;
	if (p->state == HUB_PROBE_IDLE && hub->state == HUB_BROKEN) {
		p->state = HUB_PROBE_FAILED;
		p->error = -EOPNOTSUPP;
		memcpy(p->detail, hub->why, sizeof(p->detail));
	}
	switch (p->state) {
	case HUB_PROBE_ATTACHED:
		return 0;
	case HUB_PROBE_FAILED:
		return p->error;
	case HUB_PROBE_IDLE:
		p->state = HUB_PROBE_ASKED;
		p->not_before_ns = 0;
		hub_load_soon(hub);
		return -EINPROGRESS;
	default:
		return -EINPROGRESS;
	}
}

void bpf_hub_detach(struct bpf_hub *hub, enum bpf_probe probe)
{
	struct hub_probe *p;

	if (!hub)
		return;
	p = &hub->probe[probe];
	hub_let_go(p);
	p->wanted = false;
	p->detail[0] = '\0';
	if (p->state != HUB_PROBE_LOADING)
		p->state = HUB_PROBE_IDLE;
}

void bpf_hub_on_answer(struct bpf_hub *hub, enum bpf_probe probe, bpf_hub_answer_fn fn, void *data)
{
	if (!hub)
		return;
	hub->probe[probe].fn = fn;
	hub->probe[probe].data = data;
}

void bpf_hub_ask_again(struct bpf_hub *hub, enum bpf_probe probe, int error)
{
	struct hub_probe *p;

	if (!hub)
		return;
	if (!error && hub->state == HUB_BROKEN)
		hub->state = HUB_UNKNOWN;
	p = &hub->probe[probe];
	if (p->state != HUB_PROBE_FAILED || (error && p->error != error))
		return;
	p->state = HUB_PROBE_ASKED;
	p->not_before_ns = error ? p->answered_ns + BPF_HUB_AGAIN_NS : 0;
	if (!error)
		p->detail[0] = '\0';
	hub_load_soon(hub);
}

int bpf_hub_status(const struct bpf_hub *hub, enum bpf_probe probe, struct bpf_probe_status *out)
{
	const struct hub_probe *p;

	if (!hub || (unsigned int)probe >= BPF_PROBE_COUNT)
		return -ENOENT;
	p = &hub->probe[probe];
	*out = (struct bpf_probe_status){
		.name = bpf_probe_name(probe),
		.tier = p->state == HUB_PROBE_ATTACHED ? p->has.tier : "none",
		.wanted = p->wanted,
	};
	/* One that waits to be asked for again says meanwhile why it was not had. */
	memcpy(out->detail, p->detail, sizeof(out->detail));
	if (p->state == HUB_PROBE_LOADING || (p->state == HUB_PROBE_ASKED && !p->detail[0]))
		strcpy(out->detail, "being loaded");
	return 0;
}

void bpf_hub_listen(struct bpf_hub *hub, enum bpf_record_kind kind, bpf_hub_fn fn, void *data)
{
	if (hub)
		hub->listener[kind] = (struct hub_listener){.fn = fn, .data = data};
}

/* The program notes the time and takes the switch then; here it is the other way round. */
bool bpf_hub_arm(struct bpf_hub *hub, enum bpf_record_kind kind, uint64_t known_ns)
{
	struct bpf_shared *page = bpf_hub_page(hub);

	if (!page)
		return false;
	__atomic_exchange_n(&page->armed[kind], 1, __ATOMIC_SEQ_CST);
	return bpf_hub_last(hub, kind) > known_ns;
}

uint64_t bpf_hub_last(const struct bpf_hub *hub, enum bpf_record_kind kind)
{
	const struct bpf_shared *page = bpf_hub_page(hub);

	return page ? __atomic_load_n(&page->last_ns[kind], __ATOMIC_SEQ_CST) : 0;
}

uint64_t bpf_hub_dropped(const struct bpf_hub *hub)
{
	const struct bpf_shared *page = bpf_hub_page(hub);

	return page ? __atomic_load_n(&page->dropped, __ATOMIC_RELAXED) : 0;
}

void bpf_hub_zone_limit(struct bpf_hub *hub, int32_t limit_mc)
{
	if (!hub)
		return;
	hub->zone_limit_mc = limit_mc;
	hub_limits(hub);
}

void bpf_gpu_limit(struct bpf_hub *hub, const struct gpu_share_limit *limit)
{
	if (!hub)
		return;
	hub->gpu_limit = *limit;
	hub_limits(hub);
}

bool bpf_hub_asleep(const struct bpf_hub *hub)
{
	const struct bpf_shared *page = bpf_hub_page(hub);

	return page && __atomic_load_n(&page->asleep, __ATOMIC_SEQ_CST);
}
