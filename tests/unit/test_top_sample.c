/* SPDX-License-Identifier: MIT */
/* What `brokerctl top` makes of the broker's replies: readings, and rates by a hand-moved clock. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "libbroker/util/cleanup.h"
#include "libbroker/util/clock.h"
#include "tools/top_sample.h"

#define T0 (1000 * NS_PER_S)

/* Replies as JSON; NULL: it did not come. */
struct sample_in {
	uint64_t at_ns;
	const char *usage, *jobs;
};

static json_t *parse(const char *text)
{
	json_error_t why;
	json_t *j = text ? json_loads(text, 0, &why) : NULL;

	cr_assert(j || !text, "%s: %s", text, why.text);
	return j;
}

static struct top_reading *read_all(const struct sample_in *in)
{
	struct top_reading *r = malloc(sizeof(*r));
	json_t *usage = parse(in->usage), *jobs = parse(in->jobs);
	json_t *devices = parse("{\"devices\": [{\"id\": \"d\", \"name\": \"D\", \"usable\": true, "
				"\"bus\": \"b0\"}, {\"id\": \"soft\", \"name\": \"S\"}]}");
	struct top_replies replies = {.usage = usage, .jobs = {jobs}, .devices = devices};

	top_read(r, &replies, in->at_ns, 77);
	json_decref(usage);
	json_decref(jobs);
	json_decref(devices);
	return r;
}

static struct top_reading *sample(struct top_sampler *s, uint64_t at_ns, const char *usage,
				  const char *jobs)
{
	struct top_reading *r =
		read_all(&(struct sample_in){.at_ns = at_ns, .usage = usage, .jobs = jobs});

	cr_assert_eq(top_sample(s, r), 0);
	return r;
}

#define CLIENT(pid, comm, more) \
	"{\"pid\": " pid ", \"uid\": 5, \"comm\": \"" comm "\", \"device\": \"b0\"" more "}"
#define CLIENTS(list) "{\"source\": \"fdinfo\", \"age_ns\": 0, \"clients\": [" list "]}"
#define JOB(more)                                                                       \
	"{\"jobs\": [{\"id\": 3, \"name\": \"j\", \"phase\": \"running\", \"device\": " \
	"\"d\", \"dispatches_total\": 100" more "}]}"

/* Two readings of one client, a second apart: the share that they give. */
Test(top_sample, the_share_of_a_client)
{
	static const struct {
		const char *what, *before, *now;
		int32_t permille;
	} cases[] = {
		{"time", CLIENT("1", "a", ", \"device_ns\": 1000000000"),
		 CLIENT("1", "a", ", \"device_ns\": 1250000000"), 250},
		{"more than one engine", CLIENT("1", "a", ", \"device_ns\": 0"),
		 CLIENT("1", "a", ", \"device_ns\": 1500000000"), 1500},
		{"none", CLIENT("1", "a", ", \"device_ns\": 9"),
		 CLIENT("1", "a", ", \"device_ns\": 9"), 0},
		{"backwards", CLIENT("1", "a", ", \"device_ns\": 9"),
		 CLIENT("1", "a", ", \"device_ns\": 8"), TOP_UNKNOWN},
		{"new", CLIENT("2", "a", ", \"device_ns\": 0"),
		 CLIENT("1", "a", ", \"device_ns\": 8"), TOP_UNKNOWN},
		{"another one of its number", CLIENT("1", "b", ", \"device_ns\": 0"),
		 CLIENT("1", "a", ", \"device_ns\": 8"), TOP_UNKNOWN},
		{"silent", CLIENT("1", "a", ""), CLIENT("1", "a", ""), TOP_UNKNOWN},
		{"it begins to tell", CLIENT("1", "a", ""), CLIENT("1", "a", ", \"device_ns\": 8"),
		 TOP_UNKNOWN},
		{"cycles", CLIENT("1", "a", ", \"cycles\": 10, \"total_cycles\": 100"),
		 CLIENT("1", "a", ", \"cycles\": 40, \"total_cycles\": 200"), 300},
		{"cycles that stand", CLIENT("1", "a", ", \"cycles\": 10, \"total_cycles\": 100"),
		 CLIENT("1", "a", ", \"cycles\": 10, \"total_cycles\": 100"), TOP_UNKNOWN},
		{"cycles backwards", CLIENT("1", "a", ", \"cycles\": 10, \"total_cycles\": 100"),
		 CLIENT("1", "a", ", \"cycles\": 5, \"total_cycles\": 200"), TOP_UNKNOWN},
		{"nonsense", CLIENT("1", "a", ", \"device_ns\": -5"),
		 CLIENT("1", "a", ", \"device_ns\": 9223372036854775807"), 99999},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct top_sampler s = {};
		char before[512], now[512];
		struct top_reading *r;

		snprintf(before, sizeof(before), CLIENTS("%s"), cases[i].before);
		snprintf(now, sizeof(now), CLIENTS("%s"), cases[i].now);
		r = sample(&s, T0, before, NULL);
		cr_assert_eq(r->client[0].permille, TOP_UNKNOWN, "one reading tells no share");
		free(r);
		r = sample(&s, T0 + NS_PER_S, now, NULL);
		cr_assert_eq(r->n_clients, 1);
		cr_assert_eq(r->client[0].permille, cases[i].permille, "%s: %d", cases[i].what,
			     r->client[0].permille);
		free(r);
		top_sampler_deinit(&s);
	}
}

Test(top_sample, the_rates_of_a_job)
{
	static const struct {
		const char *what, *before, *now;
		int32_t permille;
		double slices_s, dispatches_s;
	} cases[] = {
		{"it runs",
		 JOB(", \"device_ns\": 0, \"slices\": 100, \"dispatches_done\": 7, \"runs\": 1"),
		 JOB(", \"device_ns\": 990000000, \"slices\": 350, \"dispatches_done\": 9, "
		     "\"runs\": 1"),
		 990, 250, 2},
		{"a new worker", JOB(", \"device_ns\": 0, \"slices\": 100, \"runs\": 1"),
		 JOB(", \"device_ns\": 500000000, \"slices\": 300, \"runs\": 2"), 500, -1, 0},
		{"slices backwards", JOB(", \"device_ns\": 0, \"slices\": 100, \"runs\": 1"),
		 JOB(", \"device_ns\": 0, \"slices\": 30, \"runs\": 1"), 0, -1, 0},
		{"no worker", JOB(", \"device_ns\": 0, \"slices\": 100"), JOB(", \"device_ns\": 0"),
		 0, -1, 0},
		{"back to its checkpoint", JOB(", \"device_ns\": 50, \"dispatches_done\": 9"),
		 JOB(", \"device_ns\": 20, \"dispatches_done\": 4"), TOP_UNKNOWN, -1, -1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct top_sampler s = {};
		struct top_reading *r;

		free(sample(&s, T0, NULL, cases[i].before));
		r = sample(&s, T0 + NS_PER_S, NULL, cases[i].now);
		cr_assert_eq(r->window_ns, NS_PER_S);
		cr_assert_eq(r->job[0].permille, cases[i].permille, "%s", cases[i].what);
		cr_assert_float_eq(r->job[0].slices_s, cases[i].slices_s, 1e-6, "%s",
				   cases[i].what);
		cr_assert_float_eq(r->job[0].dispatches_s, cases[i].dispatches_s, 1e-6, "%s",
				   cases[i].what);
		free(r);
		top_sampler_deinit(&s);
	}
}

Test(top_sample, a_clock_that_stands_keeps_the_rates_and_the_base)
{
	struct top_sampler s = {};
	struct top_reading *r;

	free(sample(&s, T0, CLIENTS(CLIENT("1", "a", ", \"device_ns\": 0")),
		    JOB(", \"device_ns\": 0, \"slices\": 0")));
	free(sample(&s, T0 + NS_PER_S, CLIENTS(CLIENT("1", "a", ", \"device_ns\": 100000000")),
		    JOB(", \"device_ns\": 200000000, \"slices\": 50")));
	r = sample(&s, T0 + NS_PER_S, CLIENTS(CLIENT("1", "a", ", \"device_ns\": 900000000")),
		   JOB(", \"device_ns\": 900000000, \"slices\": 99"));
	cr_assert_eq(r->client[0].permille, 100);
	cr_assert_eq(r->job[0].permille, 200);
	cr_assert_float_eq(r->job[0].slices_s, 50, 1e-6);
	free(r);
	/* What passed meanwhile belongs to the next window. */
	r = sample(&s, T0 + 2 * NS_PER_S, CLIENTS(CLIENT("1", "a", ", \"device_ns\": 400000000")),
		   JOB(", \"device_ns\": 600000000, \"slices\": 150"));
	cr_assert_eq(r->client[0].permille, 300);
	cr_assert_eq(r->job[0].permille, 400);
	cr_assert_float_eq(r->job[0].slices_s, 100, 1e-6);
	free(r);
	top_sampler_deinit(&s);
}

Test(top_sample, a_clock_that_goes_back_begins_anew)
{
	struct top_sampler s = {};
	struct top_reading *r;

	free(sample(&s, T0, NULL, JOB(", \"device_ns\": 0")));
	r = sample(&s, T0 - NS_PER_S, NULL, JOB(", \"device_ns\": 100000000"));
	cr_assert_eq(r->job[0].permille, TOP_UNKNOWN);
	free(r);
	r = sample(&s, T0, NULL, JOB(", \"device_ns\": 300000000"));
	cr_assert_eq(r->job[0].permille, 200);
	free(r);
	top_sampler_deinit(&s);
}

/* The broker looks at most twice a second: a look that was told already gives no new share. */
Test(top_sample, clients_go_by_the_time_of_the_look)
{
	static const char now[] = "{\"age_ns\": 400000000, \"clients\": [" CLIENT(
		"1", "a", ", \"device_ns\": 250000000") "]}";
	static const char same[] = "{\"age_ns\": 600000000, \"clients\": [" CLIENT(
		"1", "a", ", \"device_ns\": 250000000") "]}";
	struct top_sampler s = {};
	struct top_reading *r;

	free(sample(&s, T0, CLIENTS(CLIENT("1", "a", ", \"device_ns\": 0")), NULL));
	r = sample(&s, T0 + 900 * NS_PER_MS, now, NULL);
	cr_assert_eq(r->client[0].permille, 500, "%d", r->client[0].permille);
	free(r);
	r = sample(&s, T0 + 1100 * NS_PER_MS, same, NULL);
	cr_assert_eq(r->client[0].permille, 500);
	cr_assert_eq(r->window_ns, 200 * NS_PER_MS);
	free(r);
	top_sampler_deinit(&s);
}

Test(top_sample, devices_add_up_jobs_and_others)
{
	static const char before[] =
		"{\"age_ns\": 0, \"clients\": [" CLIENT("1", "a", ", \"device_ns\": 0") "," CLIENT(
			"2", "w",
			", \"device_ns\": 0, \"ours\": true, \"job\": 3") "], "
									  "\"others\": [{\"device\": \"b0\", \"clients\": 2, \"device_ns\": 0}, "
									  "{\"device\": \"b9\", \"clients\": 2, \"device_ns\": 0}]}";
	static const char now[] =
		"{\"age_ns\": 0, \"clients\": [" CLIENT("1", "a", ", \"device_ns\": 100000000") "," CLIENT(
			"2", "w",
			", \"device_ns\": 800000000, \"ours\": true, \"job\": 3") "], "
										  "\"others\": [{\"device\": \"b0\", \"clients\": 2, \"device_ns\": 50000000}, "
										  "{\"device\": \"b9\", \"clients\": 3, \"device_ns\": 900000000}]}";
	struct top_sampler s = {};
	struct top_reading *r;

	r = sample(&s, T0, before, JOB(", \"device_ns\": 0"));
	cr_assert_eq(r->device[0].jobs_permille, TOP_UNKNOWN);
	cr_assert_eq(r->device[0].others_permille, TOP_UNKNOWN);
	free(r);
	r = sample(&s, T0 + NS_PER_S, now, JOB(", \"device_ns\": 700000000"));
	cr_assert_eq(r->device[0].jobs_permille, 700, "by the broker's accounts, and once");
	cr_assert_eq(r->device[0].others_permille, 150);
	cr_assert_eq(r->others[1].permille, TOP_UNKNOWN, "of another number of programs");
	cr_assert_eq(r->device[1].jobs_permille, 0);
	cr_assert_eq(r->device[1].others_permille, TOP_UNKNOWN);
	free(r);
	top_sampler_deinit(&s);
}

Test(top_sample, what_was_lost_is_a_gap)
{
	static const char usage[] =
		"{\"age_ns\": 0, \"hottest_mc\": 41000, \"battery_percent\": 80}";
	struct top_sampler s = {};
	struct top_reading *r;

	free(sample(&s, T0, usage, JOB(", \"device_ns\": 0")));
	top_sample_lost(&s);
	r = sample(&s, T0 + NS_PER_S, usage, JOB(", \"device_ns\": 500000000"));
	cr_assert_eq(r->job[0].permille, TOP_UNKNOWN);
	free(r);
	cr_assert_eq(top_ring_get(&s.heat, 0), 41000);
	cr_assert_eq(top_ring_get(&s.heat, 1), TOP_UNKNOWN);
	cr_assert_eq(top_ring_get(&s.heat, 2), 41000);
	cr_assert_eq(top_ring_get(&s.battery, 2), 80);
	cr_assert_eq(top_ring_get(&s.heat, 3), TOP_UNKNOWN);
	for (int i = 0; i < 2 * TOP_HISTORY + 3; i++)
		top_sample_lost(&s);
	cr_assert_eq(s.heat.n, TOP_HISTORY);
	r = sample(&s, T0, usage, NULL);
	cr_assert_eq(top_ring_get(&s.heat, 0), 41000);
	cr_assert_eq(top_ring_get(&s.heat, TOP_HISTORY - 1), TOP_UNKNOWN);
	cr_assert_eq(top_ring_get(&s.heat, TOP_HISTORY), TOP_UNKNOWN);
	free(r);
	top_sampler_deinit(&s);
}

Test(top_read, a_reply_that_did_not_come_leaves_things_unknown)
{
	struct top_reading *r = malloc(sizeof(*r));

	top_read(r, &(struct top_replies){}, T0, 77);
	cr_assert_eq(r->at_s, 77);
	cr_assert_eq(r->duty_permille, TOP_UNKNOWN);
	cr_assert_eq(r->hottest_mc, TOP_UNKNOWN);
	cr_assert_eq(r->battery_percent, TOP_UNKNOWN);
	cr_assert_eq(r->n_devices + r->n_clients + r->n_jobs + r->n_holds + r->n_changes, 0);
	cr_assert_not(r->has_changed || r->open);
	free(r);
}

Test(top_read, lists_and_texts_are_cut_to_size)
{
	json_t *clients = json_array(), *usage;
	struct top_reading *r = malloc(sizeof(*r));
	char comm[300] = "\x1b[2J";

	memset(comm + 4, 'x', 57); /* the next begins at 61 and has three bytes: no room at 63 */
	strcpy(comm + 61, "\xe6\x97\xa5\xe6\x9c\xac");
	for (int i = 0; i < TOP_CLIENTS_MAX + 50; i++)
		json_array_append_new(clients, json_pack("{s:i, s:s}", "pid", i, "comm", comm));
	usage = json_pack("{s:o}", "clients", clients);
	top_read(r, &(struct top_replies){.usage = usage}, T0, 77);
	json_decref(usage);
	cr_assert_eq(r->n_clients, TOP_CLIENTS_MAX);
	cr_assert_eq(strlen(r->client[0].comm), 61, "%zu", strlen(r->client[0].comm));
	cr_assert_eq(strncmp(r->client[0].comm, "?[2Jxx", 6), 0);
	free(r);
}

Test(top_json, what_is_not_known_is_left_out)
{
	struct top_sampler s = {};
	struct top_reading *r =
		sample(&s, T0, CLIENTS(CLIENT("1", "a", ", \"device_ns\": 5")), JOB(""));
	json_t *j = top_json(r), *client, *job;

	client = json_array_get(json_object_get(j, "clients"), 0);
	job = json_array_get(json_object_get(j, "jobs"), 0);
	cr_assert_eq(json_integer_value(json_object_get(client, "device_ns")), 5);
	cr_assert_null(json_object_get(client, "permille"));
	cr_assert_null(json_object_get(client, "memory"));
	cr_assert_null(json_object_get(job, "slices_per_s"));
	cr_assert_null(json_object_get(j, "hottest_mc"));
	cr_assert_null(json_object_get(j, "window_ns"));
	json_decref(j);
	r->jobs_denied = true;
	j = top_json(r);
	cr_assert_null(json_object_get(j, "jobs"));
	json_decref(j);
	free(r);
	r = sample(&s, T0 + NS_PER_S, CLIENTS(CLIENT("1", "a", ", \"device_ns\": 5")), JOB(""));
	j = top_json(r);
	client = json_array_get(json_object_get(j, "clients"), 0);
	cr_assert_eq(json_integer_value(json_object_get(j, "window_ns")), (json_int_t)NS_PER_S);
	cr_assert(json_is_integer(json_object_get(client, "permille")));
	json_decref(j);
	free(r);
	top_sampler_deinit(&s);
}
