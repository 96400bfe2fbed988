/* SPDX-License-Identifier: MIT */
/*
 * Render nodes by libdrm; see device_probe.h. Nothing is opened: that would wake the hardware. The
 * driver's name is the link that sysfs has beside the node.
 */
#include "broker/device_probe.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <xf86drm.h>

#include "libbroker/util/cleanup.h"

#define DRM_DEVICES_MAX 64

static void copy_basename(char *out, size_t room, const char *path)
{
	const char *slash = strrchr(path, '/');

	snprintf(out, room, "%.*s", (int)room - 1, slash ? slash + 1 : path);
}

static void node_address(struct device_node *node, const drmDevice *dev)
{
	switch (dev->bustype) {
	case DRM_BUS_PCI:
		snprintf(node->address, sizeof(node->address), "%04x:%02x:%02x.%x",
			 dev->businfo.pci->domain, dev->businfo.pci->bus, dev->businfo.pci->dev,
			 dev->businfo.pci->func);
		break;
	case DRM_BUS_PLATFORM:
		copy_basename(node->address, sizeof(node->address),
			      dev->businfo.platform->fullname);
		break;
	case DRM_BUS_HOST1X:
		copy_basename(node->address, sizeof(node->address), dev->businfo.host1x->fullname);
		break;
	default:
		snprintf(node->address, sizeof(node->address), "usb%u-%u",
			 (unsigned int)dev->businfo.usb->bus, (unsigned int)dev->businfo.usb->dev);
	}
}

static void node_driver(struct device_node *node, const char *sys)
{
	char path[CONFIG_PATH_MAX + 64], target[512];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/dev/char/%u:%u/device/driver", sys, node->major,
		 node->minor);
	n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0) {
		snprintf(node->driver, sizeof(node->driver), "drm");
		return;
	}
	target[n] = '\0';
	copy_basename(node->driver, sizeof(node->driver), target);
}

unsigned int device_nodes_read(struct device_node *out, unsigned int max, const char *sys)
{
	drmDevicePtr devices[DRM_DEVICES_MAX];
	int found = drmGetDevices2(0, devices, DRM_DEVICES_MAX);
	unsigned int n = 0;

	for (int i = 0; i < found && n < max; i++) {
		struct device_node *node = &out[n];
		const char *path;
		struct stat st;

		if (!(devices[i]->available_nodes & 1 << DRM_NODE_RENDER))
			continue;
		path = devices[i]->nodes[DRM_NODE_RENDER];
		if (strlen(path) >= sizeof(node->path) || stat(path, &st) < 0)
			continue;
		*node = (struct device_node){.major = major(st.st_rdev),
					     .minor = minor(st.st_rdev)};
		strcpy(node->path, path);
		node_address(node, devices[i]);
		node_driver(node, sys);
		n++;
	}
	if (found > 0)
		drmFreeDevices(devices, found);
	return n;
}
