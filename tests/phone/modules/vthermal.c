/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vthermal: the thermal zones of a virtual phone, for tests only.
 *
 * Two zones, `vsoc` and `vskin`, registered with the kernel's thermal core, so that its netlink
 * events, samples and tracepoints are the real ones. /sys/kernel/vthermal/ZONE turns each:
 *
 *   attached  0, 1: registered at all
 *   temp      thousandths of a degree; any number, for a broken sensor is a test as well
 *   error     an errno number that each reading then fails with; 0: none
 *
 * Each zone has a passive, a hot and a critical trip point. The critical one is far away, and
 * crossing it is only told to the log: a test that overheats must not power its machine off.
 * A kernel may give a zone up that cannot be read for long; writing `enabled` into its `mode`
 * in /sys/class/thermal brings it back, as it would a real one.
 */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/thermal.h>

#include "compat.h"
#include "knob.h"

#define TRIPS       3
#define CRITICAL_MC 150000

struct vzone {
	const char *name;
	struct thermal_zone_device *tz; /* under knob_lock */
	struct thermal_trip trips[TRIPS];
	int attached;
	int temp;
	int error;
};

static struct vzone zones[] = {
	{
		.name = "vsoc",
		.attached = 1,
		.temp = 45000,
		.trips =
			{
				TRIP(PASSIVE, 75000, 2000),
				TRIP(HOT, 95000, 2000),
				TRIP(CRITICAL, CRITICAL_MC, 0),
			},
	},
	{
		.name = "vskin",
		.attached = 1,
		.temp = 31000,
		.trips =
			{
				TRIP(PASSIVE, 40000, 1000),
				TRIP(HOT, 45000, 1000),
				TRIP(CRITICAL, CRITICAL_MC, 0),
			},
	},
};

static struct kobject *folder;

static int zone_get_temp(struct thermal_zone_device *tz, int *temp)
{
	const struct vzone *z = thermal_zone_device_priv(tz);
	int error = READ_ONCE(z->error);

	if (error)
		return -error;
	*temp = READ_ONCE(z->temp);
	return 0;
}

static void zone_critical(struct thermal_zone_device *tz)
{
	const struct vzone *z = thermal_zone_device_priv(tz);

	pr_notice("vthermal: %s is critical\n", z->name);
}

static struct thermal_zone_device_ops zone_ops = {
	.get_temp = zone_get_temp, .critical = zone_critical, TRIP_OPS};

static int attach(struct vzone *z)
{
	struct thermal_zone_device *tz;
	int err;

	tz = compat_zone_register(z->name, z->trips, TRIPS, z, &zone_ops);
	if (IS_ERR(tz))
		return PTR_ERR(tz);
	err = thermal_zone_device_enable(tz);
	if (err) {
		thermal_zone_device_unregister(tz);
		return err;
	}
	z->tz = tz;
	return 0;
}

static void detach(struct vzone *z)
{
	struct thermal_zone_device *tz = z->tz;

	if (!tz)
		return;
	z->tz = NULL;
	thermal_zone_device_unregister(tz);
}

static int set_attached(const struct knob *knob, int value)
{
	struct vzone *z = knob->owner;
	int err = 0;

	if (value && !z->tz)
		err = attach(z);
	else if (!value)
		detach(z);
	z->attached = !!z->tz;
	return err;
}

static int set_value(const struct knob *knob, int value)
{
	struct vzone *z = knob->owner;

	WRITE_ONCE(*knob->value, value);
	if (z->tz)
		thermal_zone_device_update(z->tz, THERMAL_EVENT_TEMP_SAMPLE);
	return 0;
}

#define ZONE_KNOBS(z)                                                                  \
	{                                                                              \
		{KNOB_WITHIN(attached, &(z)->attached, 0, 1, set_attached, z)},        \
			{KNOB_WITHIN(error, &(z)->error, 0, MAX_ERRNO, set_value, z)}, \
			{KNOB(temp, &(z)->temp, set_value, z)},                        \
	}
#define ZONE_FILES(knobs)                                                           \
	{                                                                           \
		KNOB_FILE(knobs, 0), KNOB_FILE(knobs, 1), KNOB_FILE(knobs, 2), NULL \
	}

static struct knob vsoc_knobs[] = ZONE_KNOBS(&zones[0]);
static struct knob vskin_knobs[] = ZONE_KNOBS(&zones[1]);
static struct attribute *vsoc_files[] = ZONE_FILES(vsoc_knobs);
static struct attribute *vskin_files[] = ZONE_FILES(vskin_knobs);

static const struct attribute_group vsoc_group = {.name = "vsoc", .attrs = vsoc_files};
static const struct attribute_group vskin_group = {.name = "vskin", .attrs = vskin_files};
static const struct attribute_group *groups[] = {&vsoc_group, &vskin_group, NULL};

static void detach_all(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(zones); i++)
		detach(&zones[i]);
}

static int __init vthermal_init(void)
{
	int i, err;

	for (i = 0; i < ARRAY_SIZE(zones); i++) {
		err = attach(&zones[i]);
		if (err)
			goto err_zones;
	}
	folder = kobject_create_and_add("vthermal", kernel_kobj);
	if (!folder) {
		err = -ENOMEM;
		goto err_zones;
	}
	err = sysfs_create_groups(folder, groups);
	if (err)
		goto err_folder;
	return 0;

err_folder:
	kobject_put(folder);
err_zones:
	detach_all();
	return err;
}

static void __exit vthermal_exit(void)
{
	sysfs_remove_groups(folder, groups);
	kobject_put(folder);
	detach_all();
}

module_init(vthermal_init);
module_exit(vthermal_exit);
MODULE_DESCRIPTION("Thermal zones of a virtual phone, for tests");
MODULE_LICENSE("GPL");
