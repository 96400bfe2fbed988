/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The gate: facts in, holds out.
 *
 * A pure state machine, compiled unchanged into the kernel module, into brokerd
 * and into the unit tests. It has no clock (the caller gives the time), no lock
 * (the caller serializes), allocates nothing, logs nothing, and uses neither
 * floating point nor 64-bit division.
 *
 * Model: each hold has a raw condition, which the facts set and clear, and the
 * published bit. A raw condition sets its bit at once. The bit clears only after
 * the raw condition has been clear for the hold's dwell without a break. Where a
 * condition is a number against a limit, it has two limits, one to set and one to
 * clear, so that a value that trembles around one of them does not make the gate
 * flap.
 *
 * Invariants, which the property tests hold against random streams of facts:
 *  - the gate is never open while any raw condition forbids it;
 *  - a condition that came and went is seen as a hold for at least its dwell;
 *  - whatever the order of the facts, once all conditions are clear and every
 *    dwell has passed, no hold stays.
 *
 * A gate starts closed: every fact that policy needs and that has not been heard
 * of yet counts as missing (sensor-lost). Nothing was seen to come and go then, so
 * the first opening waits for facts alone and for no dwell.
 *
 * What the gate takes for missing, of the sensors that policy requires:
 *  - a sensor that is UNHEARD or LOST. A fact of its kind makes an UNHEARD or ABSENT
 *    sensor OK; a LOST one is only found again by a SENSOR fact, since one that fails
 *    now and then must say itself when it is to be trusted again;
 *  - power, thermal and schedule that are OK but have given no value yet (thermal: know
 *    no zone); INPUT, SUSPEND, GPU and CPU tell of events, and silence is calm;
 *  - a battery without a level, a battery temperature that was there and is not any
 *    more, a zone without a temperature, and a value that cannot be.
 * Whatever a sensor said is forgotten when it becomes ABSENT.
 */
#ifndef IDLEGATE_CORE_GATE_H
#define IDLEGATE_CORE_GATE_H

#ifdef __KERNEL__
#include <linux/types.h>
#include <linux/errno.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
typedef uint32_t u32;
typedef int32_t s32;
typedef uint64_t u64;
typedef int64_t s64;
#endif

#include <linux/idlegate.h>

#define GATE_NEVER            (~(u64)0)
#define GATE_MAX_ZONES        32
#define GATE_TEMP_UNKNOWN     ((s32)0x80000000)
#define GATE_VALUE_UNKNOWN    ((s32)0x80000000)
/* A temperature beyond these is no temperature: what a broken sensor reads as. */
#define GATE_TEMP_MIN_MC      (-100000)
#define GATE_TEMP_MAX_MC      250000
/* A current that flows out but is smaller is noise of the gauge around a full battery. */
#define GATE_CURRENT_NOISE_UA 10000

/* What the gate needs to have heard of before it may open. */
enum gate_sensor {
	GATE_SENSOR_INPUT = 0,
	GATE_SENSOR_POWER = 1,
	GATE_SENSOR_THERMAL = 2,
	GATE_SENSOR_GPU = 3,
	GATE_SENSOR_CPU = 4,
	GATE_SENSOR_SUSPEND = 5,
	GATE_SENSOR_SCHEDULE = 6,
	GATE_SENSOR_COUNT
};

#define GATE_SENSOR_BIT(sensor) (1u << (sensor))
#define GATE_SENSOR_MASK        ((1u << GATE_SENSOR_COUNT) - 1)

enum gate_sensor_state {
	GATE_SENSOR_UNHEARD = 0, /* the start, told by nobody: counts as lost if required */
	GATE_SENSOR_OK = 1,
	GATE_SENSOR_LOST = 2, /* was there or was asked for, and is broken or gone */
	GATE_SENSOR_ABSENT = 3, /* this device has none, and that is normal here */
};

/*
 * Thresholds and dwells. Times in ns, temperatures in thousandths of a degree
 * Celsius, levels in percent. For each pair, `set` is the value at which the hold
 * sets and `clear` the value at which it may clear.
 */
struct gate_policy {
	u64 idle_after_ns; /* user-active lasts this long after the last input */
	u64 dwell_ns[IDLEGATE_HOLD_COUNT]; /* calm needed before the hold clears */
	u64 resume_settle_ns; /* suspending lasts this long after resume */
	s32 battery_low_set, battery_low_clear; /* set at or below; clear at or above */
	s32 battery_hot_set, battery_hot_clear; /* set at or above; clear at or below */
	s32 zone_hot_set, zone_hot_clear; /* for zones without limits of their own */
	bool require_charging; /* false: a device may work from its battery */
	u32 required_sensors; /* bits of GATE_SENSOR_BIT() */
};

enum gate_fact_kind {
	GATE_FACT_TICK = 0, /* nothing but time: a deadline came */
	GATE_FACT_INPUT, /* the owner used the device now */
	GATE_FACT_POWER, /* all supplies, summed up by gate_power_sum() */
	GATE_FACT_ZONE, /* the temperature of one zone */
	GATE_FACT_ZONE_GONE, /* that zone exists no more */
	GATE_FACT_SUSPEND, /* on: the freeze is about to begin; off: resumed, or was never */
	GATE_FACT_GPU, /* on: a program that is no job uses the device */
	GATE_FACT_CPU, /* on: the owner's programs wait for the processor */
	GATE_FACT_SCHEDULE, /* on: the hour is allowed */
	GATE_FACT_PAUSE, /* on, with until_ns (GATE_NEVER: until off) */
	GATE_FACT_HOST, /* on: a broker hosts the gate */
	GATE_FACT_SENSOR, /* the state of one sensor */
	GATE_FACT_COUNT
};

/* All supplies in one: what gate_power_sum() makes of them. */
struct gate_power {
	bool external_online; /* a supply that is no battery is online */
	bool has_battery;
	bool discharging; /* a battery says so, or its current is negative */
	s32 capacity; /* percent of the emptiest battery, or GATE_VALUE_UNKNOWN */
	s32 temp_mc; /* hottest battery, or GATE_TEMP_UNKNOWN */
};

struct gate_fact {
	u32 kind; /* enum gate_fact_kind */
	union {
		bool on; /* SUSPEND, GPU, CPU, SCHEDULE, HOST */
		struct gate_power power;
		struct {
			u32 id; /* below GATE_MAX_ZONES */
			s32 temp_mc;
			s32 set_mc, clear_mc; /* own limits, or GATE_TEMP_UNKNOWN */
		} zone; /* ZONE, ZONE_GONE (id only) */
		struct {
			bool on;
			u64 until_ns;
		} pause;
		struct {
			u32 id; /* enum gate_sensor */
			u32 state; /* enum gate_sensor_state */
		} sensor;
	};
};

struct gate_hold_state {
	bool raw; /* the condition forbids it now */
	bool no_dwell; /* set by the start alone: clears with its condition */
	u64 calm_ns; /* when the condition last went away */
	u64 since_ns; /* when the bit was set */
	u64 clear_at_ns; /* when it clears if nothing comes; GATE_NEVER: no deadline */
};

struct gate_zone {
	s32 temp_mc, set_mc, clear_mc; /* as in the fact */
};

/* Opaque to callers but for size and the fields of the first part. */
struct gate {
	u32 holds;
	u32 lost; /* bits of the sensors that sensor-lost waits for */
	u64 now_ns;
	u64 changed_ns;
	u64 input_ns; /* 0: none seen */
	u64 closes, opens, facts; /* facts: all but ticks */
	u32 sensor[GATE_SENSOR_COUNT]; /* enum gate_sensor_state */
	struct gate_hold_state hold[IDLEGATE_HOLD_COUNT];

	/* The last facts, kept so that a new policy judges them too. */
	u32 heard; /* sensors that gave a value */
	bool input_seen, suspended, resumed, gpu_busy, cpu_busy, hour_allowed, paused;
	bool hosted, ever_hosted;
	u64 pause_until_ns;
	u64 resumed_ns; /* the last time, if resumed */
	u64 nonsense_until_ns;
	struct gate_power power;
	bool battery_temp_seen;
	bool battery_low, battery_hot; /* between their two limits these remember */
	struct gate_zone zone[GATE_MAX_ZONES];
	u32 zones_known, zones_hot; /* bit per zone */
};

/* One supply as sysfs or the power-supply class tells it. */
struct gate_supply {
	bool is_battery; /* type Battery with scope System; else anything that feeds */
	bool present; /* a battery that is not there counts as none */
	bool online; /* for what is no battery */
	bool discharging; /* status Discharging */
	s32 capacity; /* percent, or GATE_VALUE_UNKNOWN */
	s32 temp_mc; /* or GATE_TEMP_UNKNOWN */
	s32 current_ua; /* negative: flows out; or GATE_VALUE_UNKNOWN */
};

/**
 * gate_init() - a closed gate that has heard of nothing yet
 * @policy: limits that gate_policy_check() lets pass; not kept
 * @now_ns: CLOCK_MONOTONIC
 */
void gate_init(struct gate *gate, const struct gate_policy *policy, u64 now_ns);

/**
 * gate_step() - take one fact
 * @now_ns: the time of the fact; a time before the last one counts as the last one
 *
 * Every step also lets deadlines pass that lie at or before @now_ns, after the fact
 * was taken, so an input at the very end of the idle time still holds. It judges the
 * kept facts by @policy anew: after a change of policy a TICK applies it.
 *
 * Return: 1 if the set of holds changed, 0 if not, -EINVAL for a fact that makes no
 * sense (unknown kind, zone or sensor, or a state that cannot be told); the gate then
 * sets sensor-lost for its dwell.
 */
int gate_step(struct gate *gate, const struct gate_policy *policy, const struct gate_fact *fact,
	      u64 now_ns);

/**
 * gate_next_deadline() - when a hold clears by time alone
 * Return: the earliest CLOCK_MONOTONIC ns at which a TICK clears a hold, or
 * GATE_NEVER. While the gate waits only for facts this is GATE_NEVER: no timer.
 */
u64 gate_next_deadline(const struct gate *gate);

/** gate_policy_default() - the limits that suit a phone on its charger; policy.c says why */
void gate_policy_default(struct gate_policy *policy);

/**
 * gate_policy_check() - whether the limits can work together
 * Return: NULL, or a sentence that names the pair that cannot (static).
 */
const char *gate_policy_check(const struct gate_policy *policy);

/**
 * gate_power_sum() - several supplies to one fact
 * @n: may be 0
 *
 * No battery at all means mains, whatever the other supplies say. Level and temperature
 * are those of the batteries that tell theirs: many chargers come with a second supply
 * of type Battery that knows neither.
 */
void gate_power_sum(struct gate_power *out, const struct gate_supply *supplies, u32 n);

struct gate_hold_info {
	const char *name; /* "user-active" */
	const char *why; /* a sentence for the owner */
	const char *clears; /* what will clear it */
};

/** gate_hold_info() - words for a hold; NULL when @hold is out of range */
const struct gate_hold_info *gate_hold_info(u32 hold);

/** gate_sensor_name() - "input", "power" …; NULL when @sensor is out of range */
const char *gate_sensor_name(u32 sensor);

#endif
