/* SPDX-License-Identifier: MIT */
/*
 * The control socket between brokerd and a worker: SOCK_SEQPACKET, one fixed-size struct
 * worker_msg a packet, descriptors by SCM_RIGHTS. brokerd takes any packet of another size,
 * an unknown type or an unexpected one as the end of that worker's usefulness.
 *
 * A worker starts with: fd 0, 1 /dev/null, fd 2 its log; 3 this socket; 4 gate page; 5 grant
 * page; 6 report page; with the argument --lease, 7 its lease of /dev/idlegate, joined already and
 * parked. Its arguments name the device and the node. It opens Vulkan, locks itself down, says
 * READY, and only then is sent the job.
 *
 *   brokerd                                worker
 *                                      <-  READY
 *   JOB  + fds: job.json, [checkpoint], blobs in the order of job->blobs  ->
 *   WAKE (the grant page changed)      ->
 *                                      <-  PARKED (device free; also when a turn's expiry came)
 *                                      <-  CHECKPOINT_WANT
 *   CHECKPOINT_FILE + fd               ->
 *                                      <-  CHECKPOINT_WRITTEN (brokerd makes it durable)
 *                                      <-  OUTPUTS_WANT
 *   OUTPUT_FILES + fds, one an output  ->
 *                                      <-  DONE (all outputs written)
 *                                      <-  FAILED (text says why) | EVICTED
 */
#ifndef LIBBROKER_PROTO_WORKER_PROTO_H
#define LIBBROKER_PROTO_WORKER_PROTO_H

#include <stdint.h>

#define WORKER_FD_CONTROL 3
#define WORKER_FD_GATE    4
#define WORKER_FD_GRANT   5
#define WORKER_FD_REPORT  6
#define WORKER_FD_LEASE   7
#define WORKER_TEXT_MAX   384

enum worker_msg_type {
	/* from the worker */
	WORKER_MSG_READY = 1,
	WORKER_MSG_PARKED,
	WORKER_MSG_CHECKPOINT_WANT,
	WORKER_MSG_CHECKPOINT_WRITTEN,
	WORKER_MSG_OUTPUTS_WANT,
	WORKER_MSG_DONE,
	WORKER_MSG_FAILED,
	WORKER_MSG_EVICTED,
	WORKER_MSG_NOTE, /* text for the job's log */
	/* to the worker */
	WORKER_MSG_JOB = 64,
	WORKER_MSG_WAKE,
	WORKER_MSG_CHECKPOINT_FILE,
	WORKER_MSG_OUTPUT_FILES,
};

struct worker_msg {
	uint32_t type;
	uint32_t flags; /* JOB: WORKER_JOB_HAS_CHECKPOINT; PARKED: serial of the grant it obeyed */
	uint64_t device_ns; /* from the worker: of this run, up to now */
	uint64_t dispatches_done;
	char text[WORKER_TEXT_MAX]; /* NUL-terminated; FAILED, NOTE */
};

#define WORKER_JOB_HAS_CHECKPOINT 1u

#endif
