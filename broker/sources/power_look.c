/* SPDX-License-Identifier: MIT */
/*
 * One look at the power supplies. What sysfs says is checked here, so that the gate core meets
 * only values that can be.
 *
 * Rules: type Battery with scope System (or none) is a battery of this device; scope Device is
 * the battery of a mouse or a pen and does not count. Mains, Wireless, BrickID, every USB type
 * and a UPS that is not discharging feed the device when they are online. An attribute that a
 * driver does not have, or has no value for now, is unknown; one that it fails to read or that
 * cannot be true is bad, and the whole look with it.
 */
#include "broker/sources/power.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/sources/sensor.h"
#include "libbroker/util/cleanup.h"

#define CURRENT_MAX_UA  100000000
#define TEMP_MIN_TENTHS (-400)
#define TEMP_MAX_TENTHS 1200

DEFINE_CLEANUP(DIR, dir, closedir)

struct reader {
	struct power_look *look;
	const char *supply;
	int dir;
};

static void bad_value(struct reader *r, const char *attr, const char *want)
{
	char text[24];
	int n = attr_read(r->dir, attr, text, sizeof(text));

	if (r->look->bad[0])
		return;
	if (n < 0)
		snprintf(r->look->bad, sizeof(r->look->bad), "power_supply/%.31s/%s: %s", r->supply,
			 attr, strerror(-n));
	else
		snprintf(r->look->bad, sizeof(r->look->bad),
			 "power_supply/%.31s/%s says '%s'; it must be %s", r->supply, attr, text,
			 want);
}

/* Returns whether the attribute has a value. */
static bool read_value(struct reader *r, const char *attr, int64_t min, int64_t max,
		       const char *want, s32 *out)
{
	int64_t v;
	int ret = attr_read_s64(r->dir, attr, &v);

	if (attr_unknown(ret))
		return false;
	if (ret < 0 || v < min || v > max) {
		bad_value(r, attr, want);
		return false;
	}
	*out = (s32)v;
	return true;
}

/* Returns whether the status tells the direction of the current. */
static bool read_battery_status(struct reader *r, struct gate_supply *s)
{
	static const char *const others[] = {"Charging", "Full", "Not charging"};
	char status[24];
	int ret = attr_read(r->dir, "status", status, sizeof(status));

	if (attr_unknown(ret) || (ret >= 0 && !strcmp(status, "Unknown")))
		return false;
	s->discharging = ret >= 0 && !strcmp(status, "Discharging");
	if (s->discharging)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (ret >= 0 && !strcmp(status, others[i]))
			return true;
	bad_value(r, "status", "Charging, Discharging, Full, Not charging or Unknown");
	return false;
}

static void read_battery(struct reader *r, struct gate_supply *s)
{
	static const char *const current_want = "microamperes, at most 100 A";
	bool flow;
	s32 v;

	s->is_battery = true;
	s->present = !read_value(r, "present", 0, 1, "0 or 1", &v) || v;
	if (!s->present)
		return;
	flow = read_battery_status(r, s);
	if (read_value(r, "current_avg", -CURRENT_MAX_UA, CURRENT_MAX_UA, current_want, &v) ||
	    read_value(r, "current_now", -CURRENT_MAX_UA, CURRENT_MAX_UA, current_want, &v)) {
		s->current_ua = v;
		flow = true;
	}
	if (read_value(r, "capacity", 0, 100, "percent, 0 to 100", &v))
		s->capacity = v;
	if (read_value(r, "temp", TEMP_MIN_TENTHS, TEMP_MAX_TENTHS,
		       "tenths of a degree Celsius, -400 to 1200", &v))
		s->temp_mc = v * 100;
	if (!flow && !r->look->bad[0])
		snprintf(r->look->bad, sizeof(r->look->bad),
			 "power_supply/%.31s tells neither a status nor a current", r->supply);
}

static void read_feed(struct reader *r, struct gate_supply *s, bool ups)
{
	char status[24] = "";
	s32 v;

	s->present = true;
	if (read_value(r, "online", 0, 2, "0, 1 or 2", &v))
		s->online = v > 0;
	else
		s->online = ups;
	if (ups && attr_read(r->dir, "status", status, sizeof(status)) > 0 &&
	    !strcmp(status, "Discharging"))
		s->online = false;
}

static bool type_feeds(const char *type)
{
	return !strncmp(type, "USB", 3) || !strcmp(type, "Mains") || !strcmp(type, "Wireless") ||
	       !strcmp(type, "BrickID") || !strcmp(type, "UPS");
}

static void read_supply(struct reader *r)
{
	struct power_look *look = r->look;
	struct gate_supply s = {
		.capacity = GATE_VALUE_UNKNOWN,
		.temp_mc = GATE_TEMP_UNKNOWN,
		.current_ua = GATE_VALUE_UNKNOWN,
	};
	char type[24], scope[24];
	int ret = attr_read(r->dir, "type", type, sizeof(type));

	if (ret == -ENOENT || ret == -ENODEV)
		return; /* it went while we looked */
	if (ret < 0) {
		bad_value(r, "type", "a type of supply");
		return;
	}
	if (attr_read(r->dir, "scope", scope, sizeof(scope)) > 0 && !strcmp(scope, "Device"))
		return;
	if (!strcmp(type, "Battery"))
		read_battery(r, &s);
	else if (type_feeds(type))
		read_feed(r, &s, !strcmp(type, "UPS"));
	else
		return; /* type Unknown: a port that nothing is plugged into */
	if (look->n == POWER_SUPPLIES_MAX) {
		snprintf(look->bad, sizeof(look->bad), "more than %d power supplies",
			 POWER_SUPPLIES_MAX);
		return;
	}
	snprintf(look->name[look->n], sizeof(look->name[0]), "%.31s", r->supply);
	look->supply[look->n++] = s;
}

static bool have_class(const char *sys)
{
	_cleanup_close_ int fd = dir_open(sys, "class");

	return fd >= 0;
}

int power_look(struct power_look *out, const char *sys)
{
	_cleanup_(cleanup_dirp) DIR *dir = NULL;
	int fd = dir_open(sys, "class/power_supply");
	struct dirent *e;

	*out = (struct power_look){.n = 0};
	if (fd == -ENOENT)
		return have_class(sys) ? 0 : -ENOENT; /* a kernel built without power supplies */
	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while ((e = readdir(dir))) {
		_cleanup_close_ int supply = -1;

		if (e->d_name[0] == '.')
			continue;
		supply = openat(dirfd(dir), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (supply < 0)
			continue;
		read_supply(&(struct reader){.look = out, .supply = e->d_name, .dir = supply});
	}
	return 0;
}
