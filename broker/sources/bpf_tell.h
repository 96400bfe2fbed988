/* SPDX-License-Identifier: MIT */
/* An eBPF program as a bell: it rings when there is something to look at, and stays armed. */
#ifndef BROKER_SOURCES_BPF_TELL_H
#define BROKER_SOURCES_BPF_TELL_H

#include "broker/bpf/hub.h"

struct bpf_tell;

/* @rec: the one that rang; NULL if records were lost. Whatever came up to now is told by it. */
typedef void (*bpf_tell_fn)(void *data, const struct bpf_record *rec);

/**
 * bpf_tell_new() - attach @probe, and call @fn after each @kind of record from now on
 * Return: 0, or -errno: there is no eBPF (@hub may be NULL), or this kernel does not take it.
 */
int bpf_tell_new(struct bpf_tell **out, struct bpf_hub *hub, enum bpf_probe probe,
		 enum bpf_record_kind kind, bpf_tell_fn fn, void *data);
void bpf_tell_free(struct bpf_tell *t); /* NULL is fine */

#endif
