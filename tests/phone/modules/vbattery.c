/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vbattery: the power supplies of a virtual phone, for tests only.
 *
 * A battery and up to two USB-type chargers, registered with the kernel's power-supply class, so
 * that its sysfs files, uevents and notifiers are the real ones. /sys/kernel/vbattery turns them:
 *
 *   charger/ charger2/   attached (0, 1: registered at all), online (0, 1), error
 *   battery/             attached, present, status (auto, Charging, Discharging, ...),
 *                        capacity (%), temp (tenths of a degree), current_now (auto or uA,
 *                        negative while the battery loses charge), error
 *   quiet                1: what is set is not announced, as by a driver that forgets to;
 *                        back to 0: all is announced
 *
 * `error` is an errno number that each read of the supply then fails with. Values are not checked
 * for sense: a battery at 400 %, or at -3000 degrees, is a broken sensor that a test asks for.
 * With `auto` the current follows the chargers, and the status follows chargers and current.
 */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/power_supply.h>

#include "knob.h"

#define CHARGE_UA    500000
#define DISCHARGE_UA (-300000)
#define VOLTAGE_UV   3900000

enum {
	CHARGER,
	CHARGER2,
	BATTERY,
	SUPPLIES
};

struct supply {
	struct power_supply_desc desc;
	struct power_supply *psy; /* under knob_lock */
	int attached;
	int error;
	int online; /* of a charger */
};

static struct {
	int present;
	int status;
	int capacity;
	int temp;
	int current_now;
} battery = {
	.present = 1,
	.status = KNOB_AUTO,
	.capacity = 80,
	.temp = 290,
	.current_now = KNOB_AUTO,
};

static int quiet;
static struct platform_device *parent;
static struct kobject *folder;
static struct supply supplies[SUPPLIES];

static bool plugged(void)
{
	int i;

	for (i = CHARGER; i <= CHARGER2; i++) {
		if (READ_ONCE(supplies[i].attached) && READ_ONCE(supplies[i].online))
			return true;
	}
	return false;
}

static int battery_current(void)
{
	int set = READ_ONCE(battery.current_now);

	if (set != KNOB_AUTO)
		return set;
	if (!plugged())
		return DISCHARGE_UA;
	return READ_ONCE(battery.capacity) >= 100 ? 0 : CHARGE_UA;
}

static int battery_status(void)
{
	int set = READ_ONCE(battery.status);
	int ua = battery_current();

	if (set != KNOB_AUTO)
		return set;
	if (!plugged() || ua < 0)
		return POWER_SUPPLY_STATUS_DISCHARGING;
	if (ua > 0)
		return POWER_SUPPLY_STATUS_CHARGING;
	return READ_ONCE(battery.capacity) >= 100 ? POWER_SUPPLY_STATUS_FULL
						  : POWER_SUPPLY_STATUS_NOT_CHARGING;
}

static int charger_get(struct power_supply *psy, enum power_supply_property what,
		       union power_supply_propval *val)
{
	const struct supply *s = power_supply_get_drvdata(psy);
	int error = READ_ONCE(s->error);

	if (error)
		return -error;
	if (what != POWER_SUPPLY_PROP_ONLINE)
		return -EINVAL;
	val->intval = READ_ONCE(s->online);
	return 0;
}

static int battery_get(struct power_supply *psy, enum power_supply_property what,
		       union power_supply_propval *val)
{
	const struct supply *s = power_supply_get_drvdata(psy);
	int error = READ_ONCE(s->error);

	if (error)
		return -error;
	switch (what) {
	case POWER_SUPPLY_PROP_PRESENT:
		val->intval = READ_ONCE(battery.present);
		return 0;
	case POWER_SUPPLY_PROP_STATUS:
		val->intval = battery_status();
		return 0;
	case POWER_SUPPLY_PROP_CAPACITY:
		val->intval = READ_ONCE(battery.capacity);
		return 0;
	case POWER_SUPPLY_PROP_TEMP:
		val->intval = READ_ONCE(battery.temp);
		return 0;
	case POWER_SUPPLY_PROP_CURRENT_NOW:
		val->intval = battery_current();
		return 0;
	case POWER_SUPPLY_PROP_VOLTAGE_NOW:
		val->intval = VOLTAGE_UV;
		return 0;
	case POWER_SUPPLY_PROP_SCOPE:
		val->intval = POWER_SUPPLY_SCOPE_SYSTEM;
		return 0;
	case POWER_SUPPLY_PROP_TECHNOLOGY:
		val->intval = POWER_SUPPLY_TECHNOLOGY_LION;
		return 0;
	default:
		return -EINVAL;
	}
}

static const enum power_supply_property charger_properties[] = {
	POWER_SUPPLY_PROP_ONLINE,
};

static const enum power_supply_property battery_properties[] = {
	POWER_SUPPLY_PROP_PRESENT,    POWER_SUPPLY_PROP_STATUS,      POWER_SUPPLY_PROP_CAPACITY,
	POWER_SUPPLY_PROP_TEMP,       POWER_SUPPLY_PROP_CURRENT_NOW, POWER_SUPPLY_PROP_VOLTAGE_NOW,
	POWER_SUPPLY_PROP_TECHNOLOGY, POWER_SUPPLY_PROP_SCOPE,
};

#define CHARGER_DESC(text)                                                                  \
	{                                                                                   \
		.name = (text), .type = POWER_SUPPLY_TYPE_USB, .get_property = charger_get, \
		.properties = charger_properties,                                           \
		.num_properties = ARRAY_SIZE(charger_properties),                           \
	}

static struct supply supplies[SUPPLIES] = {
	[CHARGER] = {.desc = CHARGER_DESC("vcharger"), .attached = 1, .online = 1},
	[CHARGER2] = {.desc = CHARGER_DESC("vcharger2"), .online = 1},
	[BATTERY] =
		{
			.desc =
				{
					.name = "vbattery",
					.type = POWER_SUPPLY_TYPE_BATTERY,
					.get_property = battery_get,
					.properties = battery_properties,
					.num_properties = ARRAY_SIZE(battery_properties),
				},
			.attached = 1,
		},
};

/* A charger's change is the battery's as well: its status follows. */
static void announce(const struct supply *s)
{
	if (quiet)
		return;
	if (s->psy)
		power_supply_changed(s->psy);
	if (s != &supplies[BATTERY] && supplies[BATTERY].psy)
		power_supply_changed(supplies[BATTERY].psy);
}

static int attach(struct supply *s)
{
	struct power_supply_config config = {.drv_data = s};
	struct power_supply *psy;

	WRITE_ONCE(s->attached, 1);
	psy = power_supply_register(&parent->dev, &s->desc, &config);
	if (IS_ERR(psy)) {
		WRITE_ONCE(s->attached, 0);
		return PTR_ERR(psy);
	}
	s->psy = psy;
	return 0;
}

static void detach(struct supply *s)
{
	struct power_supply *psy = s->psy;

	if (!psy)
		return;
	s->psy = NULL;
	WRITE_ONCE(s->attached, 0);
	power_supply_unregister(psy);
}

static int set_attached(const struct knob *knob, int value)
{
	struct supply *s = knob->owner;
	int err = 0;

	if (value && !s->psy)
		err = attach(s);
	else if (!value)
		detach(s);
	if (!err)
		announce(s);
	return err;
}

static int set_value(const struct knob *knob, int value)
{
	WRITE_ONCE(*knob->value, value);
	announce(knob->owner);
	return 0;
}

static int set_quiet(const struct knob *knob, int value)
{
	quiet = value;
	announce(&supplies[CHARGER]);
	announce(&supplies[CHARGER2]);
	return 0;
}

static const char *const status_words[] = {
	[POWER_SUPPLY_STATUS_UNKNOWN] = "Unknown",
	[POWER_SUPPLY_STATUS_CHARGING] = "Charging",
	[POWER_SUPPLY_STATUS_DISCHARGING] = "Discharging",
	[POWER_SUPPLY_STATUS_NOT_CHARGING] = "Not charging",
	[POWER_SUPPLY_STATUS_FULL] = "Full",
};

#define CHARGER_KNOBS(s)                                                               \
	{                                                                              \
		{KNOB_WITHIN(attached, &(s)->attached, 0, 1, set_attached, s)},        \
			{KNOB_WITHIN(error, &(s)->error, 0, MAX_ERRNO, set_value, s)}, \
			{KNOB(online, &(s)->online, set_value, s)},                    \
	}
#define FIELD(name) KNOB(name, &battery.name, set_value, &supplies[BATTERY])

static struct knob charger_knobs[] = CHARGER_KNOBS(&supplies[CHARGER]);
static struct knob charger2_knobs[] = CHARGER_KNOBS(&supplies[CHARGER2]);
static struct knob battery_knobs[] = {
	{KNOB_WITHIN(attached, &supplies[BATTERY].attached, 0, 1, set_attached,
		     &supplies[BATTERY])},
	{KNOB_WITHIN(error, &supplies[BATTERY].error, 0, MAX_ERRNO, set_value, &supplies[BATTERY])},
	{FIELD(present)},
	{FIELD(capacity)},
	{FIELD(temp)},
	{FIELD(current_now), .may_be_auto = true},
	{FIELD(status), .may_be_auto = true, .words = status_words,
	 .word_count = ARRAY_SIZE(status_words)},
};
static struct knob own_knobs[] = {{KNOB_WITHIN(quiet, &quiet, 0, 1, set_quiet, NULL)}};

#define CHARGER_FILES(knobs)                                                        \
	{                                                                           \
		KNOB_FILE(knobs, 0), KNOB_FILE(knobs, 1), KNOB_FILE(knobs, 2), NULL \
	}

static struct attribute *charger_files[] = CHARGER_FILES(charger_knobs);
static struct attribute *charger2_files[] = CHARGER_FILES(charger2_knobs);
static struct attribute *battery_files[] = {
	KNOB_FILE(battery_knobs, 0), KNOB_FILE(battery_knobs, 1),
	KNOB_FILE(battery_knobs, 2), KNOB_FILE(battery_knobs, 3),
	KNOB_FILE(battery_knobs, 4), KNOB_FILE(battery_knobs, 5),
	KNOB_FILE(battery_knobs, 6), NULL};
static struct attribute *own_files[] = {KNOB_FILE(own_knobs, 0), NULL};

static const struct attribute_group charger_group = {.name = "charger", .attrs = charger_files};
static const struct attribute_group charger2_group = {.name = "charger2", .attrs = charger2_files};
static const struct attribute_group battery_group = {.name = "battery", .attrs = battery_files};
static const struct attribute_group own_group = {.attrs = own_files};
static const struct attribute_group *groups[] = {&charger_group, &charger2_group, &battery_group,
						 &own_group, NULL};

static void detach_all(void)
{
	int i;

	for (i = 0; i < SUPPLIES; i++)
		detach(&supplies[i]);
}

static int attach_all(void)
{
	int i, err;

	for (i = 0; i < SUPPLIES; i++) {
		if (!supplies[i].attached)
			continue;
		err = attach(&supplies[i]);
		if (err) {
			detach_all();
			return err;
		}
	}
	return 0;
}

static int __init vbattery_init(void)
{
	int err;

	parent = platform_device_register_simple("vbattery", PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(parent))
		return PTR_ERR(parent);
	err = attach_all();
	if (err)
		goto err_parent;
	folder = kobject_create_and_add("vbattery", kernel_kobj);
	if (!folder) {
		err = -ENOMEM;
		goto err_supplies;
	}
	err = sysfs_create_groups(folder, groups);
	if (err)
		goto err_folder;
	return 0;

err_folder:
	kobject_put(folder);
err_supplies:
	detach_all();
err_parent:
	platform_device_unregister(parent);
	return err;
}

static void __exit vbattery_exit(void)
{
	sysfs_remove_groups(folder, groups);
	kobject_put(folder);
	detach_all();
	platform_device_unregister(parent);
}

module_init(vbattery_init);
module_exit(vbattery_exit);
MODULE_DESCRIPTION("Battery and chargers of a virtual phone, for tests");
MODULE_LICENSE("GPL");
