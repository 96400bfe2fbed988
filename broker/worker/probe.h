/* SPDX-License-Identifier: MIT */
/* What this machine's Vulkan devices are and can do, as one JSON document. */
#ifndef BROKER_WORKER_PROBE_H
#define BROKER_WORKER_PROBE_H

#include "libbroker/util/error.h"

/**
 * probe_print() - {"devices": [...]} to standard output
 * Each device is described and its speed measured for about a tenth of a second. A device that
 * cannot be opened is listed with "error". No driver at all is an empty list with "error".
 * Return: 0 or -errno with words.
 */
int probe_print(struct error *err);

#endif
