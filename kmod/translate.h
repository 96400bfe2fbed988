/* SPDX-License-Identifier: GPL-2.0-only */
/* From the structs of the uAPI to those of the core: what is not as specified is refused. */
#ifndef IDLEGATE_TRANSLATE_H
#define IDLEGATE_TRANSLATE_H

#include <linux/types.h>

struct gate_fact;
struct gate_policy;
struct idlegate_fact;
struct idlegate_host;
struct idlegate_join;
struct idlegate_policy;
struct idlegate_zones;

/** translate_host() - Return: 0 or -EINVAL */
int translate_host(const struct idlegate_host *in);

/** translate_policy() - Return: 0, or -EINVAL with @out undefined */
int translate_policy(const struct idlegate_policy *in, struct gate_policy *out);

/** translate_zones() - Return: 0 or -EINVAL */
int translate_zones(const struct idlegate_zones *in);

/**
 * translate_fact() - Return: 0, -EINVAL, or -EBUSY: it belongs to a sensor of @watched
 * @watched: GATE_SENSOR_BIT()s
 */
int translate_fact(const struct idlegate_fact *in, u32 watched, struct gate_fact *out);

/** translate_join() - Return: 0 or -EINVAL */
int translate_join(const struct idlegate_join *in);

#endif
