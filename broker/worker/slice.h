/* SPDX-License-Identifier: MIT */
/*
 * Planning a slice: what is handed to the device at once.
 *
 * Pure. From the program's cursor on, boxes of dispatches are taken until their estimated time
 * fills the quantum: a part of a large dispatch, or many small dispatches with barriers between
 * them, or the end of one and the beginning of the next. The cursor is moved along; the one behind
 * the slice is kept in it, and becomes the job's position once the device has done the slice.
 *
 * A kernel that was not measured yet gets a slice of its own with one workgroup. A kernel that
 * must not be cut (it reads NumWorkgroups, which tells of the box and not of the dispatch) is
 * always taken whole, however long that takes: the limit on slices then ends the job.
 *
 * Bounded: at most SLICE_PARTS_MAX parts, and SLICE_SKIP_MAX dispatches of zero workgroups, so
 * a slice may be empty although the program is not at its end.
 */
#ifndef BROKER_WORKER_SLICE_H
#define BROKER_WORKER_SLICE_H

#include "broker/worker/cut.h"
#include "broker/worker/size.h"
#include "libbroker/job/program.h"

#define SLICE_PARTS_MAX   256
#define SLICE_PARTS_START 4
#define SLICE_SKIP_MAX    4096

struct slice_kernel { /* what the planner needs to know of a kernel */
	bool whole; /* must not be cut */
	struct size_kernel size;
};

struct slice_planner {
	const struct job *job;
	struct slice_kernel *kernels; /* in the order of the job's */
	uint32_t groups_max[3]; /* the device's limit on each axis */
	uint32_t parts_limit; /* parts in one slice: grows as slices prove right */
};

struct slice_part {
	uint32_t kernel;
	uint32_t step; /* index of job->steps */
	uint32_t n_push;
	uint32_t push[JOB_PUSH_MAX];
	struct cut_box box;
	uint64_t groups;
	uint64_t estimate_ns;
	bool barrier; /* begins a dispatch: after all that was before */
};

struct slice {
	uint32_t n;
	bool first; /* of a kernel: may compile, is not learnt from */
	bool cut_short; /* by parts_limit */
	uint64_t estimate_ns;
	struct program_cursor after;
	struct slice_part part[SLICE_PARTS_MAX];
};

void slice_planner_init(struct slice_planner *p, const struct job *job,
			struct slice_kernel *kernels, const uint32_t groups_max[3]);

/**
 * slice_plan() - the next slice from @cursor, which moves behind it
 * Return: 0; -ERANGE when the program asks for what this device cannot do, with words.
 */
int slice_plan(struct slice_planner *p, struct program_cursor *cursor, uint64_t budget_ns,
	       struct slice *out, struct error *err);

/** slice_learn() - @s took @ns: to its kernels, in proportion to what each was thought to take */
void slice_learn(struct slice_planner *p, const struct slice *s, uint64_t ns, uint64_t quantum_ns);

#endif
