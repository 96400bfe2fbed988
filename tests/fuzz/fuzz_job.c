/* SPDX-License-Identifier: MIT */
/*
 * job.json. Checked besides crashes: an error has words that can be printed, and a job that was
 * accepted keeps its limits, walks, and has no place that its own check refuses.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libbroker/job/program.h"

#define WALK_MAX 500

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool what)
{
	if (!what)
		abort();
}

static void check_text(const char *text)
{
	for (; *text; text++)
		require(*text >= ' ' && *text <= '~');
}

static void check_walk(const struct job *job)
{
	struct program_cursor c;
	int steps = 0;

	for (program_start(&c, job); !program_at_end(&c, job) && steps < WALK_MAX; steps++) {
		struct program_dispatch d;
		struct error err = {};

		require(c.passed == (uint64_t)steps);
		require(program_cursor_valid(&c, job) == 0);
		if (program_dispatch(&c, job, &d, &err) < 0)
			check_text(err.what);
		program_next(&c, job);
	}
	if (steps < WALK_MAX)
		require(c.passed == job->dispatches && program_cursor_valid(&c, job) == 0);
}

/* The end of the input as a cursor from a file: refused, or a place that can be evaluated. */
static void check_cursor(const struct job *job, const uint8_t *data, size_t size)
{
	struct program_cursor c;
	struct program_dispatch d;

	if (size < sizeof(c))
		return;
	memcpy(&c, data + size - sizeof(c), sizeof(c));
	if (program_cursor_valid(&c, job) < 0 || program_at_end(&c, job))
		return;
	program_dispatch(&c, job, &d, NULL);
	program_next(&c, job);
	require(program_cursor_valid(&c, job) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = {};
	struct job *job = NULL;
	int r = job_parse(&job, (const char *)data, size, &err);

	if (r < 0) {
		require(!job && err.what[0]);
		check_text(err.where);
		check_text(err.what);
		return 0;
	}
	require(job->memory <= job->limit_memory && job->memory <= JOB_MEMORY_MAX);
	require(job->dispatches >= 1 && job->dispatches <= JOB_DISPATCHES_MAX);
	require(job->n_steps <= JOB_STEPS_MAX && job->n_outputs >= 1);
	check_walk(job);
	check_cursor(job, data, size);
	job_free(job);
	return 0;
}
