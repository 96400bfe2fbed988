/* SPDX-License-Identifier: MIT */
/* How fast a device is: two short kernels of our own. */
#ifndef BROKER_WORKER_SPEED_H
#define BROKER_WORKER_SPEED_H

#include "broker/worker/vk_device.h"

struct speed {
	double gflops; /* 32-bit multiply-adds count two */
	double copy_gb_s; /* read plus written */
};

/** speed_measure() - Return: 0, or -errno with words */
int speed_measure(struct speed *out, const struct vk_device *dev, struct error *err);

#endif
