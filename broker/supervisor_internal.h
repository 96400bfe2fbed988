/* SPDX-License-Identifier: MIT */
/* What supervisor.c (slots, turns), worker_talk.c (messages) and ladder.c (getting out) share. */
#ifndef BROKER_SUPERVISOR_INTERNAL_H
#define BROKER_SUPERVISOR_INTERNAL_H

#include "broker/broker_internal.h"
#include "broker/worker_proc.h"
#include "libbroker/job/job.h"

#define RESIDENT_MAX 4

enum worker_phase {
	WORKER_STARTING, /* until READY */
	WORKER_LOADING, /* from READY until it first says PARKED */
	WORKER_PARKED,
	WORKER_RUNNING, /* granted */
	WORKER_PARKING, /* the grant was withdrawn; not yet parked */
	WORKER_EVICTING,
	WORKER_FINISHING, /* its outputs are being written or made durable */
};

enum worker_end {
	WORKER_END_NONE,
	WORKER_END_DONE,
	WORKER_END_FAILED,
	WORKER_END_EVICTED,
	WORKER_END_KILLED
};

struct slot;

struct worker {
	struct supervisor *sup;
	struct slot *slot;
	struct job_rec *job; /* NULL once the job has gone its own way */
	struct worker_proc *proc;
	struct job *document; /* for its outputs' names; from LOADING on */
	enum worker_phase phase;
	enum worker_end end;
	bool stopped; /* SIGSTOP was sent */
	bool spared; /* it had its second chance since the gate closed */
	bool leased; /* stopping and killing it after a close is the kernel's */
	bool opening; /* store_open_run() is under way and will call back */
	bool gone; /* its process has ended, the callback is awaited */
	uint64_t phase_ns; /* since when it is in this phase */
	uint64_t charged_ns; /* of this run's device time */
	uint64_t charged_at_ns; /* when; bounds what a report may claim */
	char reason[WORKER_TEXT_MAX];
};

struct slot {
	struct supervisor *sup;
	char device_id[DEVICE_ID_MAX];
	struct worker *workers[RESIDENT_MAX];
	struct worker *holder; /* RUNNING or PARKING */
};

struct supervisor {
	struct broker *broker;
	struct slot slots[DEVICES_MAX];
	unsigned int n_slots;
	struct loop_timer *turn, *tick, *ladder, *retry, *day;
	uint64_t retry_at_ns; /* when `retry` is armed for */
	bool open, shutting_down, kicked;
	uint32_t duty_permille;
	uint64_t closed_ns;
	void (*shutdown_done)(void *data);
	void *shutdown_data;
	uint64_t shutdown_by_ns;
};

/* look again then at jobs that could not be started; an earlier time that was set stays */
void supervisor_retry_at(struct supervisor *sup, uint64_t at_ns);

/* supervisor.c */
void supervisor_schedule(struct supervisor *sup);
void worker_set_phase(struct worker *w, enum worker_phase phase);
void worker_grant(struct worker *w, enum grant_state state); /* write the page and wake it */
void worker_charge(struct worker *w, uint64_t claimed_ns);
void worker_release(struct worker *w); /* out of its slot, freed; the job is the caller's */
void worker_each(struct supervisor *sup, void (*fn)(struct worker *w));

/* worker_talk.c */
int worker_start(struct slot *slot, struct job_rec *job, const struct device *device);

/* ladder.c */
void ladder_closed(struct supervisor *sup);
void ladder_opened(struct supervisor *sup);
void ladder_run(void *data);
void ladder_evict(struct worker *w);
void ladder_watch(struct worker *w, uint64_t now); /* from the tick: hung or over its limits */

#endif
