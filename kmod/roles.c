/* SPDX-License-Identifier: GPL-2.0-only */
/* Who may take which role. One mutex serializes taking a role, and the owner's going. */
#include "roles.h"

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/uidgid.h>

#include "host.h"
#include "watch.h"

static DEFINE_MUTEX(roles_mutex);
static struct gate_file *owner;
static kuid_t owner_euid;

static int host_locked(struct gate_file *f, u32 sensors)
{
	int r;

	if (owner || lease_joined(&f->lease))
		return -EBUSY;
	host_begin(sensors);
	r = watch_begin(sensors);
	if (r) {
		host_end();
		return r;
	}
	owner_euid = current_euid();
	WRITE_ONCE(owner, f);
	return 0;
}

int roles_host(struct gate_file *f, u32 sensors)
{
	int r;

	if (!capable(CAP_KILL))
		return -EPERM;
	if (sensors & ~watch_available())
		return -EINVAL;
	mutex_lock(&roles_mutex);
	r = host_locked(f, sensors);
	mutex_unlock(&roles_mutex);
	return r;
}

bool roles_is_owner(const struct gate_file *f)
{
	return READ_ONCE(owner) == f;
}

static int join_locked(struct gate_file *f, u32 grace_ms, u32 limit_ms)
{
	if (!owner)
		return -ENOTCONN;
	if (!uid_eq(current_euid(), owner_euid) && !capable(CAP_KILL))
		return -EPERM;
	if (owner == f)
		return -EBUSY;
	return lease_join(&f->lease, grace_ms, limit_ms);
}

int roles_join(struct gate_file *f, u32 grace_ms, u32 limit_ms)
{
	int r;

	mutex_lock(&roles_mutex);
	r = join_locked(f, grace_ms, limit_ms);
	mutex_unlock(&roles_mutex);
	return r;
}

/* The leases hear of it before the sensors are ended, which may take its time. */
void roles_close(struct gate_file *f)
{
	lease_end(&f->lease);
	if (!roles_is_owner(f))
		return;
	mutex_lock(&roles_mutex);
	host_end();
	watch_end();
	WRITE_ONCE(owner, NULL);
	mutex_unlock(&roles_mutex);
}
