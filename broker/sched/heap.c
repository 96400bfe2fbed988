/* SPDX-License-Identifier: MIT */
/* A heap of four children a node; see heap.h. `moved` is told each item's place after each step. */
#include "broker/sched/heap.h"

#include <errno.h>
#include <stdlib.h>

#define HEAP_FIRST_ROOM 4
#define CHILDREN        4u

void heap_deinit(struct heap *h)
{
	free(h->entries);
	*h = (struct heap){0};
}

int heap_reserve(struct heap *h, uint32_t n)
{
	uint32_t room = h->room ? h->room + h->room / 2 : HEAP_FIRST_ROOM;
	struct heap_entry *grown;

	if (n <= h->room)
		return 0;
	if (room < n)
		room = n;
	grown = reallocarray(h->entries, room, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	h->entries = grown;
	h->room = room;
	return 0;
}

static bool goes_before(const struct heap_order *order, const void *owner,
			const struct heap_entry *a, const struct heap_entry *b)
{
	if (a->key != b->key)
		return a->key < b->key;
	return order->before(owner, a->item, b->item);
}

static void place(struct heap *h, const struct heap_order *order, void *owner, uint32_t at,
		  struct heap_entry e)
{
	h->entries[at] = e;
	order->moved(owner, e.item, at);
}

static void rise(struct heap *h, const struct heap_order *order, void *owner, uint32_t at,
		 struct heap_entry e)
{
	while (at) {
		uint32_t parent = (at - 1) / CHILDREN;

		if (!goes_before(order, owner, &e, &h->entries[parent]))
			break;
		place(h, order, owner, at, h->entries[parent]);
		at = parent;
	}
	place(h, order, owner, at, e);
}

static void sink(struct heap *h, const struct heap_order *order, void *owner, uint32_t at,
		 struct heap_entry e)
{
	for (;;) {
		uint64_t child = CHILDREN * (uint64_t)at + 1;
		uint64_t end = child + CHILDREN < h->n ? child + CHILDREN : h->n;
		uint64_t first = child;

		if (child >= h->n)
			break;
		for (child++; child < end; child++)
			if (goes_before(order, owner, &h->entries[child], &h->entries[first]))
				first = child;
		if (!goes_before(order, owner, &h->entries[first], &e))
			break;
		place(h, order, owner, at, h->entries[first]);
		at = (uint32_t)first;
	}
	place(h, order, owner, at, e);
}

void heap_push(struct heap *h, const struct heap_order *order, void *owner, uint32_t item,
	       uint64_t key)
{
	h->n++;
	rise(h, order, owner, h->n - 1, (struct heap_entry){key, item});
}

static void settle(struct heap *h, const struct heap_order *order, void *owner, uint32_t at,
		   struct heap_entry e)
{
	if (at && goes_before(order, owner, &e, &h->entries[(at - 1) / CHILDREN]))
		rise(h, order, owner, at, e);
	else
		sink(h, order, owner, at, e);
}

void heap_rekey(struct heap *h, const struct heap_order *order, void *owner, uint32_t at,
		uint64_t key)
{
	settle(h, order, owner, at, (struct heap_entry){key, h->entries[at].item});
}

void heap_remove(struct heap *h, const struct heap_order *order, void *owner, uint32_t at)
{
	uint32_t item = h->entries[at].item;

	h->n--;
	if (at != h->n)
		settle(h, order, owner, at, h->entries[h->n]);
	order->moved(owner, item, HEAP_NOWHERE);
}
