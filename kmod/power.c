/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Power: is the device fed, and does its battery gain?
 *
 * Plugging and unplugging come by the power-supply class's notifier; then, and whenever batteries
 * are looked at, all supplies are read. That a supply went is told by nobody.
 *
 * Type Battery with scope System (or none) is a battery of this device; scope Device is that of a
 * mouse or a pen and does not count. Mains, wireless, every USB type and a UPS that is not
 * discharging feed the device when they are online. A property that a driver does not have, or has
 * no value for now, is unknown; one that it fails to read, or that cannot be true, makes the sensor
 * lost, and so does a battery that was there and is gone. The rules are those of the broker's own
 * sysfs source.
 */
#include <linux/kconfig.h>
#if IS_REACHABLE(CONFIG_POWER_SUPPLY)
#include <linux/err.h>
#include <linux/notifier.h>
#include <linux/power_supply.h>
#include <linux/string.h>

#include "compat/compat.h"
#include "core/gate.h"
#include "look.h"
#include "watch.h"

#define SUPPLIES_MAX    16
#define SUPPLY_NAME     32
#define CURRENT_MAX_UA  100000000
#define TEMP_MIN_TENTHS (-400)
#define MC_PER_TENTH    100
#define TEMP_MAX_TENTHS 1200

struct power_look {
	u32 n;
	struct gate_supply supply[SUPPLIES_MAX];
	bool bad; /* something cannot be read, or cannot be true */
	bool battery_found; /* the one of `battery` */
	char first_battery[SUPPLY_NAME];
};

static char battery[SUPPLY_NAME]; /* one that was there; empty: none yet */
static u32 power_told; /* the state that was told last */
static u32 supplies;

static bool listed(const struct power_supply *psy, enum power_supply_property what)
{
	for (size_t i = 0; i < psy->desc->num_properties; i++)
		if (psy->desc->properties[i] == what)
			return true;
	return false;
}

static bool means_unknown(int r)
{
	return r == -ENOENT || r == -ENODEV || r == -ENXIO || r == -ENODATA || r == -EINVAL ||
	       r == -EAGAIN || r == -EOPNOTSUPP;
}

/* Returns whether the property has a value. */
static bool power_get(struct power_look *look, struct power_supply *psy,
		      enum power_supply_property what, int min, int max, int *out)
{
	union power_supply_propval value = {};
	int r;

	if (!listed(psy, what))
		return false;
	r = power_supply_get_property(psy, what, &value);
	if (means_unknown(r))
		return false;
	if (r || value.intval < min || value.intval > max) {
		look->bad = true;
		return false;
	}
	*out = value.intval;
	return true;
}

static int scope_of(struct power_look *look, struct power_supply *psy)
{
	int scope = POWER_SUPPLY_SCOPE_UNKNOWN;

	power_get(look, psy, POWER_SUPPLY_PROP_SCOPE, INT_MIN, INT_MAX, &scope);
	return scope;
}

static void read_battery(struct power_look *look, struct power_supply *psy, struct gate_supply *s)
{
	bool flow = false;
	int v;

	s->is_battery = true;
	s->present = !power_get(look, psy, POWER_SUPPLY_PROP_PRESENT, 0, 1, &v) || v;
	if (!s->present)
		return;
	if (power_get(look, psy, POWER_SUPPLY_PROP_STATUS, POWER_SUPPLY_STATUS_UNKNOWN,
		      POWER_SUPPLY_STATUS_FULL, &v) &&
	    v != POWER_SUPPLY_STATUS_UNKNOWN) {
		s->discharging = v == POWER_SUPPLY_STATUS_DISCHARGING;
		flow = true;
	}
	if (power_get(look, psy, POWER_SUPPLY_PROP_CURRENT_AVG, -CURRENT_MAX_UA, CURRENT_MAX_UA,
		      &s->current_ua))
		flow = true;
	if (power_get(look, psy, POWER_SUPPLY_PROP_CURRENT_NOW, -CURRENT_MAX_UA, CURRENT_MAX_UA,
		      &s->current_ua))
		flow = true;
	power_get(look, psy, POWER_SUPPLY_PROP_CAPACITY, 0, 100, &s->capacity);
	if (power_get(look, psy, POWER_SUPPLY_PROP_TEMP, TEMP_MIN_TENTHS, TEMP_MAX_TENTHS, &v))
		s->temp_mc = v * MC_PER_TENTH;
	if (!flow)
		look->bad = true;
}

static void read_feed(struct power_look *look, struct power_supply *psy, struct gate_supply *s)
{
	bool ups = psy->desc->type == POWER_SUPPLY_TYPE_UPS;
	int v;

	s->present = true;
	s->online = power_get(look, psy, POWER_SUPPLY_PROP_ONLINE, 0, 2, &v) ? v > 0 : ups;
	if (ups && power_get(look, psy, POWER_SUPPLY_PROP_STATUS, INT_MIN, INT_MAX, &v) &&
	    v == POWER_SUPPLY_STATUS_DISCHARGING)
		s->online = false;
}

static bool type_feeds(enum power_supply_type type)
{
	return type >= POWER_SUPPLY_TYPE_UPS && type <= POWER_SUPPLY_TYPE_WIRELESS;
}

static void remember_battery(struct power_look *look, const struct power_supply *psy)
{
	if (!look->first_battery[0])
		strscpy(look->first_battery, psy->desc->name, SUPPLY_NAME);
	if (!strncmp(battery, psy->desc->name, SUPPLY_NAME - 1))
		look->battery_found = true;
}

static int read_supply(struct power_supply *psy, void *data)
{
	struct power_look *look = data;
	struct gate_supply s = {
		.capacity = GATE_VALUE_UNKNOWN,
		.temp_mc = GATE_TEMP_UNKNOWN,
		.current_ua = GATE_VALUE_UNKNOWN,
	};

	/* One that is about to come tells when it has; one that is about to go is gone. */
	if (!psy || !psy->initialized || psy->removing ||
	    scope_of(look, psy) == POWER_SUPPLY_SCOPE_DEVICE)
		return 0;
	if (psy->desc->type == POWER_SUPPLY_TYPE_BATTERY) {
		read_battery(look, psy, &s);
		remember_battery(look, psy);
	} else if (type_feeds(psy->desc->type)) {
		read_feed(look, psy, &s);
	} else {
		return 0; /* type Unknown: a port that nothing is plugged into */
	}
	if (look->n == SUPPLIES_MAX)
		look->bad = true;
	else
		look->supply[look->n++] = s;
	return 0;
}

void watch_power_look(struct look *out)
{
	static struct power_look look; /* one at a time; large for a kernel's stack */
	struct gate_fact fact = {.kind = GATE_FACT_POWER};

	memset(&look, 0, sizeof(look));
	compat_walk_supplies(&look, read_supply);
	WRITE_ONCE(supplies, look.n);
	if (look.bad || (battery[0] && !look.battery_found)) {
		look_add_sensor(out, GATE_SENSOR_POWER, GATE_SENSOR_LOST, &power_told);
		return;
	}
	if (!battery[0])
		strscpy(battery, look.first_battery, SUPPLY_NAME);
	gate_power_sum(&fact.power, look.supply, look.n);
	look_add(out, &fact);
	look_add_sensor(out, GATE_SENSOR_POWER, GATE_SENSOR_OK, &power_told);
}

void watch_power_forget(void)
{
	battery[0] = '\0';
}

u32 watch_power_count(void)
{
	return READ_ONCE(supplies);
}

static int power_event(struct notifier_block *nb, unsigned long event, void *psy)
{
	look_soon(GATE_SENSOR_BIT(GATE_SENSOR_POWER));
	return NOTIFY_OK;
}

static struct notifier_block power_notifier = {.notifier_call = power_event};

int watch_power_begin(void)
{
	power_told = GATE_SENSOR_UNHEARD;
	watch_power_forget();
	return power_supply_reg_notifier(&power_notifier);
}

void watch_power_end(void)
{
	power_supply_unreg_notifier(&power_notifier);
	WRITE_ONCE(supplies, 0);
}

#else /* a kernel without power supplies */
#include "watch.h"

void watch_power_look(struct look *look)
{
}

void watch_power_forget(void)
{
}

u32 watch_power_count(void)
{
	return 0;
}
#endif
