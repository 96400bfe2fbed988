/* SPDX-License-Identifier: MIT */
/* Facts and limits as /dev/idlegate takes them (linux/idlegate.h). Pure. */
#ifndef BROKER_GATEHOST_UAPI_H
#define BROKER_GATEHOST_UAPI_H

#include "kmod/core/gate.h"

/**
 * gatehost_uapi_fact() - one fact for IDLEGATE_IOC_FACT
 * Return: 0; -EINVAL for a kind that there is not, or that is not told but done (HOST).
 */
int gatehost_uapi_fact(struct idlegate_fact *out, const struct gate_fact *fact);

/** gatehost_uapi_policy() - limits for IDLEGATE_IOC_POLICY; @look_ms: the module's pace */
void gatehost_uapi_policy(struct idlegate_policy *out, const struct gate_policy *policy,
			  u32 look_ms);

#endif
