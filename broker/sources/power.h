/* SPDX-License-Identifier: MIT */
/* One look at all power supplies in sysfs; see power.c for the rules. */
#ifndef BROKER_SOURCES_POWER_H
#define BROKER_SOURCES_POWER_H

#include "kmod/core/gate.h"

#define POWER_SUPPLIES_MAX 32

struct power_look {
	struct gate_supply supply[POWER_SUPPLIES_MAX];
	char name[POWER_SUPPLIES_MAX][32];
	u32 n;
	char bad[160]; /* empty, or the file that makes no sense and what it said */
};

/**
 * power_look() - read <sys>/class/power_supply
 * Return: 0 (also with words in @out->bad), or -errno when there is no such folder.
 */
int power_look(struct power_look *out, const char *sys);

#endif
