/* SPDX-License-Identifier: GPL-2.0-only */
/* An open file of /dev/idlegate, and the roles that it can have: owner, or lease. */
#ifndef IDLEGATE_ROLES_H
#define IDLEGATE_ROLES_H

#include <linux/mutex.h>
#include <linux/types.h>

#include "lease.h"

struct gate_file {
	struct mutex read_lock; /* one reader at a time */
	u64 cursor; /* in the events */
	struct lease lease;
};

/**
 * roles_host() - become the owner
 * Return: 0; -EPERM; -EINVAL: a sensor that cannot be watched; -EBUSY; or -errno of a sensor.
 */
int roles_host(struct gate_file *f, u32 sensors);

/** roles_is_owner() - stays true until roles_close() */
bool roles_is_owner(const struct gate_file *f);

/** roles_join() - a lease for the calling process; see the uAPI for the errors */
int roles_join(struct gate_file *f, u32 grace_ms, u32 limit_ms);

/** roles_close() - the file goes, and its role with it; sleeps */
void roles_close(struct gate_file *f);

#endif
