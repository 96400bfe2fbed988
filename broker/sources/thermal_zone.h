/* SPDX-License-Identifier: MIT */
/* The thermal zones of sysfs, and how many of them share the gate's few places. */
#ifndef BROKER_SOURCES_THERMAL_ZONE_H
#define BROKER_SOURCES_THERMAL_ZONE_H

#include <stdbool.h>
#include <stdint.h>

#include "kmod/core/gate.h"

#define THERMAL_ZONES_MAX 128

struct thermal_zone {
	uint32_t id; /* the N of thermal_zoneN */
	char type[IDLEGATE_ZONE_NAME]; /* by which the kernel module finds it; empty: too long */
	int32_t temp_mc;
	int32_t trip_mc; /* the lowest trip that means too hot, or GATE_TEMP_UNKNOWN */
	int32_t hyst_mc; /* of that trip */
	bool readable; /* has a temperature now */
};

struct thermal_look {
	struct thermal_zone zone[THERMAL_ZONES_MAX];
	uint32_t n;
	char bad[160]; /* empty, or the file that makes no sense and what it said */
};

/** thermal_look() - read <sys>/class/thermal; returns 0 (also with words in @out->bad) or -errno */
int thermal_look(struct thermal_look *out, const char *sys);

/** thermal_sane() - whether a temperature can be: -60 to 150 degrees Celsius */
bool thermal_sane(int64_t temp_mc);

/**
 * thermal_slots() - one fact for each of the gate's places
 * @facts: GATE_MAX_ZONES of them
 *
 * Zone N goes to place N modulo GATE_MAX_ZONES; of several, the one with the least headroom to
 * its limit speaks. A place without a readable zone gets ZONE_GONE.
 *
 * Return: the places that have a zone, as bits.
 */
uint32_t thermal_slots(const struct thermal_look *look, const struct gate_policy *policy,
		       struct gate_fact *facts);

/**
 * thermal_name() - all zones, as the kernel module takes them
 * @why: static words when they cannot be named
 * Return: 0; -ENOENT: there is none; -E2BIG: too many; -EEXIST: two of one type, or one without a
 * name; -EAGAIN: one has no value for now, and to the module that would be a broken sensor.
 */
int thermal_name(const struct thermal_look *look, const struct gate_policy *policy,
		 struct idlegate_zones *out, const char **why);

/** thermal_hottest() - of all readable zones, or GATE_TEMP_UNKNOWN */
int32_t thermal_hottest(const struct thermal_look *look);

#endif
