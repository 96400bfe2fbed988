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
		r = broker_gate_new(b);
	if (r == 0)
		r = devices_new(&b->devices, b->loop, &b->config, on_devices, b);
	if (r == 0)
		r = look_new(&b->look, b->loop, &b->config);
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
	r = broker_gate_start(b, err);
	if (r < 0)
		return r;
	devices_probe(b->devices);
	return 0;
}

void broker_deinit(struct broker *b)
{
	if (b->api)
		api_free(b->api);
	look_free(b->look);
	broker_gate_stop(b);
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
