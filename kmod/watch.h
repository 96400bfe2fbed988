/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the module watches by itself while somebody hosts the gate: one file for each sensor.
 *
 * A sensor begins before its first fact and ends when no further fact can come. The looks are
 * called by look.c alone, one at a time.
 */
#ifndef IDLEGATE_WATCH_H
#define IDLEGATE_WATCH_H

#include <linux/types.h>

struct idlegate_zones;
struct look;

/** watch_available() - the sensors that this kernel has: GATE_SENSOR_BIT() */
u32 watch_available(void);

/** watch_begin() - begin these. Return: 0, or -errno with none begun */
int watch_begin(u32 sensors);

/** watch_end() - end those that were begun; sleeps, must not be called by a look */
void watch_end(void);

/** watch_forget() - devices that were there and are gone are not missed any more; looks */
void watch_forget(void);

/** watch_zones() - read these zones from now on; looks. @zones were checked, and are copied */
void watch_zones(const struct idlegate_zones *zones);

/* input.c */
int watch_input_begin(void);
void watch_input_end(void);
void watch_input_look(struct look *look);
void watch_input_forget(void);
u32 watch_input_count(void);

/* power.c */
int watch_power_begin(void);
void watch_power_end(void);
void watch_power_look(struct look *look);
void watch_power_forget(void);
u32 watch_power_count(void);

/* thermal.c */
int watch_thermal_begin(void);
void watch_thermal_end(void);
void watch_thermal_look(struct look *look);
void watch_thermal_set(const struct idlegate_zones *zones);

/* suspend.c */
int watch_suspend_begin(void);
void watch_suspend_end(void);

#endif
