/* SPDX-License-Identifier: MIT */
/*
 * The scheduler with hand-moved time: fairness, budgets, priorities, and random operations against
 * a model that keeps everything in plain arrays and searches them from end to end.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <malloc.h>
#include <string.h>

#include "broker/sched/sched.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/clock.h"

#define TURN  (100 * NS_PER_MS)
#define TODAY 20000u

static struct sched *fresh(uint32_t weight, uint64_t tenant_budget, uint64_t device_budget)
{
	struct sched_limits limits = {weight, tenant_budget, device_budget};
	struct sched *s;

	cr_assert_eq(sched_new(&s, &limits), 0);
	return s;
}

static uint64_t pick(struct sched *s, uint32_t day)
{
	uint64_t job = 0;

	return sched_pick(s, day, &job) == 1 ? job : 0;
}

/* One turn: who was picked is charged for it. */
static uint64_t turn(struct sched *s, uint32_t day, uint64_t ns)
{
	uint64_t job = pick(s, day);

	if (job)
		cr_assert_eq(sched_charge(s, job, 0, ns, day), 0);
	return job;
}

Test(sched, an_empty_queue_picks_nothing)
{
	struct sched *s = fresh(1, 0, 0);

	cr_assert_eq(pick(s, TODAY), 0);
	cr_assert_eq(sched_count(s), 0);
	cr_assert_eq(sched_remove(s, 1), -ENOENT);
	sched_free(s);
	sched_free(NULL);
}

Test(sched, refuses_what_makes_no_sense)
{
	struct sched *s = fresh(1, 0, 0);

	cr_assert_eq(sched_add(s, 1, 1000, 0), 0);
	cr_assert_eq(sched_add(s, 1, 1000, 0), -EEXIST);
	cr_assert_eq(sched_add(s, 1, 1001, 5), -EEXIST);
	cr_assert_eq(sched_add(s, 2, 1000, 128), -EINVAL);
	cr_assert_eq(sched_set_tenant(s, 1000, SCHED_WEIGHT_MAX + 1, 0), -EINVAL);
	cr_assert_eq(sched_count(s), 1);
	sched_free(s);
}

Test(sched, within_a_tenant_priority_then_arrival)
{
	struct sched *s = fresh(1, 0, 0);
	const uint64_t order[] = {4, 5, 1, 2, 3};

	cr_assert_eq(sched_add(s, 1, 1000, 0), 0);
	cr_assert_eq(sched_add(s, 2, 1000, 0), 0);
	cr_assert_eq(sched_add(s, 3, 1000, -5), 0);
	cr_assert_eq(sched_add(s, 4, 1000, 9), 0);
	cr_assert_eq(sched_add(s, 5, 1000, 9), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(order); i++) {
		cr_assert_eq(turn(s, TODAY, TURN), order[i]);
		cr_assert_eq(turn(s, TODAY, TURN), order[i], "what was begun is finished first");
		cr_assert_eq(sched_remove(s, order[i]), 0);
	}
	sched_free(s);
}

Test(sched, among_begun_equals_the_one_that_had_less)
{
	struct sched *s = fresh(1, 0, 0);

	cr_assert_eq(sched_add(s, 1, 1000, 0), 0);
	cr_assert_eq(sched_add(s, 2, 1000, 0), 0);
	cr_assert_eq(sched_add(s, 3, 1000, 0), 0);
	cr_assert_eq(sched_charge(s, 1, 1000, 3 * TURN, TODAY), 0);
	cr_assert_eq(sched_charge(s, 2, 1000, TURN, TODAY), 0);
	cr_assert_eq(turn(s, TODAY, TURN), 2);
	cr_assert_eq(turn(s, TODAY, 2 * TURN), 2);
	cr_assert_eq(turn(s, TODAY, TURN), 1);
	sched_free(s);
}

struct share_case {
	uint32_t weights[3];
};

Test(sched, shares_follow_the_weights_within_one_turn)
{
	static const struct share_case cases[] = {{{1, 3, 0}}, {{1, 1, 0}}, {{1, 10000, 0}},
						  {{7, 3, 5}}, {{1, 2, 3}}, {{999, 1000, 1}}};

	for (unsigned int c = 0; c < ARRAY_SIZE(cases); c++) {
		struct sched *s = fresh(1, 0, 0);
		uint64_t had[3] = {0}, sum = 0, all = 0;

		for (uint32_t i = 0; i < 3 && cases[c].weights[i]; i++) {
			sum += cases[c].weights[i];
			cr_assert_eq(sched_set_tenant(s, i, cases[c].weights[i], 0), 0);
			cr_assert_eq(sched_add(s, i + 1, i, 0), 0);
		}
		for (unsigned int n = 0; n < 20000; n++) {
			had[turn(s, TODAY, TURN) - 1] += TURN;
			all += TURN;
			for (uint32_t i = 0; i < 3 && cases[c].weights[i]; i++) {
				double due = (double)all * cases[c].weights[i] / (double)sum;
				double off = ((double)had[i] - due) / TURN;

				cr_assert(off < 1.001 && off > -2.001,
					  "case %u: tenant %u is off by %f turns after %u", c, i,
					  off, n);
			}
		}
		sched_free(s);
	}
}

/* Turns differ in length: a slice may overrun. What counts is time, not turns. */
Test(sched, shares_count_time_and_not_turns)
{
	struct sched *s = fresh(1, 0, 0);
	uint64_t had[2] = {0};

	cr_assert_eq(sched_add(s, 1, 10, 0), 0);
	cr_assert_eq(sched_add(s, 2, 20, 0), 0);
	for (unsigned int n = 0; n < 5000; n++) {
		uint64_t job = pick(s, TODAY);
		uint64_t ns = job == 1 ? TURN : TURN / 7 + n;

		had[job - 1] += ns;
		cr_assert_eq(sched_charge(s, job, 0, ns, TODAY), 0);
		cr_assert_leq(had[0] > had[1] ? had[0] - had[1] : had[1] - had[0], TURN);
	}
	sched_free(s);
}

Test(sched, rest_is_not_saved_up)
{
	struct sched *s = fresh(1, 0, 0);
	unsigned int in_a_row = 0;

	cr_assert_eq(sched_add(s, 1, 10, 0), 0);
	cr_assert_eq(sched_add(s, 2, 20, 0), 0);
	for (unsigned int n = 0; n < 10; n++)
		turn(s, TODAY, TURN);
	cr_assert_eq(sched_remove(s, 2), 0);
	for (unsigned int n = 0; n < 1000; n++)
		cr_assert_eq(turn(s, TODAY, TURN), 1);
	cr_assert_eq(sched_add(s, 3, 20, 0), 0);
	for (unsigned int n = 0; n < 20; n++) {
		in_a_row = turn(s, TODAY, TURN) == 3 ? in_a_row + 1 : 0;
		cr_assert_leq(in_a_row, 2);
	}
	sched_free(s);
}

Test(sched, leaving_and_coming_back_pays_no_debt)
{
	struct sched *s = fresh(1, 0, 0);
	uint64_t had[2] = {0};

	/* The first one leaves after each turn and is back at once, as a new job. */
	cr_assert_eq(sched_add(s, 100, 10, 0), 0);
	cr_assert_eq(sched_add(s, 1, 20, 0), 0);
	for (uint64_t n = 0; n < 1000; n++) {
		uint64_t job = turn(s, TODAY, TURN);

		had[job == 1] += TURN;
		if (job != 1) {
			cr_assert_eq(sched_remove(s, job), 0);
			cr_assert_eq(sched_add(s, 100 + n + 1, 10, 0), 0);
		}
	}
	cr_assert_eq(had[0], had[1]);
	sched_free(s);
}

/* Nobody runs for a while; who had nothing yet has no claim on the time before it came. */
Test(sched, a_newcomer_to_an_empty_queue_has_no_head_start)
{
	struct sched *s = fresh(1, 0, 0);
	uint64_t had[2] = {0};

	cr_assert_eq(sched_add(s, 1, 10, 0), 0);
	for (unsigned int n = 0; n < 500; n++)
		turn(s, TODAY, TURN);
	cr_assert_eq(sched_remove(s, 1), 0);
	cr_assert_eq(sched_add(s, 2, 20, 0), 0);
	cr_assert_eq(sched_add(s, 1, 10, 0), 0);
	for (unsigned int n = 0; n < 100; n++)
		had[turn(s, TODAY, TURN) - 1]++;
	cr_assert_eq(had[0], 50);
	cr_assert_eq(had[1], 50);
	sched_free(s);
}

Test(sched, a_budget_ends_at_the_turn_of_the_day)
{
	struct sched *s = fresh(1, 3 * TURN, 0);

	cr_assert_eq(sched_set_tenant(s, 20, 0, SCHED_BUDGET_NONE), 0);
	cr_assert_eq(sched_add(s, 1, 10, 0), 0);
	for (unsigned int n = 0; n < 3; n++)
		cr_assert_eq(turn(s, TODAY, TURN), 1);
	cr_assert_eq(sched_used_today(s, 10, TODAY), 3 * TURN);
	cr_assert_eq(turn(s, TODAY, TURN), 0);
	cr_assert_eq(sched_add(s, 2, 20, 0), 0);
	for (unsigned int n = 0; n < 50; n++)
		cr_assert_eq(turn(s, TODAY, TURN), 2);
	cr_assert_eq(sched_used_today(s, 10, TODAY + 1), 0);
	cr_assert_eq(turn(s, TODAY + 1, TURN), 1);
	cr_assert_eq(turn(s, TODAY + 1, TURN), 2);
	cr_assert_eq(turn(s, TODAY + 1, TURN), 1, "what it could not use is not owed to it");
	sched_free(s);
}

Test(sched, a_clock_that_is_put_back_locks_nobody_out)
{
	struct sched *s = fresh(1, TURN, 0);

	cr_assert_eq(sched_add(s, 1, 10, 0), 0);
	cr_assert_eq(turn(s, TODAY + 30000, TURN), 1);
	cr_assert_eq(turn(s, TODAY + 30000, TURN), 0);
	cr_assert_eq(turn(s, TODAY, TURN), 1);
	sched_free(s);
}

Test(sched, the_device_has_a_budget_of_its_own)
{
	struct sched *s = fresh(1, 0, 2 * TURN);
	struct sched_limits more = {1, 0, 3 * TURN};

	cr_assert_eq(sched_add(s, 1, 10, 0), 0);
	cr_assert_eq(sched_add(s, 2, 20, 0), 0);
	cr_assert_neq(turn(s, TODAY, TURN), 0);
	cr_assert_neq(turn(s, TODAY, TURN), 0);
	cr_assert_eq(turn(s, TODAY, TURN), 0);
	sched_set_limits(s, &more);
	cr_assert_neq(turn(s, TODAY, TURN), 0);
	cr_assert_eq(turn(s, TODAY, TURN), 0);
	cr_assert_neq(turn(s, TODAY + 1, TURN), 0);
	sched_free(s);
}

Test(sched, the_ledger_is_restored)
{
	struct sched *s = fresh(1, 5 * TURN, 0);

	sched_restore_used(s, 10, TODAY, 4 * TURN);
	cr_assert_eq(sched_used_today(s, 10, TODAY), 4 * TURN);
	cr_assert_eq(sched_used_today(s, 11, TODAY), 0);
	cr_assert_eq(sched_add(s, 1, 10, 0), 0);
	cr_assert_eq(turn(s, TODAY, TURN), 1);
	cr_assert_eq(turn(s, TODAY, TURN), 0);
	sched_free(s);
}

Test(sched, a_new_budget_counts_at_once)
{
	struct sched *s = fresh(1, 0, 0);

	cr_assert_eq(sched_add(s, 1, 10, 0), 0);
	cr_assert_eq(turn(s, TODAY, 4 * TURN), 1);
	cr_assert_eq(sched_set_tenant(s, 10, 1, 2 * TURN), 0);
	cr_assert_eq(turn(s, TODAY, TURN), 0);
	cr_assert_eq(sched_set_tenant(s, 10, 1, 9 * TURN), 0);
	cr_assert_eq(turn(s, TODAY, TURN), 1);
	sched_free(s);
}

Test(sched, a_job_that_left_charges_its_tenant)
{
	struct sched *s = fresh(1, 2 * TURN, 0);

	cr_assert_eq(sched_charge(s, 7, 10, TURN, TODAY), -ENOENT);
	cr_assert_eq(sched_used_today(s, 10, TODAY), TURN);
	cr_assert_eq(sched_charge(s, 7, 10, UINT64_MAX, TODAY), -ENOENT);
	cr_assert_eq(sched_used_today(s, 10, TODAY), UINT64_MAX);
	sched_free(s);
}

/* Each of many tenants with very different weights is served again and again. */
Test(sched, nobody_starves)
{
	struct sched *s = fresh(1, 0, 0);
	unsigned int served[50] = {0};
	uint32_t sum = 0;

	for (uint32_t i = 0; i < 50; i++) {
		sum += 1 + i * i;
		cr_assert_eq(sched_set_tenant(s, i, 1 + i * i, 0), 0);
		cr_assert_eq(sched_add(s, i + 1, i, 10 - (int)i % 20), 0);
	}
	for (uint32_t n = 0; n < 3 * sum; n++)
		served[turn(s, TODAY, TURN) - 1]++;
	for (uint32_t i = 0; i < 50; i++)
		cr_assert_geq(served[i], 2, "tenant %u had %u turns", i, served[i]);
	sched_free(s);
}

/* Bytes that are allocated now. */
static size_t allocated(void)
{
#ifdef __GLIBC__
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
#else
	cr_skip_test("this C library does not count what is allocated");
	return 0;
#endif
}

Test(sched, ten_thousand_jobs_cost_well_under_two_megabytes)
{
	size_t before = allocated();
	struct sched *s = fresh(1, 0, 0);

	for (uint64_t i = 1; i <= 10000; i++)
		cr_assert_eq(sched_add(s, i, (uint32_t)(i % 100), (int)(i % 7)), 0);
	cr_assert_lt(allocated() - before, 1200000u);
	sched_free(s);
}

/* The model: the rules of sched.h, without a single clever structure. */

#define MODEL_JOBS    64
#define MODEL_TENANTS 8

struct model_job {
	bool here;
	uint32_t uid;
	int priority;
	uint64_t used, seq;
};

struct model_tenant {
	uint64_t vtime, used, budget;
	uint32_t weight, carry;
	bool ready, known;
};

struct model {
	struct model_job jobs[MODEL_JOBS];
	struct model_tenant tenants[MODEL_TENANTS];
	uint64_t vnow, seq, device_used, device_budget, default_budget;
	uint32_t day, default_weight;
};

static int model_first(const struct model *m)
{
	int best = -1;

	for (int i = 0; i < MODEL_TENANTS; i++)
		if (m->tenants[i].ready &&
		    (best < 0 || m->tenants[i].vtime < m->tenants[best].vtime))
			best = i;
	return best;
}

static void model_follow(struct model *m)
{
	int first = model_first(m);

	if (first >= 0 && m->tenants[first].vtime > m->vnow)
		m->vnow = m->tenants[first].vtime;
}

static struct model_tenant *model_tenant(struct model *m, uint32_t uid)
{
	struct model_tenant *t = &m->tenants[uid];

	if (!t->known)
		*t = (struct model_tenant){.known = true, .vtime = m->vnow};
	return t;
}

static bool model_has_jobs(const struct model *m, uint32_t uid)
{
	for (int i = 0; i < MODEL_JOBS; i++)
		if (m->jobs[i].here && m->jobs[i].uid == uid)
			return true;
	return false;
}

static void model_place(struct model *m, uint32_t uid)
{
	struct model_tenant *t = &m->tenants[uid];
	uint64_t budget = t->budget ? t->budget : m->default_budget;
	bool ready = model_has_jobs(m, uid) && (!budget || t->used < budget), was = t->ready;

	if (ready && !was && t->vtime < m->vnow)
		t->vtime = m->vnow;
	t->ready = ready;
	if (!ready && was && t->vtime > m->vnow && model_first(m) < 0)
		m->vnow = t->vtime;
}

static void model_settle(struct model *m, uint32_t uid)
{
	model_place(m, uid);
	model_follow(m);
}

static void model_day(struct model *m, uint32_t day)
{
	if (day == m->day)
		return;
	m->day = day;
	m->device_used = 0;
	for (uint32_t i = 0; i < MODEL_TENANTS; i++) {
		struct model_tenant *t = &m->tenants[i];

		t->used = 0;
		if (!model_has_jobs(m, i) && !t->weight && !t->budget && t->vtime <= m->vnow)
			t->known = false;
		else
			model_place(m, i);
	}
	model_follow(m);
}

static bool model_better(const struct model_job *a, const struct model_job *b)
{
	if (a->priority != b->priority)
		return a->priority > b->priority;
	if ((a->used > 0) != (b->used > 0))
		return a->used > 0;
	return a->used != b->used ? a->used < b->used : a->seq < b->seq;
}

static uint64_t model_pick(struct model *m, uint32_t day)
{
	int first, best = -1;

	model_day(m, day);
	first = model_first(m);
	if (first < 0 || (m->device_budget && m->device_used >= m->device_budget))
		return 0;
	for (int i = 0; i < MODEL_JOBS; i++)
		if (m->jobs[i].here && m->jobs[i].uid == (uint32_t)first &&
		    (best < 0 || model_better(&m->jobs[i], &m->jobs[best])))
			best = i;
	return (uint64_t)best + 1;
}

static void model_charge(struct model *m, uint64_t job, uint32_t uid, uint64_t ns, uint32_t day)
{
	struct model_tenant *t;
	uint32_t weight;
	uint64_t sum;

	model_day(m, day);
	if (m->jobs[job - 1].here) {
		m->jobs[job - 1].used += ns;
		uid = m->jobs[job - 1].uid;
	}
	t = model_tenant(m, uid);
	weight = t->weight ? t->weight : m->default_weight;
	sum = ns + t->carry;
	t->vtime += sum / weight;
	t->carry = (uint32_t)(sum % weight);
	t->used += ns;
	m->device_used += ns;
	model_settle(m, uid);
}

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state >> 16;
}

static void random_step(struct sched *s, struct model *m, uint64_t *rng)
{
	uint64_t job = random_next(rng) % MODEL_JOBS + 1;
	struct model_job *mj = &m->jobs[job - 1];
	uint32_t uid = (uint32_t)(random_next(rng) % MODEL_TENANTS);
	uint32_t day = m->day + (random_next(rng) % 400 == 0);
	uint64_t ns = random_next(rng) % (3 * TURN);
	int priority = (int)(random_next(rng) % 3) - 1;

	switch (random_next(rng) % 6) {
	case 0:
		cr_assert_eq(sched_add(s, job, uid, priority), mj->here ? -EEXIST : 0);
		if (mj->here)
			break;
		model_tenant(m, uid);
		*mj = (struct model_job){true, uid, priority, 0, m->seq++};
		model_settle(m, uid);
		break;
	case 1:
		cr_assert_eq(sched_remove(s, job), mj->here ? 0 : -ENOENT);
		mj->here = false;
		model_settle(m, mj->uid);
		break;
	case 2:
		cr_assert_eq(sched_charge(s, job, uid, ns, day), mj->here ? 0 : -ENOENT);
		model_charge(m, job, uid, ns, day);
		break;
	case 3:
		if (random_next(rng) % 8)
			break;
		model_tenant(m, uid)->weight = (uint32_t)(random_next(rng) % 20);
		m->tenants[uid].budget = random_next(rng) % (500 * TURN);
		cr_assert_eq(sched_set_tenant(s, uid, m->tenants[uid].weight,
					      m->tenants[uid].budget),
			     0);
		model_settle(m, uid);
		break;
	default:
		job = model_pick(m, day);
		cr_assert_eq(pick(s, day), job);
		if (!job)
			break;
		cr_assert_eq(sched_charge(s, job, 99, ns, day), 0);
		model_charge(m, job, 99, ns, day);
	}
}

Test(sched, random_operations_agree_with_a_plain_model)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct model m = {.default_weight = (uint32_t)seed % 5 + 1,
				  .default_budget = seed % 3 ? 400 * TURN : 0,
				  .device_budget = seed % 2 ? 3000 * TURN : 0};
		struct sched *s = fresh(m.default_weight, m.default_budget, m.device_budget);
		uint64_t rng = seed * 0x9e3779b97f4a7c15ull;

		for (unsigned int n = 0; n < 20000; n++) {
			uint32_t count = 0;

			random_step(s, &m, &rng);
			for (unsigned int i = 0; i < MODEL_JOBS; i++)
				count += m.jobs[i].here;
			cr_assert_eq(sched_count(s), count);
			cr_assert_eq(pick(s, m.day), model_pick(&m, m.day), "seed %lu step %u",
				     (unsigned long)seed, n);
		}
		for (uint32_t i = 0; i < MODEL_TENANTS; i++)
			cr_assert_eq(sched_used_today(s, i, m.day),
				     m.tenants[i].known ? m.tenants[i].used : 0);
		sched_free(s);
	}
}
