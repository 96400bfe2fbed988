/* SPDX-License-Identifier: MIT */
/* What to say of a section or a key that does not exist: the nearest that does, or all of them. */
#ifndef BROKER_CONFIG_HINT_H
#define BROKER_CONFIG_HINT_H

#include "broker/config_value.h"

/* A stranger's word in a message: cut, and marked as cut. */
#define HINT_FMT     "%.60s%s"
#define HINT_ARGS(s) (s), strlen(s) > 60 ? "…" : ""

void config_hint_section(const char *section, char out[CONFIG_TEXT_MAX]);
void config_hint_key(const char *section, const char *name, char out[CONFIG_TEXT_MAX]);

#endif
