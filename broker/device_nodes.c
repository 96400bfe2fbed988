/* SPDX-License-Identifier: MIT */
/*
 * Render nodes by libdrm, accelerators (which it does not list) by sysfs; see device_probe.h. No
 * node is opened: that would wake the hardware. The driver's name is the link that sysfs has
 * beside the node.
 */
#include "broker/device_probe.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <xf86drm.h>

#include "libbroker/util/cleanup.h"
#include "libbroker/util/io.h"

#define DRM_DEVICES_MAX 64
#define ACCEL_NAME_MAX  16 /* accel, and a number */

DEFINE_CLEANUP(DIR, dir, closedir)

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

/* The last part of what a link points to. */
static bool link_name(char *out, size_t room, const char *path)
{
	char target[512];
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n <= 0)
		return false;
	target[n] = '\0';
	copy_basename(out, room, target);
	return true;
}

static void node_driver(struct device_node *node, const char *sys)
{
	char path[CONFIG_PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/dev/char/%u:%u/device/driver", sys, node->major,
		 node->minor);
	if (!link_name(node->driver, sizeof(node->driver), path))
		snprintf(node->driver, sizeof(node->driver), "drm");
}

static bool accel_node(struct device_node *node, const char *sys, const char *name)
{
	char path[CONFIG_PATH_MAX + 64];
	_cleanup_free_ char *number = NULL;

	*node = (struct device_node){.accel = true};
	snprintf(path, sizeof(path), "%s/class/accel/%s/dev", sys, name);
	if (io_read_file(AT_FDCWD, path, 32, &number) <= 0 ||
	    sscanf(number, "%u:%u", &node->major, &node->minor) != 2)
		return false;
	snprintf(node->path, sizeof(node->path), "/dev/accel/%s", name);
	snprintf(path, sizeof(path), "%s/class/accel/%s/device/driver", sys, name);
	if (!link_name(node->driver, sizeof(node->driver), path))
		snprintf(node->driver, sizeof(node->driver), "accel");
	snprintf(path, sizeof(path), "%s/class/accel/%s/device", sys, name);
	if (!link_name(node->address, sizeof(node->address), path))
		snprintf(node->address, sizeof(node->address), "%s", name);
	return true;
}

static unsigned int accel_nodes(struct device_node *out, unsigned int max, const char *sys)
{
	_cleanup_(cleanup_dirp) DIR *dir = NULL;
	char path[CONFIG_PATH_MAX + 64];
	unsigned int n = 0;
	struct dirent *e;

	snprintf(path, sizeof(path), "%s/class/accel", sys);
	dir = opendir(path);
	while (dir && n < max && (e = readdir(dir)))
		if (!strncmp(e->d_name, "accel", 5) && strlen(e->d_name) < ACCEL_NAME_MAX)
			n += accel_node(&out[n], sys, e->d_name);
	return n;
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
	return n + accel_nodes(out + n, max - n, sys);
}
