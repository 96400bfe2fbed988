/* SPDX-License-Identifier: MIT */
/*
 * The real worker on the real driver: results against plain C, cutting, parking, and what it does
 * with jobs that do not behave.
 */
#include "tests/unit/worker_host.h"

#include <stdlib.h>

#define COUNT    100000u
#define ROUNDS   6u
#define TURNS    400u
#define TEXT_(x) #x
#define TEXT(x)  TEXT_(x)

static const char mix_job[] =
	"{\"version\": 1, \"kind\": \"vulkan\", \"name\": \"mix\","
	" \"buffers\": {\"state\": {\"size\": 400000, \"use\": \"output\"}},"
	" \"kernels\": {\"mix\": {\"spirv\": \"mix\", \"bindings\": {\"0\": \"state\"},"
	"                       \"push\": [\"u32\", \"u32\", \"u32\"]}},"
	" \"program\": [{\"loop\": \"r\", \"count\": 6, \"body\": ["
	"   {\"dispatch\": \"mix\", \"groups\": [1563], \"push\": [100000, \"r\", 400]}]}],"
	" \"outputs\": [\"state\"]}";

static uint32_t *mix_expected(void)
{
	uint32_t *state = calloc(COUNT, sizeof(*state));

	for (uint32_t r = 0; r < ROUNDS; r++)
		for (uint32_t at = 0; at < COUNT; at++)
			for (uint32_t i = 0; i < TURNS; i++)
				state[at] = (state[at] ^ (state[at] >> 13)) * 1664525u +
					    1013904223u + at + r;
	return state;
}

static void expect_mix(struct host *h)
{
	uint32_t *expected = mix_expected(), *got = calloc(COUNT, sizeof(*got));

	host_output(h, got, COUNT * sizeof(*got));
	cr_assert_arr_eq(got, expected, COUNT * sizeof(*got));
	free(expected);
	free(got);
}

Test(worker_run, a_job_gives_what_plain_c_gives)
{
	int blob = host_spirv("mix");
	struct host h;

	host_start(&h);
	host_job(&h, mix_job, -1, &blob, 1);
	host_expect(&h, WORKER_MSG_PARKED);
	host_grant(&h, GRANT_RUN);
	host_expect(&h, WORKER_MSG_OUTPUTS_WANT);
	cr_assert_eq(h.report->dispatches_done, ROUNDS);
	cr_assert_eq(h.report->dispatches_total, ROUNDS);
	cr_assert_gt(h.report->slices, ROUNDS);
	cr_assert_gt(h.msg.device_ns, 0);
	expect_mix(&h);
}

#define NX 37u
#define NY 11u
#define NZ 23u

/* Each workgroup once, whichever boxes the dispatch was cut into: the quantum makes them small. */
Test(worker_run, a_cut_dispatch_runs_each_workgroup_once)
{
	static const char json[] =
		"{\"version\": 1, \"kind\": \"vulkan\", \"name\": \"boxes\","
		" \"buffers\": {\"count\": {\"size\": 37444, \"use\": \"output\"}},"
		" \"kernels\": {\"boxes\": {\"spirv\": \"b\", \"bindings\": {\"0\": \"count\"},"
		"                         \"push\": [\"u32\", \"u32\"]}},"
		" \"program\": [{\"loop\": \"r\", \"count\": 5, \"body\": ["
		"   {\"dispatch\": \"boxes\", \"groups\": [37, 11, 23], \"push\": [37, 11]}]}],"
		" \"outputs\": [\"count\"]}";
	uint32_t got[NX * NY * NZ];
	int blob = host_spirv("boxes");
	struct host h;

	host_start(&h);
	h.grant->quantum_ns = 20000;
	host_job(&h, json, -1, &blob, 1);
	host_expect(&h, WORKER_MSG_PARKED);
	host_grant(&h, GRANT_RUN);
	host_expect(&h, WORKER_MSG_OUTPUTS_WANT);
	cr_assert_gt(h.report->slices, 20);
	host_output(&h, got, sizeof(got));
	for (uint32_t i = 0; i < NX * NY * NZ; i++)
		cr_assert_eq(got[i], 5, "workgroup %u ran %u times", i, got[i]);
}

Test(worker_run, a_kernel_that_reads_the_number_of_workgroups_is_not_cut)
{
	static const char json[] =
		"{\"version\": 1, \"kind\": \"vulkan\", \"name\": \"whole\","
		" \"buffers\": {\"out\": {\"size\": 24000, \"use\": \"output\"}},"
		" \"kernels\": {\"whole\": {\"spirv\": \"w\", \"bindings\": {\"0\": \"out\"}}},"
		" \"program\": [{\"loop\": \"r\", \"count\": 3, \"body\": ["
		"   {\"dispatch\": \"whole\", \"groups\": [30, 20, 10]}]}],"
		" \"outputs\": [\"out\"]}";
	uint32_t got[6000];
	int blob = host_spirv("whole");
	struct host h;

	host_start(&h);
	h.grant->quantum_ns = 1000;
	host_job(&h, json, -1, &blob, 1);
	host_expect(&h, WORKER_MSG_PARKED);
	host_grant(&h, GRANT_RUN);
	host_expect(&h, WORKER_MSG_OUTPUTS_WANT);
	host_output(&h, got, sizeof(got));
	for (uint32_t i = 0; i < 6000; i++)
		cr_assert_eq(got[i], 3 * 302010, "workgroup %u: %u", i, got[i]);
}

Test(worker_run, shared_memory_and_specialization)
{
	static const char json[] =
		"{\"version\": 1, \"kind\": \"vulkan\", \"name\": \"sum\","
		" \"buffers\": {\"from\": {\"size\": 16384, \"blob\": \"in\", \"use\": \"input\"},"
		"              \"to\": {\"size\": 256, \"use\": \"output\"}},"
		" \"kernels\": {\"sum\": {\"spirv\": \"sum\", \"bindings\": {\"0\": \"from\","
		"                \"1\": \"to\"}, \"specialization\": {\"0\": {\"u32\": 64}}}},"
		" \"program\": [{\"dispatch\": \"sum\", \"groups\": [64]}],"
		" \"outputs\": [\"to\"]}";
	uint32_t in[4096], got[64];
	int blobs[2];
	struct host h;

	for (uint32_t i = 0; i < 4096; i++)
		in[i] = i * i;
	blobs[0] = io_memfd("in", in, sizeof(in));
	blobs[1] = host_spirv("sum");
	host_start(&h);
	host_job(&h, json, -1, blobs, 2);
	host_expect(&h, WORKER_MSG_PARKED);
	host_grant(&h, GRANT_RUN);
	host_expect(&h, WORKER_MSG_OUTPUTS_WANT);
	host_output(&h, got, sizeof(got));
	for (uint32_t g = 0; g < 64; g++) {
		uint32_t sum = 0;

		for (uint32_t i = 0; i < 64; i++)
			sum += in[g * 64 + i];
		cr_assert_eq(got[g], sum);
	}
}

/* The gate closes and opens, turns end and begin, at random moments. */
Test(worker_run, parked_at_random_moments_the_result_is_the_same)
{
	int blob = host_spirv("mix"), parked = 0;
	unsigned int seed = 7;
	struct host h;

	host_start(&h);
	h.grant->quantum_ns = NS_PER_MS;
	host_job(&h, mix_job, -1, &blob, 1);
	host_expect(&h, WORKER_MSG_PARKED);
	for (;;) {
		host_grant(&h, GRANT_RUN);
		usleep((useconds_t)(rand_r(&seed) % 20000));
		if (rand_r(&seed) % 2) {
			page_store(&h.gate->holds, 1);
		} else {
			page_store(&h.grant->expiry_ns, clock_now_ns());
		}
		cr_assert(host_next(&h));
		if (h.msg.type == WORKER_MSG_OUTPUTS_WANT)
			break;
		cr_assert_eq(h.msg.type, WORKER_MSG_PARKED);
		cr_assert_eq(h.report->in_flight, 0);
		cr_assert_eq(h.report->state, REPORT_PARKED);
		cr_assert_eq(h.msg.flags, h.grant->serial);
		parked++;
		page_store(&h.gate->holds, 0);
		page_store(&h.grant->expiry_ns, GRANT_EXPIRY_NEVER);
	}
	cr_assert_gt(parked, 2);
	expect_mix(&h);
}

Test(worker_run, a_low_duty_leaves_the_device_idle)
{
	int blob = host_spirv("mix");
	uint64_t began;
	struct host h;

	host_start(&h);
	h.grant->duty_permille = 250;
	host_job(&h, mix_job, -1, &blob, 1);
	host_expect(&h, WORKER_MSG_PARKED);
	began = clock_now_ns();
	host_grant(&h, GRANT_RUN);
	host_expect(&h, WORKER_MSG_OUTPUTS_WANT);
	cr_assert_lt(h.report->device_ns * 3, clock_now_ns() - began);
	expect_mix(&h);
}

#define MANY 64u /* buffers, and kernels: with job.json, as many descriptors as a packet has */

static int put(char *text, int at, const char *format, unsigned int i)
{
	return at + sprintf(text + at, format, i ? "," : "", i, i, i);
}

Test(worker_run, as_many_blobs_as_a_job_may_have)
{
	static char json[32768];
	int blobs[2 * MANY], at = sprintf(json, "{\"version\": 1, \"kind\": \"vulkan\","
						" \"name\": \"many\", \"buffers\": {");
	uint32_t got, x = 63;
	struct host h;

	for (unsigned int i = 0; i < MANY; i++) {
		at = put(json, at,
			 i == 63 ? "%s\"b%u\":{\"size\":4,\"blob\":\"b%u\",\"use\":\"output\"}"
				 : "%s\"b%u\":{\"size\":4,\"blob\":\"b%u\"}",
			 i);
		blobs[i] = io_memfd("blob", &i, sizeof(i));
		blobs[MANY + i] = host_spirv("mix");
	}
	at += sprintf(json + at, "}, \"kernels\": {");
	for (unsigned int i = 0; i < MANY; i++)
		at = put(json, at,
			 "%s\"k%u\":{\"spirv\":\"s%u\",\"bindings\":{\"0\":\"b%u\"},"
			 "\"push\":[\"u32\",\"u32\",\"u32\"]}",
			 i);
	at += sprintf(json + at, "}, \"program\": [");
	for (unsigned int i = 0; i < MANY; i++)
		at = put(json, at, "%s{\"dispatch\":\"k%u\",\"groups\":[1],\"push\":[1,%u,1]}", i);
	sprintf(json + at, "], \"outputs\": [\"b63\"]}");
	host_start(&h);
	host_job(&h, json, -1, blobs, 2 * MANY);
	host_expect(&h, WORKER_MSG_PARKED);
	host_grant(&h, GRANT_RUN);
	host_expect(&h, WORKER_MSG_OUTPUTS_WANT);
	host_output(&h, &got, sizeof(got));
	cr_assert_eq(got, (x ^ (x >> 13)) * 1664525u + 1013904223u + 63);
	for (unsigned int i = 0; i < 2 * MANY; i++)
		close(blobs[i]);
}

static void expect_failure(const char *spirv, const char *json, const char *words)
{
	int blob = host_spirv(spirv);
	struct host h;

	host_start(&h);
	h.grant->slice_limit_ns = 200 * NS_PER_MS;
	h.grant->first_slice_limit_ns = NS_PER_S;
	h.grant->state = GRANT_RUN;
	host_job(&h, json, -1, &blob, 1);
	host_expect(&h, WORKER_MSG_FAILED);
	cr_assert(strstr(h.msg.text, words), "%s", h.msg.text);
	cr_assert_neq(host_end(&h), 0);
}

#define ONE_KERNEL(binding)                                                                        \
	"{\"version\": 1, \"kind\": \"vulkan\", \"name\": \"one\","                                \
	" \"buffers\": {\"state\": {\"size\": 64, \"use\": \"output\"}},"                          \
	" \"kernels\": {\"one\": {\"spirv\": \"x\", \"bindings\": {\"" binding "\": \"state\"}}}," \
	" \"program\": [{\"dispatch\": \"one\", \"groups\": [1]}], \"outputs\": [\"state\"]}"

Test(worker_run, an_endless_shader_is_ended)
{
	expect_failure("endless", ONE_KERNEL("0"), "kernel one: a slice ran longer than 1000 ms");
}

Test(worker_run, what_a_shader_asks_for_must_be_in_the_job)
{
	expect_failure("endless", ONE_KERNEL("1"), "binding 0 is not bound");
	expect_failure("mix", ONE_KERNEL("0"), "push constants take 12 bytes");
}

/* Nothing outside of the buffer is changed, and the worker lives. */
Test(worker_run, access_outside_of_a_buffer_harms_nobody)
{
	static const char json[] =
		"{\"version\": 1, \"kind\": \"vulkan\", \"name\": \"outside\","
		" \"buffers\": {\"a\": {\"size\": 4096, \"use\": \"output\"}, \"b\": {\"size\": 256},"
		"              \"c\": {\"size\": 4096}},"
		" \"kernels\": {\"out\": {\"spirv\": \"x\", \"bindings\": {\"0\": \"b\"}}},"
		" \"program\": [{\"dispatch\": \"out\", \"groups\": [1000]}], \"outputs\": [\"a\"]}";
	uint32_t got[1024];
	int blob = host_spirv("outside");
	struct host h;

	host_start(&h);
	h.grant->state = GRANT_RUN;
	host_job(&h, json, -1, &blob, 1);
	host_expect(&h, WORKER_MSG_OUTPUTS_WANT);
	host_output(&h, got, sizeof(got));
	for (int i = 0; i < 1024; i++)
		cr_assert_eq(got[i], 0);
}

Test(worker_run, it_ends_with_its_broker_and_when_told_to_stop)
{
	int blob = host_spirv("endless");
	struct host h;

	host_start(&h);
	h.grant->state = GRANT_RUN;
	host_job(&h, ONE_KERNEL("0"), -1, &blob, 1);
	while (!page_load(&h.report->in_flight))
		usleep(1000);
	shutdown(h.sock, SHUT_RDWR);
	cr_assert_eq(host_end(&h), 0);
	host_start(&h);
	host_grant(&h, GRANT_STOP);
	cr_assert_eq(host_end(&h), 0);
}

/* Every thread, the driver's too: no privileges to gain, the filter in force, another user. */
Test(worker_run, every_thread_is_locked_down)
{
	char command[128], text[65536] = "";
	unsigned int threads = 0, filtered = 0, owned = 0, gains = 0;
	struct host h;
	FILE *f;

	host_start(&h);
	snprintf(command, sizeof(command), "cat /proc/%d/task/*/status", h.pid);
	f = popen(command, "r");
	cr_assert(f && fread(text, 1, sizeof(text) - 1, f) > 0);
	pclose(f);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		threads += !strncmp(line, "Name:", 5);
		filtered += !strcmp(line, "Seccomp:\t2");
		gains += !strcmp(line, "NoNewPrivs:\t1");
		owned += !strncmp(line, "Uid:\t0", 6) || !strncmp(line, "Groups:\t0", 9);
	}
	cr_assert_gt(threads, 1);
	cr_assert_eq(filtered, threads);
	cr_assert_eq(gains, threads);
	if (geteuid() == 0)
		cr_assert_eq(owned, 0);
	host_grant(&h, GRANT_STOP);
	host_end(&h);
}
