/* SPDX-License-Identifier: MIT */
/*
 * The thermal zones of sysfs. A zone whose sensor sleeps (a modem's, a radio's that is off) has
 * no value for now and is left out; one that cannot be read, or says what cannot be, is bad.
 *
 * A zone's own limit is its lowest passive, hot or critical trip, if that is below the policy's.
 * Trips below 35 degrees are placeholders of drivers that have none.
 */
#include "broker/sources/thermal_zone.h"

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

#define TEMP_MIN_MC (-60000)
#define TEMP_MAX_MC 150000
#define TRIP_MIN_MC 35000
#define TRIPS_MAX   32
#define HYST_MIN_MC 5000
#define HYST_MAX_MC 20000

DEFINE_CLEANUP(DIR, dir, closedir)

bool thermal_sane(int64_t temp_mc)
{
	return temp_mc >= TEMP_MIN_MC && temp_mc <= TEMP_MAX_MC;
}

static void read_trips(int dir, struct thermal_zone *z)
{
	for (int i = 0; i < TRIPS_MAX; i++) {
		int64_t temp, hyst;
		char name[40], type[16];

		snprintf(name, sizeof(name), "trip_point_%d_type", i);
		if (attr_read(dir, name, type, sizeof(type)) < 0)
			return;
		if (strcmp(type, "passive") && strcmp(type, "hot") && strcmp(type, "critical"))
			continue;
		snprintf(name, sizeof(name), "trip_point_%d_temp", i);
		if (attr_read_s64(dir, name, &temp) < 0 || temp < TRIP_MIN_MC ||
		    !thermal_sane(temp) || (z->trip_mc != GATE_TEMP_UNKNOWN && temp >= z->trip_mc))
			continue;
		z->trip_mc = (int32_t)temp;
		snprintf(name, sizeof(name), "trip_point_%d_hyst", i);
		if (attr_read_s64(dir, name, &hyst) < 0 || hyst < HYST_MIN_MC)
			hyst = HYST_MIN_MC;
		z->hyst_mc = (int32_t)(hyst < HYST_MAX_MC ? hyst : HYST_MAX_MC);
	}
}

static void read_zone(struct thermal_look *look, int dir, uint32_t id)
{
	struct thermal_zone z = {.id = id, .trip_mc = GATE_TEMP_UNKNOWN};
	char text[24], mode[16];
	int64_t temp;
	int r;

	if (look->n == THERMAL_ZONES_MAX) {
		snprintf(look->bad, sizeof(look->bad), "more than %d thermal zones",
			 THERMAL_ZONES_MAX);
		return;
	}
	if (attr_read(dir, "mode", mode, sizeof(mode)) > 0 && !strcmp(mode, "disabled"))
		return;
	if (attr_read(dir, "type", z.type, sizeof(z.type)) < 0)
		z.type[0] = '\0';
	r = attr_read_s64(dir, "temp", &temp);
	z.readable = r == 0 && thermal_sane(temp);
	if (z.readable) {
		z.temp_mc = (int32_t)temp;
		read_trips(dir, &z);
	} else if (!attr_unknown(r)) {
		int n = attr_read(dir, "temp", text, sizeof(text));

		snprintf(look->bad, sizeof(look->bad),
			 "thermal_zone%u/temp%s%s; it must be -60000 to 150000 (thousandths of a "
			 "degree Celsius)",
			 id, n < 0 ? ": " : " says ", n < 0 ? strerror(-n) : text);
	}
	look->zone[look->n++] = z;
}

int thermal_look(struct thermal_look *out, const char *sys)
{
	_cleanup_(cleanup_dirp) DIR *dir = NULL;
	int fd = dir_open(sys, "class/thermal");
	struct dirent *e;

	*out = (struct thermal_look){.n = 0};
	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while ((e = readdir(dir))) {
		_cleanup_close_ int zone = -1;
		unsigned int id;
		char end;

		if (sscanf(e->d_name, "thermal_zone%u%c", &id, &end) != 1)
			continue;
		zone = openat(dirfd(dir), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (zone >= 0)
			read_zone(out, zone, id);
	}
	return 0;
}

static struct gate_fact zone_fact(const struct thermal_zone *z, const struct gate_policy *policy)
{
	struct gate_fact f = {
		.kind = GATE_FACT_ZONE,
		.zone = {.id = z->id % GATE_MAX_ZONES,
			 .temp_mc = z->temp_mc,
			 .set_mc = GATE_TEMP_UNKNOWN,
			 .clear_mc = GATE_TEMP_UNKNOWN},
	};

	if (z->trip_mc != GATE_TEMP_UNKNOWN && z->trip_mc < policy->zone_hot_set) {
		f.zone.set_mc = z->trip_mc;
		f.zone.clear_mc = z->trip_mc - z->hyst_mc;
	}
	return f;
}

static int64_t headroom(const struct gate_fact *f, const struct gate_policy *policy)
{
	int32_t limit = f->zone.set_mc == GATE_TEMP_UNKNOWN ? policy->zone_hot_set : f->zone.set_mc;

	return (int64_t)limit - f->zone.temp_mc;
}

uint32_t thermal_slots(const struct thermal_look *look, const struct gate_policy *policy,
		       struct gate_fact *facts)
{
	uint32_t used = 0;

	for (uint32_t i = 0; i < GATE_MAX_ZONES; i++)
		facts[i] = (struct gate_fact){.kind = GATE_FACT_ZONE_GONE, .zone = {.id = i}};
	for (uint32_t i = 0; i < look->n; i++) {
		struct gate_fact f, *slot;

		if (!look->zone[i].readable)
			continue;
		f = zone_fact(&look->zone[i], policy);
		slot = &facts[f.zone.id];
		if (slot->kind == GATE_FACT_ZONE_GONE ||
		    headroom(&f, policy) < headroom(slot, policy))
			*slot = f;
		used |= 1u << f.zone.id;
	}
	return used;
}

int thermal_name(const struct thermal_look *look, const struct gate_policy *policy,
		 struct idlegate_zones *out, const char **why)
{
	*out = (struct idlegate_zones){.n = 0};
	*why = "";
	if (!look->n || look->n > IDLEGATE_ZONES) {
		*why = look->n ? "there are more than it takes" : "there is none";
		return look->n ? -E2BIG : -ENOENT;
	}
	for (uint32_t i = 0; i < look->n; i++) {
		const struct thermal_zone *z = &look->zone[i];
		struct gate_fact f = zone_fact(z, policy);

		*why = "one has no value for now";
		if (!z->readable)
			return -EAGAIN;
		*why = "two have one name, or one has none";
		for (uint32_t k = 0; k < i; k++)
			if (!strcmp(look->zone[k].type, z->type))
				return -EEXIST;
		if (!z->type[0])
			return -EEXIST;
		memcpy(out->zone[i].name, z->type, sizeof(z->type));
		out->zone[i].set_mc = f.zone.set_mc;
		out->zone[i].clear_mc = f.zone.clear_mc;
	}
	out->n = look->n;
	*why = "";
	return 0;
}

int32_t thermal_hottest(const struct thermal_look *look)
{
	int32_t hottest = GATE_TEMP_UNKNOWN;

	for (uint32_t i = 0; i < look->n; i++)
		if (look->zone[i].readable &&
		    (hottest == GATE_TEMP_UNKNOWN || look->zone[i].temp_mc > hottest))
			hottest = look->zone[i].temp_mc;
	return hottest;
}
