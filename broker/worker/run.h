/* SPDX-License-Identifier: MIT */
/*
 * The slicing loop: from READY to the end of the job.
 *
 * At each turn of the loop, in this order: when slices may start and fewer than two are in
 * flight, plan and submit one; else finish the oldest; else the device is free of this job, and
 * it ends, parks, is evicted or writes a checkpoint. So everything but submitting and finishing
 * happens with nothing on the device.
 *
 * With a lease, the first slice after a park asks the kernel first (lease.h).
 *
 * "May start" is three loads: no hold in the gate page, GRANT_RUN and an expiry that lies
 * ahead in the grant page. With a duty below 1000 only one slice is in flight, and after it the
 * device rests for the rest of the time. A kernel's first slices go alone, since the next one's
 * size depends on them.
 *
 * PARKED is said once for each grant that ended with a free device, and names it by its serial,
 * which is read before the rest of the page: a grant that changes meanwhile is obeyed, and said to
 * be, after its WAKE. A WAKE that finds nothing new says nothing.
 *
 * A checkpoint that cannot be written is a NOTE, and is tried again after the interval: the old
 * one stays. Outputs that cannot be written are a NOTE and EVICTED: the job is not at fault.
 */
#ifndef BROKER_WORKER_RUN_H
#define BROKER_WORKER_RUN_H

#include <linux/idlegate.h>

#include "broker/worker/lease.h"
#include "broker/worker/task.h"
#include "broker/worker/vk_submit.h"
#include "libbroker/proto/grant.h"

struct run_pages {
	const struct idlegate_page *gate;
	const struct grant_page *grant;
	struct report_page *report;
};

struct run {
	int control;
	struct run_pages pages;
	struct lease lease;
	struct task task;
	struct slice_planner planner;
	struct vk_submit submit;
	struct program_cursor planned; /* behind all that was submitted */
	struct program_cursor done; /* behind all that the device has finished */
	struct program_cursor saved; /* of the last checkpoint */
	uint64_t device_ns; /* of this run */
	uint64_t rest_until_ns;
	uint64_t drain_at_ns;
	uint64_t checkpoint_at_ns; /* 0: not begun */
	uint64_t limit_ns; /* of the oldest slice in flight */
	unsigned int oldest, in_flight;
	bool alone; /* what is in flight must be finished before more is planned */
	uint64_t serial; /* of the grant that this turn of the loop obeys */
	bool parked; /* PARKED was said since the last slice, for: */
	uint64_t parked_serial;
};

/**
 * run_job() - the job behind a JOB message, to its end
 * @r: control, pages and lease set, the rest zero
 * @fds: of the message; emptied
 * Return: the process's exit status; it has then said DONE, FAILED or EVICTED, or was stopped.
 */
int run_job(struct run *r, const struct vk_device *dev, struct fence_ring *ring,
	    const struct worker_msg *msg, struct control_fds *fds);

#endif
