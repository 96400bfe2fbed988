/* SPDX-License-Identifier: MIT */
/*
 * The host of the gate over its backends; see gatehost.h. What is here does not depend on who
 * hosts: the listener, the last changes, and going from one backend to the other.
 */
#include "broker/gatehost.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "broker/gatehost_backend.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/log.h"

struct gatehost {
	struct loop *loop;
	struct gatehost_backend *backend;
	struct gate_policy policy;
	gatehost_fn fn;
	gatehost_lost_fn lost;
	void *data;
	struct loop_timer *lost_timer;
	bool telling; /* fn runs */
	uint32_t holds; /* after the last change that the backend spoke of */
	uint32_t told; /* the holds that fn knows */
	unsigned int n_changes; /* all so far; the last ones are in the ring */
	struct gatehost_change ring[GATEHOST_HISTORY];
};

DEFINE_CLEANUP(struct gatehost, gatehost, gatehost_free)

void gatehost_changed(struct gatehost *g, uint64_t at_ns, uint32_t holds, uint32_t before)
{
	struct gatehost_change *c = &g->ring[g->n_changes++ % GATEHOST_HISTORY];
	uint64_t now = clock_now_ns();
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	*c = (struct gatehost_change){.at_ns = at_ns,
				      .at_s = ts.tv_sec -
					      (int64_t)((now > at_ns ? now - at_ns : 0) / NS_PER_S),
				      .set = holds & ~before,
				      .cleared = before & ~holds,
				      .holds = holds};
	g->holds = holds;
}

void gatehost_tell(struct gatehost *g)
{
	if (g->telling)
		return;
	g->telling = true;
	while (g->told != g->holds) {
		uint32_t before = g->told;

		g->told = g->holds;
		if (g->fn)
			g->fn(g->data, g->told, before);
	}
	g->telling = false;
}

/* The old one goes last: at no moment is there a page that is open and has no host. */
static void put_in_place(struct gatehost *g, struct gatehost_backend *next)
{
	struct gatehost_backend *old = g->backend;
	uint32_t holds = next->ops->holds(next);

	g->backend = next;
	if (old)
		old->ops->free(old);
	if (old && holds != g->holds)
		gatehost_changed(g, clock_now_ns(), holds, g->holds);
	g->holds = holds;
}

void gatehost_broke(struct gatehost *g, int error)
{
	struct gatehost_backend *next;

	log_error("the gate's host failed; user space takes over",
		  LOG_STR("tier", g->backend->ops->tier), LOG_STR("why", strerror(-error)));
	if (gatehost_local_new(&next, g, g->loop, &g->policy) < 0) {
		loop_stop(g->loop); /* without a host there is nothing to lend */
		return;
	}
	put_in_place(g, next);
	loop_timer_at(g->lost_timer, 0);
}

static void tell_lost(void *data)
{
	struct gatehost *g = data;

	gatehost_tell(g);
	if (g->lost)
		g->lost(g->data);
}

void gatehost_on_lost(struct gatehost *g, gatehost_lost_fn fn)
{
	g->lost = fn;
}

int gatehost_new(struct gatehost **out, struct loop *loop, const struct gate_policy *policy,
		 gatehost_fn fn, void *data)
{
	_cleanup_(cleanup_gatehostp) struct gatehost *g = NULL;
	struct gatehost_backend *backend;
	int r;

	if (gate_policy_check(policy))
		return -EINVAL;
	g = calloc(1, sizeof(*g));
	if (!g)
		return -ENOMEM;
	*g = (struct gatehost){.loop = loop, .fn = fn, .data = data, .policy = *policy};
	r = loop_timer_new(loop, tell_lost, g, &g->lost_timer);
	if (r == 0)
		r = gatehost_local_new(&backend, g, loop, policy);
	if (r < 0)
		return r;
	gatehost_changed(g, clock_now_ns(), backend->ops->holds(backend),
			 IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_BROKER_GONE));
	put_in_place(g, backend);
	g->told = g->holds; /* the caller has no use for a call before this returns */
	*out = steal_ptr(g);
	return 0;
}

void gatehost_free(struct gatehost *g)
{
	if (!g)
		return;
	if (g->backend)
		g->backend->ops->free(g->backend);
	loop_timer_free(g->lost_timer);
	free(g);
}

int gatehost_use_module(struct gatehost *g, const char *device, const struct idlegate_zones *zones,
			struct error *err)
{
	struct gatehost_backend *next;
	int r;

	/* One owner at a time: an own one makes room first. */
	if (gatehost_is_module(g)) {
		r = gatehost_use_local(g);
		if (r < 0)
			return error_set(err, r, device, "%s", strerror(-r));
	}
	r = gatehost_module_new(&next, g, g->loop, &g->policy, device, zones, err);
	if (r < 0)
		return r;
	put_in_place(g, next);
	gatehost_tell(g);
	return 0;
}

int gatehost_use_local(struct gatehost *g)
{
	struct gatehost_backend *next;
	int r = gatehost_local_new(&next, g, g->loop, &g->policy);

	if (r < 0)
		return r;
	put_in_place(g, next);
	gatehost_tell(g);
	return 0;
}

int gatehost_set_policy(struct gatehost *g, const struct gate_policy *policy)
{
	int r;

	if (gate_policy_check(policy))
		return -EINVAL;
	g->policy = *policy;
	r = g->backend->ops->set_policy(g->backend, policy);
	if (r < 0)
		gatehost_broke(g, r); /* limits that passed the check are no reason to refuse */
	gatehost_tell(g);
	return 0;
}

void gatehost_fact(struct gatehost *g, const struct gate_fact *fact)
{
	int r = g->backend->ops->fact(g->backend, fact);

	if (r < 0 && r != -EINVAL)
		gatehost_broke(g, r);
	gatehost_tell(g);
}

uint32_t gatehost_holds(const struct gatehost *g)
{
	return g->backend->ops->holds(g->backend);
}

void gatehost_state(struct gatehost *g, struct idlegate_state *out)
{
	int r = g->backend->ops->state(g->backend, out);

	if (r == 0)
		return;
	gatehost_broke(g, r);
	g->backend->ops->state(g->backend, out);
}

int gatehost_page_fd(const struct gatehost *g)
{
	return g->backend->ops->page_fd(g->backend);
}

unsigned int gatehost_history(const struct gatehost *g, struct gatehost_change *out)
{
	unsigned int n = g->n_changes < GATEHOST_HISTORY ? g->n_changes : GATEHOST_HISTORY;

	for (unsigned int i = 0; i < n; i++)
		out[i] = g->ring[(g->n_changes - 1 - i) % GATEHOST_HISTORY];
	return n;
}

const char *gatehost_tier(const struct gatehost *g)
{
	return g->backend->ops->tier;
}

bool gatehost_is_module(const struct gatehost *g)
{
	return g->backend->ops->lease_fd != NULL;
}

uint32_t gatehost_watched(const struct gatehost *g)
{
	return g->backend->ops->watched ? g->backend->ops->watched(g->backend) : 0;
}

int gatehost_look(struct gatehost *g)
{
	int r;

	if (!g->backend->ops->look)
		return -EOPNOTSUPP;
	r = g->backend->ops->look(g->backend);
	if (r < 0)
		gatehost_broke(g, r);
	gatehost_tell(g);
	return r;
}

int gatehost_zones(struct gatehost *g, const struct idlegate_zones *zones)
{
	int r = g->backend->ops->zones ? g->backend->ops->zones(g->backend, zones) : -EOPNOTSUPP;

	gatehost_tell(g);
	return r;
}

int gatehost_info(struct gatehost *g, struct idlegate_info *out)
{
	return g->backend->ops->info ? g->backend->ops->info(g->backend, out) : -EOPNOTSUPP;
}

int gatehost_lease_fd(struct gatehost *g)
{
	return g->backend->ops->lease_fd ? g->backend->ops->lease_fd(g->backend) : -EOPNOTSUPP;
}
