/* SPDX-License-Identifier: MIT */
/* The hours of the week; see schedule_time.h. */
#include "broker/sources/schedule_time.h"

#define DAY_MINUTES  1440u
#define WEEK_MINUTES (7 * DAY_MINUTES)

/* From 0 up: how long after its beginning a window ends. */
static uint32_t window_length(const struct config_window *w)
{
	return w->to_minute > w->from_minute ? (uint32_t)(w->to_minute - w->from_minute)
					     : DAY_MINUTES + w->to_minute - w->from_minute;
}

static uint32_t minutes_from(uint32_t minute, uint32_t start)
{
	return (minute + WEEK_MINUTES - start) % WEEK_MINUTES;
}

bool schedule_allowed(const struct config_window *w, uint32_t n, uint32_t minute)
{
	if (!n)
		return true;
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t day = 0; day < 7; day++)
			if (w[i].days & 1u << day &&
			    minutes_from(minute, day * DAY_MINUTES + w[i].from_minute) <
				    window_length(&w[i]))
				return true;
	return false;
}

static void nearer(uint32_t *best, uint32_t candidate)
{
	if (!candidate)
		candidate = WEEK_MINUTES;
	if (!*best || candidate < *best)
		*best = candidate;
}

/* The nearest beginning or end of any window after @minute, whether it changes anything or not. */
static uint32_t next_boundary(const struct config_window *w, uint32_t n, uint32_t minute)
{
	uint32_t best = 0;

	for (uint32_t i = 0; i < n; i++)
		for (uint32_t day = 0; day < 7; day++) {
			uint32_t start = day * DAY_MINUTES + w[i].from_minute;

			if (!(w[i].days & 1u << day))
				continue;
			nearer(&best, minutes_from(start, minute));
			nearer(&best, minutes_from(start + window_length(&w[i]), minute));
		}
	return best;
}

uint32_t schedule_edge(const struct config_window *w, uint32_t n, uint32_t minute)
{
	bool now = schedule_allowed(w, n, minute);
	uint32_t at = 0;

	while (at < WEEK_MINUTES) {
		uint32_t step = next_boundary(w, n, (minute + at) % WEEK_MINUTES);

		if (!step)
			return 0;
		at += step;
		if (schedule_allowed(w, n, (minute + at) % WEEK_MINUTES) != now)
			return at <= WEEK_MINUTES ? at : 0;
	}
	return 0;
}

static long utc_offset(time_t t)
{
	struct tm tm;

	localtime_r(&t, &tm);
	return tm.tm_gmtoff;
}

/* The first second with another offset than @from has; @to must have another. */
static time_t offset_change(time_t from, time_t to)
{
	long offset = utc_offset(from);

	while (to - from > 1) {
		time_t middle = from + (to - from) / 2;

		if (utc_offset(middle) == offset)
			from = middle;
		else
			to = middle;
	}
	return to;
}

time_t schedule_next(const struct config_window *w, uint32_t n, time_t now, bool *allowed)
{
	struct tm tm;
	uint32_t minute, edge;
	time_t at;

	localtime_r(&now, &tm);
	minute = (uint32_t)((tm.tm_wday + 6) % 7) * DAY_MINUTES +
		 (uint32_t)(tm.tm_hour * 60 + tm.tm_min);
	*allowed = schedule_allowed(w, n, minute);
	edge = schedule_edge(w, n, minute);
	if (!edge)
		return SCHEDULE_NEVER;
	/* As if the clock did not jump; if it does on the way, that moment comes first. */
	at = now - tm.tm_sec + (time_t)edge * 60;
	for (time_t day = now + 86400; day - 86400 < at; day += 86400) {
		time_t end = day < at ? day : at;

		if (utc_offset(end) != tm.tm_gmtoff)
			return offset_change(now, end);
	}
	return at;
}
