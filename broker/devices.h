/* SPDX-License-Identifier: MIT */
/*
 * The devices that can be lent: DRM render nodes, matched to Vulkan physical devices.
 *
 * brokerd never loads a Vulkan driver: `broker-worker --probe` does, unprivileged, and prints one
 * JSON document, which is parsed here with fixed limits. Nodes come from libdrm.
 * The id is stable over reboots: "<driver>-<bus address or platform name>" for a node,
 * "<driver>-soft" for a software device. A node without a Vulkan driver (an accelerator never has
 * one), or hardware without a node, is listed too, as not usable; details["unusable"] says why.
 *
 * The last document is kept in <state_dir>/devices.json, so that a restart has its devices at once
 * while the probe runs again. What is in that file is trusted no more than the worker is.
 */
#ifndef BROKER_DEVICES_H
#define BROKER_DEVICES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "broker/config.h"
#include "broker/loop.h"

#define DEVICES_MAX       16
#define DEVICE_ID_MAX     64
#define DEVICES_PROBE_MAX (256u << 10) /* bytes of the worker's document */
#define DEVICES_WHY_MAX   (sizeof(struct error) + 256)
#define DEVICES_PROBE_NS  (60 * NS_PER_S) /* a probe that takes longer is killed */
#define DEVICES_RETRIES   3u /* of a probe that failed */

struct device {
	char id[DEVICE_ID_MAX];
	char name[128]; /* as the driver names it */
	char driver[64];
	char node[64]; /* /dev/dri/renderD128; empty for a software device */
	bool software;
	bool usable; /* allowed by config, and a worker can find it */
	char uuid[33]; /* Vulkan's deviceUUID in hex: how a worker finds it again */
	json_t *details; /* limits, features, speed, for `brokerctl devices`; owned by the list */
};

struct devices;

/* Called when a probe ended; @err is NULL or says why the list is what it was before. */
typedef void (*devices_fn)(void *data, const struct error *err);

/**
 * devices_new() - with the devices of the last probe, if there was one; blocks for small files only
 * @config: kept; must outlive the object
 * Return: 0 or -ENOMEM.
 */
int devices_new(struct devices **out, struct loop *loop, const struct config *config, devices_fn fn,
		void *data);
void devices_free(struct devices *d); /* kills a probe that runs; NULL is fine */

/**
 * devices_probe() - start the probe; one that fails is started again later, DEVICES_RETRIES times
 * Return: 0: @fn is called from the loop as each ends. -EALREADY while one runs; -errno (logged)
 * when the worker cannot be started: @fn is not called then, and the list stays what it was.
 */
int devices_probe(struct devices *d);

/** devices_set_time_limit() - DEVICES_PROBE_NS unless changed; for the next probe */
void devices_set_time_limit(struct devices *d, uint64_t ns);

/** devices_reconfigure() - the config changed: decide anew which devices are usable */
void devices_reconfigure(struct devices *d, const struct config *config);

/** devices_why() - what went wrong with the last probe, or why it found none; "": nothing */
const char *devices_why(const struct devices *d);

/** devices_list() - *@out: an array, valid until the next probe ends; returns its length */
unsigned int devices_list(const struct devices *d, const struct device **out);

#endif
