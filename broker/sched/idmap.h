/* SPDX-License-Identifier: MIT */
/*
 * From an id to the index of what has it: open addressing, at most half full, no tombstones.
 * Holds indices only; the owner tells an index's id. Ids are given out by the store and by the
 * system (job numbers, uids), so no stranger chooses them; they are mixed all the same.
 */
#ifndef BROKER_SCHED_IDMAP_H
#define BROKER_SCHED_IDMAP_H

#include <stdint.h>

#define IDMAP_NONE UINT32_MAX

typedef uint64_t (*idmap_id_fn)(const void *owner, uint32_t index);

struct idmap {
	uint32_t *slots;
	uint32_t n, room; /* room is 0 or a power of two */
};

void idmap_deinit(struct idmap *m); /* may be called twice */

/** idmap_find() - the index that has @id, or IDMAP_NONE */
uint32_t idmap_find(const struct idmap *m, idmap_id_fn id_of, const void *owner, uint64_t id);

/** idmap_reserve() - room for one more, so that the next idmap_add() cannot fail; 0 or -ENOMEM */
int idmap_reserve(struct idmap *m, idmap_id_fn id_of, const void *owner);

/** idmap_add() - @index must not be in the map; idmap_reserve() must have gone before */
void idmap_add(struct idmap *m, idmap_id_fn id_of, const void *owner, uint32_t index);

/** idmap_remove() - @id must be in the map */
void idmap_remove(struct idmap *m, idmap_id_fn id_of, const void *owner, uint64_t id);

#endif
