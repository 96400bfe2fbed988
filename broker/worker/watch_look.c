/* SPDX-License-Identifier: MIT */
/* The watchdog's decision; see watch_look.h. */
#include "broker/worker/watch_look.h"

#include "libbroker/util/clock.h"

#define STEPS          4 /* looks within a limit */
#define STEP_MIN_NS    (5 * NS_PER_MS)
#define STEP_MAX_NS    (250 * NS_PER_MS)
#define SECOND_LOOK_NS (50 * NS_PER_MS)
#define TARDY_NS       (100 * NS_PER_MS) /* later than that: kept from running */
#define LATE_MAX       8

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t since(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

static int next(struct watch_look *l, uint64_t wait_ns)
{
	l->wait_ns = wait_ns;
	return (int)(wait_ns / NS_PER_MS);
}

static uint64_t step(uint64_t limit_ns)
{
	uint64_t ns = limit_ns / STEPS;

	return ns < STEP_MIN_NS ? STEP_MIN_NS : min_u64(ns, STEP_MAX_NS);
}

static bool over(const struct watch_look *l, const struct watch_facts *f)
{
	return l->ran_ns > f->limit_ns &&
	       (!f->software || since(f->cpu_ns, l->cpu_ns) > f->limit_ns);
}

int watch_look(struct watch_look *l, const struct watch_facts *f)
{
	uint64_t passed = since(f->now_ns, l->at_ns);
	bool tardy = passed > l->wait_ns + TARDY_NS;

	l->at_ns = f->now_ns;
	if (!(f->stretch & 1)) { /* between two slices: as if the next began now */
		l->late = 0;
		if (f->asleep) {
			l->wait_ns = 0;
			return WATCH_KICK;
		}
		return next(l, step(f->limit_ns));
	}
	if (f->stretch != l->stretch) {
		l->stretch = f->stretch;
		l->cpu_ns = f->cpu_ns;
		l->ran_ns = min_u64(since(f->now_ns, f->began_ns), l->wait_ns);
		l->late = 0;
		return next(l, step(f->limit_ns));
	}
	l->ran_ns += min_u64(passed, l->wait_ns);
	if (!over(l, f)) {
		l->late = 0;
		return next(l, step(f->limit_ns));
	}
	if (l->late && (!tardy || l->late >= LATE_MAX))
		return WATCH_BITE;
	l->late++;
	return next(l, SECOND_LOOK_NS);
}
