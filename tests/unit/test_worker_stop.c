/* SPDX-License-Identifier: MIT */
/*
 * A worker that is stopped with a slice on the device, for longer than a slice may take, and
 * continued later, as the ladder does it: the real worker on the real driver.
 */
#include "tests/unit/worker_host.h"

#define ROUNDS  4u
#define COUNT   1024u
#define TURNS   60000u
#define STEPS   8u
#define SAMPLE  61u /* of the elements, one in so many is compared */
#define STOP_US 1000000u
#define LIMIT   (500 * NS_PER_MS)

/* Each slice is one workgroup that takes some tenths of a second. */
static const char long_job[] =
	"{\"version\": 1, \"kind\": \"vulkan\", \"name\": \"long\","
	" \"buffers\": {\"state\": {\"size\": 4096, \"use\": \"output\"}},"
	" \"kernels\": {\"long\": {\"spirv\": \"x\", \"bindings\": {\"0\": \"state\"},"
	"                        \"push\": [\"u32\"]}},"
	" \"program\": [{\"loop\": \"r\", \"count\": 4, \"body\": ["
	"   {\"dispatch\": \"long\", \"groups\": [1], \"push\": [60000]}]}],"
	" \"outputs\": [\"state\"]}";

static const char endless_job[] =
	"{\"version\": 1, \"kind\": \"vulkan\", \"name\": \"endless\","
	" \"buffers\": {\"state\": {\"size\": 64, \"use\": \"output\"}},"
	" \"kernels\": {\"one\": {\"spirv\": \"x\", \"bindings\": {\"0\": \"state\"}}},"
	" \"program\": [{\"dispatch\": \"one\", \"groups\": [1]}], \"outputs\": [\"state\"]}";

static void start(struct host *h, const char *json, const char *shader)
{
	int blob = host_spirv(shader);

	host_start(h);
	h->grant->slice_limit_ns = LIMIT;
	h->grant->first_slice_limit_ns = LIMIT;
	host_job(h, json, -1, &blob, 1);
	close(blob);
	host_expect(h, WORKER_MSG_PARKED);
	host_grant(h, GRANT_RUN);
}

static uint32_t expected(uint32_t at)
{
	uint32_t x = 0;

	for (uint32_t r = 0; r < ROUNDS; r++) {
		x += at;
		for (uint32_t i = 0; i < TURNS; i++)
			for (uint32_t s = 0; s < STEPS; s++)
				x = (x ^ (x >> 13)) * 1664525u + 1013904223u + i;
	}
	return x;
}

static void stop_in_a_slice(struct host *h, uint64_t slices)
{
	while (page_load(&h->report->slices) < slices || !page_load(&h->report->in_flight))
		usleep(500);
	usleep(20000);
	cr_assert_eq(kill(h->pid, SIGSTOP), 0);
	usleep(STOP_US);
	cr_assert_gt(page_load(&h->report->in_flight), 0);
}

Test(worker_stop, stopped_in_a_slice_it_goes_on)
{
	uint32_t got[COUNT];
	struct host h;

	start(&h, long_job, "long");
	for (uint64_t i = 0; i < 3; i++) {
		stop_in_a_slice(&h, i);
		page_store(&h.gate->holds, i & 1);
		if (i & 1)
			host_grant(&h, GRANT_PARK);
		cr_assert_eq(kill(h.pid, SIGCONT), 0);
		if (i & 1) {
			host_expect(&h, WORKER_MSG_PARKED);
			page_store(&h.gate->holds, 0);
			host_grant(&h, GRANT_RUN);
		}
	}
	host_expect(&h, WORKER_MSG_OUTPUTS_WANT);
	cr_assert_leq(h.report->longest_slice_ns, LIMIT, "the stop counts as the device's time");
	host_output(&h, got, sizeof(got));
	for (uint32_t at = 0; at < COUNT; at += SAMPLE)
		cr_assert_eq(got[at], expected(at), "element %u", at);
}

Test(worker_stop, an_endless_slice_is_ended_after_a_stop)
{
	struct host h;

	start(&h, endless_job, "endless");
	stop_in_a_slice(&h, 0);
	cr_assert_eq(kill(h.pid, SIGCONT), 0);
	host_expect(&h, WORKER_MSG_FAILED);
	cr_assert(strstr(h.msg.text, "kernel one: a slice ran longer than 500 ms"), "%s",
		  h.msg.text);
	cr_assert_neq(host_end(&h), 0);
}
