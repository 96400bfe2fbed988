/* SPDX-License-Identifier: MIT */
/*
 * The calls that the API makes of brokerd; see broker.h. The life of a job is in job_life.c,
 * starting and stopping in broker_start.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "broker/broker_internal.h"
#include "broker/notify.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/log.h"

uint32_t broker_day(void)
{
	time_t now = time(NULL);
	struct tm tm;

	localtime_r(&now, &tm);
	return (uint32_t)((now + tm.tm_gmtoff) / 86400);
}

void broker_listen(struct broker *b, struct broker_listener *l)
{
	l->next = b->listeners;
	l->prev = &b->listeners;
	if (l->next)
		l->next->prev = &l->next;
	b->listeners = l;
}

void broker_unlisten(struct broker_listener *l)
{
	if (!l->prev)
		return;
	*l->prev = l->next;
	if (l->next)
		l->next->prev = l->prev;
	l->next = NULL;
	l->prev = NULL;
}

static int count_tenant(void *data, struct job_rec *job)
{
	uint32_t *count = data; /* [0] the uid, [1] how many */

	count[1] += job->uid == count[0];
	return 0;
}

int broker_may_accept(struct broker *b, uint32_t uid, uint64_t memory, uint64_t device_ns,
		      struct error *err)
{
	const struct config *c = &b->config;
	uint32_t of_tenant[2] = {uid, 0};
	struct error why;

	if (!store_healthy(b->store, &why))
		return error_set(err, -EROFS, why.where, "%s", why.what);
	if (memory > c->max_job_memory)
		return error_set(err, -ERANGE, "limits.memory",
				 "the job needs %" PRIu64
				 " bytes; this broker lends at most %" PRIu64,
				 memory, c->max_job_memory);
	if (c->max_job_device_ns && device_ns > c->max_job_device_ns)
		return error_set(err, -ERANGE, "limits.device_time_s",
				 "the job asks for %" PRIu64
				 " s; this broker lends at most %" PRIu64,
				 (uint64_t)(device_ns / NS_PER_S),
				 (uint64_t)(c->max_job_device_ns / NS_PER_S));
	if (b->jobs.count >= c->max_jobs)
		return error_set(err, -EDQUOT, "limits.max_jobs",
				 "%u jobs wait here already, the most this broker takes",
				 c->max_jobs);
	if (c->max_jobs_per_tenant < c->max_jobs && uid != 0) {
		jobs_each(&b->jobs, count_tenant, of_tenant);
		if (of_tenant[1] >= c->max_jobs_per_tenant)
			return error_set(
				err, -EDQUOT, "limits.max_jobs_per_tenant",
				"%u of your jobs wait here already, the most one user may have",
				of_tenant[1]);
	}
	return 0;
}

int broker_cancel(struct broker *b, uint64_t id, uint32_t by_uid)
{
	struct job_rec *job = jobs_find(&b->jobs, id);
	char reason[64];

	if (!job)
		return -ENOENT;
	if (job->ending)
		return -EALREADY;
	snprintf(reason, sizeof(reason), "cancelled by user %" PRIu32, by_uid);
	supervisor_kill_job(b->sup, job);
	broker_end_job(b, job, STORE_CANCELLED, reason);
	return 0;
}

int broker_job_owner(struct broker *b, uint64_t id, uint32_t *uid)
{
	struct job_rec *job = jobs_find(&b->jobs, id);

	if (!job)
		return -ENOENT;
	*uid = job->uid;
	return 0;
}

int broker_progress(struct broker *b, uint64_t id, struct broker_progress *out)
{
	struct job_rec *job = jobs_find(&b->jobs, id);

	if (!job)
		return -ENOENT;
	supervisor_progress(job, out);
	return 0;
}

void broker_pause(struct broker *b, uint64_t for_ns)
{
	const struct gate_fact fact = {
		.kind = GATE_FACT_PAUSE,
		.pause = {.on = true, .until_ns = for_ns ? clock_now_ns() + for_ns : GATE_NEVER}};

	gatehost_fact(b->gate, &fact);
}

void broker_resume(struct broker *b)
{
	const struct gate_fact fact = {.kind = GATE_FACT_PAUSE, .pause = {.on = false}};

	gatehost_fact(b->gate, &fact);
}

void broker_apply_config(struct broker *b)
{
	const struct config *c = &b->config;
	const struct sched_limits limits = {.default_weight = c->default_weight,
					    .default_day_budget_ns = c->default_day_budget_ns,
					    .device_day_budget_ns = c->device_day_budget_ns};

	sched_set_limits(b->sched, &limits);
	for (uint32_t i = 0; i < c->n_tenants; i++)
		sched_set_tenant(b->sched, c->tenants[i].uid, c->tenants[i].weight,
				 c->tenants[i].day_budget_ns);
	gatehost_set_policy(b->gate, &c->gate);
	log_set_level(c->log_level);
	b->duty.target_mc = c->zone_target_mc;
}

/* What is bound at the start (paths, the socket) stays as it is until the next start. */
static void keep_bound(struct config *next, const struct config *now)
{
	next->roots = now->roots;
	memcpy(next->state_dir, now->state_dir, sizeof(next->state_dir));
	memcpy(next->socket, now->socket, sizeof(next->socket));
}

int broker_reload(struct broker *b, struct error *err)
{
	_cleanup_free_ struct config *next = malloc(sizeof(*next));
	int r;

	if (!next)
		return error_set(err, -ENOMEM, NULL, "out of memory");
	notify_reloading();
	r = config_load(next, b->config_path, err);
	if (r == 0) {
		keep_bound(next, &b->config);
		b->config = *next;
		broker_apply_config(b);
		broker_gate_reload(b);
		devices_reconfigure(b->devices, &b->config);
		devices_probe(b->devices);
		supervisor_kick(b->sup);
		log_info("configuration read again");
	}
	notify_send("READY=1");
	return r;
}

void broker_counts(struct broker *b, struct broker_counts *out)
{
	unsigned int parked, all = supervisor_workers(b->sup, &parked);

	*out = (struct broker_counts){
		.running = all - parked,
		.parked = parked,
		.waiting = b->jobs.count > all ? b->jobs.count - all : 0,
		.clients = api_clients(b->api),
		.wakeups = loop_wakeups(b->loop),
	};
}

uint32_t broker_duty(const struct broker *b)
{
	return b->duty.permille;
}

uint64_t broker_device_job(const struct broker *b, const char *device_id)
{
	return supervisor_device_job(b->sup, device_id);
}

bool broker_worker_job(const struct broker *b, int pid, uint64_t *job, uint32_t *uid)
{
	const struct job_rec *rec = supervisor_pid_job(b->sup, pid);

	if (!rec)
		return false;
	*job = rec->id;
	*uid = rec->uid;
	return true;
}

void broker_look(struct broker *b,
		 void (*fn)(void *data, const struct look_result *found, int error), void *data)
{
	look_get(b->look, b->bpf, fn, data);
}

const char *broker_devices_message(const struct broker *b)
{
	const char *why = devices_why(b->devices);

	return *why ? why : NULL;
}

/* A listener may unlisten itself while it is told. */
void broker_tell(struct broker *b, const struct broker_event *event)
{
	struct broker_listener *next;

	for (struct broker_listener *l = b->listeners; l; l = next) {
		next = l->next;
		l->fn(l->data, event);
	}
}

const struct config *broker_config(const struct broker *b)
{
	return &b->config;
}

struct gatehost *broker_gate(struct broker *b)
{
	return b->gate;
}

struct store *broker_store(struct broker *b)
{
	return b->store;
}

struct devices *broker_devices(struct broker *b)
{
	return b->devices;
}

struct sched *broker_sched(struct broker *b)
{
	return b->sched;
}
