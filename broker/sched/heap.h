/* SPDX-License-Identifier: MIT */
/*
 * A heap of small numbers that know their place: the smallest key first.
 *
 * The numbers are indices into an array of the owner's. The keys lie in the heap itself and each
 * node has four children, so that a step down reads one cache line and not the owner's records.
 * Only equal keys are put to the owner (`before`). The owner is told by `moved` where each number
 * lies, so that it can take any of them out again or give it another key: all O(log n).
 */
#ifndef BROKER_SCHED_HEAP_H
#define BROKER_SCHED_HEAP_H

#include <stdbool.h>
#include <stdint.h>

#define HEAP_NOWHERE UINT32_MAX

struct heap_order {
	bool (*before)(const void *owner, uint32_t a, uint32_t b); /* for equal keys; strict */
	void (*moved)(void *owner, uint32_t item, uint32_t at); /* HEAP_NOWHERE: out of the heap */
};

struct heap_entry {
	uint64_t key;
	uint32_t item;
};

struct heap {
	struct heap_entry *entries;
	uint32_t n, room;
};

void heap_deinit(struct heap *h); /* may be called twice */

/** heap_reserve() - room for @n items in all; a heap_push() within it cannot fail; 0 or -ENOMEM */
int heap_reserve(struct heap *h, uint32_t n);

/** heap_push() - heap_reserve() must have gone before */
void heap_push(struct heap *h, const struct heap_order *order, void *owner, uint32_t item,
	       uint64_t key);

/** heap_remove() - take out what lies at @at */
void heap_remove(struct heap *h, const struct heap_order *order, void *owner, uint32_t at);

/** heap_rekey() - what lies at @at has another key, or another place among equals */
void heap_rekey(struct heap *h, const struct heap_order *order, void *owner, uint32_t at,
		uint64_t key);

/** heap_top() - the first, or HEAP_NOWHERE when empty */
static inline uint32_t heap_top(const struct heap *h)
{
	return h->n ? h->entries[0].item : HEAP_NOWHERE;
}

#endif
