/* SPDX-License-Identifier: MIT */
/*
 * Windows of the week; see config_schedule.h. The day of a window is the one it begins on, so
 * "fri 22:00-06:00" ends on Saturday morning.
 */
#include "broker/config_schedule.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DAYS          7
#define MINUTES_A_DAY (24 * 60)

static const char *const day_names[DAYS] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

static const char *skip_space(const char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

static int take_day(const char **p)
{
	for (int i = 0; i < DAYS; i++) {
		if (!strncasecmp(*p, day_names[i], 3)) {
			*p += 3;
			return i;
		}
	}
	return -EINVAL;
}

/* "mon", "mon-fri", "fri-mon" (over the week's end), "sat,sun" */
static int take_days(const char **p, uint8_t *out)
{
	uint8_t days = 0;

	for (;;) {
		int from = take_day(p), to = from;

		if (from < 0)
			return from;
		if (**p == '-') {
			(*p)++;
			to = take_day(p);
			if (to < 0)
				return to;
		}
		for (int d = from;; d = (d + 1) % DAYS) {
			days |= (uint8_t)(1u << d);
			if (d == to)
				break;
		}
		if (**p != ',')
			break;
		*p = skip_space(*p + 1);
	}
	*out = days;
	return 0;
}

static int take_number(const char **p, unsigned int max, unsigned int *out)
{
	unsigned int n = 0;
	int digits = 0;

	for (; isdigit((unsigned char)**p) && digits < 2; (*p)++, digits++)
		n = 10 * n + (unsigned int)(**p - '0');
	if (!digits || n > max)
		return -EINVAL;
	*out = n;
	return digits;
}

static int take_minute(const char **p, uint16_t *out)
{
	unsigned int hour, minute;

	if (take_number(p, 24, &hour) < 0 || **p != ':')
		return -EINVAL;
	(*p)++;
	if (take_number(p, 59, &minute) != 2 || 60 * hour + minute > MINUTES_A_DAY)
		return -EINVAL;
	*out = (uint16_t)(60 * hour + minute);
	return 0;
}

int config_window_parse(struct config_window *out, const char *text)
{
	struct config_window w = {.days = CONFIG_DAYS_ALL};
	const char *p = skip_space(text);

	if (isalpha((unsigned char)*p)) {
		if (take_days(&p, &w.days) < 0 || (*p != ' ' && *p != '\t'))
			return -EINVAL;
		p = skip_space(p);
	}
	if (take_minute(&p, &w.from_minute) < 0 || *p++ != '-')
		return -EINVAL;
	if (take_minute(&p, &w.to_minute) < 0 || *skip_space(p))
		return -EINVAL;
	if (w.from_minute == MINUTES_A_DAY)
		return -EINVAL;
	*out = w;
	return 0;
}

void config_window_format(const struct config_window *w, char *out, size_t size)
{
	size_t at = 0;

	if (!size)
		return;
	out[0] = '\0';
	if (w->days != CONFIG_DAYS_ALL)
		for (int d = 0; d < DAYS && at < size; d++)
			if (w->days & 1u << d)
				at += (size_t)snprintf(out + at, size - at, "%s%s", at ? "," : "",
						       day_names[d]);
	if (at < size)
		snprintf(out + at, size - at, "%s%02u:%02u-%02u:%02u", at ? " " : "",
			 w->from_minute / 60, w->from_minute % 60, w->to_minute / 60,
			 w->to_minute % 60);
}
