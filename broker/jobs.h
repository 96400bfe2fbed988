/* SPDX-License-Identifier: MIT */
/*
 * The jobs that have not ended, in memory: what scheduling needs of each and no more (names,
 * documents and logs stay in the store). Found by id through a hash table that grows.
 */
#ifndef BROKER_JOBS_H
#define BROKER_JOBS_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/broker.h"

struct worker;

struct job_rec {
	struct job_rec *next; /* in its hash bucket */
	uint64_t id;
	uint32_t uid;
	int8_t priority;
	uint8_t phase; /* enum broker_job_phase */
	uint8_t crashes; /* in a row, without a new checkpoint between them */
	bool queued; /* stands in the scheduler */
	bool ending; /* its end is being made durable */
	bool committing; /* a checkpoint is being made durable: no new worker before that */
	uint32_t runs;
	uint64_t memory;
	uint64_t device_ns; /* all runs, as charged */
	uint64_t kept_ns; /* device_ns when the last checkpoint was kept */
	uint64_t ledger_ns; /* charged, but not yet in the store's ledger */
	uint64_t device_limit_ns; /* 0 = none */
	uint64_t deadline_s; /* CLOCK_REALTIME; 0 = none */
	uint64_t dispatches_done, dispatches_total;
	uint64_t not_before_ns; /* after a crash: wait until then */
	struct worker *worker; /* NULL while it waits */
};

struct jobs {
	struct job_rec **buckets;
	uint32_t n_buckets, count;
};

int jobs_init(struct jobs *jobs);
void jobs_deinit(struct jobs *jobs);
struct job_rec *jobs_find(const struct jobs *jobs, uint64_t id);

/** jobs_add() - from its row; NULL: no memory. The table owns it until jobs_drop(). */
struct job_rec *jobs_add(struct jobs *jobs, const struct store_job *row);
void jobs_drop(struct jobs *jobs, struct job_rec *job);

/** jobs_each() - @fn may drop the job it is given; a return of other than 0 ends the walk */
int jobs_each(struct jobs *jobs, int (*fn)(void *data, struct job_rec *job), void *data);

#endif
