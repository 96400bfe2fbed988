/* SPDX-License-Identifier: MIT */
/*
 * Putting brokerd together and taking it apart.
 *
 * Order: the store first (it may refuse: another brokerd, a damaged database), then the gate,
 * closed; the sources, which may open it; the jobs from the store; the socket; last the devices,
 * whose probe takes long and runs beside. Whatever was made is unmade by broker_deinit(), in any
 * state.
 */
#include <errno.h>
#include <string.h>

#include "broker/broker_internal.h"
#include "broker/notify.h"
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
	for (unsigned int i = 0; source_table[i]; i++)
		if (b->sources[i] && source_table[i]->holds_changed)
			source_table[i]->holds_changed(b->sources[i], holds);
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

static int open_sources(struct broker *b, struct error *err)
{
	b->source_ctx = (struct source_ctx){.loop = b->loop,
					    .config = &b->config,
					    .fact = on_fact,
					    .heat = on_heat,
					    .is_ours = is_ours,
					    .workers = our_workers,
					    .data = b};
	for (unsigned int i = 0; source_table[i]; i++) {
		int r;

		if (i == BROKER_SOURCES_MAX)
			return error_set(err, -E2BIG, NULL, "more sources than places for them");
		r = source_table[i]->open(&b->sources[i], &b->source_ctx);
		if (r < 0)
			return error_set(err, r, source_table[i]->name,
					 "the sensor cannot be started: %s", strerror(-r));
	}
	/* What a source's own first facts changed is told to it only now. */
	tell_sources(b, gatehost_holds(b->gate));
	return 0;
}

static int load_job(void *data, const struct store_job *row)
{
	struct broker *b = data;
	struct job_rec *job = jobs_add(&b->jobs, row);

	if (!job)
		return -ENOMEM;
	broker_enqueue(b, job);
	return job->queued ? 0 : -ENOMEM;
}

static int load_usage(void *data, uint32_t uid, uint64_t ns)
{
	struct broker *b = data;

	sched_restore_used(b->sched, uid, broker_day(), ns);
	return 0;
}

static void on_devices(void *data, const struct error *err)
{
	struct broker *b = data;
	const struct device *list;
	unsigned int n = devices_list(b->devices, &list);

	if (err)
		log_warning("device probe failed", LOG_STR("where", err->where),
			    LOG_STR("why", err->what));
	for (unsigned int i = 0; i < n; i++)
		log_info("device", LOG_STR("id", list[i].id), LOG_STR("name", list[i].name),
			 LOG_STR("lent", list[i].usable ? "yes" : "no"));
	supervisor_kick(b->sup);
}

static int start_parts(struct broker *b, struct error *err)
{
	const struct sched_limits limits = {.default_weight = b->config.default_weight};
	int r = loop_new(&b->loop, err);

	if (r < 0)
		return r;
	r = store_open(&b->store, b->loop, b->config.state_dir, b->config.max_spool_bytes, err);
	if (r < 0)
		return r;
	r = jobs_init(&b->jobs);
	if (r == 0)
		r = sched_new(&b->sched, &limits);
	if (r == 0)
		r = supervisor_new(&b->sup, b);
	if (r == 0)
		r = loop_timer_new(b->loop, broker_on_deadline, b, &b->deadline);
	if (r == 0)
		r = gatehost_new(&b->gate, b->loop, &b->config.gate, on_gate, b);
	if (r == 0)
		r = devices_new(&b->devices, b->loop, &b->config, on_devices, b);
	if (r < 0)
		return error_set(err, r, NULL, "starting failed: %s", strerror(-r));
	duty_init(&b->duty, b->config.zone_target_mc);
	broker_apply_config(b);
	return 0;
}

int broker_start(struct broker *b, struct error *err)
{
	int r = start_parts(b, err);

	if (r < 0)
		return r;
	r = store_load(b->store, load_job, b, err);
	if (r < 0)
		return r;
	store_load_usage(b->store, broker_day(), load_usage, b);
	broker_on_deadline(b);
	r = api_new(&b->api, b->loop, b, b->config.socket, b->config.max_clients, err);
	if (r < 0)
		return r;
	r = open_sources(b, err);
	if (r < 0)
		return r;
	devices_probe(b->devices);
	return 0;
}

void broker_deinit(struct broker *b)
{
	if (b->api)
		api_free(b->api);
	for (unsigned int i = 0; source_table[i] && i < BROKER_SOURCES_MAX; i++)
		if (b->sources[i])
			source_table[i]->close(b->sources[i]);
	memset(b->sources, 0, sizeof(b->sources));
	store_close(b->store);
	supervisor_free(b->sup);
	if (b->devices)
		devices_free(b->devices);
	if (b->gate)
		gatehost_free(
			b->gate); /* who still maps the page sees a closed gate from here on */
	if (b->sched)
		sched_free(b->sched);
	jobs_deinit(&b->jobs);
	loop_free(b->loop);
}
