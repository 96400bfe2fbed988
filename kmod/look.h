/* SPDX-License-Identifier: GPL-2.0-only */
/* Looking at what tells nothing by itself: batteries and thermal zones. */
#ifndef IDLEGATE_LOOK_H
#define IDLEGATE_LOOK_H

#include <linux/types.h>

struct gate_fact;
struct idlegate_zones;

#define LOOK_ALL   (~0u)
/* The most facts that one look brings: zones, and per sensor its state and a fact. */
#define LOOK_FACTS 40

/* Facts of one look. */
struct look {
	u32 n;
	struct gate_fact *fact;
};

/** look_add() - for those who look; there is room for all that they may say */
void look_add(struct look *look, const struct gate_fact *fact);

/** look_add_sensor() - the sensor's state, if it is not what was told last; @told: that */
void look_add_sensor(struct look *look, u32 sensor, u32 state, u32 *told);

int look_init(void);
void look_exit(void);

/** look_now() - look at these sensors (GATE_SENSOR_BIT) of those watched; sleeps */
void look_now(u32 sensors);

/** look_soon() - have it done; any context */
void look_soon(u32 sensors);

/** look_pace() - look at all of them each @ms from now on, or not; any context, serialized */
void look_pace(bool on, u32 ms);

/** look_change() - run @fn while nobody looks; sleeps */
void look_change(void (*fn)(const void *data), const void *data);

/** look_end() - when it returns nothing looks any more; nothing may start one meanwhile */
void look_end(void);

#endif
