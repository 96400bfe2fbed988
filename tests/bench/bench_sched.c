/* SPDX-License-Identifier: MIT */
/*
 * What a scheduling decision costs with 10, 1,000 and 100,000 runnable jobs. A decision is what a
 * turn needs: charge the job that ran, pick the next; and every sixteenth time a job ends and
 * another comes. Of n jobs, sqrt(n) tenants have sqrt(n) each, so that both heaps grow with n;
 * weights from 1 to 7. Prints one JSON object; the figure is the fastest of several rounds, since
 * what disturbs a round only ever makes it slower.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/sched/sched.h"
#include "libbroker/util/clock.h"

#define ROUNDS    9
#define DECISIONS 50000
#define TODAY     20000u

static void must(int r)
{
	if (r < 0) {
		fprintf(stderr, "bench_sched: unexpected error %d\n", r);
		exit(1);
	}
}

static uint32_t square_root(uint32_t n)
{
	uint32_t root = 1;

	while (root * root <= n)
		root++;
	return root - 1;
}

static struct sched *fill(uint32_t jobs, uint32_t tenants)
{
	struct sched_limits limits = {.default_weight = 1};
	struct sched *s;

	must(sched_new(&s, &limits));
	for (uint32_t i = 0; i < jobs; i++) {
		uint32_t uid = i % tenants;

		if (i < tenants)
			must(sched_set_tenant(s, uid, 1 + uid % 7, 0));
		must(sched_add(s, i + 1, uid, (int)(i % 3)));
	}
	return s;
}

static double round_ns(struct sched *s, uint32_t tenants, uint64_t *next_id)
{
	uint64_t start = clock_now_ns();

	for (uint32_t n = 0; n < DECISIONS; n++) {
		uint64_t job;

		must(sched_pick(s, TODAY, &job) - 1);
		must(sched_charge(s, job, 0, 100 * NS_PER_MS + n, TODAY));
		if (n % 16 == 0) {
			must(sched_remove(s, job));
			must(sched_add(s, ++*next_id, n % tenants, (int)(n % 3)));
		}
	}
	return (double)(clock_now_ns() - start) / DECISIONS;
}

static double measure(uint32_t jobs)
{
	uint32_t tenants = square_root(jobs);
	struct sched *s = fill(jobs, tenants);
	uint64_t next_id = jobs;
	double best = 0;

	for (int i = 0; i < ROUNDS; i++) {
		double ns = round_ns(s, tenants, &next_id);

		if (!i || ns < best)
			best = ns;
	}
	sched_free(s);
	return best;
}

int main(void)
{
	double ten = measure(10), thousand = measure(1000), many = measure(100000);

	printf("{\"sched_ns_per_decision_10\": %.1f, \"sched_ns_per_decision_1000\": %.1f, "
	       "\"sched_ns_per_decision_100000\": %.1f}\n",
	       ten, thousand, many);
	return 0;
}
