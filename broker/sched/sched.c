/* SPDX-License-Identifier: MIT */
/*
 * The scheduler; see sched.h.
 *
 * Jobs and tenants live in two arrays and are named by their index. Each tenant has a heap of its
 * jobs; one heap holds the tenants that are runnable: those with a job and with budget left.
 *
 * Virtual time is device time in ns at weight 1. What a division leaves over is carried, so no
 * rounding favours anybody, and 64 bits last for 584 years.
 *
 * Invariants: a tenant is in `ready` exactly if it has jobs and budget; `vnow` never goes back
 * and is never above the smallest virtual time in `ready`.
 */
#include "broker/sched/sched.h"

#include <errno.h>
#include <stdlib.h>

#include "broker/sched/heap.h"
#include "broker/sched/idmap.h"

#define NO_INDEX        UINT32_MAX
#define POOL_FIRST_ROOM 8
#define KEY_ORDER_MAX   ((1ull << 55) - 1)

struct sched_job {
	uint64_t id;
	uint64_t used_ns;
	uint64_t seq; /* order of arrival */
	uint32_t tenant;
	int8_t priority;
	bool begun;
};

struct sched_tenant {
	uint64_t vtime;
	uint64_t used_ns; /* on the scheduler's day */
	uint64_t budget_ns; /* 0: the default */
	uint32_t weight; /* 0: the default */
	uint32_t carry; /* of the division by the weight */
	uint32_t uid;
	struct heap jobs;
	bool in_use;
};

struct sched {
	struct sched_limits limits;
	struct sched_job *jobs;
	struct sched_tenant *tenants;
	/* Where each lies in its heap; the next free one while unused. Apart from the records,
	 * since a step in a heap writes many of these and reads nothing else. */
	uint32_t *job_at, *tenant_at;
	uint32_t n_jobs, jobs_room, jobs_top, jobs_free;
	uint32_t tenants_room, tenants_top, tenants_free;
	struct idmap job_of_id, tenant_of_uid;
	struct heap ready;
	uint64_t vnow, next_seq, device_used_ns;
	uint32_t day;
};

static uint64_t job_id(const void *owner, uint32_t index)
{
	return ((const struct sched *)owner)->jobs[index].id;
}

static uint64_t tenant_uid(const void *owner, uint32_t index)
{
	return ((const struct sched *)owner)->tenants[index].uid;
}

/*
 * What was begun is ordered by the time it had, the rest by arrival: 55 bits hold a year of device
 * time, and more than anybody can submit.
 */
static uint64_t job_key(const struct sched_job *j)
{
	uint64_t order = j->begun ? j->used_ns : j->seq;
	uint64_t priority = (uint64_t)(INT8_MAX - j->priority);

	if (order > KEY_ORDER_MAX)
		order = KEY_ORDER_MAX;
	return priority << 56 | (uint64_t)!j->begun << 55 | order;
}

static bool job_before(const void *owner, uint32_t a, uint32_t b)
{
	const struct sched_job *jobs = ((const struct sched *)owner)->jobs;

	return jobs[a].seq < jobs[b].seq;
}

static void job_moved(void *owner, uint32_t item, uint32_t at)
{
	((struct sched *)owner)->job_at[item] = at;
}

static bool tenant_before(const void *owner, uint32_t a, uint32_t b)
{
	const struct sched_tenant *tenants = ((const struct sched *)owner)->tenants;

	return tenants[a].uid < tenants[b].uid;
}

static void tenant_moved(void *owner, uint32_t item, uint32_t at)
{
	((struct sched *)owner)->tenant_at[item] = at;
}

static const struct heap_order job_order = {job_before, job_moved};
static const struct heap_order tenant_order = {tenant_before, tenant_moved};

static uint64_t add_capped(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static bool within_budget(const struct sched *s, const struct sched_tenant *t)
{
	uint64_t budget = t->budget_ns ? t->budget_ns : s->limits.default_day_budget_ns;

	return !budget || t->used_ns < budget;
}

static void follow_smallest(struct sched *s)
{
	uint32_t top = heap_top(&s->ready);

	if (top != HEAP_NOWHERE && s->ready.entries[0].key > s->vnow)
		s->vnow = s->ready.entries[0].key;
}

/* Bring a tenant into or out of `ready`, after its jobs, its budget or its use changed. */
static void tenant_place(struct sched *s, uint32_t index)
{
	struct sched_tenant *t = &s->tenants[index];
	bool ready = t->jobs.n && within_budget(s, t);

	if (ready && s->tenant_at[index] == HEAP_NOWHERE) {
		if (t->vtime < s->vnow)
			t->vtime = s->vnow;
		heap_push(&s->ready, &tenant_order, s, index, t->vtime);
	} else if (!ready && s->tenant_at[index] != HEAP_NOWHERE) {
		heap_remove(&s->ready, &tenant_order, s, s->tenant_at[index]);
		/* The last one takes the time along, so the next comer has no start before it. */
		if (!s->ready.n && t->vtime > s->vnow)
			s->vnow = t->vtime;
	} else if (ready) {
		heap_rekey(&s->ready, &tenant_order, s, s->tenant_at[index], t->vtime);
	}
}

static void tenant_settle(struct sched *s, uint32_t index)
{
	tenant_place(s, index);
	follow_smallest(s);
}

/* Room for one more element of a pool and of its places; 0 or -ENOMEM. */
static int pool_grow(void **pool, uint32_t **at, uint32_t *room, uint32_t top, size_t size)
{
	uint32_t more = *room ? *room + *room / 2 : POOL_FIRST_ROOM;
	void *grown;

	if (top < *room)
		return 0;
	if (more < *room || more == NO_INDEX)
		return -ENOMEM;
	grown = reallocarray(*pool, more, size);
	if (!grown)
		return -ENOMEM;
	*pool = grown;
	grown = reallocarray(*at, more, sizeof(**at));
	if (!grown)
		return -ENOMEM;
	*at = grown;
	*room = more;
	return 0;
}

static int tenant_get(struct sched *s, uint32_t uid, uint32_t *out)
{
	uint32_t index = idmap_find(&s->tenant_of_uid, tenant_uid, s, uid);
	void *pool = s->tenants;
	int r = 0;

	*out = index;
	if (index != IDMAP_NONE)
		return 0;
	if (s->tenants_free == NO_INDEX) {
		r = pool_grow(&pool, &s->tenant_at, &s->tenants_room, s->tenants_top,
			      sizeof(*s->tenants));
		s->tenants = pool;
	}
	/* Every tenant may become ready later without asking for memory. */
	if (!r)
		r = heap_reserve(&s->ready, s->tenants_room);
	if (!r)
		r = idmap_reserve(&s->tenant_of_uid, tenant_uid, s);
	if (r)
		return r;
	index = s->tenants_free;
	if (index == NO_INDEX)
		index = s->tenants_top++;
	else
		s->tenants_free = s->tenant_at[index];
	s->tenants[index] = (struct sched_tenant){.uid = uid, .in_use = true, .vtime = s->vnow};
	s->tenant_at[index] = HEAP_NOWHERE;
	idmap_add(&s->tenant_of_uid, tenant_uid, s, index);
	*out = index;
	return 0;
}

static void tenant_forget(struct sched *s, uint32_t index)
{
	struct sched_tenant *t = &s->tenants[index];

	idmap_remove(&s->tenant_of_uid, tenant_uid, s, t->uid);
	heap_deinit(&t->jobs);
	*t = (struct sched_tenant){0};
	s->tenant_at[index] = s->tenants_free;
	s->tenants_free = index;
}

static void turn_day(struct sched *s, uint32_t day)
{
	if (day == s->day)
		return;
	s->day = day;
	s->device_used_ns = 0;
	for (uint32_t i = 0; i < s->tenants_top; i++) {
		struct sched_tenant *t = &s->tenants[i];

		if (!t->in_use)
			continue;
		t->used_ns = 0;
		if (!t->jobs.n && !t->weight && !t->budget_ns && t->vtime <= s->vnow)
			tenant_forget(s, i);
		else
			tenant_place(s, i);
	}
	/* Only now: those that come back at the same time start alike, in whatever order. */
	follow_smallest(s);
}

int sched_new(struct sched **out, const struct sched_limits *limits)
{
	struct sched *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->limits = *limits;
	s->jobs_free = NO_INDEX;
	s->tenants_free = NO_INDEX;
	*out = s;
	return 0;
}

void sched_free(struct sched *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->tenants_top; i++)
		heap_deinit(&s->tenants[i].jobs);
	heap_deinit(&s->ready);
	idmap_deinit(&s->job_of_id);
	idmap_deinit(&s->tenant_of_uid);
	free(s->jobs);
	free(s->job_at);
	free(s->tenants);
	free(s->tenant_at);
	free(s);
}

void sched_set_limits(struct sched *s, const struct sched_limits *limits)
{
	s->limits = *limits;
	for (uint32_t i = 0; i < s->tenants_top; i++) {
		if (!s->tenants[i].in_use)
			continue;
		s->tenants[i].weight = 0;
		s->tenants[i].budget_ns = 0;
		tenant_place(s, i);
	}
	follow_smallest(s);
}

int sched_set_tenant(struct sched *s, uint32_t uid, uint32_t weight, uint64_t day_budget_ns)
{
	uint32_t index;
	int r;

	if (weight > SCHED_WEIGHT_MAX)
		return -EINVAL;
	r = tenant_get(s, uid, &index);
	if (r)
		return r;
	s->tenants[index].weight = weight;
	s->tenants[index].budget_ns = day_budget_ns;
	tenant_settle(s, index);
	return 0;
}

int sched_add(struct sched *s, uint64_t job, uint32_t uid, int priority)
{
	void *pool = s->jobs;
	uint32_t tenant, index;
	int r;

	if (priority < INT8_MIN || priority > INT8_MAX)
		return -EINVAL;
	if (idmap_find(&s->job_of_id, job_id, s, job) != IDMAP_NONE)
		return -EEXIST;
	r = tenant_get(s, uid, &tenant);
	if (!r)
		r = heap_reserve(&s->tenants[tenant].jobs, s->tenants[tenant].jobs.n + 1);
	if (!r)
		r = idmap_reserve(&s->job_of_id, job_id, s);
	if (!r && s->jobs_free == NO_INDEX) {
		r = pool_grow(&pool, &s->job_at, &s->jobs_room, s->jobs_top, sizeof(*s->jobs));
		s->jobs = pool;
	}
	if (r)
		return r;
	index = s->jobs_free;
	if (index == NO_INDEX)
		index = s->jobs_top++;
	else
		s->jobs_free = s->job_at[index];
	s->jobs[index] = (struct sched_job){
		.id = job, .seq = s->next_seq++, .tenant = tenant, .priority = (int8_t)priority};
	idmap_add(&s->job_of_id, job_id, s, index);
	heap_push(&s->tenants[tenant].jobs, &job_order, s, index, job_key(&s->jobs[index]));
	s->n_jobs++;
	tenant_settle(s, tenant);
	return 0;
}

int sched_remove(struct sched *s, uint64_t job)
{
	uint32_t index = idmap_find(&s->job_of_id, job_id, s, job);
	uint32_t tenant;

	if (index == IDMAP_NONE)
		return -ENOENT;
	tenant = s->jobs[index].tenant;
	heap_remove(&s->tenants[tenant].jobs, &job_order, s, s->job_at[index]);
	idmap_remove(&s->job_of_id, job_id, s, job);
	s->job_at[index] = s->jobs_free;
	s->jobs_free = index;
	s->n_jobs--;
	tenant_settle(s, tenant);
	return 0;
}

int sched_pick(struct sched *s, uint32_t day, uint64_t *job)
{
	uint32_t tenant;

	turn_day(s, day);
	tenant = heap_top(&s->ready);
	if (tenant == HEAP_NOWHERE)
		return 0;
	if (s->limits.device_day_budget_ns && s->device_used_ns >= s->limits.device_day_budget_ns)
		return 0;
	*job = s->jobs[heap_top(&s->tenants[tenant].jobs)].id;
	return 1;
}

static void tenant_charge(struct sched *s, uint32_t index, uint64_t ns)
{
	struct sched_tenant *t = &s->tenants[index];
	uint32_t weight = t->weight ? t->weight : s->limits.default_weight;
	uint64_t rest;

	if (!weight)
		weight = 1;
	rest = ns % weight + t->carry;
	t->vtime = add_capped(t->vtime, ns / weight + rest / weight);
	t->carry = (uint32_t)(rest % weight);
	t->used_ns = add_capped(t->used_ns, ns);
	s->device_used_ns = add_capped(s->device_used_ns, ns);
	tenant_settle(s, index);
}

int sched_charge(struct sched *s, uint64_t job, uint32_t uid, uint64_t ns, uint32_t day)
{
	uint32_t index = idmap_find(&s->job_of_id, job_id, s, job);
	uint32_t tenant;
	int r;

	turn_day(s, day);
	if (index == IDMAP_NONE) {
		r = tenant_get(s, uid, &tenant);
		if (r)
			return r;
		tenant_charge(s, tenant, ns);
		return -ENOENT;
	}
	tenant = s->jobs[index].tenant;
	s->jobs[index].used_ns = add_capped(s->jobs[index].used_ns, ns);
	s->jobs[index].begun = s->jobs[index].used_ns > 0;
	heap_rekey(&s->tenants[tenant].jobs, &job_order, s, s->job_at[index],
		   job_key(&s->jobs[index]));
	tenant_charge(s, tenant, ns);
	return 0;
}

uint64_t sched_used_today(const struct sched *s, uint32_t uid, uint32_t day)
{
	uint32_t index = idmap_find(&s->tenant_of_uid, tenant_uid, s, uid);

	return index == IDMAP_NONE || day != s->day ? 0 : s->tenants[index].used_ns;
}

void sched_restore_used(struct sched *s, uint32_t uid, uint32_t day, uint64_t ns)
{
	uint32_t index;

	turn_day(s, day);
	if (tenant_get(s, uid, &index) < 0)
		return;
	s->tenants[index].used_ns = add_capped(s->tenants[index].used_ns, ns);
	s->device_used_ns = add_capped(s->device_used_ns, ns);
	tenant_settle(s, index);
}

uint32_t sched_count(const struct sched *s)
{
	return s->n_jobs;
}
