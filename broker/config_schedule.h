/* SPDX-License-Identifier: MIT */
/*
 * The words for hours of the week: "mon-fri 22:00-06:00", "sat,sun 00:00-24:00", "21:30-07:00"
 * (every day). One window a line: `allow` may be given several times. A window whose end is not
 * after its begin runs into the next day.
 */
#ifndef BROKER_CONFIG_SCHEDULE_H
#define BROKER_CONFIG_SCHEDULE_H

#include <stddef.h>

#include "broker/config.h"

#define CONFIG_DAYS_ALL 0x7f

/** config_window_parse() - one window; 0 or -EINVAL */
int config_window_parse(struct config_window *out, const char *text);

/** config_window_format() - in the form that config_window_parse() takes */
void config_window_format(const struct config_window *w, char *out, size_t size);

#endif
