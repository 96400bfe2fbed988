/* SPDX-License-Identifier: MIT */
/* The lease; see lease.h. */
#include "broker/worker/lease.h"

#include <errno.h>
#include <linux/idlegate.h>
#include <sys/ioctl.h>

int lease_unpark(struct lease *l)
{
	if (l->fd < 0 || !l->parked)
		return 0;
	if (ioctl(l->fd, IDLEGATE_IOC_UNPARK) < 0)
		return -errno;
	l->parked = false;
	return 0;
}

void lease_park(struct lease *l)
{
	if (l->fd < 0 || l->parked)
		return;
	/* One that cannot be parked is no lease any more, and the next unpark says so. */
	ioctl(l->fd, IDLEGATE_IOC_PARK);
	l->parked = true;
}
