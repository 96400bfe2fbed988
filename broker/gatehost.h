/* SPDX-License-Identifier: MIT */
/*
 * The gate, hosted in user space: facts from the sources go through the core; the result is
 * published in a page that every worker maps, and told to one listener. Keeps the last changes
 * for `brokerctl why`. Arms a timer only while a hold has a deadline.
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

/**
 * gatehost_new() - a hosted gate (broker-gone is clear) that waits for the sensors
 * @fn: told of every change of the holds; may be NULL
 * Return: 0; -EINVAL for limits that gate_policy_check() refuses; -errno of the memory file.
 */
int gatehost_new(struct gatehost **out, struct loop *loop, const struct gate_policy *policy,
		 gatehost_fn fn, void *data);

/** gatehost_free() - sets broker-gone in the page, for those who still have it mapped */
void gatehost_free(struct gatehost *g);

/** gatehost_set_policy() - judge by these limits from now on; -EINVAL keeps the old ones */
int gatehost_set_policy(struct gatehost *g, const struct gate_policy *policy);

/** gatehost_fact() - take one fact, now */
void gatehost_fact(struct gatehost *g, const struct gate_fact *fact);

uint32_t gatehost_holds(const struct gatehost *g);
const struct gate *gatehost_gate(const struct gatehost *g);
/** gatehost_page_fd() - a memory file that can only be mapped for reading; the host's own */
int gatehost_page_fd(const struct gatehost *g);
/** gatehost_history() - newest first; returns how many were written (at most GATEHOST_HISTORY) */
unsigned int gatehost_history(const struct gatehost *g, struct gatehost_change *out);

#endif
