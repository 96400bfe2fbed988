/* SPDX-License-Identifier: MIT */
/*
 * The gate, hosted in user space: facts from the sources go through the core; the result is
 * published in a page that every worker maps, and told to one listener. Keeps the last changes
 * for `brokerctl why`. Arms a timer only while a hold has a deadline.
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

int gatehost_new(struct gatehost **out, struct loop *loop, const struct gate_policy *policy,
		 gatehost_fn fn, void *data);
void gatehost_free(struct gatehost *g);
void gatehost_set_policy(struct gatehost *g, const struct gate_policy *policy);
void gatehost_fact(struct gatehost *g, const struct gate_fact *fact);

uint32_t gatehost_holds(const struct gatehost *g);
const struct gate *gatehost_gate(const struct gatehost *g);
/** gatehost_page_fd() - a memory file that can only be mapped for reading; the host's own */
int gatehost_page_fd(const struct gatehost *g);
/** gatehost_history() - newest first; returns how many were written (at most GATEHOST_HISTORY) */
unsigned int gatehost_history(const struct gatehost *g, struct gatehost_change *out);

#endif
