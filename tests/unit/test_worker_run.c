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
