/* SPDX-License-Identifier: MIT */
/*
 * The life of a job in memory: into the queue and out of it, charged, ended, forgotten.
 *
 * A job is in b->jobs from its acceptance (or the start) until its end is durable. It stands in
 * the scheduler while it could use a device. An end is decided once (`ending`), made durable by
 * the store, and then forgotten; who asks later reads the row.
 */
#include <stdlib.h>
#include <time.h>

#include "broker/broker_internal.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/log.h"

void broker_tell_job(struct broker *b, uint64_t id, uint32_t uid)
{
	const struct broker_event event = {.kind = BROKER_EVENT_JOB, .job = id, .uid = uid};

	broker_tell(b, &event);
}

void broker_enqueue(struct broker *b, struct job_rec *job)
{
	if (job->queued || job->ending || job->not_before_ns)
		return;
	job->queued = sched_add(b->sched, job->id, job->uid, job->priority) == 0;
}

void broker_dequeue(struct broker *b, struct job_rec *job)
{
	if (!job->queued)
		return;
	sched_remove(b->sched, job->id);
	job->queued = false;
}

void broker_charge(struct broker *b, struct job_rec *job, uint64_t ns)
{
	job->device_ns += ns;
	job->ledger_ns += ns;
	sched_charge(b->sched, job->id, job->uid, ns, broker_day());
}

struct store_update broker_update(const struct job_rec *job, enum store_state state)
{
	return (struct store_update){
		.id = job->id,
		.state = state,
		.device_ns = job->device_ns,
		.dispatches_done = job->dispatches_done,
		.runs = job->runs,
		.uid = job->uid,
		.day = broker_day(),
	};
}

struct ending {
	struct broker *broker;
	uint64_t id;
};

static void on_ended(void *data, int result, const struct error *err)
{
	_cleanup_free_ struct ending *e = data;
	struct job_rec *job = jobs_find(&e->broker->jobs, e->id);

	/* An end that cannot be recorded is found again, as an open job, at the next start. */
	if (result < 0)
		log_error("the end of a job is not recorded", LOG_UINT("job", e->id),
			  LOG_STR("why", err->what));
	if (job)
		broker_forget_job(e->broker, job);
}

void broker_end_job(struct broker *b, struct job_rec *job, enum store_state state,
		    const char *reason)
{
	struct store_update u = broker_update(job, state);
	struct ending *e = malloc(sizeof(*e));

	log_info("job ended", LOG_UINT("job", job->id), LOG_STR("state", store_state_name(state)),
		 LOG_STR("why", reason));
	broker_dequeue(b, job);
	job->ending = true;
	u.reason = reason;
	u.charge_ns = job->ledger_ns;
	job->ledger_ns = 0;
	if (e)
		*e = (struct ending){.broker = b, .id = job->id};
	store_put(b->store, &u, e ? on_ended : NULL, e);
}

static int find_deadline(void *data, struct job_rec *job)
{
	uint64_t *earliest = data;

	if (job->deadline_s && !job->ending && job->deadline_s < *earliest)
		*earliest = job->deadline_s;
	return 0;
}

static void arm_deadline(struct broker *b)
{
	uint64_t earliest = UINT64_MAX, now_s = (uint64_t)time(NULL);

	jobs_each(&b->jobs, find_deadline, &earliest);
	if (earliest != UINT64_MAX)
		earliest = clock_now_ns() + (earliest > now_s ? earliest - now_s : 0) * NS_PER_S;
	loop_timer_at(b->deadline, earliest);
}

void broker_forget_job(struct broker *b, struct job_rec *job)
{
	uint64_t id = job->id, deadline_s = job->deadline_s;
	uint32_t uid = job->uid;

	broker_dequeue(b, job);
	supervisor_kill_job(b->sup, job);
	jobs_drop(&b->jobs, job);
	if (deadline_s)
		arm_deadline(b);
	broker_tell_job(b, id, uid);
	store_trim(b->store, b->config.keep_ended, NULL, NULL);
}

static int end_if_late(void *data, struct job_rec *job)
{
	struct broker *b = data;

	if (!job->deadline_s || job->ending || job->deadline_s > (uint64_t)time(NULL))
		return 0;
	supervisor_kill_job(b->sup, job);
	broker_end_job(b, job, STORE_FAILED, "its deadline passed (limits.deadline_s)");
	return 0;
}

void broker_on_deadline(void *data)
{
	struct broker *b = data;

	jobs_each(&b->jobs, end_if_late, b);
	arm_deadline(b);
}

void broker_accepted(struct broker *b, const struct store_job *row)
{
	struct job_rec *job = jobs_add(&b->jobs, row);

	if (!job) {
		/* It is in the store: the next start takes it up. */
		log_error("no memory for a job; it waits for the next start",
			  LOG_UINT("job", row->id));
		return;
	}
	if (job->deadline_s)
		arm_deadline(b);
	broker_enqueue(b, job);
	broker_tell_job(b, job->id, job->uid);
	supervisor_kick(b->sup);
}
