/* SPDX-License-Identifier: MIT */
/*
 * The gate, as brokerd hosts it: facts from the sources go in; the result is published in a page
 * that every worker maps, and told to one listener. Keeps the last changes for `brokerctl why`.
 *
 * Two backends do the hosting. In user space (gatehost_local.c) the core runs here, and the page
 * is a sealed memory file. With the kernel module (gatehost_module.c) it runs behind
 * /dev/idlegate, which also watches some sensors by itself and enforces leases. Which of them is
 * in use may change at any time: the new one starts closed, and what still maps the old one's page
 * sees broker-gone from then on. A module that fails is replaced by user space at once, and
 * then the owner is told (gatehost_on_lost()).
 *
 * A fact is published before gatehost_fact() returns, and before the listener hears of it. The
 * listener may bring facts itself: it then hears of them when its call is over, and never of two
 * changes at once or out of order; changes that follow each other within one call may reach it
 * as one. It must not free the host.
 */
#ifndef BROKER_GATEHOST_H
#define BROKER_GATEHOST_H

#include "broker/loop.h"
#include "kmod/core/gate.h"

#define GATEHOST_HISTORY 20

struct gatehost;

struct gatehost_change {
	uint64_t at_ns; /* CLOCK_MONOTONIC */
	int64_t at_s; /* CLOCK_REALTIME */
	uint32_t set, cleared, holds; /* bits; holds after the change */
};

typedef void (*gatehost_fn)(void *data, uint32_t holds, uint32_t before);
typedef void (*gatehost_lost_fn)(void *data);

/**
 * gatehost_new() - a gate hosted in user space (broker-gone is clear) that waits for the sensors
 * @fn: told of every change of the holds; may be NULL
 * Return: 0; -EINVAL for limits that gate_policy_check() refuses; -errno of the memory file.
 */
int gatehost_new(struct gatehost **out, struct loop *loop, const struct gate_policy *policy,
		 gatehost_fn fn, void *data);

/** gatehost_free() - sets broker-gone in the page, for those who still have it mapped */
void gatehost_free(struct gatehost *g);

/**
 * gatehost_use_module() - host the gate in the kernel from now on, anew
 * @device: /dev/idlegate
 * @zones: for it to watch; NULL: heat stays with user space
 * Return: 0, or -errno with words (-ENOENT: it is not loaded; -EBUSY: it has another owner), and
 * what hosted before goes on.
 */
int gatehost_use_module(struct gatehost *g, const char *device, const struct idlegate_zones *zones,
			struct error *err);
/** gatehost_use_local() - host it in user space from now on, anew; -errno: all goes on as before */
int gatehost_use_local(struct gatehost *g);

/** gatehost_on_lost() - @fn: the module failed and user space has taken over; from the loop */
void gatehost_on_lost(struct gatehost *g, gatehost_lost_fn fn);

/** gatehost_set_policy() - judge by these limits from now on; -EINVAL keeps the old ones */
int gatehost_set_policy(struct gatehost *g, const struct gate_policy *policy);

/** gatehost_fact() - take one fact, now */
void gatehost_fact(struct gatehost *g, const struct gate_fact *fact);

uint32_t gatehost_holds(const struct gatehost *g);
/** gatehost_state() - all that explains the holds; hottest_mc is the module's only */
void gatehost_state(struct gatehost *g, struct idlegate_state *out);
/** gatehost_page_fd() - can only be mapped for reading; the host's own, until it is changed */
int gatehost_page_fd(const struct gatehost *g);
/** gatehost_history() - newest first; returns how many were written (at most GATEHOST_HISTORY) */
unsigned int gatehost_history(const struct gatehost *g, struct gatehost_change *out);

/** gatehost_tier() - "module" or "user-space" */
const char *gatehost_tier(const struct gatehost *g);
bool gatehost_is_module(const struct gatehost *g);

/* What follows is for the module alone: 0 or -EOPNOTSUPP in user space. */

/** gatehost_watched() - sensors that the module watches, as bits of enum idlegate_sensor */
uint32_t gatehost_watched(const struct gatehost *g);
int gatehost_look(struct gatehost *g);
int gatehost_zones(struct gatehost *g, const struct idlegate_zones *zones);
int gatehost_info(struct gatehost *g, struct idlegate_info *out);
/** gatehost_lease_fd() - a file for one worker to join by; the caller's; or -errno */
int gatehost_lease_fd(struct gatehost *g);

#endif
