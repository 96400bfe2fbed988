/* SPDX-License-Identifier: GPL-2.0-only */
/* /dev/idlegate. */
#ifndef IDLEGATE_DEVICE_H
#define IDLEGATE_DEVICE_H

int device_node_init(void);
void device_node_exit(void);

#endif
