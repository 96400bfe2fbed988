/* SPDX-License-Identifier: MIT */
/*
 * Ids to indices; see idmap.h. Linear probing. A removal closes its gap by moving later entries
 * of the same run back, so a search ends at the first empty slot.
 */
#include "broker/sched/idmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define IDMAP_FIRST_ROOM 8

void idmap_deinit(struct idmap *m)
{
	free(m->slots);
	*m = (struct idmap){0};
}

/* The finalizer of splitmix64: neighbours in number are no neighbours in the table. */
static uint32_t home_slot(const struct idmap *m, uint64_t id)
{
	id = (id ^ (id >> 30)) * 0xbf58476d1ce4e5b9ull;
	id = (id ^ (id >> 27)) * 0x94d049bb133111ebull;
	return (uint32_t)((id ^ (id >> 31)) & (m->room - 1));
}

static uint32_t find_slot(const struct idmap *m, idmap_id_fn id_of, const void *owner, uint64_t id)
{
	uint32_t at = home_slot(m, id);

	while (m->slots[at] != IDMAP_NONE && id_of(owner, m->slots[at]) != id)
		at = (at + 1) & (m->room - 1);
	return at;
}

uint32_t idmap_find(const struct idmap *m, idmap_id_fn id_of, const void *owner, uint64_t id)
{
	return m->room ? m->slots[find_slot(m, id_of, owner, id)] : IDMAP_NONE;
}

int idmap_reserve(struct idmap *m, idmap_id_fn id_of, const void *owner)
{
	struct idmap grown = {.room = m->room ? 2 * m->room : IDMAP_FIRST_ROOM};

	if (2 * ((uint64_t)m->n + 1) <= m->room)
		return 0;
	if (grown.room < m->room)
		return -ENOMEM;
	grown.slots = malloc((size_t)grown.room * sizeof(*grown.slots));
	if (!grown.slots)
		return -ENOMEM;
	memset(grown.slots, 0xff, (size_t)grown.room * sizeof(*grown.slots));
	for (uint32_t i = 0; i < m->room; i++)
		if (m->slots[i] != IDMAP_NONE)
			idmap_add(&grown, id_of, owner, m->slots[i]);
	free(m->slots);
	*m = grown;
	return 0;
}

void idmap_add(struct idmap *m, idmap_id_fn id_of, const void *owner, uint32_t index)
{
	m->slots[find_slot(m, id_of, owner, id_of(owner, index))] = index;
	m->n++;
}

void idmap_remove(struct idmap *m, idmap_id_fn id_of, const void *owner, uint64_t id)
{
	uint32_t mask = m->room - 1;
	uint32_t gap = find_slot(m, id_of, owner, id);

	for (uint32_t at = (gap + 1) & mask; m->slots[at] != IDMAP_NONE; at = (at + 1) & mask) {
		uint32_t home = home_slot(m, id_of(owner, m->slots[at]));

		/* It may move to the gap only if its home does not lie behind the gap. */
		if (((at - home) & mask) < ((at - gap) & mask))
			continue;
		m->slots[gap] = m->slots[at];
		gap = at;
	}
	m->slots[gap] = IDMAP_NONE;
	m->n--;
}
