/* SPDX-License-Identifier: MIT */
/*
 * brokerd as one object: what ties the parts together, and the calls that the API makes of it.
 *
 * Flow of a job: api parses a submission -> store makes it durable -> broker_accepted() -> sched.
 * When the gate opens, supervisor.c picks a job for each device, starts a worker, hands it the
 * job, and keeps the grant page. All of it on the loop's thread; nothing here blocks.
 */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/config.h"
#include "broker/devices.h"
#include "broker/gatehost.h"
#include "broker/look.h"
#include "broker/loop.h"
#include "broker/sched/sched.h"
#include "broker/sources/source.h"
#include "broker/store/store.h"

/* A job as clients see it now: the row, with what is newer than the row in memory. */
enum broker_job_phase {
	BROKER_PHASE_WAITING, /* queued; broker_why_waiting() says for what */
	BROKER_PHASE_STARTING,
	BROKER_PHASE_RUNNING,
	BROKER_PHASE_PARKED,
	BROKER_PHASE_ENDED,
};

struct broker_progress { /* of a job that has a worker */
	enum broker_job_phase phase;
	uint64_t device_ns, dispatches_done, dispatches_total;
	uint64_t slices; /* of the worker that it has now; 0 without one */
	char device[DEVICE_ID_MAX];
};

struct broker;

/* What listeners (Watch calls) hear; on the loop's thread. */
enum broker_event_kind {
	BROKER_EVENT_GATE,
	BROKER_EVENT_JOB
};
struct broker_event {
	enum broker_event_kind kind;
	uint64_t job; /* JOB: its state, phase or progress changed (at most 4 times a second) */
	uint32_t uid; /* JOB: whose */
};
struct broker_listener {
	struct broker_listener *next, **prev;
	void (*fn)(void *data, const struct broker_event *event);
	void *data;
};
void broker_listen(struct broker *b, struct broker_listener *l);
void broker_unlisten(struct broker_listener *l); /* idempotent */

/* Parts, for reading. */
const struct config *broker_config(const struct broker *b);
struct gatehost *broker_gate(struct broker *b);
struct store *broker_store(struct broker *b);
struct devices *broker_devices(struct broker *b);
struct sched *broker_sched(struct broker *b);
unsigned int broker_sources(struct broker *b, struct source_status *out, unsigned int max);

/**
 * broker_may_accept() - before a submission is stored
 * Return: 0; -EDQUOT (too many jobs), -EROFS (the store cannot write), -ERANGE (over a limit of
 * config: memory, device time), with words.
 */
int broker_may_accept(struct broker *b, uint32_t uid, uint64_t memory, uint64_t device_ns,
		      struct error *err);
/** broker_accepted() - a durably stored job joins the queue */
void broker_accepted(struct broker *b, const struct store_job *job);

/** broker_cancel() - Return 0 (its end comes as an event), -ENOENT, -EALREADY (it has ended) */
int broker_cancel(struct broker *b, uint64_t id, uint32_t by_uid);
/** broker_job_owner() - of a job that has not ended; -ENOENT */
int broker_job_owner(struct broker *b, uint64_t id, uint32_t *uid);
/** broker_progress() - of a job that has not ended; -ENOENT */
int broker_progress(struct broker *b, uint64_t id, struct broker_progress *out);

/** broker_pause() - set the paused hold; @for_ns 0: until resumed */
void broker_pause(struct broker *b, uint64_t for_ns);
void broker_resume(struct broker *b);
/** broker_reload() - read the config again; on error the old one stays, with words */
int broker_reload(struct broker *b, struct error *err);

struct broker_counts {
	uint32_t waiting, running, parked; /* jobs */
	uint32_t clients;
	uint64_t wakeups;
};
void broker_counts(struct broker *b, struct broker_counts *out);

/** broker_day() - days since the epoch in local time: what budgets count by */
uint32_t broker_day(void);
/** broker_duty() - the share of time that jobs may have now, in permille */
uint32_t broker_duty(const struct broker *b);
/** broker_device_job() - the job that holds a device now, or has a worker on it; 0: none */
uint64_t broker_device_job(const struct broker *b, const char *device_id);
/** broker_worker_job() - whose worker a process is; false: it is no worker of ours with a job */
bool broker_worker_job(const struct broker *b, int pid, uint64_t *job, uint32_t *uid);
/** broker_look() - look_get() of broker/look.h, with the eBPF programs' accounts */
void broker_look(struct broker *b,
		 void (*fn)(void *data, const struct look_result *found, int error), void *data);
/** broker_devices_message() - why the last look for devices failed; NULL: it did not */
const char *broker_devices_message(const struct broker *b);

#endif
