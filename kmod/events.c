/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The events: one ring for all, in which each reader has its own cursor, so that a reader costs
 * no memory and a change costs the same for any number of them. A reader that falls behind by
 * more than the ring finds in its next event how many it lost.
 */
#include "events.h"

#include <linux/poll.h>
#include <linux/spinlock.h>

#include <linux/idlegate.h>

DECLARE_WAIT_QUEUE_HEAD(events_wait);

static DEFINE_SPINLOCK(events_lock);
static struct idlegate_event events[IDLEGATE_EVENTS];
static u64 events_head; /* how many there ever were */

void events_push(u64 at_ns, u32 holds, u32 before)
{
	unsigned long flags;

	spin_lock_irqsave(&events_lock, flags);
	events[events_head++ % IDLEGATE_EVENTS] = (struct idlegate_event){
		.at_ns = at_ns,
		.holds = holds,
		.before = before,
	};
	spin_unlock_irqrestore(&events_lock, flags);
}

void events_wake(void)
{
	wake_up_interruptible_poll(&events_wait, EPOLLIN | EPOLLRDNORM);
}

u64 events_now(void)
{
	unsigned long flags;
	u64 head;

	spin_lock_irqsave(&events_lock, flags);
	head = events_head;
	spin_unlock_irqrestore(&events_lock, flags);
	return head;
}

bool events_next(u64 *cursor, struct idlegate_event *out)
{
	unsigned long flags;
	u64 lost = 0;
	bool found;

	spin_lock_irqsave(&events_lock, flags);
	found = *cursor != events_head;
	if (found) {
		if (events_head - *cursor > IDLEGATE_EVENTS)
			lost = events_head - IDLEGATE_EVENTS - *cursor;
		*cursor += lost;
		*out = events[(*cursor)++ % IDLEGATE_EVENTS];
		out->lost = min_t(u64, lost, U32_MAX);
	}
	spin_unlock_irqrestore(&events_lock, flags);
	return found;
}

bool events_pending(u64 cursor)
{
	return cursor != events_now();
}
