/* SPDX-License-Identifier: MIT */
/*
 * The worker's end of the control socket (see libbroker/proto/worker_proto.h): whole packets
 * with their descriptors. The other end's closing is the end of this process, at once: there is
 * nobody left to work for.
 */
#ifndef BROKER_WORKER_CONTROL_H
#define BROKER_WORKER_CONTROL_H

#include <stdint.h>

#include "libbroker/job/job.h"
#include "libbroker/proto/worker_proto.h"

/* job.json, a checkpoint and a blob for each buffer and kernel */
#define CONTROL_FDS_MAX (2 + JOB_BUFFERS_MAX + JOB_KERNELS_MAX)

struct control_fds {
	unsigned int n;
	int fd[CONTROL_FDS_MAX];
};

/** control_send() - @msg as it is; Return: 0 or -errno */
int control_send(int sock, const struct worker_msg *msg);

/**
 * control_receive() - the next packet; blocks
 * @fds: emptied, then filled; control_fds_close() them
 * Return: 0; -EPIPE when the other end closed; -EPROTO for a packet of another shape; -errno.
 */
int control_receive(int sock, struct worker_msg *msg, struct control_fds *fds);
void control_fds_close(struct control_fds *fds);

#endif
