/* SPDX-License-Identifier: MIT */
/*
 * Heat: the thermal zones, against the policy's limit or a lower one of their own.
 *
 * The kernel's thermal family, where it exists, tells of crossed trips and of zones that come and
 * go; all zones are then read at once, whatever the holds, and while the gate is open its samples
 * are taken as they come. Where the family is missing, an eBPF program tells of crossed trips and
 * of zones that pass the policy's limit, if the kernel reads them by itself. Besides, and alone
 * where there is neither, sysfs is read every 5 s while the gate is open (the duty controller
 * steers by it), and every 30 s while only heat keeps it closed.
 *
 * A device without zones has no such sensor, and that is normal. Zones that were there and are
 * all gone, or none of which has a value, are a lost sensor; a reload forgets what was there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/sources/bpf_tell.h"
#include "broker/sources/sensor.h"
#include "broker/sources/thermal_netlink.h"
#include "broker/sources/thermal_zone.h"
#include "libbroker/util/cleanup.h"

#define THERMAL_FAST_NS (5 * NS_PER_S)
#define THERMAL_SLOW_NS (30 * NS_PER_S)
#define THERMAL_HOLDS   IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_ZONE_HOT)

struct thermal {
	struct sensor sensor;
	struct thermal_netlink *netlink;
	struct bpf_tell *bpf; /* where the kernel has no such family */
	struct loop_timer *timer;
	uint32_t holds;
	uint32_t slots; /* places of the gate that have a zone */
	bool had_zones;
	struct thermal_look look;
};

static void thermal_tell(struct thermal *t)
{
	struct gate_fact facts[GATE_MAX_ZONES];
	uint32_t used = thermal_slots(&t->look, &t->sensor.ctx.config->gate, facts);
	int32_t hottest = thermal_hottest(&t->look);

	/* A zone that is broken is not gone: what it last said stays. */
	for (uint32_t i = 0; i < GATE_MAX_ZONES; i++)
		if ((t->look.bad[0] ? used : used | t->slots) & 1u << i)
			sensor_fact(&t->sensor, &facts[i]);
	t->slots = t->look.bad[0] ? used | t->slots : used;
	if (used && t->sensor.ctx.heat)
		t->sensor.ctx.heat(t->sensor.ctx.data, hottest);
}

static void thermal_read(struct thermal *t)
{
	const char *sys = t->sensor.ctx.config->roots.sys;
	int r = thermal_look(&t->look, sys);
	int32_t hottest;

	if (r < 0 && r != -ENOENT) {
		sensor_say(&t->sensor, GATE_SENSOR_LOST, "%.100s/class/thermal: %s", sys,
			   strerror(-r));
		return;
	}
	t->had_zones |= t->look.n > 0;
	thermal_tell(t);
	if (t->look.bad[0]) {
		sensor_say(&t->sensor, GATE_SENSOR_LOST, "%s", t->look.bad);
		return;
	}
	if (t->slots) {
		hottest = thermal_hottest(&t->look);
		sensor_say(&t->sensor, GATE_SENSOR_OK, "%u zones, the hottest at %d.%d degrees",
			   t->look.n, hottest / 1000, abs(hottest) % 1000 / 100);
	} else if (t->had_zones) {
		sensor_say(&t->sensor, GATE_SENSOR_LOST, "%s; if that is right, reload the broker",
			   t->look.n ? "no thermal zone has a value"
				     : "all thermal zones are gone");
	} else {
		sensor_say(&t->sensor, GATE_SENSOR_ABSENT, "no thermal zones");
	}
}

static enum source_pace thermal_pace(const struct thermal *t)
{
	return source_pace(t->holds, sensor_mine(&t->sensor, THERMAL_HOLDS));
}

static void thermal_schedule(struct thermal *t)
{
	enum source_pace pace = thermal_pace(t);

	thermal_netlink_sample(t->netlink, pace == SOURCE_FAST && t->slots);
	if (pace == SOURCE_ASLEEP || !t->had_zones)
		loop_timer_at(t->timer, UINT64_MAX);
	else
		loop_timer_at(t->timer, clock_now_ns() + (pace == SOURCE_FAST ? THERMAL_FAST_NS
									      : THERMAL_SLOW_NS));
}

static void thermal_look_again(void *data)
{
	struct thermal *t = data;

	thermal_read(t);
	thermal_schedule(t);
}

static void thermal_sample(struct thermal *t, const struct thermal_message *m)
{
	if (!thermal_sane(m->temp_mc))
		return; /* the next look finds out whether it stays so */
	for (uint32_t i = 0; i < t->look.n; i++)
		if (t->look.zone[i].id == m->zone && t->look.zone[i].readable) {
			t->look.zone[i].temp_mc = m->temp_mc;
			thermal_tell(t);
			return;
		}
}

static void thermal_message_came(void *data, const struct thermal_message *m)
{
	struct thermal *t = data;

	if (m->kind == THERMAL_MESSAGE_SAMPLE)
		thermal_sample(t, m);
	else
		thermal_look_again(t);
}

static void thermal_rung(void *data, const struct bpf_record *rec)
{
	thermal_look_again(data);
}

static void thermal_bell(void *data)
{
	struct thermal *t = data;

	t->sensor.tier = t->netlink               ? "netlink+sysfs"
			 : bpf_tell_works(t->bpf) ? "ebpf+sysfs"
						  : "sysfs";
	thermal_look_again(t);
}

static const struct bpf_tell_ops thermal_bell_ops = {
	.probe = BPF_PROBE_THERMAL,
	.kind = BPF_RECORD_THERMAL,
	.ready = thermal_bell,
	.fn = thermal_rung,
};

static void thermal_holds_changed(void *source, uint32_t holds)
{
	struct thermal *t = source;
	enum source_pace before = thermal_pace(t);

	t->holds = holds;
	thermal_schedule(t);
	if (before == SOURCE_ASLEEP && thermal_pace(t) != SOURCE_ASLEEP)
		loop_timer_at(t->timer, 0);
}

static void thermal_reload(void *source)
{
	struct thermal *t = source;

	t->had_zones = false;
	bpf_hub_zone_limit(t->sensor.ctx.bpf, t->sensor.ctx.config->gate.zone_hot_set);
	thermal_look_again(t);
}

static void thermal_status(void *source, struct source_status *out)
{
	struct thermal *t = source;

	sensor_status(&t->sensor, out);
}

static void thermal_close(void *source)
{
	struct thermal *t = source;

	thermal_netlink_free(t->netlink);
	bpf_tell_free(t->bpf);
	loop_timer_free(t->timer);
	free(t);
}

DEFINE_CLEANUP(struct thermal, thermal, thermal_close)

static int thermal_open(void **out, const struct source_ctx *ctx)
{
	_cleanup_(cleanup_thermalp) struct thermal *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	sensor_init(&t->sensor, ctx, &source_thermal);
	t->holds = IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_SENSOR_LOST);
	r = loop_timer_new(ctx->loop, thermal_look_again, t, &t->timer);
	if (r < 0)
		return r;
	r = thermal_netlink_new(&t->netlink, ctx->loop, thermal_message_came, t);
	if (r == -ENOMEM)
		return r;
	if (!t->netlink && bpf_tell_new(&t->bpf, ctx->bpf, &thermal_bell_ops, t) == -ENOMEM)
		return -ENOMEM;
	bpf_hub_zone_limit(ctx->bpf, ctx->config->gate.zone_hot_set);
	thermal_bell(t);
	*out = steal_ptr(t);
	return 0;
}

const struct source_ops source_thermal = {
	.name = "thermal",
	.sensor = GATE_SENSOR_THERMAL,
	.open = thermal_open,
	.holds_changed = thermal_holds_changed,
	.reload = thermal_reload,
	.status = thermal_status,
	.close = thermal_close,
};
