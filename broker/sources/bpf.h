/* SPDX-License-Identifier: MIT */
/* The sources whose facts come from eBPF programs, and what doctor says of the programs. */
#ifndef BROKER_SOURCES_BPF_H
#define BROKER_SOURCES_BPF_H

#include "broker/sources/source.h"

extern const struct source_ops source_bpf_input, source_bpf_gpu;

/**
 * source_bpf_choose() - the source by eBPF in the place of @ops
 * @hub: may be NULL
 * Return: it, its probe attached, or NULL: none, or not yet, or this kernel does not let it. If not
 * yet, bpf_hub_on_answer() for BPF_PROBE_INPUT tells when to choose anew.
 */
const struct source_ops *source_bpf_choose(const struct source_ops *ops, struct bpf_hub *hub);

/** source_bpf_asks() - whether @ops, of the table, has anything to do with ctx->bpf */
bool source_bpf_asks(const struct source_ops *ops);

/** source_bpf_status() - of the @i-th program that was wanted; -ENOENT: no more */
int source_bpf_status(const struct bpf_hub *hub, unsigned int i, struct source_status *out);

#endif
