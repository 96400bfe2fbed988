/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hosted gate.
 *
 * A step is: take the lock, let the core take the fact, publish the page, remember the event,
 * tell the leases, set the timer, and after the lock wake who waits. Steps come from interrupts
 * (inputs, the timer) and from processes. The order of locks is what calls us (the input core's
 * event_lock), host.lock, then the leaf locks of events.c, lease.c, timers and workqueues; none of
 * the input core's functions is called under host.lock.
 *
 * Inputs. A finger on glass makes hundreds of events a second, and the first has closed the gate.
 * While user-active is published, host_input() only records the time, at most once a tick of the
 * kernel's clock, without a lock; every later step takes the recorded time as an input first. So
 * an input is either recorded before the hold clears, and keeps it, or sees that it has cleared,
 * and steps: both sides write, pass a full barrier, then read. Now and then an input steps all the
 * same, so that the page is never older than IDLEGATE_INPUT_LAG_NS.
 *
 * The timer stands at the next deadline or earlier (a deadline that moves away does not touch it),
 * and does not run while there is no deadline.
 *
 * Freshness. While something else keeps the gate closed, nobody looks at batteries and zones. What
 * would open the gate on numbers older than look_ms is therefore put off until a look is done: a
 * process looks at once, the timer asks look.c to. A step is tried on a copy of the gate first.
 */
#include "host.h"

#include <linux/hrtimer.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/limits.h>
#include <linux/spinlock.h>

#include "compat/compat.h"
#include "core/gate.h"
#include "events.h"
#include "gatepage.h"
#include "lease.h"
#include "look.h"
#include "netlink.h"

#define USER_ACTIVE   IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_USER_ACTIVE)
#define BROKER_GONE   IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_BROKER_GONE)
#define LOOK_SENSORS  (GATE_SENSOR_BIT(GATE_SENSOR_POWER) | GATE_SENSOR_BIT(GATE_SENSOR_THERMAL))
/* Half of the lag, since a tick may be long. */
#define INPUT_STEP_MS (IDLEGATE_INPUT_LAG_NS / NSEC_PER_MSEC / 2)
#define POWER_HOLDS                                     \
	(IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_DRAINING) |    \
	 IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_BATTERY_LOW) | \
	 IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_BATTERY_HOT))
#define THERMAL_HOLDS IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_ZONE_HOT)
/* Holds that looking clears, whoever does it; every other one has an event or a deadline. */
#define LOOK_HOLDS                                                                 \
	(POWER_HOLDS | THERMAL_HOLDS | IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_GPU_BUSY) | \
	 IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_CPU_BUSY) | IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_SENSOR_LOST))

static const struct gate_fact tick = {.kind = GATE_FACT_TICK};
static const struct gate_fact input = {.kind = GATE_FACT_INPUT};

static struct {
	spinlock_t lock; /* of all but what is said to do without */
	bool hosted;
	bool changed; /* the holds, in this step: who waits is to be woken */
	u32 watched;
	struct gate gate, trial;
	struct gate_policy policy;
	struct hrtimer timer;
	u64 timer_ns; /* where it stands; GATE_NEVER: it does not run */
	u32 look_ms;
	u64 looked_ns; /* when the last full look ended; 0: none yet */
	bool looking; /* the pace that look.c was told */

	/* Written and read without the lock. */
	atomic64_t input_ns; /* the last input that was recorded */
	unsigned long input_tick; /* the tick of it */
	unsigned long input_step_tick; /* from this tick on an input steps */
} host = {.lock = __SPIN_LOCK_UNLOCKED(host.lock)};

/* Is looking what could change the gate? */
static bool host_must_look(void)
{
	const struct gate *g = &host.gate;
	u32 mine = 0;

	if (!host.look_ms)
		return false;
	if (host.watched & GATE_SENSOR_BIT(GATE_SENSOR_POWER) && g->power.has_battery)
		mine |= POWER_HOLDS;
	if (host.watched & GATE_SENSOR_BIT(GATE_SENSOR_THERMAL))
		mine |= THERMAL_HOLDS;
	if (host.watched & g->lost & LOOK_SENSORS)
		mine |= IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_SENSOR_LOST);
	if (!g->holds)
		return mine;
	return !(g->holds & ~LOOK_HOLDS) && g->holds & mine;
}

static bool host_is_stale(u64 now_ns)
{
	if (!host.look_ms || !(host.watched & LOOK_SENSORS))
		return false;
	return !host.looked_ns || now_ns - host.looked_ns > host.look_ms * (u64)NSEC_PER_MSEC;
}

static void host_set_look(u64 now_ns)
{
	bool look = host_must_look();

	if (look && !host.looking && host_is_stale(now_ns))
		look_soon(LOOK_ALL);
	host.looking = look;
	look_pace(look, host.look_ms);
}

static void host_set_timer(u64 deadline_ns)
{
	if (deadline_ns == GATE_NEVER) {
		if (host.timer_ns != GATE_NEVER)
			hrtimer_try_to_cancel(&host.timer);
		host.timer_ns = GATE_NEVER;
	} else if (deadline_ns < host.timer_ns) {
		host.timer_ns = deadline_ns;
		hrtimer_start(&host.timer, ns_to_ktime(min_t(u64, deadline_ns, KTIME_MAX)),
			      HRTIMER_MODE_ABS);
	}
}

static void host_tell(u64 now_ns, u32 holds, u32 before)
{
	if (holds == before)
		return;
	host.changed = true;
	events_push(now_ns, holds, before);
	lease_gate(!holds, now_ns);
}

/* Lets the core take it, and all else follow. The lock is held. */
static int host_commit(const struct gate_fact *fact, u64 now_ns)
{
	u32 before = gatepage_holds();
	int r = gate_step(&host.gate, &host.policy, fact, now_ns);

	if (fact->kind == GATE_FACT_INPUT)
		WRITE_ONCE(host.input_step_tick, jiffies + msecs_to_jiffies(INPUT_STEP_MS));
	gatepage_publish(&host.gate, now_ns);
	host_tell(host.gate.changed_ns, host.gate.holds, before);
	return r;
}

/* Takes the input that was recorded since the last step. */
static void host_take_recorded(void)
{
	u64 ns = atomic64_read(&host.input_ns);

	if (ns > host.gate.input_ns)
		host_commit(&input, ns);
}

/* After the last fact of a step. */
static void host_settle(u64 now_ns)
{
	smp_mb(); /* the cleared user-active is published; see host_input() */
	host_take_recorded();
	host_set_timer(gate_next_deadline(&host.gate));
	host_set_look(now_ns);
}

static bool host_would_open(const struct gate_fact *fact, u64 now_ns)
{
	if (!host.gate.holds || fact->kind == GATE_FACT_INPUT)
		return false;
	host.trial = host.gate;
	gate_step(&host.trial, &host.policy, fact, now_ns);
	return !host.trial.holds;
}

/* One step. Returns -EAGAIN, and takes nothing, if the gate would open on stale numbers. */
static int host_step(const struct gate_fact *fact, u64 now_ns)
{
	int r;

	lockdep_assert_held(&host.lock);
	if (!host.hosted)
		return -ENOTCONN;
	host_take_recorded();
	if (host_is_stale(now_ns) && host_would_open(fact, now_ns))
		return -EAGAIN;
	r = host_commit(fact, now_ns);
	host_settle(now_ns);
	return r;
}

/* Under the lock: whether to wake after it. */
static bool host_take_changed(void)
{
	bool changed = host.changed;

	host.changed = false;
	return changed;
}

/* Who waits is woken without the lock. */
static void host_wake(bool changed)
{
	if (!changed)
		return;
	events_wake();
	netlink_tell();
}

static int host_lock_and_step(const struct gate_fact *fact)
{
	unsigned long flags;
	bool changed;
	int r;

	spin_lock_irqsave(&host.lock, flags);
	r = host_step(fact, ktime_get_ns());
	changed = host_take_changed();
	spin_unlock_irqrestore(&host.lock, flags);
	host_wake(changed);
	return r;
}

void host_input(void)
{
	unsigned long now = jiffies;

	if (gatepage_holds() & USER_ACTIVE) {
		if (READ_ONCE(host.input_tick) == now)
			return;
		WRITE_ONCE(host.input_tick, now);
		atomic64_set(&host.input_ns, ktime_get_ns());
		smp_mb(); /* the time is recorded; see host_settle() */
		if (time_before(now, READ_ONCE(host.input_step_tick)) &&
		    gatepage_holds() & USER_ACTIVE)
			return;
	}
	host_lock_and_step(&input);
}

void host_close(const struct gate_fact *fact)
{
	host_lock_and_step(fact);
}

int host_fact(const struct gate_fact *fact)
{
	int r = host_lock_and_step(fact);

	/* Once: what a look found is fresh, unless this process slept for look_ms after it. */
	while (r == -EAGAIN) {
		look_now(LOOK_ALL);
		r = host_lock_and_step(fact);
	}
	return r < 0 ? r : 0;
}

/* What a look found would open the gate: it may if the look was at all that is watched. */
static void host_open_after_look(struct gate_fact *facts, u32 n, u64 now_ns)
{
	if (host_is_stale(now_ns) && (n || host_would_open(&tick, now_ns))) {
		look_soon(LOOK_ALL);
		return;
	}
	for (u32 i = 0; i < n; i++)
		host_commit(&facts[i], now_ns);
	host_commit(&tick, now_ns);
}

void host_looked(struct gate_fact *facts, u32 n, bool all)
{
	unsigned long flags;
	u32 openers = 0;
	bool changed;
	u64 now_ns;

	spin_lock_irqsave(&host.lock, flags);
	if (host.hosted) {
		now_ns = ktime_get_ns();
		host_take_recorded();
		for (u32 i = 0; i < n; i++) {
			if (host_would_open(&facts[i], now_ns))
				facts[openers++] = facts[i];
			else
				host_commit(&facts[i], now_ns);
		}
		if (all)
			host.looked_ns = now_ns;
		host_open_after_look(facts, openers, now_ns);
		host_settle(now_ns);
	}
	changed = host_take_changed();
	spin_unlock_irqrestore(&host.lock, flags);
	host_wake(changed);
}

static enum hrtimer_restart host_timer_fn(struct hrtimer *timer)
{
	unsigned long flags;
	bool changed;

	spin_lock_irqsave(&host.lock, flags);
	host.timer_ns = GATE_NEVER;
	if (host_step(&tick, ktime_get_ns()) == -EAGAIN)
		look_soon(LOOK_ALL);
	changed = host_take_changed();
	spin_unlock_irqrestore(&host.lock, flags);
	host_wake(changed);
	return HRTIMER_NORESTART;
}

void host_set_policy(const struct gate_policy *policy, u32 look_ms)
{
	unsigned long flags;

	spin_lock_irqsave(&host.lock, flags);
	host.policy = *policy;
	host.look_ms = look_ms;
	spin_unlock_irqrestore(&host.lock, flags);
	host_fact(&tick);
}

bool host_is_hosted(void)
{
	return READ_ONCE(host.hosted);
}

u32 host_watched(void)
{
	return READ_ONCE(host.watched);
}

void host_begin(u32 watched)
{
	static const struct gate_fact hosted = {.kind = GATE_FACT_HOST, .on = true};
	unsigned long flags;
	bool changed;
	u64 now_ns;

	spin_lock_irqsave(&host.lock, flags);
	now_ns = ktime_get_ns();
	gate_policy_default(&host.policy);
	gate_init(&host.gate, &host.policy, now_ns);
	host.look_ms = IDLEGATE_LOOK_MS;
	host.looked_ns = 0;
	host.looking = false;
	atomic64_set(&host.input_ns, 0);
	WRITE_ONCE(host.watched, watched);
	WRITE_ONCE(host.hosted, true);
	gate_step(&host.gate, &host.policy, &hosted, now_ns);
	host.gate.facts = 0; /* that there is a host is no fact of its own */
	host_commit(&tick, now_ns);
	host_settle(now_ns);
	changed = host_take_changed();
	spin_unlock_irqrestore(&host.lock, flags);
	host_wake(changed);
}

void host_end(void)
{
	unsigned long flags;
	bool changed;
	u32 before;
	u64 now_ns;

	spin_lock_irqsave(&host.lock, flags);
	before = gatepage_holds();
	now_ns = ktime_get_ns();
	WRITE_ONCE(host.hosted, false);
	WRITE_ONCE(host.watched, 0);
	gatepage_publish(NULL, now_ns);
	host_tell(now_ns, BROKER_GONE, before);
	host_set_timer(GATE_NEVER);
	look_pace(false, 0);
	changed = host_take_changed();
	spin_unlock_irqrestore(&host.lock, flags);
	host_wake(changed);
}

static s32 host_hottest(void)
{
	s32 hottest = IDLEGATE_VALUE_UNKNOWN;

	for (u32 id = 0; id < GATE_MAX_ZONES; id++)
		if (host.gate.zones_known & (1u << id))
			hottest = max(hottest, host.gate.zone[id].temp_mc);
	return hottest;
}

static void host_fill_state(struct idlegate_state *out)
{
	const struct gate *g = &host.gate;

	out->lost = g->lost;
	out->now_ns = ktime_get_ns();
	out->changed_ns = g->changed_ns;
	out->input_ns = g->input_ns;
	out->closes = g->closes;
	out->opens = g->opens;
	out->facts = g->facts;
	out->next_deadline_ns = gate_next_deadline(g);
	for (u32 i = 0; i < IDLEGATE_HOLD_ROOM; i++)
		out->clear_at_ns[i] = IDLEGATE_NEVER;
	for (u32 i = 0; i < IDLEGATE_HOLD_COUNT; i++) {
		if (!(g->holds & IDLEGATE_HOLD_BIT(i)))
			continue;
		out->since_ns[i] = g->hold[i].since_ns;
		out->clear_at_ns[i] = g->hold[i].clear_at_ns;
	}
	for (u32 i = 0; i < GATE_SENSOR_COUNT; i++)
		out->sensor[i] = g->sensor[i];
	out->hottest_mc = host_hottest();
}

u32 host_state(struct idlegate_state *out)
{
	unsigned long flags;
	bool changed;

	*out = (struct idlegate_state){};
	spin_lock_irqsave(&host.lock, flags);
	if (host.hosted) {
		host_take_recorded();
		host_set_timer(gate_next_deadline(&host.gate));
		host_fill_state(out);
	}
	out->holds = gatepage_holds();
	changed = host_take_changed();
	spin_unlock_irqrestore(&host.lock, flags);
	host_wake(changed);
	return out->holds;
}

void host_init(void)
{
	host.timer_ns = GATE_NEVER;
	compat_hrtimer_setup(&host.timer, host_timer_fn, HRTIMER_MODE_ABS);
}

void host_exit(void)
{
	hrtimer_cancel(&host.timer);
}
