/* SPDX-License-Identifier: MIT */
/*
 * From the worker's document and the DRM nodes to a list of devices. Pure but for
 * device_nodes_read(), which asks libdrm.
 *
 * The document is a stranger's: {"devices": [{"name", "driver", "uuid", "software", "compute",
 * "drm": {"render_major", "render_minor"} or null, "limits", "features", "speed", "driverInfo",
 * "api_version", "type"}]}. What stands behind "drm" is passed on to clients, the first three as
 * objects and the rest as strings, so its size, depth and types are bounded; other keys are
 * ignored.
 */
#ifndef BROKER_DEVICE_PROBE_H
#define BROKER_DEVICE_PROBE_H

#include "broker/devices.h"

#define DEVICE_DETAILS_DEPTH   3
#define DEVICE_DETAILS_MEMBERS 256 /* of one object or array */
#define DEVICE_DETAILS_STRING  256

struct device_node {
	char path[64]; /* /dev/dri/renderD128, /dev/accel/accel0 */
	char driver[48]; /* the kernel's: "msm", "amdgpu" */
	char address[64]; /* "0000:03:00.0", "5000000.gpu": what of it goes into an id */
	uint32_t major, minor;
	bool accel; /* an accelerator: no Vulkan driver can answer for it */
};

struct device_set {
	unsigned int n;
	struct device list[DEVICES_MAX];
	char error[DEVICE_DETAILS_STRING]; /* why the driver has none, or empty */
};

void device_set_clear(struct device_set *set); /* may be called twice */

/**
 * device_nodes_read() - the render nodes and accelerators of this machine; opens none of them
 * @sys: the root of sysfs, for accelerators and drivers' names
 * Return: how many, at most @max.
 */
unsigned int device_nodes_read(struct device_node *out, unsigned int max, const char *sys);

/**
 * device_set_parse() - read the document and match it to the nodes
 * @out: written only on success; device_set_clear() it later. `usable` is set as if the config
 *       allowed all.
 * Return: 0; -EINVAL with @err telling path and remedy; -E2BIG over a limit; -ENOMEM.
 */
int device_set_parse(struct device_set *out, const char *json, size_t len,
		     const struct device_node *nodes, unsigned int n_nodes, struct error *err);

/** device_set_allow() - `usable` as the config has it */
void device_set_allow(struct device_set *set, bool allow_software);

#endif
