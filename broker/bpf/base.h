/* SPDX-License-Identifier: MIT */
/* What all programs share with brokerd: the ring of records, and the page of switches and times. */
#ifndef BROKER_BPF_BASE_H
#define BROKER_BPF_BASE_H

#include "bpf/record.h"
#include "broker/bpf/ring.h"

struct bpf_base {
	int records, shared; /* the maps */
	struct bpf_shared *page;
	struct bpf_ring ring;
};

/**
 * bpf_base_open() - map both, run the first program once, and see whether its record arrives
 * @records, @shared: the maps; they are the base's from now on, also if this fails
 * @hello: the program; it stays the caller's
 * Return: 0; -EIO: no record came; or another -errno.
 */
int bpf_base_open(struct bpf_base *b, int records, int shared, int hello);
void bpf_base_close(struct bpf_base *b); /* idempotent, and fine with one that is BPF_BASE_NONE */

#define BPF_BASE_NONE ((struct bpf_base){.records = -1, .shared = -1})

#endif
