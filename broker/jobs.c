/* SPDX-License-Identifier: MIT */
/* The table of jobs that have not ended; see jobs.h. Ids grow by one, so they hash as they are. */
#include "broker/jobs.h"

#include <errno.h>
#include <stdlib.h>

#define BUCKETS_MIN 64u

int jobs_init(struct jobs *jobs)
{
	*jobs = (struct jobs){.n_buckets = BUCKETS_MIN};
	jobs->buckets = calloc(BUCKETS_MIN, sizeof(struct job_rec *));
	return jobs->buckets ? 0 : -ENOMEM;
}

void jobs_deinit(struct jobs *jobs)
{
	for (uint32_t i = 0; jobs->buckets && i < jobs->n_buckets; i++)
		while (jobs->buckets[i])
			jobs_drop(jobs, jobs->buckets[i]);
	free(jobs->buckets);
	*jobs = (struct jobs){.n_buckets = 0};
}

static struct job_rec **bucket_of(const struct jobs *jobs, uint64_t id)
{
	return &jobs->buckets[id & (jobs->n_buckets - 1)];
}

struct job_rec *jobs_find(const struct jobs *jobs, uint64_t id)
{
	struct job_rec *job = *bucket_of(jobs, id);

	while (job && job->id != id)
		job = job->next;
	return job;
}

/* Without memory for a larger table the old one goes on, with longer chains. */
static void jobs_grow(struct jobs *jobs)
{
	struct job_rec **old = jobs->buckets;
	uint32_t n_old = jobs->n_buckets;
	struct job_rec **grown = calloc(2 * (size_t)n_old, sizeof(struct job_rec *));

	if (!grown)
		return;
	jobs->buckets = grown;
	jobs->n_buckets = 2 * n_old;
	for (uint32_t i = 0; i < n_old; i++) {
		struct job_rec *next;

		for (struct job_rec *job = old[i]; job; job = next) {
			struct job_rec **bucket = bucket_of(jobs, job->id);

			next = job->next;
			job->next = *bucket;
			*bucket = job;
		}
	}
	free(old);
}

struct job_rec *jobs_add(struct jobs *jobs, const struct store_job *row)
{
	struct job_rec *job = calloc(1, sizeof(*job));
	struct job_rec **bucket;

	if (!job)
		return NULL;
	if (jobs->count >= jobs->n_buckets)
		jobs_grow(jobs);
	*job = (struct job_rec){
		.id = row->id,
		.uid = row->uid,
		.priority = (int8_t)row->priority,
		.phase = BROKER_PHASE_WAITING,
		.runs = row->runs,
		.memory = row->memory,
		.device_ns = row->device_ns,
		.kept_ns = row->device_ns,
		.device_limit_ns = row->device_limit_ns,
		.deadline_s = row->deadline_s,
		.dispatches_done = row->dispatches_done,
		.dispatches_total = row->dispatches_total,
	};
	bucket = bucket_of(jobs, job->id);
	job->next = *bucket;
	*bucket = job;
	jobs->count++;
	return job;
}

void jobs_drop(struct jobs *jobs, struct job_rec *job)
{
	struct job_rec **at = bucket_of(jobs, job->id);

	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
	jobs->count--;
	free(job);
}

int jobs_each(struct jobs *jobs, int (*fn)(void *data, struct job_rec *job), void *data)
{
	for (uint32_t i = 0; i < jobs->n_buckets; i++) {
		struct job_rec *next;

		for (struct job_rec *job = jobs->buckets[i]; job; job = next) {
			int r;

			next = job->next;
			r = fn(data, job);
			if (r)
				return r;
		}
	}
	return 0;
}
