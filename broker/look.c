/* SPDX-License-Identifier: MIT */
/*
 * Looks on request; see look.h.
 *
 * One struct serves the looks in turn. While `busy` its result is the thread's; else the loop's,
 * and good for LOOK_MIN_NS.
 */
#include "broker/look.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/sources/power.h"
#include "broker/sources/thermal_zone.h"
#include "broker/store/lane.h"
#include "libbroker/util/cleanup.h"

#define STACK_SIZE (256u << 10)

struct waiter {
	struct waiter *next;
	void (*fn)(void *data, const struct look_result *found, int error);
	void *data;
};

struct look {
	struct lane_op op; /* first: the lane hands it back */
	struct loop *loop;
	const struct config *config;
	struct lane *lane; /* NULL: nobody has asked yet */
	struct waiter *waiters, **waiters_end;
	bool busy, found;
	/* The thread's while busy: */
	struct config_roots roots;
	struct gpu_clients *clients;
	struct bpf_gpu_client *accounts;
	int n_accounts;
	struct look_result result;
};

static void look_heat(struct look_result *out, const char *sys)
{
	_cleanup_free_ struct thermal_look *zones = malloc(sizeof(*zones));

	out->hottest_mc = GATE_TEMP_UNKNOWN;
	if (zones && thermal_look(zones, sys) == 0)
		out->hottest_mc = thermal_hottest(zones);
}

static void look_power(struct look_result *out, const char *sys)
{
	struct power_look supplies;
	struct gate_power sum = {.capacity = GATE_VALUE_UNKNOWN, .temp_mc = GATE_TEMP_UNKNOWN};

	if (power_look(&supplies, sys) == 0)
		gate_power_sum(&sum, supplies.supply, supplies.n);
	out->has_battery = sum.has_battery;
	out->discharging = sum.discharging;
	out->battery_percent = sum.has_battery ? sum.capacity : GATE_VALUE_UNKNOWN;
	out->battery_mc = sum.has_battery ? sum.temp_mc : GATE_TEMP_UNKNOWN;
}

static void look_work(void *data, struct lane_op *list)
{
	struct look *look = data;
	struct look_result *out = &look->result;
	uint64_t now = clock_now_ns();

	if (now - out->at_ns > LOOK_FORGET_NS)
		gpu_clients_forget(look->clients);
	look_heat(out, look->roots.sys);
	look_power(out, look->roots.sys);
	out->at_ns = clock_now_ns();
	out->proc_error = gpu_use_look(&out->use, look->clients, look->roots.proc, look->roots.sys,
				       out->at_ns, look->accounts, look->n_accounts);
}

/* Who asks from within its answer waits for the next look, or gets what there is, at once. */
static void tell_all(struct look *look, int error)
{
	struct waiter *list = steal_ptr(look->waiters), *w;

	look->waiters_end = &look->waiters;
	while ((w = list)) {
		list = w->next;
		w->fn(w->data, error ? NULL : &look->result, error);
		free(w);
	}
}

static void look_done(struct lane_op *op)
{
	struct look *look = (struct look *)op;

	look->busy = false;
	look->found = true;
	tell_all(look, 0);
}

static int start_thread(struct look *look)
{
	const struct lane_work work = {
		.name = "look", .stack = STACK_SIZE, .batch = 1, .work = look_work, .data = look};
	struct error err;
	int r = 0;

	if (!look->accounts)
		look->accounts = calloc(GPU_CLIENTS_MAX, sizeof(*look->accounts));
	if (!look->accounts)
		return -ENOMEM;
	if (!look->clients)
		r = gpu_clients_new(&look->clients);
	return r < 0 ? r : lane_new(&look->lane, look->loop, &work, &err);
}

/* The accounts are read here, since the hub is the loop's: system calls of which none sleeps. */
static void begin(struct look *look, const struct bpf_hub *hub)
{
	struct gpu_total total;

	look->n_accounts = -1;
	if (hub && bpf_gpu_total(hub, &total) == 0)
		look->n_accounts = bpf_gpu_clients(hub, look->accounts, GPU_CLIENTS_MAX);
	look->roots = look->config->roots; /* may change while the thread reads */
	look->busy = true;
	lane_push(look->lane, &look->op);
}

void look_get(struct look *look, const struct bpf_hub *hub,
	      void (*fn)(void *data, const struct look_result *found, int error), void *data)
{
	struct waiter *w;
	int r = 0;

	if (!look->busy && look->found && clock_now_ns() - look->result.at_ns < LOOK_MIN_NS) {
		fn(data, &look->result, 0);
		return;
	}
	if (!look->lane)
		r = start_thread(look);
	w = r == 0 ? malloc(sizeof(*w)) : NULL;
	if (!w) {
		fn(data, NULL, r < 0 ? r : -ENOMEM);
		return;
	}
	*w = (struct waiter){.fn = fn, .data = data};
	*look->waiters_end = w;
	look->waiters_end = &w->next;
	if (!look->busy)
		begin(look, hub);
}

int look_new(struct look **out, struct loop *loop, const struct config *config)
{
	struct look *look = calloc(1, sizeof(*look));

	if (!look)
		return -ENOMEM;
	look->op.done = look_done;
	look->loop = loop;
	look->config = config;
	look->waiters_end = &look->waiters;
	*out = look;
	return 0;
}

void look_free(struct look *look)
{
	if (!look)
		return;
	lane_free(look->lane);
	gpu_clients_free(look->clients);
	free(look->accounts);
	free(look);
}
