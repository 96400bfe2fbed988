/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Leases and their enforcement.
 *
 * lease_gate() tells whether the gate is open and since when. While it is closed, each lease that
 * is not parked has up to two dates ahead: its grace (SIGSTOP) and its limit (SIGKILL). One timer
 * stands at the earliest date of all; with no such lease there is no timer. Nothing here asks
 * whether an owner lives: a closed gate is enforced.
 *
 * Signals go out under the lock, so that a lease that is parked in time is never stopped after
 * it: lease_park() has then returned before or comes to a stopped process. The order of locks is
 * host's lock, lease_lock, then what kill_pid() takes; nothing that those protect comes back here.
 *
 * A plain (not "soft") timer runs in the interrupt where a kernel can do that, and in a thread on
 * PREEMPT_RT, where the signal locks sleep: so the dates hold on a busy machine too.
 */
#include "lease.h"

#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>

#include <linux/idlegate.h>

#include "compat/compat.h"

static DEFINE_SPINLOCK(lease_lock);
static LIST_HEAD(leases);
static struct hrtimer lease_timer;
static struct lease_counts lease_counts;
static bool gate_open;
static u64 gate_closed_ns;

/* A process that is gone needs no date any more. */
static bool lease_signal(struct lease *lease, int sig)
{
	int r = kill_pid(lease->pid, sig, 1);

	if (r == -ESRCH)
		lease->over = true;
	return r == 0;
}

/* Sends what is due; returns the next date, or U64_MAX. */
static u64 lease_enforce_one(struct lease *lease, u64 now_ns)
{
	u64 from_ns = max(gate_closed_ns, lease->unparked_ns);

	if (lease->parked || lease->over)
		return U64_MAX;
	if (!lease->stopped && now_ns >= from_ns + lease->grace_ns) {
		lease->stopped = true;
		lease_counts.stops += lease_signal(lease, SIGSTOP);
	}
	if (!lease->over && now_ns >= from_ns + lease->limit_ns) {
		lease_counts.kills += lease_signal(lease, SIGKILL);
		lease->over = true;
	}
	if (lease->over)
		return U64_MAX;
	return from_ns + (lease->stopped ? lease->limit_ns : lease->grace_ns);
}

static void lease_enforce(void)
{
	u64 now_ns = ktime_get_ns(), next_ns = U64_MAX;
	struct lease *lease;

	lockdep_assert_held(&lease_lock);
	if (!gate_open)
		list_for_each_entry(lease, &leases, node)
			next_ns = min(next_ns, lease_enforce_one(lease, now_ns));
	if (next_ns == U64_MAX)
		hrtimer_try_to_cancel(&lease_timer);
	else
		hrtimer_start(&lease_timer, ns_to_ktime(next_ns), HRTIMER_MODE_ABS);
}

static void lease_continue(void)
{
	struct lease *lease;

	list_for_each_entry(lease, &leases, node) {
		if (lease->stopped && !lease->over)
			lease_signal(lease, SIGCONT);
		lease->stopped = false;
	}
}

static enum hrtimer_restart lease_timer_fn(struct hrtimer *timer)
{
	unsigned long flags;

	spin_lock_irqsave(&lease_lock, flags);
	lease_enforce();
	spin_unlock_irqrestore(&lease_lock, flags);
	return HRTIMER_NORESTART;
}

void lease_gate(bool open, u64 at_ns)
{
	unsigned long flags;

	spin_lock_irqsave(&lease_lock, flags);
	if (open != gate_open) {
		gate_open = open;
		if (open)
			lease_continue();
		else
			gate_closed_ns = at_ns;
		lease_enforce();
	}
	spin_unlock_irqrestore(&lease_lock, flags);
}

static int lease_may_join(const struct lease *lease, const struct pid *pid)
{
	const struct lease *other;

	if (lease->pid)
		return -EBUSY;
	list_for_each_entry(other, &leases, node)
		if (other->pid == pid)
			return -EBUSY;
	return lease_counts.leases < IDLEGATE_LEASES ? 0 : -ENOSPC;
}

int lease_join(struct lease *lease, u32 grace_ms, u32 limit_ms)
{
	struct pid *pid = get_task_pid(current, PIDTYPE_TGID);
	unsigned long flags;
	int r;

	spin_lock_irqsave(&lease_lock, flags);
	r = lease_may_join(lease, pid);
	if (!r) {
		*lease = (struct lease){
			.pid = pid,
			.grace_ns = grace_ms * (u64)NSEC_PER_MSEC,
			.limit_ns = limit_ms * (u64)NSEC_PER_MSEC,
			.parked = true,
		};
		list_add_tail(&lease->node, &leases);
		lease_counts.leases++;
	}
	spin_unlock_irqrestore(&lease_lock, flags);
	if (r)
		put_pid(pid);
	return r;
}

bool lease_joined(struct lease *lease)
{
	unsigned long flags;
	bool joined;

	spin_lock_irqsave(&lease_lock, flags);
	joined = lease->pid;
	spin_unlock_irqrestore(&lease_lock, flags);
	return joined;
}

int lease_park(struct lease *lease)
{
	unsigned long flags;
	int r = -EPERM;

	spin_lock_irqsave(&lease_lock, flags);
	if (lease->pid) {
		lease->parked = true;
		lease_enforce();
		r = 0;
	}
	spin_unlock_irqrestore(&lease_lock, flags);
	return r;
}

/* The gate that this sees open is the one whose closing will find the lease unparked. */
int lease_unpark(struct lease *lease)
{
	unsigned long flags;
	int r = 0;

	spin_lock_irqsave(&lease_lock, flags);
	if (!lease->pid) {
		r = -EPERM;
	} else if (!gate_open) {
		r = -EAGAIN;
	} else if (lease->parked) {
		lease->parked = false;
		lease->unparked_ns = ktime_get_ns();
	}
	spin_unlock_irqrestore(&lease_lock, flags);
	return r;
}

/* Returns the pid to be put, if it was joined and the caller is not @but. */
static struct pid *lease_leave(struct lease *lease, const struct pid *but)
{
	struct pid *pid = NULL;
	unsigned long flags;

	spin_lock_irqsave(&lease_lock, flags);
	if (lease->pid && lease->pid != but) {
		pid = lease->pid;
		lease->pid = NULL;
		list_del(&lease->node);
		lease_counts.leases--;
		lease_enforce();
	}
	spin_unlock_irqrestore(&lease_lock, flags);
	return pid;
}

int lease_release(struct lease *lease)
{
	struct pid *pid = lease_leave(lease, task_tgid(current));

	put_pid(pid);
	return pid ? 0 : -EPERM;
}

void lease_end(struct lease *lease)
{
	put_pid(lease_leave(lease, NULL));
}

void lease_count(struct lease_counts *out)
{
	unsigned long flags;

	spin_lock_irqsave(&lease_lock, flags);
	*out = lease_counts;
	spin_unlock_irqrestore(&lease_lock, flags);
}

void lease_init(void)
{
	compat_hrtimer_setup(&lease_timer, lease_timer_fn, HRTIMER_MODE_ABS);
}

void lease_exit(void)
{
	hrtimer_cancel(&lease_timer);
}
