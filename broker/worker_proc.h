/* SPDX-License-Identifier: MIT */
/*
 * One worker process as brokerd sees it: its pages, its control socket, its log pipe, its end.
 *
 * A worker may be hostile. Its messages have one size and few types; what it writes to its report
 * page is copied and bounded; its log lines are counted. What is sent to it never blocks: a full
 * socket means that it does not read, and it is killed.
 */
#ifndef BROKER_WORKER_PROC_H
#define BROKER_WORKER_PROC_H

#include <linux/idlegate.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/devices.h"
#include "broker/loop.h"
#include "libbroker/proto/grant.h"
#include "libbroker/proto/worker_proto.h"

struct worker_proc;

struct worker_proc_ops {
	/* A well-formed message; the callee may kill, not free. */
	void (*message)(void *data, const struct worker_msg *msg);
	/* A line of its standard error, without the newline. */
	void (*line)(void *data, const char *line);
	/* It has ended and was reaped; worker_proc_free() is due (allowed inside). */
	void (*ended)(void *data, int wait_status);
};

struct worker_spawn {
	const char *program; /* the worker's path */
	const char *user; /* to become, when brokerd is root */
	const struct device *device;
	int gate_fd; /* the gate page */
	int lease_fd; /* of /dev/idlegate, for it to join by; -1: none. Taken over in any case */
	struct idlegate_join join;
	struct grant_page grant; /* its first contents */
};

int worker_proc_start(struct worker_proc **out, struct loop *loop, const struct worker_spawn *spawn,
		      const struct worker_proc_ops *ops, void *data, struct error *err);
/** worker_proc_free() - kills and reaps what still lives; NULL is fine */
void worker_proc_free(struct worker_proc *w);

pid_t worker_proc_pid(const struct worker_proc *w);
struct grant_page *worker_proc_grant(struct worker_proc *w);
/** worker_proc_report() - a copy of what it claims */
void worker_proc_report(const struct worker_proc *w, struct report_page *out);
/** worker_proc_send() - with descriptors, which stay the caller's; on failure it is killed */
int worker_proc_send(struct worker_proc *w, uint32_t type, uint32_t flags, const int *fds,
		     unsigned int n_fds);
void worker_proc_signal(struct worker_proc *w, int sig);

#endif
