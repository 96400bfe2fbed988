/* SPDX-License-Identifier: MIT */
/*
 * Heat lowers the duty before it closes the gate: a PI controller from the temperature of the
 * hottest zone to the share of time that jobs may use the device. Pure, integers only.
 *
 * The gains suit what a phone's case and board are: 10 to 60 degrees between rest and full load,
 * half a minute to some minutes to get there, a reading every few seconds. Far below the target
 * the duty is full. The integral stands still while the duty is at an end of its range and would
 * be pushed further, so it does not wind up; it begins in the middle of its range, so that a cold
 * device neither shoots far over the target nor creeps up to it.
 */
#ifndef BROKER_SCHED_DUTY_H
#define BROKER_SCHED_DUTY_H

#include <stdint.h>

#define DUTY_MIN_PERMILLE 50
#define DUTY_MAX_PERMILLE 1000
#define DUTY_TEMP_UNKNOWN INT32_MIN /* as GATE_TEMP_UNKNOWN */

struct duty {
	int32_t target_mc; /* hold the zone at this; may be changed at any time */
	int64_t integral; /* millionths of a permille, 0 .. 1000 permille */
	uint64_t last_ns; /* 0: nothing heard yet */
	uint32_t permille;
};

void duty_init(struct duty *d, int32_t target_mc); /* full duty */

/**
 * duty_update() - a new temperature
 * @temp_mc: of the hottest zone; DUTY_TEMP_UNKNOWN changes nothing
 * @now_ns: CLOCK_MONOTONIC; after a gap of more than 10 s it counts as 10 s
 * Return: the duty in permille, DUTY_MIN_PERMILLE..DUTY_MAX_PERMILLE.
 */
uint32_t duty_update(struct duty *d, int32_t temp_mc, uint64_t now_ns);

/** duty_rest_ns() - how long to leave the device idle after a slice of @busy_ns */
uint64_t duty_rest_ns(uint32_t permille, uint64_t busy_ns);

#endif
