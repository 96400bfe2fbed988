/* SPDX-License-Identifier: MIT */
/*
 * When a guarded stretch of work has run for too long: what the watchdog decides at each look.
 *
 * Pure. Time is counted in steps: a look asks for the next one after a fraction of the limit, and
 * counts no more than it asked for, however much later it comes. So a process that was stopped, or
 * that got no processor, loses at most one step of its limit by that, and one that is stopped again
 * and again in an endless slice still comes to its end.
 *
 * A look that comes far too late means that all threads were kept from running: a slice that
 * ended meanwhile has not been noticed yet. So past the limit another look must follow, in time,
 * before the end is told; or several more, where no look is ever in time.
 */
#ifndef BROKER_WORKER_WATCH_LOOK_H
#define BROKER_WORKER_WATCH_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#define WATCH_KICK (-1) /* in place of ms: not before there is work again */
#define WATCH_BITE (-2)

struct watch_facts {
	uint64_t now_ns;
	uint64_t cpu_ns; /* what the process has used; counts on a software device only */
	uint64_t stretch; /* odd while one stands */
	uint64_t began_ns, limit_ns; /* the stretch's */
	bool software, asleep;
};

struct watch_look {
	uint64_t stretch;
	uint64_t at_ns; /* of the last look */
	uint64_t wait_ns; /* asked for then; 0: none */
	uint64_t ran_ns; /* of this stretch */
	uint64_t cpu_ns; /* at the first look at this stretch */
	uint32_t late; /* looks in a row that found it past its limit */
};

/** watch_look() - Return: ms until the next look, 1 or more; WATCH_KICK; WATCH_BITE */
int watch_look(struct watch_look *last, const struct watch_facts *f);

#endif
