/* SPDX-License-Identifier: MIT */
/*
 * The hub's dealings with the loader: what is asked for goes there, and what comes back is kept.
 * See hub_internal.h.
 *
 * The first loader of a hub also makes the base. If that does not work, nothing does, and every
 * probe says so in the same words.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/bpf/hub_internal.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/log.h"

#define TIMEOUT_NS (60 * NS_PER_S)

void hub_let_go(struct hub_probe *p)
{
	for (uint32_t i = 0; i < p->has.n_links + p->has.n_maps; i++)
		close(p->fd[i]);
	p->has = (struct bpf_load_answer){.version = 0};
}

static void probe_decided(struct hub_probe *p, enum hub_probe_state state, int error,
			  const char *why)
{
	p->state = state;
	p->error = error;
	p->answered_ns = clock_now_ns();
	snprintf(p->detail, sizeof(p->detail), "%s", why);
	if (p->fn)
		p->fn(p->data);
}

/* Those in @state. Who is told may ask again at once, for others. */
static void fail_all(struct bpf_hub *hub, enum hub_probe_state state, int error, const char *why)
{
	for (int i = 0; i < BPF_PROBE_COUNT; i++)
		if (hub->probe[i].state == state)
			probe_decided(&hub->probe[i], HUB_PROBE_FAILED, error, why);
}

static void hub_broken(struct bpf_hub *hub, const char *why)
{
	hub->state = HUB_BROKEN;
	snprintf(hub->why, sizeof(hub->why), "%s", why);
	log_info("eBPF is not used", LOG_STR("why", hub->why));
	fail_all(hub, HUB_PROBE_LOADING, -EOPNOTSUPP, hub->why);
	fail_all(hub, HUB_PROBE_ASKED, -EOPNOTSUPP, hub->why);
}

static int steal_map(const struct bpf_load_answer *a, int *fds, const char *name)
{
	for (uint32_t i = 0; i < a->n_maps; i++)
		if (!strcmp(a->map[i], name))
			return steal_fd(&fds[a->n_links + i]);
	return -1;
}

static void base_came(struct bpf_hub *hub, const struct bpf_load_answer *a, int *fds)
{
	char why[BPF_LOAD_WHY_LEN];
	int r;

	if (hub->state != HUB_UNKNOWN)
		return;
	if (a->error) {
		hub_broken(hub, a->why);
		return;
	}
	r = bpf_base_open(&hub->base, steal_map(a, fds, "records"), steal_map(a, fds, "shared"),
			  fds[0]);
	if (r == 0) {
		hub->state = HUB_WORKS;
		hub_limits(hub);
		r = loop_watch(hub->loop, hub->base.records, POLLIN, hub_records, hub, &hub->watch);
	}
	if (r == 0)
		return;
	bpf_base_close(&hub->base);
	bpf_load_proc_kill(hub->loader);
	snprintf(why, sizeof(why), "the first program did not answer: %s", strerror(-r));
	hub_broken(hub, why);
}

static bool maps_fit(const struct bpf_load_answer *a, const int *fds)
{
	for (uint32_t i = 0; i < a->n_maps; i++)
		if (!bpf_gpu_map_fits(a->map[i], fds[a->n_links + i]))
			return false;
	return true;
}

static void probe_came(struct bpf_hub *hub, const struct bpf_load_answer *a, int *fds)
{
	struct hub_probe *p = &hub->probe[a->probe];

	if (p->state != HUB_PROBE_LOADING)
		return;
	if (a->error) {
		probe_decided(p, HUB_PROBE_FAILED, a->error, a->why);
	} else if (!p->wanted) {
		p->state = HUB_PROBE_IDLE;
	} else if (!maps_fit(a, fds)) {
		probe_decided(p, HUB_PROBE_FAILED, -EBADMSG,
			      "broker-bpf is of another version than brokerd");
	} else {
		p->has = *a;
		for (uint32_t i = 0; i < a->n_links + a->n_maps; i++)
			p->fd[i] = steal_fd(&fds[i]);
		log_debug("eBPF program attached", LOG_STR("program", bpf_probe_name(a->probe)),
			  LOG_STR("by", a->tier));
		probe_decided(p, HUB_PROBE_ATTACHED, 0, "");
	}
}

static void on_answer(void *data, const struct bpf_load_answer *a, const int *fds)
{
	uint32_t n = a->n_links + a->n_maps;
	int left[BPF_LOAD_FDS_MAX];

	memcpy(left, fds, n * sizeof(*fds));
	if (a->probe == BPF_LOAD_BASE)
		base_came(data, a, left);
	else
		probe_came(data, a, left);
	while (n)
		cleanup_closep(&left[--n]);
}

static bool is_loading(const struct bpf_hub *hub)
{
	for (int i = 0; i < BPF_PROBE_COUNT; i++)
		if (hub->probe[i].state == HUB_PROBE_LOADING)
			return true;
	return false;
}

/* One that was of no use any more, and was told so, may have been forgotten meanwhile. */
static void on_ended(void *data, const char *why)
{
	struct bpf_hub *hub = data;

	bpf_load_proc_free(steal_ptr(hub->loader));
	if (hub->state == HUB_UNKNOWN && is_loading(hub))
		hub_broken(hub, why);
	fail_all(hub, HUB_PROBE_LOADING, -EIO, why);
	hub_load_soon(hub);
}

/* With the maps that exist: of two probes that declare one, the second gets that of the first. */
static void known_maps(const struct bpf_hub *hub, struct bpf_load_request *q, int *fds)
{
	if (hub->state != HUB_WORKS)
		return;
	strcpy(q->map[0], "records");
	fds[0] = hub->base.records;
	strcpy(q->map[1], "shared");
	fds[1] = hub->base.shared;
	q->n_maps = 2;
	for (int i = 0; i < BPF_PROBE_COUNT; i++) {
		const struct hub_probe *p = &hub->probe[i];

		for (uint32_t m = 0; m < p->has.n_maps && q->n_maps < BPF_LOAD_MAPS_MAX; m++) {
			bool had = false;

			for (uint32_t k = 0; k < q->n_maps; k++)
				had = had || !strcmp(q->map[k], p->has.map[m]);
			if (had)
				continue;
			strcpy(q->map[q->n_maps], p->has.map[m]);
			fds[q->n_maps++] = p->fd[p->has.n_links + m];
		}
	}
}

void hub_load(void *data)
{
	static const struct bpf_load_proc_ops ops = {.answer = on_answer, .ended = on_ended};
	struct bpf_load_request q = {.version = BPF_LOAD_VERSION};
	struct bpf_hub *hub = data;
	int maps[BPF_LOAD_MAPS_MAX], r;
	const struct bpf_load_job job = {
		.program = hub->program, .timeout_ns = TIMEOUT_NS, .request = &q, .maps = maps};
	char why[BPF_LOAD_WHY_LEN];
	uint64_t now = clock_now_ns();

	for (int i = 0; i < BPF_PROBE_COUNT; i++) {
		struct hub_probe *p = &hub->probe[i];

		if (p->state != HUB_PROBE_ASKED || p->not_before_ns > now)
			continue;
		p->state = HUB_PROBE_LOADING;
		q.probes |= 1u << i;
	}
	if (!q.probes)
		return;
	known_maps(hub, &q, maps);
	r = bpf_load_proc_start(&hub->loader, hub->loop, &job, &ops, hub);
	if (r == 0)
		return;
	snprintf(why, sizeof(why), "%.120s cannot be started: %s", hub->program, strerror(-r));
	if (hub->state == HUB_UNKNOWN)
		hub_broken(hub, why);
	fail_all(hub, HUB_PROBE_LOADING, r, why);
	hub_load_soon(hub);
}

void hub_load_soon(struct bpf_hub *hub)
{
	uint64_t at = UINT64_MAX;

	if (hub->loader)
		return;
	for (int i = 0; i < BPF_PROBE_COUNT; i++)
		if (hub->probe[i].state == HUB_PROBE_ASKED && hub->probe[i].not_before_ns < at)
			at = hub->probe[i].not_before_ns;
	loop_timer_at(hub->start, at);
}
