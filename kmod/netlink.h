/* SPDX-License-Identifier: GPL-2.0-only */
/* The generic netlink family; kmod/idlegate.yaml specifies it. */
#ifndef IDLEGATE_NETLINK_H
#define IDLEGATE_NETLINK_H

int netlink_init(void);
void netlink_exit(void);

/** netlink_tell() - multicast the events since the last time; any context */
void netlink_tell(void);

#endif
