/* SPDX-License-Identifier: MIT */
/*
 * A source turns something the kernel tells into facts for the gate.
 *
 * Each source is one .c file that exports one `const struct source_ops`, listed in
 * source_table.c. It does all its waiting through the loop. A source that cannot work says
 * so by a SENSOR fact (lost or absent) and in its status; it never lets the gate open.
 * A tier is how the source gets its facts ("netlink", "sysfs", "evdev", …): the best that
 * works here is chosen, and `brokerctl doctor` shows which and why.
 *
 * Pace. Some facts come by events (input, plug and unplug, suspend, hours), others can only be
 * learnt by looking (battery current, heat, other programs' use of the GPU and processor). Who
 * must look does so by the holds that are set now:
 *  - none (open): fast;
 *  - only holds that looking clears: slow, and only by the source whose hold it is;
 *  - any hold that an event or a deadline clears: not at all, since nothing seen could open the
 *    gate. Such a source looks again at once when that hold has gone.
 * So no timer runs while the owner uses the device, or it is unplugged, paused or out of hours.
 */
#ifndef BROKER_SOURCES_SOURCE_H
#define BROKER_SOURCES_SOURCE_H

#include "broker/config.h"
#include "broker/loop.h"
#include "kmod/core/gate.h"

struct bpf_hub;
struct source; /* each source has its own, with this name's role */

/* The kernel module, where it hosts the gate. Its calls return 0 or -errno. */
struct source_module {
	uint32_t watched; /* sensors that need no source here: bits of GATE_SENSOR_BIT() */
	int (*look)(void *data); /* read supplies and zones now */
	int (*zones)(void *data, const struct idlegate_zones *zones);
	int (*state)(void *data, struct idlegate_state *out);
	int (*info)(void *data, struct idlegate_info *out);
	void (*rehost)(void *data); /* what it watches no longer suits: set all up anew, soon */
};

struct source_ctx {
	struct loop *loop;
	const struct config *config; /* outlives the source; changes at reload, see reload */
	void (*fact)(void *data, const struct gate_fact *fact);
	/* Temperature of the hottest zone, for the duty controller; may be NULL. */
	void (*heat)(void *data, int32_t hottest_mc);
	/* Is this process one of our workers? May be NULL: none is. */
	bool (*is_ours)(void *data, int pid);
	/* The processes of our workers, at most @max; returns how many. May be NULL: none. */
	int (*workers)(void *data, int *pids, int max);
	const struct source_module *module; /* NULL: the gate is hosted in user space */
	struct bpf_hub *bpf; /* NULL: eBPF is switched off */
	void *data;
};

struct source_status {
	const char *name; /* "power" */
	const char *tier; /* "uevent+sysfs"; "none": this device has no such thing */
	bool ok; /* works, or has nothing to work on */
	char detail[192]; /* what was found, or why it does not work and what would help */
};

struct source_ops {
	const char *name;
	enum gate_sensor sensor;
	/* Copies @ctx; facts may come before it returns. Returns 0 also when the sensor is missing
	 * (it then says so by facts); -errno only when the daemon itself is short of something. */
	int (*open)(void **out, const struct source_ctx *ctx);
	/* The set of IDLEGATE_HOLD_BIT()s changed; also called once after all sources are open. It
	 * may come in the middle of a fact, so it gives none before it returns. May be NULL. */
	void (*holds_changed)(void *source, uint32_t holds);
	void (*reload)(void *source); /* the config changed; may be NULL */
	void (*status)(void *source, struct source_status *out);
	void (*close)(void *source);
};

enum source_pace {
	SOURCE_ASLEEP,
	SOURCE_SLOW,
	SOURCE_FAST
};

/* Holds that only looking clears; every other one has an event or a deadline. */
#define SOURCE_LOOK_HOLDS                                                                        \
	(IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_DRAINING) |                                             \
	 IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_BATTERY_LOW) |                                          \
	 IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_BATTERY_HOT) |                                          \
	 IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_ZONE_HOT) | IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_GPU_BUSY) | \
	 IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_CPU_BUSY) | IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_SENSOR_LOST))

/**
 * source_pace() - how often to look under these holds
 * @mine: the holds that looking by this source clears (with SENSOR_LOST if its sensor is lost)
 */
static inline enum source_pace source_pace(uint32_t holds, uint32_t mine)
{
	if (!holds)
		return SOURCE_FAST;
	if (holds & ~SOURCE_LOOK_HOLDS)
		return SOURCE_ASLEEP;
	return holds & mine ? SOURCE_SLOW : SOURCE_ASLEEP;
}

extern const struct source_ops source_input, source_power, source_thermal, source_cpu, source_gpu,
	source_schedule, source_suspend;

extern const struct source_ops *const source_table[]; /* NULL at the end */

/**
 * source_choose() - what stands for a sensor, by @ctx->module and @ctx->bpf: for one that the
 * module watches, a source that gives no facts and only says what the module found (module.c);
 * else one by eBPF, where that can be had (bpf.h); else the entry of the table
 */
const struct source_ops *source_choose(const struct source_ops *ops, const struct source_ctx *ctx);

#endif
