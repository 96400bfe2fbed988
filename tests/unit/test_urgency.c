/* SPDX-License-Identifier: MIT */
/* The loop's priority: it is had, not inherited, and lost by who does not wait. */
#include "broker/urgency.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libbroker/util/clock.h"

#define BURN_NS (20ull * URGENCY_LIMIT_US * 1000)

static long scheduler(void)
{
	return syscall(SYS_sched_getscheduler, 0);
}

static void raise_or_skip(void)
{
	int r = urgency_raise();

	if (r == -EPERM)
		cr_skip_test("real-time priorities are not allowed here");
	cr_assert_eq(r, 0);
}

Test(urgency, is_raised_and_not_inherited)
{
	int status;
	pid_t child;

	raise_or_skip();
	cr_assert_eq(scheduler(), SCHED_RR | SCHED_RESET_ON_FORK);
	child = fork();
	if (!child)
		_exit(scheduler() == SCHED_OTHER ? 0 : 1);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert_eq(status, 0);
}

Test(urgency, ends_for_a_loop_that_never_waits)
{
	uint64_t start = clock_now_ns();

	raise_or_skip();
	while (scheduler() != SCHED_OTHER)
		cr_assert_lt(clock_now_ns() - start, BURN_NS, "it still goes before others");
	cr_assert_geq(clock_now_ns() - start, URGENCY_LIMIT_US * 1000ull / 2);
}
