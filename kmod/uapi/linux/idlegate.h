/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/*
 * The interface of the gate: the holds, and the page that shows them.
 *
 * The gate is a set of holds and is open when none is set. Each hold is one bit
 * with one owner and one sentence (gate_hold_info() has the sentences). The bits
 * are append-only: a number, once given, keeps its meaning.
 *
 * The host of the gate publishes it in one page, which every observer maps
 * read-only. A worker needs one 32-bit load of `holds` before each slice. A
 * reader that wants several fields of the same moment uses the sequence count:
 * it is odd while the writer writes, and a reader retries when it was odd or
 * differs after the read. All times are CLOCK_MONOTONIC nanoseconds.
 *
 * The page never holds a key code, a coordinate or anything else of an input
 * but its time.
 */
#ifndef _UAPI_LINUX_IDLEGATE_H
#define _UAPI_LINUX_IDLEGATE_H

#include <linux/types.h>

enum idlegate_hold {
	IDLEGATE_HOLD_USER_ACTIVE = 0, /* the owner touched the device a short while ago */
	IDLEGATE_HOLD_NOT_CHARGING = 1, /* no supply but the battery is online */
	IDLEGATE_HOLD_DRAINING = 2, /* plugged in, yet the battery loses charge */
	IDLEGATE_HOLD_BATTERY_LOW = 3,
	IDLEGATE_HOLD_BATTERY_HOT = 4,
	IDLEGATE_HOLD_ZONE_HOT = 5,
	IDLEGATE_HOLD_SUSPENDING = 6,
	IDLEGATE_HOLD_GPU_BUSY = 7, /* a program that is no job uses the device */
	IDLEGATE_HOLD_CPU_BUSY = 8,
	IDLEGATE_HOLD_SCHEDULE = 9, /* outside the hours the owner allows */
	IDLEGATE_HOLD_PAUSED = 10, /* the owner asked for it */
	IDLEGATE_HOLD_BROKER_GONE = 11, /* nobody hosts the gate */
	IDLEGATE_HOLD_SENSOR_LOST = 12, /* a sensor that policy needs is missing or broken */
	IDLEGATE_HOLD_COUNT = 13,
};

#define IDLEGATE_HOLD_BIT(hold) (1u << (hold))
#define IDLEGATE_HOLD_MASK      ((1u << IDLEGATE_HOLD_COUNT) - 1)

#define IDLEGATE_PAGE_MAGIC   0x69646c65u /* "idle" */
#define IDLEGATE_PAGE_VERSION 1u
#define IDLEGATE_PAGE_SIZE    4096u

struct idlegate_page {
	__u32 magic;
	__u32 version;
	__u32 seq; /* odd while the writer writes */
	__u32 holds; /* set of IDLEGATE_HOLD_BIT(); 0 = open */
	__u64 changed_ns; /* when `holds` last changed */
	__u64 input_ns; /* when the owner last used the device; 0 = not seen yet */
	__u64 closes; /* open -> closed, since the host started */
	__u64 opens; /* closed -> open, since the host started */
	__u64 facts; /* facts taken in, since the host started */
	__u64 reserved[10]; /* zero */
};

#endif
