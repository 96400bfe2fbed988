/* SPDX-License-Identifier: MIT */
/*
 * brokerd's gate: who hosts it, and the sources that bring it facts.
 *
 * The two belong together: what the kernel module watches by itself needs no source here. So
 * whenever the host changes (at the start, by a reload, because the module failed or its thermal
 * zones do not suit any more), all sources are closed and opened anew. Workers then still look
 * at the old host's page, which says broker-gone from then on: each is evicted, and its job goes on
 * under a new one.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "broker/broker_internal.h"
#include "broker/bpf/hub.h"
#include "broker/notify.h"
#include "broker/sources/bpf.h"
#include "broker/sources/thermal_zone.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/log.h"

static void holds_text(uint32_t holds, char *out, size_t room)
{
	size_t at = 0;

	out[0] = '\0';
	for (uint32_t h = 0; h < IDLEGATE_HOLD_COUNT; h++) {
		const char *name = gate_hold_info(h)->name;
		size_t len = strlen(name);

		if (!(holds & IDLEGATE_HOLD_BIT(h)) || at + len + 2 > room)
			continue;
		if (at)
			out[at++] = ',';
		memcpy(out + at, name, len + 1);
		at += len;
	}
}

static void tell_sources(struct broker *b, uint32_t holds)
{
	for (unsigned int i = 0; i < BROKER_SOURCES_MAX; i++)
		if (b->sources[i] && b->source_ops[i]->holds_changed)
			b->source_ops[i]->holds_changed(b->sources[i], holds);
}

static void on_gate(void *data, uint32_t holds, uint32_t before)
{
	struct broker *b = data;
	const struct broker_event event = {.kind = BROKER_EVENT_GATE};
	char names[200], status[240] = "STATUS=";

	/* Getting out comes first; the rest can wait. */
	if (!holds != !before)
		supervisor_gate_changed(b->sup, !holds);
	tell_sources(b, holds);
	holds_text(holds, names, sizeof(names));
	if (!holds != !before) {
		log_info(holds ? "gate closed" : "gate open", LOG_STR("holds", names));
		strcat(status, holds ? "closed: " : "open");
		strncat(status, names, sizeof(status) - strlen(status) - 1);
		notify_send(status);
	}
	broker_tell(b, &event);
}

static void on_fact(void *data, const struct gate_fact *fact)
{
	struct broker *b = data;

	gatehost_fact(b->gate, fact);
}

static void on_heat(void *data, int32_t hottest_mc)
{
	struct broker *b = data;

	supervisor_set_duty(b->sup, duty_update(&b->duty, hottest_mc, clock_now_ns()));
}

static int our_workers(void *data, int *pids, int max)
{
	struct broker *b = data;

	return supervisor_pids(b->sup, pids, max);
}

static bool is_ours(void *data, int pid)
{
	struct broker *b = data;
	int pids[64];
	int n = supervisor_pids(b->sup, pids, 64);

	for (int i = 0; i < n; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

static int module_look(void *data)
{
	return gatehost_look(((struct broker *)data)->gate);
}

static int module_zones(void *data, const struct idlegate_zones *zones)
{
	return gatehost_zones(((struct broker *)data)->gate, zones);
}

static int module_state(void *data, struct idlegate_state *out)
{
	gatehost_state(((struct broker *)data)->gate, out);
	return 0;
}

static int module_info(void *data, struct idlegate_info *out)
{
	return gatehost_info(((struct broker *)data)->gate, out);
}

static void module_rehost(void *data)
{
	loop_timer_at(((struct broker *)data)->rehost, 0);
}

static void close_sources(struct broker *b)
{
	for (unsigned int i = 0; i < BROKER_SOURCES_MAX; i++)
		if (b->sources[i])
			b->source_ops[i]->close(steal_ptr(b->sources[i]));
}

/*
 * eBPF sees the devices of the kernel that runs: where facts are to come from other places, it has
 * none to give.
 */
static bool wants_bpf(const struct broker *b)
{
	const struct config_roots *roots = &b->config.roots;

	return b->config.ebpf && !strcmp(roots->sys, "/sys") && !strcmp(roots->proc, "/proc") &&
	       !strcmp(roots->dev, "/dev");
}

static void on_bpf_input(void *data);

static int open_bpf(struct broker *b, struct error *err)
{
	const char *slash = strrchr(b->config.worker, '/');
	int r;

	snprintf(b->bpf_loader, sizeof(b->bpf_loader), "%.*sbroker-bpf",
		 slash ? (int)(slash + 1 - b->config.worker) : 0, b->config.worker);
	if (b->bpf || !wants_bpf(b))
		return 0;
	r = bpf_hub_new(&b->bpf, b->loop, b->bpf_loader);
	if (r < 0)
		return error_set(err, r, "ebpf", "out of memory");
	bpf_hub_on_answer(b->bpf, BPF_PROBE_INPUT, on_bpf_input, b);
	return 0;
}

static int open_sources(struct broker *b, struct error *err)
{
	int opened = open_bpf(b, err);

	if (opened < 0)
		return opened;
	b->source_module = (struct source_module){
		.watched = gatehost_watched(b->gate),
		.look = module_look,
		.zones = module_zones,
		.state = module_state,
		.info = module_info,
		.rehost = module_rehost,
	};
	b->source_ctx = (struct source_ctx){
		.loop = b->loop,
		.config = &b->config,
		.fact = on_fact,
		.heat = on_heat,
		.is_ours = is_ours,
		.workers = our_workers,
		.module = gatehost_is_module(b->gate) ? &b->source_module : NULL,
		.bpf = b->bpf,
		.data = b,
	};
	for (unsigned int i = 0; source_table[i]; i++) {
		int r;

		if (i == BROKER_SOURCES_MAX)
			return error_set(err, -E2BIG, NULL, "more sources than places for them");
		b->source_ops[i] = source_choose(source_table[i], &b->source_ctx);
		r = b->source_ops[i]->open(&b->sources[i], &b->source_ctx);
		if (r < 0)
			return error_set(err, r, source_table[i]->name,
					 "the sensor cannot be started: %s", strerror(-r));
	}
	/* What a source's own first facts changed is told to it only now. */
	tell_sources(b, gatehost_holds(b->gate));
	return 0;
}

/* The zones for the module, if it can have them; else heat stays with the source here. */
static bool zones_for_module(const struct broker *b, struct idlegate_zones *zones)
{
	_cleanup_free_ struct thermal_look *look = malloc(sizeof(*look));
	const char *why = "";
	int r = look ? thermal_look(look, b->config.roots.sys) : -ENOMEM;

	if (r == 0)
		r = thermal_name(look, &b->config.gate, zones, &why);
	if (r < 0)
		log_info("thermal zones stay in user space",
			 LOG_STR("why", *why ? why : strerror(-r)));
	return r == 0;
}

/* The module if the settings want it and it can be had. -errno only where it must be. */
static int choose_host(struct broker *b, struct error *err)
{
	struct idlegate_zones zones;
	char device[CONFIG_PATH_MAX + 16];
	struct error why;
	bool named;
	int r;

	if (b->config.module == CONFIG_MODULE_OFF)
		return 0;
	snprintf(device, sizeof(device), "%s/idlegate", b->config.roots.dev);
	named = zones_for_module(b, &zones);
	r = gatehost_use_module(b->gate, device, named ? &zones : NULL, &why);
	if (r < 0 && b->config.module == CONFIG_MODULE_REQUIRE)
		return error_set(err, r, why.where,
				 "%s; [gate] module = require, so the gate stays closed without it",
				 why.what);
	if (r == -ENOENT)
		log_info("the gate is hosted in user space", LOG_STR("why", why.what));
	else if (r < 0)
		log_warning("the gate is hosted in user space", LOG_STR("where", why.where),
			    LOG_STR("why", why.what));
	else
		log_info("the kernel module hosts the gate");
	return 0;
}

/* What must be there is not: the service manager may try again, and the log says why. */
static void give_up(struct broker *b, const struct error *err)
{
	log_error("brokerd stops", LOG_STR("where", err->where), LOG_STR("why", err->what));
	b->result = -ENODEV;
	loop_stop(b->loop);
}

/*
 * Another source in the place of one, or the same one opened anew. It listens before the old one
 * stops, so nothing between the two is missed; what both hear is told twice.
 */
static int replace_source(struct broker *b, unsigned int i, const struct source_ops *ops)
{
	void *source;
	int r = ops->open(&source, &b->source_ctx);

	if (r < 0)
		return r;
	b->source_ops[i]->close(b->sources[i]);
	b->sources[i] = source;
	b->source_ops[i] = ops;
	if (ops->holds_changed)
		ops->holds_changed(source, gatehost_holds(b->gate));
	return 0;
}

/* By eBPF, if that is to be had now; where there is no memory for it all stays as it is. */
static void on_bpf_input(void *data)
{
	struct broker *b = data;

	for (unsigned int i = 0; i < BROKER_SOURCES_MAX && source_table[i]; i++) {
		const struct source_ops *ops;

		if (source_table[i] != &source_input || !b->sources[i])
			continue;
		ops = source_choose(source_table[i], &b->source_ctx);
		if (ops != b->source_ops[i] && replace_source(b, i, ops) < 0)
			log_warning("input stays where it is: out of memory");
	}
}

static void reopen_sources(struct broker *b)
{
	struct error err;

	close_sources(b);
	supervisor_evict_all(b->sup);
	if (open_sources(b, &err) < 0)
		give_up(b, &err);
}

/* Returns whether the host is another one now. */
static bool set_anew(struct broker *b)
{
	bool was_module = gatehost_is_module(b->gate);
	struct error err;
	int r = was_module ? gatehost_use_local(b->gate) : 0;

	if (r < 0)
		error_set(&err, r, NULL, "hosting the gate: %s", strerror(-r));
	else
		r = choose_host(b, &err);
	if (r < 0)
		give_up(b, &err);
	else if (was_module || gatehost_is_module(b->gate))
		reopen_sources(b);
	return was_module || gatehost_is_module(b->gate);
}

static void on_rehost(void *data)
{
	set_anew(data);
}

/* The facade hosts in user space already. To find out whether the module is back is a reload's. */
static void on_lost(void *data)
{
	struct broker *b = data;
	struct error err;

	if (b->config.module == CONFIG_MODULE_REQUIRE) {
		error_set(&err, -ENODEV, "gate/module", "it is required, and it failed");
		give_up(b, &err);
	} else {
		reopen_sources(b);
	}
}

int broker_gate_new(struct broker *b)
{
	int r = gatehost_new(&b->gate, b->loop, &b->config.gate, on_gate, b);

	if (r == 0)
		r = loop_timer_new(b->loop, on_rehost, b, &b->rehost);
	if (r == 0)
		gatehost_on_lost(b->gate, on_lost);
	return r;
}

int broker_gate_start(struct broker *b, struct error *err)
{
	int r = choose_host(b, err);

	return r < 0 ? r : open_sources(b, err);
}

/* A sensor that went and shall be forgotten: the module does so for a new owner. */
static bool module_lost_one(const struct broker *b)
{
	uint32_t watched = gatehost_watched(b->gate);
	struct idlegate_state state;

	gatehost_state(b->gate, &state);
	for (uint32_t i = 0; i < GATE_SENSOR_COUNT; i++)
		if (watched & GATE_SENSOR_BIT(i) && state.sensor[i] == GATE_SENSOR_LOST)
			return true;
	return false;
}

static bool module_watches(const struct broker *b, const struct source_ops *ops)
{
	const struct source_module *module = b->source_ctx.module;

	return module && module->watched & GATE_SENSOR_BIT(ops->sensor);
}

/*
 * eBPF was switched on or off: every source that could use it begins anew, with it or without. What
 * could not be had is asked for again, as all else is at a reload.
 */
static void reload_bpf(struct broker *b)
{
	struct bpf_hub *old = b->bpf;
	struct error err = {};
	int r;

	if (old && wants_bpf(b)) {
		open_bpf(b, &err); /* the path of the loader */
		for (unsigned int probe = 0; probe < BPF_PROBE_COUNT; probe++)
			bpf_hub_ask_again(old, probe, 0);
		return;
	}
	if (!old && !wants_bpf(b))
		return;
	b->bpf = NULL;
	r = open_bpf(b, &err);
	b->source_ctx.bpf = b->bpf;
	for (unsigned int i = 0; r == 0 && i < BROKER_SOURCES_MAX && source_table[i]; i++) {
		if (!source_bpf_asks(source_table[i]) || module_watches(b, source_table[i]))
			continue;
		r = replace_source(b, i, source_choose(source_table[i], &b->source_ctx));
		if (r < 0)
			error_set(&err, r, source_table[i]->name, "out of memory");
	}
	if (r == 0) {
		bpf_hub_free(old);
		return;
	}
	if (old)
		b->bpf = old; /* some source may have it yet */
	give_up(b, &err);
}

void broker_gate_reload(struct broker *b)
{
	bool wanted = b->config.module != CONFIG_MODULE_OFF;

	reload_bpf(b);
	/* One that was not there at the start may be there now. */
	if (gatehost_is_module(b->gate) != wanted || module_lost_one(b))
		if (set_anew(b))
			return;
	for (unsigned int i = 0; i < BROKER_SOURCES_MAX; i++)
		if (b->sources[i] && b->source_ops[i]->reload)
			b->source_ops[i]->reload(b->sources[i]);
}

void broker_gate_stop(struct broker *b)
{
	close_sources(b);
	bpf_hub_free(steal_ptr(b->bpf));
	loop_timer_free(b->rehost);
}

unsigned int broker_sources(struct broker *b, struct source_status *out, unsigned int max)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < BROKER_SOURCES_MAX && n < max; i++)
		if (b->sources[i])
			b->source_ops[i]->status(b->sources[i], &out[n++]);
	for (unsigned int i = 0; n < max && source_bpf_status(b->bpf, i, &out[n]) == 0; i++)
		n++;
	return n;
}
