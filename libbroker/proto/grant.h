/* SPDX-License-Identifier: MIT */
/*
 * What brokerd and one worker share in memory.
 *
 * Three memory files, each one page, each with one writer:
 *   gate page    struct idlegate_page, written by the gate's host, read-only to all others;
 *   grant page   written by brokerd, read-only to the worker: what the worker may do;
 *   report page  written by the worker, read by brokerd: what it has done. A worker may be
 *                hostile: brokerd copies what it reads and trusts no value for safety.
 *
 * Before each slice a worker loads the gate page's `holds`, then `state` and `expiry_ns` of
 * the grant: three loads, no system call. All words are written with release and read with
 * acquire order. Times are CLOCK_MONOTONIC ns.
 */
#ifndef LIBBROKER_PROTO_GRANT_H
#define LIBBROKER_PROTO_GRANT_H

#include <stdint.h>

#define GRANT_MAGIC        0x6772616eu
#define REPORT_MAGIC       0x7265706fu
#define GRANT_VERSION      1u
#define GRANT_PAGE_SIZE    4096u
#define GRANT_EXPIRY_NEVER UINT64_MAX
#define REPORT_BUCKETS     64u /* slice time / quantum, in steps of 1/8; the last takes the rest */

enum grant_state {
	GRANT_PARK = 0, /* no new slice; say MSG_PARKED when the device is free of you; wait */
	GRANT_RUN = 1, /* slices until expiry_ns, then MSG_PARKED and wait */
	GRANT_EVICT = 2, /* park, checkpoint, free the device, say MSG_EVICTED, exit */
	GRANT_STOP = 3, /* park and exit; keep nothing */
};

struct grant_page {
	uint32_t magic;
	uint32_t version;
	uint32_t state; /* enum grant_state */
	uint32_t duty_permille; /* share of time on the device, 1..1000: heat lowers it */
	uint64_t expiry_ns; /* no slice starts at or after this */
	uint64_t quantum_ns; /* aim for this slice time */
	uint64_t slice_limit_ns; /* a slice that takes longer ends the job */
	uint64_t first_slice_limit_ns; /* the same for a kernel's first slice (it may compile) */
	uint64_t checkpoint_every_ns; /* 0: only when evicted */
	uint64_t serial; /* counts grants; PARKED carries its low 32 bits in `flags` */
	uint64_t reserved[8];
};

enum report_state {
	REPORT_STARTING = 0,
	REPORT_READY = 1, /* locked down, waits for the job */
	REPORT_PARKED = 2, /* nothing on the device */
	REPORT_RUNNING = 3,
	REPORT_FINISHED = 4,
};

struct report_page {
	uint32_t magic;
	uint32_t version;
	uint32_t state; /* enum report_state */
	uint32_t in_flight; /* slices on the device now: 0, 1 or 2 */
	uint64_t slices; /* finished, in this run of the worker */
	uint64_t device_ns; /* time on the device, in this run of the worker */
	uint64_t dispatches_done; /* of the program, counted over all runs */
	uint64_t dispatches_total;
	uint64_t last_submit_ns;
	uint64_t last_done_ns; /* when the last fence was seen signalled */
	uint64_t parked_ns; /* when the device was last seen free after a hold */
	uint64_t longest_slice_ns;
	uint64_t overruns; /* slices longer than twice the quantum */
	uint64_t checkpoints;
	uint64_t reserved[8];
	uint32_t histogram[REPORT_BUCKETS]; /* steady state: not the first slices of a kernel */
};

_Static_assert(sizeof(struct grant_page) <= GRANT_PAGE_SIZE, "one page");
_Static_assert(sizeof(struct report_page) <= GRANT_PAGE_SIZE, "one page");

#define page_load(p)     __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define page_store(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)

#endif
