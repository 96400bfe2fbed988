/* SPDX-License-Identifier: MIT */
/*
 * Heat lowers the duty before it closes the gate: a PI controller from the temperature of the
 * hottest zone to the share of time that jobs may use the device. Pure, integers only.
 */
#ifndef BROKER_SCHED_DUTY_H
#define BROKER_SCHED_DUTY_H

#include <stdint.h>

#define DUTY_MIN_PERMILLE 50
#define DUTY_MAX_PERMILLE 1000

struct duty {
	int32_t target_mc; /* hold the zone at this */
	int64_t integral; /* permille, scaled; bounded, so it does not wind up */
	uint64_t last_ns;
	uint32_t permille;
};

void duty_init(struct duty *d, int32_t target_mc);

/** duty_update() - a new temperature; returns the duty in permille, DUTY_MIN..DUTY_MAX */
uint32_t duty_update(struct duty *d, int32_t temp_mc, uint64_t now_ns);

/** duty_rest_ns() - how long to leave the device idle after a slice of @busy_ns */
uint64_t duty_rest_ns(uint32_t permille, uint64_t busy_ns);

#endif
