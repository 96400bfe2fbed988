/* SPDX-License-Identifier: MIT */
/*
 * A look at the device for people: who uses it how much, how warm and how full it is. Nothing here
 * decides anything.
 *
 * It takes place only when somebody asks, at most once in LOOK_MIN_NS whoever asks: callers within
 * that time share what was found, and callers during a look wait for its end. Reading all of /proc
 * and a slow fuel gauge takes a thread of its own, which is started by the first who asks, so the
 * loop is not kept from the gate.
 */
#ifndef BROKER_LOOK_H
#define BROKER_LOOK_H

#include "broker/config.h"
#include "broker/loop.h"
#include "broker/sources/gpu_use.h"

#define LOOK_MIN_NS    (500 * NS_PER_MS)
#define LOOK_FORGET_NS (10 * NS_PER_S) /* after such a pause every process is looked at */

struct look;

struct look_result {
	uint64_t at_ns; /* when it was found */
	int proc_error; /* -errno: there are no clients, since /proc cannot be read */
	struct gpu_use use;
	int32_t hottest_mc; /* of all thermal zones, or GATE_TEMP_UNKNOWN */
	bool has_battery, discharging;
	int32_t battery_percent; /* or GATE_VALUE_UNKNOWN */
	int32_t battery_mc; /* or GATE_TEMP_UNKNOWN */
};

/** look_new() - costs nothing before the first look; 0 or -ENOMEM. @config must outlive it */
int look_new(struct look **out, struct loop *loop, const struct config *config);

/** look_free() - who waits is told first; NULL is fine */
void look_free(struct look *look);

/**
 * look_get() - @fn is called once, now or from the loop
 * @hub: whose accounts count if it has any; may be NULL
 *
 * @fn gets a result that is valid during the call, or NULL and -errno.
 */
void look_get(struct look *look, const struct bpf_hub *hub,
	      void (*fn)(void *data, const struct look_result *found, int error), void *data);

#endif
