/* SPDX-License-Identifier: MIT */
/* The hours of the week in which work is allowed. Pure but for the time zone (tzset(3)). */
#ifndef BROKER_SOURCES_SCHEDULE_TIME_H
#define BROKER_SOURCES_SCHEDULE_TIME_H

#include <stdbool.h>
#include <time.h>

#include "broker/config.h"

#define SCHEDULE_NEVER ((time_t)-1)

/**
 * schedule_allowed() - whether a minute of the week lies in a window
 * @minute: local wall clock, 0 = Monday 00:00
 *
 * No windows at all means always. A window without days allows nothing.
 */
bool schedule_allowed(const struct config_window *w, uint32_t n, uint32_t minute);

/**
 * schedule_edge() - minutes of wall clock to the next change, 1 to 10080
 * Return: them, or 0 if nothing ever changes.
 */
uint32_t schedule_edge(const struct config_window *w, uint32_t n, uint32_t minute);

/**
 * schedule_next() - whether @now is allowed, and when to ask again
 *
 * The moment is the next edge in local time or, if it comes first, the next change of the offset
 * to UTC: around it the wall clock jumps, so an edge can be passed over or come twice.
 *
 * Return: that moment, later than @now, or SCHEDULE_NEVER.
 */
time_t schedule_next(const struct config_window *w, uint32_t n, time_t now, bool *allowed);

#endif
