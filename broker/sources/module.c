/* SPDX-License-Identifier: MIT */
/*
 * The sensors that the kernel module watches by itself: no fact comes from here. What is left to
 * do is to say for `brokerctl doctor` what the module found, and what only user space can:
 *
 *   power    the kernel tells modules of a change of a supply, not of one that comes or goes: the
 *            uevent has the module look;
 *   thermal  the zones are found in sysfs and named to the module, again when one comes or goes;
 *            while the gate is open the hottest temperature is asked for, for the duty.
 *
 * Zones that cannot be named (any more) are a reason to host the gate anew, without them. To the
 * module a named zone without a value is a broken sensor; here it is looked at what it is: one
 * that sleeps (a modem's) sends the heat back to user space, which can leave it out.
 */
#include "broker/sources/module.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/sources/thermal_zone.h"
#include "broker/sources/uevent.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/log.h"

#define HEAT_NS (5 * NS_PER_S)

struct watched {
	struct source_ctx ctx;
	const struct source_ops *ops;
	struct uevent *uevent; /* power, thermal */
	int uevent_error;
	struct loop_timer *timer; /* thermal */
	uint32_t holds, zones;
	struct thermal_look look;
};

static void watched_rehost(struct watched *w, const char *why)
{
	log_info("the thermal zones cannot be watched by the kernel module any more",
		 LOG_STR("why", why));
	w->ctx.module->rehost(w->ctx.data);
}

static void name_zones(struct watched *w)
{
	struct idlegate_zones zones;
	const char *why = "";
	int r = thermal_look(&w->look, w->ctx.config->roots.sys);

	if (r == 0 && w->look.bad[0])
		return; /* one is broken, and the module says so */
	if (r == 0)
		r = thermal_name(&w->look, &w->ctx.config->gate, &zones, &why);
	/* None at all where some were: that sensor is lost, and the module says so. */
	if (r == -ENOENT)
		return;
	if (r == 0)
		r = w->ctx.module->zones(w->ctx.data, &zones);
	if (r < 0)
		watched_rehost(w, *why ? why : strerror(-r));
	else
		w->zones = zones.n;
}

/* A zone that went, or has no value for now, is not broken: it is found out here, once. */
static void look_at_heat(void *data)
{
	struct watched *w = data;
	struct idlegate_state state;

	loop_timer_at(w->timer, w->holds ? UINT64_MAX : clock_now_ns() + HEAT_NS);
	if (w->ctx.module->state(w->ctx.data, &state) < 0)
		return;
	if (state.lost & GATE_SENSOR_BIT(GATE_SENSOR_THERMAL))
		name_zones(w);
	else if (w->ctx.heat && state.hottest_mc != IDLEGATE_VALUE_UNKNOWN)
		w->ctx.heat(w->ctx.data, state.hottest_mc);
}

static void watched_holds_changed(void *source, uint32_t holds)
{
	struct watched *w = source;
	uint32_t newly = holds & ~w->holds;
	bool was_open = !w->holds;

	w->holds = holds;
	if (newly & IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_SENSOR_LOST))
		loop_timer_at(w->timer, 0);
	else if (was_open != !holds)
		loop_timer_at(w->timer, holds ? UINT64_MAX : 0);
}

static void supplies_changed(void *data)
{
	struct watched *w = data;

	w->ctx.module->look(w->ctx.data);
}

static void zones_changed(void *data)
{
	name_zones(data);
}

static void watched_reload(void *source)
{
	struct watched *w = source;

	if (w->ops->sensor == GATE_SENSOR_THERMAL)
		name_zones(w);
	else if (w->ops->sensor == GATE_SENSOR_POWER)
		w->ctx.module->look(w->ctx.data);
}

static void describe(const struct watched *w, const struct idlegate_info *info,
		     const struct idlegate_state *state, struct source_status *out)
{
	char *text = out->detail;
	size_t size = sizeof(out->detail);
	int32_t mc = state->hottest_mc;

	switch (w->ops->sensor) {
	case GATE_SENSOR_INPUT:
		snprintf(text, size, "%u input devices", info->inputs);
		break;
	case GATE_SENSOR_POWER:
		snprintf(text, size, "%u power supplies%s", info->supplies,
			 w->uevent ? ""
				   : "; without kernel uevents, so that one which comes or "
				     "goes is seen late");
		break;
	case GATE_SENSOR_THERMAL:
		if (mc == IDLEGATE_VALUE_UNKNOWN)
			snprintf(text, size, "%u zones, none of which has a value", w->zones);
		else
			snprintf(text, size, "%u zones, the hottest at %d.%d degrees", w->zones,
				 mc / 1000, abs(mc) % 1000 / 100);
		break;
	default:
		snprintf(text, size, "the kernel tells of a sleep before it begins");
	}
}

static void watched_status(void *source, struct source_status *out)
{
	static const char *const trouble[] = {
		[GATE_SENSOR_UNHEARD] = "nothing heard yet: ",
		[GATE_SENSOR_OK] = "",
		[GATE_SENSOR_LOST] = "LOST; if that is right, reload the broker: ",
		[GATE_SENSOR_ABSENT] = "",
	};
	const struct watched *w = source;
	struct source_status found = {.name = w->ops->name};
	struct idlegate_state state = {.hottest_mc = IDLEGATE_VALUE_UNKNOWN};
	struct idlegate_info info = {.abi = 0};
	uint32_t is;

	*out = (struct source_status){.name = w->ops->name, .tier = "module"};
	if (w->ctx.module->state(w->ctx.data, &state) < 0 ||
	    w->ctx.module->info(w->ctx.data, &info) < 0) {
		snprintf(out->detail, sizeof(out->detail), "the module does not answer");
		return;
	}
	is = state.sensor[w->ops->sensor];
	if (is > GATE_SENSOR_ABSENT)
		is = GATE_SENSOR_LOST;
	describe(w, &info, &state, &found);
	out->ok = is == GATE_SENSOR_OK || is == GATE_SENSOR_ABSENT;
	snprintf(out->detail, sizeof(out->detail), "%s%.120s", trouble[is], found.detail);
}

static void watched_close(void *source)
{
	struct watched *w = source;

	uevent_free(w->uevent);
	loop_timer_free(w->timer);
	free(w);
}

DEFINE_CLEANUP(struct watched, watched, watched_close)

static int watched_open(void **out, const struct source_ctx *ctx, const struct source_ops *ops,
			const char *subsystem, uevent_fn fn)
{
	_cleanup_(cleanup_watchedp) struct watched *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->ctx = *ctx;
	w->ops = ops;
	w->holds = IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_SENSOR_LOST);
	if (subsystem)
		w->uevent_error = uevent_new(&w->uevent, ctx->loop, subsystem, fn, w);
	if (w->uevent_error == -ENOMEM)
		return -ENOMEM;
	*out = steal_ptr(w);
	return 0;
}

static int input_open(void **out, const struct source_ctx *ctx)
{
	return watched_open(out, ctx, &source_module_input, NULL, NULL);
}

static int suspend_open(void **out, const struct source_ctx *ctx)
{
	return watched_open(out, ctx, &source_module_suspend, NULL, NULL);
}

static int power_open(void **out, const struct source_ctx *ctx)
{
	return watched_open(out, ctx, &source_module_power, "power_supply", supplies_changed);
}

static int thermal_open(void **out, const struct source_ctx *ctx)
{
	struct watched *w;
	int r = watched_open(out, ctx, &source_module_thermal, "thermal", zones_changed);

	if (r < 0)
		return r;
	w = *out;
	r = loop_timer_new(ctx->loop, look_at_heat, w, &w->timer);
	if (r < 0) {
		watched_close(w);
		*out = NULL;
		return r;
	}
	name_zones(w);
	return 0;
}

const struct source_ops source_module_input = {
	.name = "input",
	.sensor = GATE_SENSOR_INPUT,
	.open = input_open,
	.reload = watched_reload,
	.status = watched_status,
	.close = watched_close,
};

const struct source_ops source_module_power = {
	.name = "power",
	.sensor = GATE_SENSOR_POWER,
	.open = power_open,
	.reload = watched_reload,
	.status = watched_status,
	.close = watched_close,
};

const struct source_ops source_module_thermal = {
	.name = "thermal",
	.sensor = GATE_SENSOR_THERMAL,
	.open = thermal_open,
	.holds_changed = watched_holds_changed,
	.reload = watched_reload,
	.status = watched_status,
	.close = watched_close,
};

const struct source_ops source_module_suspend = {
	.name = "suspend",
	.sensor = GATE_SENSOR_SUSPEND,
	.open = suspend_open,
	.reload = watched_reload,
	.status = watched_status,
	.close = watched_close,
};
