/* SPDX-License-Identifier: MIT */
/*
 * Giving up every right, before anything of the job's is touched.
 *
 * The order matters, because a Vulkan driver makes threads of its own, and Landlock, priorities
 * and (through the raw call) credentials belong to a thread and are inherited by those it makes:
 *
 *   lockdown_begin()  while there is one thread: user and groups, no_new_privs, limits, the lowest
 *                     priority, and a first Landlock layer, which leaves reading of what a
 *                     driver needs to start (libraries, driver lists, /sys, /proc) and the
 *                     device's node; no writing of files, no execution, no TCP, no signals out.
 *   ... open the device; the driver's threads inherit all of that ...
 *   lockdown_finish() a second, empty Landlock layer for this thread and those to come, and the
 *                     seccomp filter for all threads at once (TSYNC): it is what shuts files to
 *                     the driver's threads, since it refuses every open.
 *
 * The filter is an allow-list. What opens a file fails with EACCES (drivers ask for things they can
 * do without); anything else that is not on the list ends the process. With the environment's
 * IDLEBROKER_SECCOMP_LOG=1 it is logged instead, to find what a new driver needs.
 *
 * Landlock is used as far as the kernel has it; on one without it the filter and the user stand
 * alone, and lockdown_finish() says so in @landlock.
 */
#ifndef BROKER_WORKER_LOCKDOWN_H
#define BROKER_WORKER_LOCKDOWN_H

#include <stdbool.h>

#include "libbroker/util/error.h"

struct lockdown {
	const char *user; /* whom to become when started by root; NULL: stay */
	const char *node; /* /dev/dri/renderD128; "": a software device or none; NULL: any */
	bool files; /* leave reading of system files until lockdown_finish() */
	bool jit; /* the driver runs code that it has compiled for this processor */
};

/** lockdown_begin() - Return: 0 or -errno with words; the caller must then end */
int lockdown_begin(const struct lockdown *l, struct error *err);

/**
 * lockdown_finish() - Return: 0 or -errno with words; the caller must then end
 * @landlock: set to whether Landlock is in force
 */
int lockdown_finish(const struct lockdown *l, bool *landlock, struct error *err);

/** lockdown_landlock() - a layer for this thread; 0; -ENOSYS, -EOPNOTSUPP: not there; -errno */
int lockdown_landlock(bool files, const char *node);

/** lockdown_seccomp() - the filter, for all threads; 0 or -errno */
int lockdown_seccomp(bool jit);

#endif
