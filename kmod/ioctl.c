/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ioctls: copy, check the role, translate, call. What a struct may say is translate.c's; what
 * it does is said in the uAPI header.
 */
#include "ioctl.h"

#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "core/gate.h"
#include "host.h"
#include "look.h"
#include "roles.h"
#include "translate.h"
#include "watch.h"

static long ioctl_info(void __user *arg)
{
	struct lease_counts counts;
	struct idlegate_info info = {
		.abi = IDLEGATE_ABI,
		.sensors = watch_available(),
		.hosted = host_is_hosted(),
		.watched = host_watched(),
		.inputs = watch_input_count(),
		.supplies = watch_power_count(),
	};

	lease_count(&counts);
	info.leases = counts.leases;
	info.stops = counts.stops;
	info.kills = counts.kills;
	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

static long ioctl_state(void __user *arg)
{
	struct idlegate_state state;

	host_state(&state);
	return copy_to_user(arg, &state, sizeof(state)) ? -EFAULT : 0;
}

static long ioctl_host(struct gate_file *f, void __user *arg)
{
	struct idlegate_host in;
	int r;

	if (copy_from_user(&in, arg, sizeof(in)))
		return -EFAULT;
	r = translate_host(&in);
	return r ?: roles_host(f, in.sensors);
}

static long ioctl_policy(void __user *arg)
{
	struct idlegate_policy in;
	struct gate_policy policy;
	int r;

	if (copy_from_user(&in, arg, sizeof(in)))
		return -EFAULT;
	r = translate_policy(&in, &policy);
	if (r)
		return r;
	host_set_policy(&policy, in.look_ms);
	watch_forget();
	return 0;
}

static long ioctl_zones(void __user *arg)
{
	struct idlegate_zones *in = memdup_user(arg, sizeof(*in));
	int r;

	if (IS_ERR(in))
		return PTR_ERR(in);
	r = translate_zones(in);
	if (!r)
		watch_zones(in);
	kfree(in);
	return r;
}

static long ioctl_fact(void __user *arg)
{
	struct idlegate_fact in;
	struct gate_fact fact;
	int r;

	if (copy_from_user(&in, arg, sizeof(in)))
		return -EFAULT;
	r = translate_fact(&in, host_watched(), &fact);
	return r ?: host_fact(&fact);
}

static long ioctl_join(struct gate_file *f, void __user *arg)
{
	struct idlegate_join in;
	int r;

	if (copy_from_user(&in, arg, sizeof(in)))
		return -EFAULT;
	r = translate_join(&in);
	return r ?: roles_join(f, in.grace_ms, in.limit_ms);
}

static long ioctl_of_owner(struct gate_file *f, unsigned int cmd, void __user *arg)
{
	if (!roles_is_owner(f))
		return -EPERM;
	switch (cmd) {
	case IDLEGATE_IOC_POLICY:
		return ioctl_policy(arg);
	case IDLEGATE_IOC_ZONES:
		return ioctl_zones(arg);
	case IDLEGATE_IOC_FACT:
		return ioctl_fact(arg);
	default:
		look_now(LOOK_ALL);
		return 0;
	}
}

long gate_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct gate_file *f = file->private_data;
	void __user *p = (void __user *)arg;

	switch (cmd) {
	case IDLEGATE_IOC_INFO:
		return ioctl_info(p);
	case IDLEGATE_IOC_STATE:
		return ioctl_state(p);
	case IDLEGATE_IOC_HOST:
		return ioctl_host(f, p);
	case IDLEGATE_IOC_POLICY:
	case IDLEGATE_IOC_ZONES:
	case IDLEGATE_IOC_FACT:
	case IDLEGATE_IOC_LOOK:
		return ioctl_of_owner(f, cmd, p);
	case IDLEGATE_IOC_JOIN:
		return ioctl_join(f, p);
	case IDLEGATE_IOC_PARK:
		return lease_park(&f->lease);
	case IDLEGATE_IOC_UNPARK:
		return lease_unpark(&f->lease);
	case IDLEGATE_IOC_RELEASE:
		return lease_release(&f->lease);
	default:
		return -ENOTTY;
	}
}
