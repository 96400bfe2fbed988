/* SPDX-License-Identifier: MIT */
/*
 * Planning and sizing of slices against models of devices moved by hand: narrow and wide ones, with
 * a cost of starting, with noise, and with kernels whose cost changes on the way.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/worker/slice.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/clock.h"

#define QUANTUM_NS (4 * NS_PER_MS)

struct model {
	const char *name;
	double start_ns; /* a dispatch */
	uint32_t width; /* workgroups at once */
	double wave_ns; /* so many at once take */
	double noise; /* up to this share more */
};

static const struct model models[] = {
	{"two slow cores", 5000, 2, 80000, 0.1},  {"two fast cores", 5000, 2, 900, 0.3},
	{"a phone's GPU", 60000, 48, 30000, 0.1}, {"a card", 15000, 4096, 20000, 0.05},
	{"no cost to start", 0, 1, 150, 0},
};

static const char one_large[] =
	"{\"version\": 1, \"kind\": \"vulkan\", \"name\": \"large\","
	" \"buffers\": {\"b\": {\"size\": 64, \"use\": \"output\"}},"
	" \"kernels\": {\"k\": {\"spirv\": \"k\", \"bindings\": {\"0\": \"b\"}}},"
	" \"program\": [{\"loop\": \"i\", \"count\": 100000, \"body\": ["
	"   {\"dispatch\": \"k\", \"groups\": [1000, 100, 3]}]}], \"outputs\": [\"b\"]}";

static const char many_small[] =
	"{\"version\": 1, \"kind\": \"vulkan\", \"name\": \"small\","
	" \"buffers\": {\"b\": {\"size\": 64, \"use\": \"output\"}},"
	" \"kernels\": {\"k\": {\"spirv\": \"k\", \"bindings\": {\"0\": \"b\"}},"
	"              \"l\": {\"spirv\": \"l\", \"bindings\": {\"0\": \"b\"}}},"
	" \"program\": [{\"loop\": \"i\", \"count\": 1000000, \"body\": ["
	"   {\"dispatch\": \"k\", \"groups\": [7]}, {\"dispatch\": \"l\", \"groups\": [\"i % 3\"]}]}],"
	" \"outputs\": [\"b\"]}";

struct rig {
	struct job *job;
	struct slice_kernel kernels[2];
	struct slice_planner planner;
	struct program_cursor cursor;
	struct slice slice;
	unsigned int seed;
	double factor; /* the kernels' cost, times */
};

static void rig_start(struct rig *r, const char *json)
{
	struct error err = {.what = ""};

	memset(r, 0, sizeof(*r));
	r->seed = 5;
	r->factor = 1;
	cr_assert_eq(job_parse(&r->job, json, strlen(json), &err), 0, "%s", err.what);
	slice_planner_init(&r->planner, r->job, r->kernels, (uint32_t[]){65535, 65535, 65535});
	program_start(&r->cursor, r->job);
}

static uint64_t device(struct rig *r, const struct model *m)
{
	double ns = 0;

	for (uint32_t i = 0; i < r->slice.n; i++) {
		uint64_t waves = (r->slice.part[i].groups + m->width - 1) / m->width;

		ns += m->start_ns + (double)waves * m->wave_ns * r->factor;
	}
	return (uint64_t)(ns * (1 + m->noise * (rand_r(&r->seed) % 1000) / 1000.0)) + 1;
}

static uint64_t step(struct rig *r, const struct model *m)
{
	struct error err = {.what = ""};
	uint64_t ns;

	cr_assert_eq(slice_plan(&r->planner, &r->cursor, QUANTUM_NS, &r->slice, &err), 0, "%s",
		     err.what);
	cr_assert_gt(r->slice.n, 0);
	ns = device(r, m);
	slice_learn(&r->planner, &r->slice, ns, QUANTUM_NS);
	return ns;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void expect_steady(struct rig *r, const struct model *m, double least)
{
	static uint64_t took[4000];
	uint64_t sum = 0;

	for (size_t i = 0; i < ARRAY_SIZE(took); i++)
		sum += took[i] = step(r, m);
	qsort(took, ARRAY_SIZE(took), sizeof(took[0]), compare);
	cr_assert_leq(took[ARRAY_SIZE(took) * 99 / 100], 2 * QUANTUM_NS, "%s: p99 %llu", m->name,
		      (unsigned long long)took[ARRAY_SIZE(took) * 99 / 100]);
	cr_assert_geq((double)sum, least * QUANTUM_NS * ARRAY_SIZE(took), "%s: mean %llu", m->name,
		      (unsigned long long)(sum / ARRAY_SIZE(took)));
}

Test(slice, it_starts_with_one_workgroup_and_grows_by_no_more_than_the_bound)
{
	for (size_t i = 0; i < ARRAY_SIZE(models); i++) {
		uint64_t largest = 1;
		struct rig r;

		rig_start(&r, one_large);
		for (int n = 0; n < 40; n++) {
			uint64_t groups = 0;

			step(&r, &models[i]);
			for (uint32_t p = 0; p < r.slice.n; p++)
				if (r.slice.part[p].groups > groups)
					groups = r.slice.part[p].groups;
			cr_assert(n > 1 || (groups == 1 && r.slice.n == 1 && r.slice.first));
			cr_assert(n < 2 || !r.slice.first);
			cr_assert_leq(groups, largest * SIZE_GROWTH, "%s: %llu after %llu",
				      models[i].name, (unsigned long long)groups,
				      (unsigned long long)largest);
			if (groups > largest)
				largest = groups;
		}
		job_free(r.job);
	}
}

Test(slice, large_dispatches_fill_the_quantum)
{
	for (size_t i = 0; i < ARRAY_SIZE(models); i++) {
		struct rig r;

		rig_start(&r, one_large);
		for (int n = 0; n < 40; n++)
			step(&r, &models[i]);
		expect_steady(&r, &models[i], 0.7);
		job_free(r.job);
	}
}

Test(slice, small_dispatches_are_packed_with_barriers)
{
	struct rig r;

	rig_start(&r, many_small);
	for (int n = 0; n < 60; n++)
		step(&r, &models[2]);
	expect_steady(&r, &models[2], 0.7);
	cr_assert_gt(r.slice.n, 10);
	for (uint32_t i = 0; i < r.slice.n; i++)
		cr_assert(r.slice.part[i].barrier);
	job_free(r.job);
	rig_start(&r, many_small);
	for (int n = 0; n < 60; n++)
		step(&r, &models[1]);
	cr_assert_eq(r.slice.n, SLICE_PARTS_MAX);
	job_free(r.job);
}

/* After the cost jumps, few slices are long, and none once it is learnt. */
Test(slice, it_follows_a_kernel_whose_cost_changes)
{
	const struct model *m = &models[0];
	struct rig r;

	rig_start(&r, one_large);
	for (int n = 0; n < 100; n++)
		step(&r, m);
	r.factor = 10;
	for (int n = 0; n < 4; n++)
		step(&r, m);
	expect_steady(&r, m, 0.5);
	r.factor = 0.1;
	for (int n = 0; n < 60; n++)
		step(&r, m);
	expect_steady(&r, m, 0.7);
	job_free(r.job);
}

/* One long slice is taken for noise: the next ones stay near what they were. */
Test(slice, a_single_outlier_does_not_shrink_the_slices_for_long)
{
	struct rig r;
	uint64_t before;

	rig_start(&r, one_large);
	for (int n = 0; n < 200; n++)
		step(&r, &models[1]);
	before = size_groups(&r.kernels[0].size, QUANTUM_NS);
	slice_plan(&r.planner, &r.cursor, QUANTUM_NS, &r.slice, NULL);
	slice_learn(&r.planner, &r.slice, 100 * QUANTUM_NS, QUANTUM_NS);
	cr_assert_gt(size_groups(&r.kernels[0].size, QUANTUM_NS), before / 2);
	slice_plan(&r.planner, &r.cursor, QUANTUM_NS, &r.slice, NULL);
	slice_learn(&r.planner, &r.slice, 100 * QUANTUM_NS, QUANTUM_NS);
	cr_assert_lt(size_groups(&r.kernels[0].size, QUANTUM_NS), before / 10);
	job_free(r.job);
}

Test(slice, a_whole_kernel_is_never_cut)
{
	struct rig r;

	rig_start(&r, one_large);
	r.kernels[0].whole = true;
	for (int n = 0; n < 20; n++) {
		step(&r, &models[0]);
		cr_assert_eq(r.slice.n, 1);
		cr_assert_eq(r.slice.part[0].groups, 300000);
	}
	job_free(r.job);
}

Test(slice, what_the_device_cannot_do_is_an_error_with_words)
{
	struct error err;
	struct rig r;

	rig_start(&r, one_large);
	r.planner.groups_max[1] = 99;
	cr_assert_eq(slice_plan(&r.planner, &r.cursor, QUANTUM_NS, &r.slice, &err), -ERANGE);
	cr_assert(strstr(err.what, "groups[1] is 100; this device takes at most 99"), "%s",
		  err.what);
	cr_assert_str_eq(err.where, "kernel k");
	job_free(r.job);
}

/* The cursor behind each slice is where the next begins, so any of them can be resumed from. */
Test(slice, each_workgroup_is_planned_once)
{
	uint64_t groups = 0;
	struct rig r;

	rig_start(&r, one_large);
	while (r.cursor.passed < 3) {
		step(&r, &models[4]);
		for (uint32_t i = 0; i < r.slice.n; i++)
			groups += r.slice.part[i].groups;
		cr_assert_eq(groups, r.slice.after.passed * 300000 + r.slice.after.groups_done);
		cr_assert_eq(program_cursor_valid(&r.slice.after, r.job), 0);
	}
	job_free(r.job);
}
