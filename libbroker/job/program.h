/* SPDX-License-Identifier: MIT */
/*
 * Walking a job's program: a cursor that stands on one dispatch, or at the end.
 *
 * Pure. The cursor is small and plain so that a checkpoint can hold it: the loop counters, the
 * step, how many dispatches were passed, and how many workgroups of the present one are done.
 */
#ifndef LIBBROKER_JOB_PROGRAM_H
#define LIBBROKER_JOB_PROGRAM_H

#include "libbroker/job/job.h"

#define PROGRAM_GROUPS_MAX (1ull << 40) /* workgroups of one dispatch: x * y * z */

struct program_cursor {
	uint32_t step; /* index of job->steps; n_steps = the end */
	uint32_t pad;
	uint64_t counters[JOB_LOOP_DEPTH];
	uint64_t passed; /* dispatches before this one */
	uint64_t groups_done; /* workgroups of this dispatch, in x, y, z order */
};

struct program_dispatch {
	const struct job_kernel *kernel;
	uint32_t kernel_index;
	uint32_t groups[3];
	uint32_t n_push;
	uint32_t push[JOB_PUSH_MAX];
	const struct job_step *step; /* for its bind overrides */
};

void program_start(struct program_cursor *c, const struct job *job);
bool program_at_end(const struct program_cursor *c, const struct job *job);

/** program_next() - to the next dispatch; at the end it stays there */
void program_next(struct program_cursor *c, const struct job *job);

/**
 * program_dispatch() - evaluate the dispatch under the cursor, which is not at the end
 * Return: 0; -ERANGE when a value does not fit (@err names the step and the counters).
 */
int program_dispatch(const struct program_cursor *c, const struct job *job,
		     struct program_dispatch *out, struct error *err);

/**
 * program_check() - evaluate each dispatch of the text at its first and its last turn
 * What fails there would fail for certain when the job runs; job_parse() ends with this.
 */
int program_check(const struct job *job, struct error *err);

/** program_cursor_valid() - for a cursor from a file: 0 or -EINVAL */
int program_cursor_valid(const struct program_cursor *c, const struct job *job);

#endif
