/* SPDX-License-Identifier: MIT */
/*
 * Getting out and coming back: eviction, kills and damaged checkpoints, against the real worker on
 * the real driver. Whatever happened, the result has the bytes of plain C.
 */
#include "tests/unit/worker_host.h"

#include <stdlib.h>

#define COUNT  20000u
#define ROUNDS 40u
#define TURNS  300u

static const char job[] =
	"{\"version\": 1, \"kind\": \"vulkan\", \"name\": \"mix\","
	" \"buffers\": {\"state\": {\"size\": 80000, \"use\": \"output\"}},"
	" \"kernels\": {\"mix\": {\"spirv\": \"mix\", \"bindings\": {\"0\": \"state\"},"
	"                       \"push\": [\"u32\", \"u32\", \"u32\"]}},"
	" \"program\": [{\"loop\": \"r\", \"count\": 40, \"body\": ["
	"   {\"dispatch\": \"mix\", \"groups\": [313], \"push\": [20000, \"r\", 300]}]}],"
	" \"outputs\": [\"state\"]}";

static void expect_result(struct host *h)
{
	static uint32_t got[COUNT];

	host_output(h, got, sizeof(got));
	for (uint32_t at = 0; at < COUNT; at++) {
		uint32_t x = 0;

		for (uint32_t r = 0; r < ROUNDS; r++)
			for (uint32_t i = 0; i < TURNS; i++)
				x = (x ^ (x >> 13)) * 1664525u + 1013904223u + at + r;
		cr_assert_eq(got[at], x, "element %u", at);
	}
}

static void start(struct host *h, int checkpoint)
{
	int blob = host_spirv("mix");

	host_start(h);
	h->grant->quantum_ns = NS_PER_MS;
	host_job(h, job, checkpoint, &blob, 1);
	close(blob);
	host_expect(h, WORKER_MSG_PARKED);
}

/* Until the worker has done so many slices, or has come to the end. */
static void run_slices(struct host *h, uint64_t n)
{
	while (page_load(&h->report->slices) < n && page_load(&h->report->state) != REPORT_FINISHED)
		usleep(500);
}

/* Answer CHECKPOINT_WANT; the file is the checkpoint from then on. */
static void take_checkpoint(struct host *h, int *checkpoint)
{
	int fd = io_memfd("checkpoint", NULL, 0);

	host_send(h, WORKER_MSG_CHECKPOINT_FILE, 0, &fd, 1);
	host_expect(h, WORKER_MSG_CHECKPOINT_WRITTEN);
	if (*checkpoint >= 0)
		close(*checkpoint);
	*checkpoint = fd;
}

Test(worker_resume, evicted_at_random_moments)
{
	int checkpoint = -1, evictions = 0;
	unsigned int seed = 3;
	struct host h;

	for (;;) {
		start(&h, checkpoint);
		host_grant(&h, GRANT_RUN);
		run_slices(&h, 10 + (uint64_t)rand_r(&seed) % 60);
		host_grant(&h, GRANT_EVICT);
		cr_assert(host_next(&h));
		if (h.msg.type == WORKER_MSG_PARKED)
			cr_assert(host_next(&h));
		if (h.msg.type == WORKER_MSG_OUTPUTS_WANT)
			break;
		if (h.msg.type == WORKER_MSG_CHECKPOINT_WANT) {
			take_checkpoint(&h, &checkpoint);
			cr_assert(host_next(&h));
		}
		cr_assert_eq(h.msg.type, WORKER_MSG_EVICTED);
		cr_assert_eq(host_end(&h), 0);
		cr_assert_lt(++evictions, 200);
	}
	cr_assert_eq(*h.note, '\0', "%s", h.note);
	cr_assert_gt(evictions, 1);
	expect_result(&h);
}

Test(worker_resume, killed_at_random_moments)
{
	int checkpoint = -1, kills = 0;
	unsigned int seed = 11;
	struct host h;

	for (;;) {
		uint64_t slices = 20 + (uint64_t)rand_r(&seed) % 60;

		start(&h, checkpoint);
		h.grant->checkpoint_every_ns = 10 * NS_PER_MS;
		host_grant(&h, GRANT_RUN);
		cr_assert(host_next(&h));
		while (h.msg.type == WORKER_MSG_CHECKPOINT_WANT && h.report->slices < slices) {
			take_checkpoint(&h, &checkpoint);
			cr_assert(host_next(&h));
		}
		if (h.msg.type == WORKER_MSG_OUTPUTS_WANT)
			break;
		cr_assert_eq(h.msg.type, WORKER_MSG_CHECKPOINT_WANT);
		kill(h.pid, SIGKILL);
		host_end(&h);
		kills++;
	}
	cr_assert_gt(kills, 1);
	expect_result(&h);
}

/* Run some of the job and leave a checkpoint. */
static int half_done(void)
{
	int checkpoint = -1;
	struct host h;

	start(&h, -1);
	h.grant->checkpoint_every_ns = 20 * NS_PER_MS;
	host_grant(&h, GRANT_RUN);
	host_expect(&h, WORKER_MSG_CHECKPOINT_WANT);
	take_checkpoint(&h, &checkpoint);
	kill(h.pid, SIGKILL);
	host_end(&h);
	return checkpoint;
}

Test(worker_resume, a_damaged_checkpoint_is_refused_and_the_job_starts_anew)
{
	off_t at[] = {0, 40, 100, 5000};
	int checkpoint = half_done();
	struct host h;

	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		uint8_t byte;

		cr_assert_eq(pread(checkpoint, &byte, 1, at[i]), 1);
		byte ^= 1;
		cr_assert_eq(pwrite(checkpoint, &byte, 1, at[i]), 1);
		start(&h, checkpoint);
		cr_assert(strstr(h.note, "refused"), "byte %d: %s", (int)at[i], h.note);
		cr_assert_eq(h.report->dispatches_done, 0);
		if (i == 3) {
			host_grant(&h, GRANT_RUN);
			host_expect(&h, WORKER_MSG_OUTPUTS_WANT);
			expect_result(&h);
			break;
		}
		host_grant(&h, GRANT_STOP);
		host_end(&h);
		byte ^= 1;
		cr_assert_eq(pwrite(checkpoint, &byte, 1, at[i]), 1);
	}
	close(checkpoint);
}

/* A full disk keeps the last checkpoint; without a file, the job goes on. */
Test(worker_resume, a_checkpoint_that_cannot_be_written_stops_nothing)
{
	int full = open("/dev/full", O_RDWR | O_CLOEXEC), wants = 0;
	struct host h;

	start(&h, -1);
	h.grant->checkpoint_every_ns = 10 * NS_PER_MS;
	host_grant(&h, GRANT_RUN);
	for (;;) {
		cr_assert(host_next(&h));
		if (h.msg.type != WORKER_MSG_CHECKPOINT_WANT)
			break;
		host_send(&h, WORKER_MSG_CHECKPOINT_FILE, 0, &full, wants++ % 2 ? 1 : 0);
	}
	cr_assert_gt(wants, 1);
	cr_assert(strstr(h.note, "could not be written"), "%s", h.note);
	expect_result(&h);
	close(full);
}
