/* SPDX-License-Identifier: MIT */
/* The sources whose facts come from eBPF programs, and what doctor says of the programs. */
#ifndef BROKER_SOURCES_BPF_H
#define BROKER_SOURCES_BPF_H

#include "broker/sources/source.h"

extern const struct source_ops source_bpf_input, source_bpf_gpu;

/**
 * source_bpf_choose() - the source by eBPF in the place of @ops
 * @hub: may be NULL
 * Return: it, its probe attached, or NULL: none, or this kernel does not let it.
 */
const struct source_ops *source_bpf_choose(const struct source_ops *ops, struct bpf_hub *hub);

/** source_bpf_status() - of the @i-th program that was wanted; -ENOENT: no more */
int source_bpf_status(const struct bpf_hub *hub, unsigned int i, struct source_status *out);

#endif
