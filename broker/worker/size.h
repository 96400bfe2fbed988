/* SPDX-License-Identifier: MIT */
/*
 * How many workgroups make a slice: learnt from measured times, one struct a kernel.
 *
 * Pure. What n workgroups cost is kept by the magnitude of n (a bucket for each power of two),
 * because a start has a cost of its own and a wide device runs many workgroups in the time of
 * one: per workgroup a small batch costs more. For a magnitude not seen yet there are two
 * safe bounds, and the lower counts:
 *   - from the next smaller one seen: the same cost per workgroup (it can only get cheaper);
 *   - from the next larger one seen: the same cost in all (fewer cannot take longer).
 *
 * An estimate rises quickly and falls slowly, so that it stands above the middle of what is
 * measured: slices are rather a little short than too long. One measurement far above the estimate
 * may be the processor that was elsewhere; two in a row are believed at once, and all else
 * that was learnt is forgotten. The very first slice
 * of a kernel is
 * one workgroup, and its time is not learnt (the driver may compile in it). From there a slice may
 * have at most SIZE_GROWTH times as many workgroups as the largest measured.
 */
#ifndef BROKER_WORKER_SIZE_H
#define BROKER_WORKER_SIZE_H

#include <stdbool.h>
#include <stdint.h>

#define SIZE_BUCKETS 64
#define SIZE_GROWTH  4
#define SIZE_UNKNOWN UINT64_MAX

struct size_kernel {
	bool started; /* the first slice, which may compile, is over */
	uint64_t largest; /* workgroups of the largest batch measured; 0 = none */
	uint64_t seen; /* bit per bucket */
	uint64_t outliers; /* bit per bucket: its last measurement was far above the estimate */
	double ns_per_group[SIZE_BUCKETS];
};

/** size_estimate_ns() - what @groups at once will take, or SIZE_UNKNOWN before any measurement */
uint64_t size_estimate_ns(const struct size_kernel *k, uint64_t groups);

/**
 * size_groups() - the most workgroups that fit into @budget_ns
 * Return: 1 or more (one cannot be cut); 1 before any measurement.
 */
uint64_t size_groups(const struct size_kernel *k, uint64_t budget_ns);

/** size_learn() - a batch of @groups took @ns; the first call only notes that the kernel started */
void size_learn(struct size_kernel *k, uint64_t groups, double ns);

#endif
