/* SPDX-License-Identifier: MIT */
/* An eBPF program as a bell: it rings when there is something to look at, and stays armed. */
#ifndef BROKER_SOURCES_BPF_TELL_H
#define BROKER_SOURCES_BPF_TELL_H

#include "broker/bpf/hub.h"

struct bpf_tell;

/* There is an answer: see bpf_tell_works(). */
typedef void (*bpf_tell_ready_fn)(void *data);

/* @rec: the one that rang; NULL if records were lost. Whatever came up to now is told by it. */
typedef void (*bpf_tell_fn)(void *data, const struct bpf_record *rec);

struct bpf_tell_ops {
	enum bpf_probe probe;
	enum bpf_record_kind kind;
	bpf_tell_ready_fn ready; /* not from within bpf_tell_new() */
	bpf_tell_fn fn;
};

/**
 * bpf_tell_new() - have the probe attached, and call @ops->fn after each record from then on
 * @ops: static
 * Return: 0, also where this kernel does not take it, now; -EOPNOTSUPP: @hub is NULL; -ENOMEM.
 */
int bpf_tell_new(struct bpf_tell **out, struct bpf_hub *hub, const struct bpf_tell_ops *ops,
		 void *data);
/** bpf_tell_works() - whether it rings; @t may be NULL */
bool bpf_tell_works(const struct bpf_tell *t);
void bpf_tell_free(struct bpf_tell *t); /* NULL is fine */

#endif
