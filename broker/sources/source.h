/* SPDX-License-Identifier: MIT */
/*
 * A source turns something the kernel tells into facts for the gate.
 *
 * Each source is one .c file that exports one `const struct source_ops`, listed in
 * source_table.c. It does all its waiting through the loop. A source that cannot work says
 * so by a SENSOR fact (lost or absent) and in its status; it never lets the gate open.
 * A tier is how the source gets its facts ("netlink", "sysfs", "evdev", …): the best that
 * works here is chosen, and `brokerctl doctor` shows which and why.
 */
#ifndef BROKER_SOURCES_SOURCE_H
#define BROKER_SOURCES_SOURCE_H

#include "broker/config.h"
#include "broker/loop.h"
#include "kmod/core/gate.h"

struct source; /* each source has its own, with this name's role */

struct source_ctx {
	struct loop *loop;
	const struct config *config; /* outlives the source; changes at reload, see reload */
	void (*fact)(void *data, const struct gate_fact *fact);
	/* Temperature of the hottest zone, for the duty controller; may be NULL. */
	void (*heat)(void *data, int32_t hottest_mc);
	/* Is this process one of our workers? For sources that look at other processes. */
	bool (*is_ours)(void *data, int pid);
	void *data;
};

struct source_status {
	const char *name; /* "power" */
	const char *tier; /* "uevent+sysfs"; "none" */
	bool ok;
	char detail[192]; /* what was found, or why it does not work and what would help */
};

struct source_ops {
	const char *name;
	enum gate_sensor sensor;
	/* Returns 0 also when the sensor is missing (it then says so by facts); -errno only when
	 * the daemon itself is short of something. */
	int (*open)(void **out, const struct source_ctx *ctx);
	void (*gate_changed)(void *source, bool open); /* may be NULL */
	void (*reload)(void *source); /* the config changed; may be NULL */
	void (*status)(void *source, struct source_status *out);
	void (*close)(void *source);
};

extern const struct source_ops source_input, source_power, source_thermal, source_cpu, source_gpu,
	source_schedule, source_suspend;

extern const struct source_ops *const source_table[]; /* NULL at the end */

#endif
