/* SPDX-License-Identifier: MIT */
/*
 * One run of broker-bpf as brokerd sees it: started, asked, heard, and buried.
 *
 * It is given a time; after that, or if it breaks the protocol, it is killed. Whatever becomes of
 * it, its end is told once, in the loop.
 */
#ifndef BROKER_BPF_LOAD_PROC_H
#define BROKER_BPF_LOAD_PROC_H

#include "broker/bpf/load_msg.h"
#include "broker/loop.h"

struct bpf_load_proc;

struct bpf_load_proc_ops {
	/* A well-formed answer. All of @fds are the callee's. */
	void (*answer)(void *data, const struct bpf_load_answer *a, const int *fds);
	/* It has ended, and what it said before that was told. @why: short words for what was not
	 * answered. bpf_load_proc_free() is due, inside or later. */
	void (*ended)(void *data, const char *why);
};

struct bpf_load_job {
	const char *program; /* broker-bpf */
	uint64_t timeout_ns;
	const struct bpf_load_request *request;
	const int *maps; /* the descriptors of request->map; they stay the caller's */
};

/** bpf_load_proc_start() - start it, and ask; returns 0, or -errno: it cannot be started */
int bpf_load_proc_start(struct bpf_load_proc **out, struct loop *loop,
			const struct bpf_load_job *job, const struct bpf_load_proc_ops *ops,
			void *data);

/** bpf_load_proc_kill() - its answers are of no use any more; its end is told as always */
void bpf_load_proc_kill(struct bpf_load_proc *p);

/** bpf_load_proc_free() - kills it if it still lives; not in answer(); NULL is fine */
void bpf_load_proc_free(struct bpf_load_proc *p);

#endif
