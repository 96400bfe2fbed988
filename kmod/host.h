/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hosted gate: the core's gate with a lock, a clock, a timer and those who are told.
 *
 * While nobody hosts, the gate is `broker-gone` and takes no fact.
 */
#ifndef IDLEGATE_HOST_H
#define IDLEGATE_HOST_H

#include <linux/types.h>

struct gate_fact;
struct gate_policy;
struct idlegate_state;

void host_init(void);
void host_exit(void);

/** host_begin() - a new gate, with the default policy; @watched: sensors of the module's own */
void host_begin(u32 watched);

/** host_end() - broker-gone; when it returns, every observer has been told */
void host_end(void);

bool host_is_hosted(void);
u32 host_watched(void);

/**
 * host_input() - the owner uses the device now
 *
 * Any context. Cheap while user-active is set: then the time alone is recorded.
 */
void host_input(void);

/** host_close() - take a fact that can only close the gate; any context */
void host_close(const struct gate_fact *fact);

/**
 * host_fact() - take any fact; may sleep, since it looks before it opens
 * Return: 0, -EINVAL from the core, or -ENOTCONN: nobody hosts.
 */
int host_fact(const struct gate_fact *fact);

/**
 * host_looked() - take what a look found
 * @facts: all are judged before any of them can open the gate; entries are reordered
 * @all: the look was at everything that is watched
 */
void host_looked(struct gate_fact *facts, u32 n, bool all);

/**
 * host_set_policy() - judge by these limits from now on; may sleep, see host_fact()
 * @policy: that gate_policy_check() lets pass
 */
void host_set_policy(const struct gate_policy *policy, u32 look_ms);

/** host_state() - for those who explain the gate. Return: the published holds */
u32 host_state(struct idlegate_state *out);

#endif
