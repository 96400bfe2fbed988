/* SPDX-License-Identifier: MIT */
/*
 * Reading the kernel's ring buffer (BPF_MAP_TYPE_RINGBUF), as
 * Documentation/bpf/ringbuf.rst lays it out: a position that the reader writes, one that the kernel
 * writes, and records of a head of 8 bytes each, in memory that is mapped twice in a row so that no
 * record is cut.
 */
#ifndef BROKER_BPF_RING_H
#define BROKER_BPF_RING_H

#include <stddef.h>
#include <stdint.h>

struct bpf_ring {
	unsigned long *consumer; /* the width that the kernel has */
	const unsigned long *producer;
	const uint8_t *data;
	size_t size; /* of the data, once; a power of two */
	size_t page;
};

typedef void (*bpf_ring_fn)(void *data, const void *bytes, size_t size);

/** bpf_ring_open() - Return: 0, or -errno: @map is no ring, or there is no memory */
int bpf_ring_open(struct bpf_ring *out, int map);
void bpf_ring_close(struct bpf_ring *r); /* one that was never opened, and is zero, is fine */

/**
 * bpf_ring_read() - call @fn for each record that is whole
 * Return: 0, or -EBADMSG: what is there is no ring; all of it is passed over. Pure but for @r.
 */
int bpf_ring_read(struct bpf_ring *r, bpf_ring_fn fn, void *data);

#endif
