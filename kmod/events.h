/* SPDX-License-Identifier: GPL-2.0-only */
/* What the holds changed to, for those who wait for it: the last IDLEGATE_EVENTS changes. */
#ifndef IDLEGATE_EVENTS_H
#define IDLEGATE_EVENTS_H

#include <linux/types.h>
#include <linux/wait.h>

struct idlegate_event;

/* For poll(). */
extern struct wait_queue_head events_wait;

/** events_push() - remember a change; any context. events_wake() is to follow. */
void events_push(u64 at_ns, u32 holds, u32 before);

/** events_wake() - wake who waits; any context, better without a lock */
void events_wake(void);

/** events_now() - a cursor before the next change */
u64 events_now(void);

/**
 * events_next() - the oldest change that @cursor has not passed
 * @cursor: moves on if there is one
 * Return: whether there is one.
 */
bool events_next(u64 *cursor, struct idlegate_event *out);

/** events_pending() - whether events_next() would find one */
bool events_pending(u64 cursor);

#endif
