/* SPDX-License-Identifier: MIT */
/*
 * The devices that can be lent: DRM render nodes, matched to Vulkan physical devices.
 *
 * brokerd never loads a Vulkan driver: `broker-worker --probe` does, unprivileged, and prints one
 * JSON document, which is parsed here with fixed limits. Nodes come from libdrm.
 * The id is stable over reboots: "<driver>-<bus address or platform name>" for a node,
 * "<driver>-soft" for a software device.
 */
#ifndef BROKER_DEVICES_H
#define BROKER_DEVICES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "broker/config.h"
#include "broker/loop.h"

#define DEVICES_MAX 16
#define DEVICE_ID_MAX 64

struct device {
	char id[DEVICE_ID_MAX];
	char name[128]; /* as the driver names it */
	char driver[64];
	char node[64]; /* /dev/dri/renderD128; empty for a software device */
	bool software;
	bool usable; /* allowed by config, has a compute queue */
	char uuid[33]; /* VkPhysicalDeviceIDProperties.deviceUUID in hex: how a worker finds it again */
	json_t *details; /* limits, features, speed, for `brokerctl devices`; owned */
};

struct devices;

/* Called when the probe ended; @err is NULL or says why there is none. */
typedef void (*devices_fn)(void *data, const struct error *err);

int devices_new(struct devices **out, struct loop *loop, const struct config *config, devices_fn fn,
		void *data);
void devices_free(struct devices *d);
/** devices_probe() - start the probe; @fn is called once from the loop. -EALREADY while one runs */
int devices_probe(struct devices *d);
unsigned int devices_list(const struct devices *d, const struct device **out);

#endif
