/* SPDX-License-Identifier: MIT */
/*
 * Which eBPF programs see the work of which drivers.
 *
 * Most drivers use the DRM scheduler, so it is supposed of every one that is not known better;
 * where it then cannot be watched, the caller falls back to the fences. A driver that is known to
 * have neither the scheduler nor programs of its own is seen by the fences alone; they see every
 * driver, so with one such device in the machine they are used for all.
 */
#include "broker/sources/gpu_plan.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/sources/sensor.h"
#include "libbroker/util/cleanup.h"

static const struct {
	const char *driver; /* of the bus device; a star at its end stands for anything */
	enum bpf_probe probe;
} known[] = {
	{"virtio*", BPF_PROBE_GPU_VIRTIO},  {"i915", BPF_PROBE_GPU_I915},
	{"intel_vpu", BPF_PROBE_GPU_FENCE}, {"habanalabs", BPF_PROBE_GPU_FENCE},
	{"Qualcomm*", BPF_PROBE_GPU_FENCE}, {"qaic", BPF_PROBE_GPU_FENCE},
	{"radeon", BPF_PROBE_GPU_FENCE},    {"vmwgfx", BPF_PROBE_GPU_FENCE},
	{"qxl", BPF_PROBE_GPU_FENCE},       {"vgem", BPF_PROBE_GPU_FENCE},
};

DEFINE_CLEANUP(DIR, dir, closedir)

static bool name_is(const char *name, const char *pattern)
{
	size_t len = strlen(pattern);

	if (len && pattern[len - 1] == '*')
		return !strncmp(name, pattern, len - 1);
	return !strcmp(name, pattern);
}

void gpu_plan_add(struct gpu_plan *plan, const char *driver)
{
	enum bpf_probe probe = BPF_PROBE_GPU_SCHED;

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (name_is(driver, known[i].driver))
			probe = known[i].probe;
	plan->n_devices++;
	if (probe == BPF_PROBE_GPU_FENCE)
		plan->probes = GPU_PLAN_FENCE;
	else if (!(plan->probes & GPU_PLAN_FENCE))
		plan->probes |= GPU_PLAN_BIT(probe);
}

/* The driver of <class>/@node: what its device's link names, or "" for a device without one. */
static void add_node(struct gpu_plan *plan, int class, const char *node)
{
	char path[300], target[256];
	const char *name;
	ssize_t n;

	snprintf(path, sizeof(path), "%.64s/device/driver", node);
	n = readlinkat(class, path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	name = strrchr(target, '/');
	gpu_plan_add(plan, name ? name + 1 : target);
}

static int add_class(struct gpu_plan *plan, const char *sys, const char *class, const char *prefix)
{
	_cleanup_(cleanup_dirp) DIR *dir = NULL;
	int fd = dir_open(sys, class);
	struct dirent *e;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while ((e = readdir(dir)))
		if (!strncmp(e->d_name, prefix, strlen(prefix)))
			add_node(plan, dirfd(dir), e->d_name);
	return 0;
}

int gpu_plan_look(struct gpu_plan *out, const char *sys)
{
	int r;

	*out = (struct gpu_plan){.probes = 0};
	r = add_class(out, sys, "class/drm", "render");
	return r < 0 ? r : add_class(out, sys, "class/accel", "accel");
}
