/* SPDX-License-Identifier: MIT */
/* Rates from two readings, and the history of a few values; see top_sample.h. */
#include "tools/top_sample.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libbroker/util/clock.h"

#define WINDOW_MIN_NS (50 * NS_PER_MS)
#define PERMILLE_MAX  99999 /* many engines at once may give more than the whole */

static int32_t share(uint64_t before, uint64_t now, uint64_t of)
{
	double permille;

	if (now < before || !of)
		return TOP_UNKNOWN;
	permille = (double)(now - before) * 1000 / (double)of;
	return permille > PERMILLE_MAX ? PERMILLE_MAX : (int32_t)(permille + 0.5);
}

static double rate(uint64_t before, uint64_t now, uint64_t window_ns)
{
	return now < before || !window_ns ? -1 : (double)(now - before) * 1e9 / (double)window_ns;
}

static const struct top_job *find_job(const struct top_reading *r, uint64_t id)
{
	for (uint32_t i = 0; i < r->n_jobs; i++)
		if (r->job[i].id == id)
			return &r->job[i];
	return NULL;
}

static const struct top_client *find_client(const struct top_reading *r, const struct top_client *c)
{
	for (uint32_t i = 0; i < r->n_clients; i++)
		if (r->client[i].pid == c->pid && !strcmp(r->client[i].device, c->device) &&
		    !strcmp(r->client[i].comm, c->comm))
			return &r->client[i];
	return NULL;
}

static const struct top_others *find_others(const struct top_reading *r, const char *device)
{
	for (uint32_t i = 0; i < r->n_others; i++)
		if (!strcmp(r->others[i].device, device))
			return &r->others[i];
	return NULL;
}

/* A worker counts its slices from zero, so those of two workers are no difference. */
static void job_rates(struct top_job *now, const struct top_job *was, uint64_t window)
{
	now->permille = share(was->device_ns, now->device_ns, window);
	now->dispatches_s = rate(was->done, now->done, window);
	if (now->has_slices && was->has_slices && now->runs == was->runs)
		now->slices_s = rate(was->slices, now->slices, window);
}

static void client_rate(struct top_client *now, const struct top_client *was, uint64_t window)
{
	if (now->has_ns && was->has_ns)
		now->permille = share(was->ns, now->ns, window);
	else if (now->has_cycles && was->has_cycles && now->total_cycles > was->total_cycles)
		now->permille =
			share(was->cycles, now->cycles, now->total_cycles - was->total_cycles);
}

/* Time from @was to @now, 0 when it is too short to tell anything, or negative. */
static uint64_t window_of(uint64_t was, uint64_t now)
{
	return now >= was + WINDOW_MIN_NS ? now - was : 0;
}

static void sample_jobs(const struct top_reading *base, struct top_reading *now, uint64_t window)
{
	now->window_ns = window ? window : base->window_ns;
	for (uint32_t i = 0; i < now->n_jobs; i++) {
		struct top_job *job = &now->job[i];
		const struct top_job *was = find_job(base, job->id);

		if (was && window) {
			job_rates(job, was, window);
		} else if (was) {
			job->permille = was->permille;
			job->slices_s = was->slices_s;
			job->dispatches_s = was->dispatches_s;
		}
	}
}

static void sample_clients(const struct top_reading *base, struct top_reading *now, uint64_t window)
{
	for (uint32_t i = 0; i < now->n_clients; i++) {
		struct top_client *c = &now->client[i];
		const struct top_client *was = find_client(base, c);

		if (was && window)
			client_rate(c, was, window);
		else if (was)
			c->permille = was->permille;
	}
	for (uint32_t i = 0; i < now->n_others; i++) {
		struct top_others *o = &now->others[i];
		const struct top_others *was = find_others(base, o->device);

		/* Of another number of programs the sums are not comparable. */
		if (was && window && was->n == o->n && was->has_ns && o->has_ns)
			o->permille = share(was->ns, o->ns, window);
		else if (was && !window)
			o->permille = was->permille;
	}
}

static void add_share(int32_t *sum, int32_t permille)
{
	if (permille != TOP_UNKNOWN)
		*sum = (*sum == TOP_UNKNOWN ? 0 : *sum) + permille;
}

/* A job's time is that of the broker's own accounts, so its worker is not counted again. */
static void sum_devices(struct top_reading *r)
{
	for (uint32_t d = 0; d < r->n_devices; d++) {
		struct top_device *dev = &r->device[d];

		if (r->window_ns && !r->jobs_denied)
			dev->jobs_permille = 0;
		for (uint32_t i = 0; i < r->n_jobs; i++)
			if (!strcmp(r->job[i].device, dev->id))
				add_share(&dev->jobs_permille, r->job[i].permille);
		for (uint32_t i = 0; dev->bus[0] && i < r->n_clients; i++)
			if (!r->client[i].ours && !strcmp(r->client[i].device, dev->bus))
				add_share(&dev->others_permille, r->client[i].permille);
		for (uint32_t i = 0; dev->bus[0] && i < r->n_others; i++)
			if (!strcmp(r->others[i].device, dev->bus))
				add_share(&dev->others_permille, r->others[i].permille);
	}
}

static void ring_add(struct top_ring *ring, int32_t value)
{
	ring->value[ring->next] = value;
	ring->next = (ring->next + 1) % TOP_HISTORY;
	ring->n += ring->n < TOP_HISTORY;
}

int32_t top_ring_get(const struct top_ring *ring, uint32_t ago)
{
	if (ago >= ring->n)
		return TOP_UNKNOWN;
	return ring->value[(ring->next + TOP_HISTORY - 1 - ago) % TOP_HISTORY];
}

static int keep(struct top_reading **base, const struct top_reading *now)
{
	if (!*base)
		*base = malloc(sizeof(**base));
	if (!*base)
		return -ENOMEM;
	**base = *now;
	return 0;
}

static void forget_bases(struct top_sampler *s)
{
	free(s->jobs_base);
	free(s->clients_base);
	s->jobs_base = s->clients_base = NULL;
}

int top_sample(struct top_sampler *s, struct top_reading *now)
{
	uint64_t jobs, look;
	int r = 0;

	if (s->jobs_base && now->at_ns < s->jobs_base->at_ns)
		forget_bases(s);
	jobs = s->jobs_base ? window_of(s->jobs_base->at_ns, now->at_ns) : 0;
	look = s->clients_base ? window_of(s->clients_base->look_ns, now->look_ns) : 0;
	ring_add(&s->heat, now->hottest_mc);
	ring_add(&s->battery, now->battery_percent);
	if (s->jobs_base)
		sample_jobs(s->jobs_base, now, jobs);
	if (s->clients_base)
		sample_clients(s->clients_base, now, look);
	sum_devices(now);
	if (!s->jobs_base || jobs)
		r = keep(&s->jobs_base, now);
	if (r == 0 && (!s->clients_base || look))
		r = keep(&s->clients_base, now);
	return r;
}

void top_sample_lost(struct top_sampler *s)
{
	ring_add(&s->heat, TOP_UNKNOWN);
	ring_add(&s->battery, TOP_UNKNOWN);
	forget_bases(s);
}

void top_sampler_deinit(struct top_sampler *s)
{
	forget_bases(s);
	*s = (struct top_sampler){};
}
