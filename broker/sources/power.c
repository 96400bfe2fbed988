/* SPDX-License-Identifier: MIT */
/*
 * Power: is the device fed, and does its battery gain?
 *
 * Plugging and unplugging come as kernel uevents and are read at once, whatever the holds. The
 * current, the level and the heat of a battery drift without an event in many drivers, so while
 * the gate is open they are read every 10 s, and every 60 s while only what they say keeps it
 * closed: without that look `draining` could never clear, because the job that drained the
 * battery has stopped and nothing changes that a driver would tell. Without a battery, nothing
 * is ever read by time.
 *
 * Where uevents cannot be heard an eBPF program on the power-supply core stands in for them.
 *
 * A battery that was there and is gone is a lost sensor: a fuel gauge whose driver died looks
 * the same as a board without a battery. A reload forgets what was there.
 */
#include "broker/sources/power.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/sources/bpf_tell.h"
#include "broker/sources/sensor.h"
#include "broker/sources/uevent.h"
#include "libbroker/util/cleanup.h"

#define POWER_FAST_NS (10 * NS_PER_S)
#define POWER_SLOW_NS (60 * NS_PER_S)
#define POWER_HOLDS                                     \
	(IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_DRAINING) |    \
	 IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_BATTERY_LOW) | \
	 IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_BATTERY_HOT))

struct power {
	struct sensor sensor;
	struct uevent *uevent;
	struct bpf_tell *bpf; /* where there are no uevents */
	int uevent_error; /* neither of the two */
	struct loop_timer *timer;
	uint32_t holds;
	struct power_look last;
	char battery[32]; /* one that was there; empty: none yet */
};

static const char *look_battery(const struct power_look *look, const char *name)
{
	for (u32 i = 0; i < look->n; i++)
		if (look->supply[i].is_battery && (!name[0] || !strcmp(look->name[i], name)))
			return look->name[i];
	return NULL;
}

static void power_describe(struct power *p, const struct gate_power *sum)
{
	char level[48] = "no battery";

	if (sum->has_battery && sum->capacity != GATE_VALUE_UNKNOWN)
		snprintf(level, sizeof(level), "battery %d%%%s", (int)sum->capacity,
			 sum->discharging ? ", losing charge" : "");
	else if (sum->has_battery)
		snprintf(level, sizeof(level), "battery of unknown level%s",
			 sum->discharging ? ", losing charge" : "");
	if (!p->last.n) {
		sensor_say(&p->sensor, GATE_SENSOR_OK, "no power supply known: mains powered");
		return;
	}
	sensor_say(&p->sensor, GATE_SENSOR_OK, "%u supplies: %s, %s", p->last.n,
		   sum->external_online ? "fed from outside" : "not fed from outside", level);
}

static void power_read(struct power *p)
{
	struct gate_fact fact = {.kind = GATE_FACT_POWER};
	const char *sys = p->sensor.ctx.config->roots.sys;
	int r = power_look(&p->last, sys);
	const char *battery;

	if (r < 0) {
		sensor_say(&p->sensor, GATE_SENSOR_LOST, "%.100s/class/power_supply: %s", sys,
			   strerror(-r));
		return;
	}
	if (p->last.bad[0]) {
		sensor_say(&p->sensor, GATE_SENSOR_LOST, "%s", p->last.bad);
		return;
	}
	battery = look_battery(&p->last, p->battery);
	if (p->battery[0] && !battery) {
		sensor_say(&p->sensor, GATE_SENSOR_LOST,
			   "battery '%s' is gone; if that is right, reload the broker", p->battery);
		return;
	}
	if (battery)
		memmove(p->battery, battery, strlen(battery) + 1);
	if (p->last.n && p->uevent_error) {
		sensor_say(&p->sensor, GATE_SENSOR_LOST,
			   "no kernel uevents (%s), so unplugging would not be seen; the broker "
			   "needs AF_NETLINK and the host's user namespace",
			   strerror(-p->uevent_error));
		return;
	}
	gate_power_sum(&fact.power, p->last.supply, p->last.n);
	sensor_fact(&p->sensor, &fact);
	power_describe(p, &fact.power);
}

static void power_schedule(struct power *p)
{
	enum source_pace pace = source_pace(p->holds, sensor_mine(&p->sensor, POWER_HOLDS));
	bool lost = p->sensor.state == GATE_SENSOR_LOST;

	if (pace == SOURCE_ASLEEP || (!p->battery[0] && !lost))
		loop_timer_at(p->timer, UINT64_MAX);
	else
		loop_timer_at(p->timer, clock_now_ns() + (pace == SOURCE_FAST ? POWER_FAST_NS
									      : POWER_SLOW_NS));
}

static void power_look_again(void *data)
{
	struct power *p = data;

	power_read(p);
	power_schedule(p);
}

static void power_rung(void *data, const struct bpf_record *rec)
{
	power_look_again(data);
}

static void power_bell(void *data)
{
	struct power *p = data;

	if (bpf_tell_works(p->bpf))
		p->uevent_error = 0;
	p->sensor.tier = p->uevent                ? "uevent+sysfs"
			 : bpf_tell_works(p->bpf) ? "ebpf+sysfs"
						  : "sysfs";
	power_look_again(p);
}

static const struct bpf_tell_ops power_bell_ops = {
	.probe = BPF_PROBE_POWER,
	.kind = BPF_RECORD_POWER,
	.ready = power_bell,
	.fn = power_rung,
};

static void power_holds_changed(void *source, uint32_t holds)
{
	struct power *p = source;
	uint32_t mine = sensor_mine(&p->sensor, POWER_HOLDS);
	enum source_pace before = source_pace(p->holds, mine);

	p->holds = holds;
	power_schedule(p);
	if (before == SOURCE_ASLEEP && source_pace(holds, mine) != SOURCE_ASLEEP && p->battery[0])
		loop_timer_at(p->timer, 0);
}

static void power_reload(void *source)
{
	struct power *p = source;

	p->battery[0] = '\0';
	power_look_again(p);
}

static void power_status(void *source, struct source_status *out)
{
	struct power *p = source;

	sensor_status(&p->sensor, out);
}

static void power_close(void *source)
{
	struct power *p = source;

	uevent_free(p->uevent);
	bpf_tell_free(p->bpf);
	loop_timer_free(p->timer);
	free(p);
}

DEFINE_CLEANUP(struct power, power, power_close)

static int power_open(void **out, const struct source_ctx *ctx)
{
	_cleanup_(cleanup_powerp) struct power *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	sensor_init(&p->sensor, ctx, &source_power);
	p->holds = IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_SENSOR_LOST);
	r = loop_timer_new(ctx->loop, power_look_again, p, &p->timer);
	if (r < 0)
		return r;
	/* Listen first, read then: nothing between the two is missed. */
	p->uevent_error = uevent_new(&p->uevent, ctx->loop, "power_supply", power_look_again, p);
	if (p->uevent_error == -ENOMEM)
		return -ENOMEM;
	if (p->uevent_error && bpf_tell_new(&p->bpf, ctx->bpf, &power_bell_ops, p) == -ENOMEM)
		return -ENOMEM;
	power_bell(p);
	*out = steal_ptr(p);
	return 0;
}

const struct source_ops source_power = {
	.name = "power",
	.sensor = GATE_SENSOR_POWER,
	.open = power_open,
	.holds_changed = power_holds_changed,
	.reload = power_reload,
	.status = power_status,
	.close = power_close,
};
