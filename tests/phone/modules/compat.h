/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between kernels 6.1 and 7.x for the test modules, and nothing else.
 *
 * Kbuild looks into the headers of the kernel that it builds for and defines the HAVE_... below;
 * version numbers would not do, since stable kernels take changes back to older ones.
 */
#ifndef _PHONE_COMPAT_H
#define _PHONE_COMPAT_H

#include <linux/thermal.h>

#ifndef HAVE_THERMAL_PRIV
static inline void *thermal_zone_device_priv(struct thermal_zone_device *tz)
{
	return tz->devdata;
}
#endif

/* Once a zone had to read its own trip points aloud. */
#ifdef HAVE_TRIP_OPS
static inline int compat_trip_type(struct thermal_zone_device *tz, int i,
				   enum thermal_trip_type *type)
{
	*type = tz->trips[i].type;
	return 0;
}

static inline int compat_trip_temp(struct thermal_zone_device *tz, int i, int *temp)
{
	*temp = tz->trips[i].temperature;
	return 0;
}

static inline int compat_trip_hyst(struct thermal_zone_device *tz, int i, int *hyst)
{
	*hyst = tz->trips[i].hysteresis;
	return 0;
}

#define TRIP_OPS                                                              \
	.get_trip_type = compat_trip_type, .get_trip_temp = compat_trip_temp, \
	.get_trip_hyst = compat_trip_hyst,
#else
#define TRIP_OPS
#endif

/* Trip points whose temperature user space may change: a mask once, a flag of the trip later. */
#ifdef HAVE_TRIP_FLAGS
#define TRIP(what, mc, hyst)                                                            \
	{                                                                               \
		.type = THERMAL_TRIP_##what, .temperature = (mc), .hysteresis = (hyst), \
		.flags = THERMAL_TRIP_FLAG_RW_TEMP,                                     \
	}
#else
#define TRIP(what, mc, hyst)                                                            \
	{                                                                               \
		.type = THERMAL_TRIP_##what, .temperature = (mc), .hysteresis = (hyst), \
	}
#endif

static inline struct thermal_zone_device *compat_zone_register(const char *type,
							       struct thermal_trip *trips,
							       int count, void *priv,
							       struct thermal_zone_device_ops *ops)
{
#ifdef HAVE_NO_TRIP_MASK
	return thermal_zone_device_register_with_trips(type, trips, count, priv, ops, NULL, 0, 0);
#else
	return thermal_zone_device_register_with_trips(type, trips, count, (1 << count) - 1, priv,
						       ops, NULL, 0, 0);
#endif
}

#endif
