/* SPDX-License-Identifier: GPL-2.0-only */
/* The ioctls of /dev/idlegate; linux/idlegate.h specifies them. */
#ifndef IDLEGATE_IOCTL_H
#define IDLEGATE_IOCTL_H

struct file;

long gate_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

#endif
