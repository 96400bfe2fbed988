/* SPDX-License-Identifier: MIT */
/* What stands for the sensors that the kernel module watches; see module.c. */
#ifndef BROKER_SOURCES_MODULE_H
#define BROKER_SOURCES_MODULE_H

#include "broker/sources/source.h"

extern const struct source_ops source_module_input, source_module_power, source_module_thermal,
	source_module_suspend;

#endif
