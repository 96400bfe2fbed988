/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/*
 * The interface of the gate: the holds, the page that shows them, and /dev/idlegate.
 *
 * THE GATE is a set of holds and is open when none is set. Each hold is one bit
 * with one owner and one sentence (gate_hold_info() has the sentences). The bits
 * are append-only: a number, once given, keeps its meaning. All times are
 * CLOCK_MONOTONIC nanoseconds; UINT64_MAX as a deadline means never.
 *
 * THE PAGE. The host of the gate (the module, or brokerd where it is not loaded)
 * publishes the gate in one page, which every observer maps read-only. A worker
 * needs one 32-bit load of `holds` before each slice. A reader that wants several
 * fields of the same moment uses the sequence count: it is odd while the writer
 * writes, and a reader retries when it was odd or differs after the read. Under a
 * stream of inputs `input_ns` may lag by up to IDLEGATE_INPUT_LAG_NS.
 *
 * PRIVACY. Neither the page nor an event nor an answer holds a key code, a
 * coordinate or anything else of an input but its time.
 *
 * THE DEVICE, /dev/idlegate (root:broker 0660). Whoever opens it may
 *  - mmap() one page at offset 0, read-only (else -EINVAL, -EACCES or -EPERM); the
 *    mapping stays good after close(), and keeps no role alive;
 *  - read() events: as many whole struct idlegate_event as fit, oldest first; -EINVAL
 *    if not one fits, -EAGAIN if there is none and the file is O_NONBLOCK, else it
 *    waits. A file sees the changes since it was opened; the queue holds
 *    IDLEGATE_EVENTS, and when it is full the oldest go and `lost` of the next
 *    one says how many;
 *  - poll() for them;
 *  - ask: IDLEGATE_IOC_INFO, IDLEGATE_IOC_STATE;
 *  - take one of two roles, for as long as the file is open: OWNER or LEASE.
 * A file belongs to all processes that hold it (by fork or passed descriptors) and
 * closes with the last of them.
 *
 * THE OWNER (IDLEGATE_IOC_HOST; needs CAP_KILL, since it has processes stopped; one at
 * a time) sets the policy, names thermal zones, and brings the facts that the module
 * cannot see (schedule, pause, GPU and processor use ...). It chooses which sensors the
 * module watches by itself; while nobody hosts, none is watched and nothing but
 * `broker-gone` is told. When its file closes, `broker-gone` is set: all leases are
 * enforced. A gate starts anew with each owner. The module cannot be unloaded while a
 * file is open.
 *
 * A LEASE (IDLEGATE_IOC_JOIN) binds the calling process (its thread group) to the
 * gate. It must be called by the process itself: a worker calls it before it drops
 * its rights or executes the job; it needs the effective user of the owner or
 * CAP_KILL. A lease begins parked. UNPARK before the first submission, PARK
 * when nothing is on the device any more. While any hold is set, a lease that is not
 * parked gets SIGSTOP once `grace` has passed since the gate closed (since UNPARK,
 * if that was later), and SIGKILL once `limit` has passed, whatever user space does.
 * A parked lease is not touched. A lease that was stopped gets SIGCONT when the gate
 * opens again, and is enforced anew at the next close. The lease ends when its file
 * is closed by all: whoever supervises the process keeps a copy of the descriptor,
 * so that the process cannot shed its lease.
 *
 * EXTENSION. Fixed-width fields, no implicit padding. Every `reserved` field and
 * every unknown flag must be zero, else -EINVAL: so a later kernel can give them a
 * meaning. A struct keeps its size; what does not fit gets an ioctl of its own and
 * a bit in `features`. An unknown ioctl is -ENOTTY. A bad pointer is -EFAULT. An
 * ioctl of a role that the file does not have is -EPERM.
 *
 * GENERIC NETLINK, family IDLEGATE_GENL_NAME: the same to any number of observers.
 * GET (anyone) answers the state; SET (CAP_SYS_ADMIN) sets or ends the `paused`
 * hold; each change of the holds is multicast to the group "events". The spec is
 * kmod/idlegate.yaml.
 */
#ifndef _UAPI_LINUX_IDLEGATE_H
#define _UAPI_LINUX_IDLEGATE_H

#include <linux/ioctl.h>
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
#define IDLEGATE_INPUT_LAG_NS 100000000u

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

#define IDLEGATE_DEVICE        "/dev/idlegate"
#define IDLEGATE_ABI           1u
#define IDLEGATE_EVENTS        64u
#define IDLEGATE_HOLD_ROOM     16u /* holds that the structs below have room for */
#define IDLEGATE_SENSOR_ROOM   8u
#define IDLEGATE_ZONES         32u /* thermal zones, those of user space and of the module */
#define IDLEGATE_ZONE_NAME     20u /* with the NUL, as the kernel's own THERMAL_NAME_LENGTH */
#define IDLEGATE_LEASES        256u
#define IDLEGATE_LEASE_MAX_MS  60000u /* the longest limit */
#define IDLEGATE_LOOK_MIN_MS   100u
#define IDLEGATE_LOOK_MAX_MS   3600000u
#define IDLEGATE_LOOK_MS       5000u /* until a policy says otherwise */
#define IDLEGATE_NEVER         (~(__u64)0)
#define IDLEGATE_VALUE_UNKNOWN ((__s32)-0x7fffffff - 1)

enum idlegate_sensor { /* bits of `sensors` and of policy's `required_sensors`: 1u << N */
	IDLEGATE_SENSOR_INPUT = 0,
	IDLEGATE_SENSOR_POWER = 1,
	IDLEGATE_SENSOR_THERMAL = 2,
	IDLEGATE_SENSOR_GPU = 3,
	IDLEGATE_SENSOR_CPU = 4,
	IDLEGATE_SENSOR_SUSPEND = 5,
	IDLEGATE_SENSOR_SCHEDULE = 6,
};

struct idlegate_event {
	__u64 at_ns; /* when the holds changed */
	__u32 holds; /* since then */
	__u32 before;
	__u32 lost; /* events that this file lost just before this one */
	__u32 reserved; /* zero */
};

struct idlegate_info {
	__u32 abi; /* IDLEGATE_ABI */
	__u32 sensors; /* that this module can watch on this kernel: bits of enum idlegate_sensor */
	__u32 features; /* none yet */
	__u32 hosted; /* 1: there is an owner */
	__u32 leases; /* joined now */
	__u32 watched; /* sensors that the module watches now */
	__u32 inputs; /* input devices that it listens to now */
	__u32 supplies; /* power supplies that it saw when it last looked */
	__u64 stops, kills; /* signals sent since the module was loaded */
	__u64 reserved[8];
};

/* The state of the gate, for those who explain it. All zero but `holds` while nobody hosts. */
struct idlegate_state {
	__u32 holds;
	__u32 lost; /* sensors that sensor-lost waits for: bits of enum idlegate_sensor */
	__u64 now_ns; /* of this answer */
	__u64 changed_ns, input_ns, closes, opens, facts; /* as in the page */
	__u64 next_deadline_ns; /* when a hold clears by time alone; IDLEGATE_NEVER */
	__u64 since_ns[IDLEGATE_HOLD_ROOM]; /* by hold: when it was set; 0: it is not */
	__u64 clear_at_ns[IDLEGATE_HOLD_ROOM]; /* by hold: when it clears if nothing comes */
	__u8 sensor[IDLEGATE_SENSOR_ROOM]; /* enum gate_sensor_state: unheard, ok, lost, absent */
	__s32 hottest_mc; /* of all known zones, or IDLEGATE_VALUE_UNKNOWN */
	__u32 reserved[7];
};

struct idlegate_host {
	__u32 sensors; /* in: that the module shall watch, all of them in info's `sensors` */
	__u32 flags; /* zero */
	__u64 reserved[3];
};

/* The limits: struct gate_policy of the core, whose comments hold here too. */
struct idlegate_policy {
	__u64 idle_after_ns;
	__u64 resume_settle_ns;
	__u64 dwell_ns[IDLEGATE_HOLD_ROOM]; /* zero beyond IDLEGATE_HOLD_COUNT */
	__s32 battery_low_set, battery_low_clear; /* percent */
	__s32 battery_hot_set, battery_hot_clear; /* 1/1000 degree Celsius */
	__s32 zone_hot_set, zone_hot_clear;
	__u32 require_charging; /* 0 or 1 */
	__u32 required_sensors;
	/*
	 * How often the module looks at batteries and zones while only looking can tell (open, or
	 * held by heat or level alone): IDLEGATE_LOOK_MIN_MS to _MAX_MS. What it saw is not older
	 * than that when the gate opens. 0: it looks only when told, and opens on what it knows.
	 */
	__u32 look_ms;
	__u32 reserved[7];
};

/* A zone of the kernel's thermal framework that the module reads by itself. */
struct idlegate_zone {
	char name[IDLEGATE_ZONE_NAME]; /* its type, NUL-terminated; must be unique */
	__s32 set_mc, clear_mc; /* own limits, or IDLEGATE_VALUE_UNKNOWN: those of the policy */
	__u32 reserved;
};

/* All zones that the module shall read, in place of those named before; ids 0 ... n-1. */
struct idlegate_zones {
	__u32 n; /* at most IDLEGATE_ZONES */
	__u32 reserved;
	struct idlegate_zone zone[IDLEGATE_ZONES]; /* zero beyond n */
};

enum idlegate_fact_kind { /* as enum gate_fact_kind of the core */
	IDLEGATE_FACT_TICK = 0, /* nothing but time */
	IDLEGATE_FACT_INPUT = 1,
	IDLEGATE_FACT_POWER = 2,
	IDLEGATE_FACT_ZONE = 3,
	IDLEGATE_FACT_ZONE_GONE = 4,
	IDLEGATE_FACT_SUSPEND = 5,
	IDLEGATE_FACT_GPU = 6,
	IDLEGATE_FACT_CPU = 7,
	IDLEGATE_FACT_SCHEDULE = 8,
	IDLEGATE_FACT_PAUSE = 9,
	IDLEGATE_FACT_SENSOR = 11, /* 10 is the host: told by opening and closing */
};

#define IDLEGATE_POWER_ONLINE      (1u << 0) /* a supply that is no battery is online */
#define IDLEGATE_POWER_BATTERY     (1u << 1) /* there is a battery */
#define IDLEGATE_POWER_DISCHARGING (1u << 2)

/*
 * What user space saw. What a kind does not use is zero. Kinds that belong to a
 * sensor which the module watches are refused with -EBUSY, but for INPUT: an input
 * that another probe saw is welcome.
 */
struct idlegate_fact {
	__u32 kind; /* enum idlegate_fact_kind */
	__u32 id; /* ZONE, ZONE_GONE: the zone; SENSOR: enum idlegate_sensor */
	/*
	 * SUSPEND, GPU, CPU, SCHEDULE, PAUSE: 0 or 1; POWER: IDLEGATE_POWER_*; SENSOR: its state,
	 * 1 ok, 2 lost, 3 absent
	 */
	__u32 on;
	__s32 temp_mc; /* ZONE, POWER (hottest battery): or IDLEGATE_VALUE_UNKNOWN */
	__s32 set_mc, clear_mc; /* ZONE: own limits, or IDLEGATE_VALUE_UNKNOWN */
	__s32 capacity; /* POWER: percent of the emptiest battery, or IDLEGATE_VALUE_UNKNOWN */
	__u32 reserved32;
	__u64 until_ns; /* PAUSE on: when it ends, or IDLEGATE_NEVER */
	__u64 reserved[3];
};

struct idlegate_join {
	__u32 grace_ms; /* 1 ... limit_ms */
	__u32 limit_ms; /* ... IDLEGATE_LEASE_MAX_MS */
	__u32 flags; /* zero */
	__u32 reserved[5];
};

#define IDLEGATE_IOC_MAGIC 0xbc

/* Anyone. */
#define IDLEGATE_IOC_INFO  _IOR(IDLEGATE_IOC_MAGIC, 0x00, struct idlegate_info)
#define IDLEGATE_IOC_STATE _IOR(IDLEGATE_IOC_MAGIC, 0x01, struct idlegate_state)

/*
 * The owner. HOST: -EPERM without the right, -EBUSY: there is an owner (or this file
 * is a lease), -EINVAL: a sensor that the module cannot watch. The policy starts as
 * gate_policy_default(). POLICY: -EINVAL for limits that cannot work together, and
 * the old ones stay; a battery or a built-in input device that was there and is gone
 * (sensor-lost) is missed no longer. ZONES: -EINVAL for a name that is empty,
 * unterminated or twice there; a zone that does not exist, or whose name is not
 * unique, is a broken sensor (sensor-lost) and is looked for again, and so is THERMAL
 * watched without a zone; while it is not watched, no zone is read. FACT: -EINVAL for
 * one that makes no sense; the gate is as it was. LOOK: read supplies and zones now;
 * it returns when that is done. POLICY, ZONES and FACT look too where that could open
 * the gate.
 */
#define IDLEGATE_IOC_HOST   _IOW(IDLEGATE_IOC_MAGIC, 0x10, struct idlegate_host)
#define IDLEGATE_IOC_POLICY _IOW(IDLEGATE_IOC_MAGIC, 0x11, struct idlegate_policy)
#define IDLEGATE_IOC_ZONES  _IOW(IDLEGATE_IOC_MAGIC, 0x12, struct idlegate_zones)
#define IDLEGATE_IOC_FACT   _IOW(IDLEGATE_IOC_MAGIC, 0x13, struct idlegate_fact)
#define IDLEGATE_IOC_LOOK   _IO(IDLEGATE_IOC_MAGIC, 0x14)

/*
 * A lease. JOIN: -EPERM without the right, -ENOTCONN: nobody hosts, -EBUSY: the file
 * has a role already, or the process a lease, -ENOSPC: IDLEGATE_LEASES are joined,
 * -EINVAL: times out of range. UNPARK: -EAGAIN while a hold is set; then nothing may
 * be submitted. PARK always succeeds. RELEASE ends the lease before the file closes;
 * -EPERM for the leased process itself. A process that was stopped stays so when its
 * lease ends.
 */
#define IDLEGATE_IOC_JOIN    _IOW(IDLEGATE_IOC_MAGIC, 0x20, struct idlegate_join)
#define IDLEGATE_IOC_PARK    _IO(IDLEGATE_IOC_MAGIC, 0x21)
#define IDLEGATE_IOC_UNPARK  _IO(IDLEGATE_IOC_MAGIC, 0x22)
#define IDLEGATE_IOC_RELEASE _IO(IDLEGATE_IOC_MAGIC, 0x23)

#define IDLEGATE_GENL_NAME    "idlegate"
#define IDLEGATE_GENL_VERSION 1
#define IDLEGATE_GENL_MCGRP   "events"

enum {
	IDLEGATE_CMD_UNSPEC = 0,
	IDLEGATE_CMD_GET = 1, /* no attributes -> HOLDS ... NEXT_DEADLINE_NS, without BEFORE */
	/* PAUSE, and UNTIL_NS if it shall end by itself; -ENOTCONN: nobody hosts */
	IDLEGATE_CMD_SET = 2,
	IDLEGATE_CMD_EVENT = 3, /* multicast: HOLDS, BEFORE, CHANGED_NS */
	IDLEGATE_CMD_MAX = 3,
};

enum {
	IDLEGATE_A_UNSPEC = 0,
	IDLEGATE_A_PAD = 1,
	IDLEGATE_A_HOLDS = 2, /* u32 */
	IDLEGATE_A_BEFORE = 3, /* u32 */
	IDLEGATE_A_CHANGED_NS = 4, /* u64 */
	IDLEGATE_A_INPUT_NS = 5, /* u64 */
	IDLEGATE_A_CLOSES = 6, /* u64 */
	IDLEGATE_A_OPENS = 7, /* u64 */
	IDLEGATE_A_NEXT_DEADLINE_NS = 8, /* u64 */
	IDLEGATE_A_PAUSE = 9, /* u8: 0 or 1 */
	IDLEGATE_A_UNTIL_NS = 10, /* u64 */
	IDLEGATE_A_MAX = 10,
};

#endif
