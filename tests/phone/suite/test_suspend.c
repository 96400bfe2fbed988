/* SPDX-License-Identifier: MIT */
/*
 * Suspend: the gate is closed before the first process is frozen, and stays closed for the settle
 * time after the resume.
 *
 * The kernel's own test of suspend (/sys/power/pm_test) at the level "freezer" is used: it goes
 * through the notifiers and the freeze, stays there for its delay and comes back. Deeper levels
 * suspend the devices, among them the 9p root of a virtual phone, which does not come back.
 */
#include "tests/phone/suite/gate_client.h"
#include "tests/phone/suite/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SUSPENDING IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_SUSPENDING)
#define SETTLE_MS  700
#define TRIES      5

static void need_pm_test(void)
{
	if (access("/sys/power/pm_test", W_OK))
		suite_skip("this kernel has no /sys/power/pm_test (CONFIG_PM_DEBUG)");
	CHECK(suite_put("/sys/power/pm_test", "freezer"), "pm_test: %s", strerror(errno));
	suite_put("/sys/module/suspend/parameters/pm_test_delay", "1");
}

static void suspend(void)
{
	CHECK(suite_put("/sys/power/state", "freeze") || suite_put("/sys/power/state", "mem"),
	      "/sys/power/state: %s", strerror(errno));
}

/* A process that runs all the time: what it saw last before the freeze, and when. */
struct witness {
	volatile bool stop;
	volatile uint64_t saw_ns; /* the first look at the hold */
	volatile uint64_t longest_ns; /* gap between two looks: the freeze */
	volatile uint64_t gap_began_ns;
};

static void look_on(void *arg)
{
	struct witness *w = arg;
	const volatile struct idlegate_page *map = gcl_map(gcl_open(O_RDONLY));
	uint64_t last = suite_now_ns();

	while (!w->stop) {
		uint64_t now = suite_now_ns();

		if (now - last > w->longest_ns) {
			w->longest_ns = now - last;
			w->gap_began_ns = last;
		}
		last = now;
		if (!w->saw_ns && gcl_holds(map) & SUSPENDING)
			w->saw_ns = now;
	}
}

static int host_suspend(void)
{
	struct idlegate_policy policy = gcl_policy_calm();
	int owner = gcl_open(O_RDWR);

	if (!(gcl_info().sensors & 1u << IDLEGATE_SENSOR_SUSPEND))
		suite_skip("this module does not watch suspend");
	policy.resume_settle_ns = SETTLE_MS * MS_NS;
	gcl_host(owner, 1u << IDLEGATE_SENSOR_SUSPEND, &policy);
	gcl_wait_holds(gcl_map(owner), ~0u, 0, 2000);
	return owner;
}

/*
 * One suspend. Return: whether it lasted, and the witness ran between the close and its freeze. A
 * wakeup of the machine's own, such as a charger's, ends a suspend at once, and on a machine under
 * load the witness may not have run: then it says nothing.
 */
static bool was_closed_before_the_freeze(int owner)
{
	struct witness *w =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const volatile struct idlegate_page *map = gcl_map(owner);
	int watcher = gcl_open(O_RDONLY);
	struct idlegate_event e[8];

	pid_t pid = suite_fork(look_on, w);
	suite_sleep_ms(100);
	uint64_t began = suite_now_ns();
	suspend();
	uint64_t resumed = suite_now_ns();
	CHECK_RET(gcl_holds(map), SUSPENDING);
	uint64_t opened = gcl_wait_holds(map, ~0u, 0, 5000);
	w->stop = true;
	suite_join(pid);
	CHECK_RET(gcl_read_events(watcher, e, ARRAY_LEN(e)), 2);
	CHECK(e[0].holds == SUSPENDING && e[0].at_ns >= began, "the first event is holds %#x",
	      e[0].holds);
	close(watcher);
	if (w->longest_ns < 500 * MS_NS || w->gap_began_ns <= e[0].at_ns)
		return false;
	CHECK(w->saw_ns && w->saw_ns <= w->gap_began_ns,
	      "a running process was frozen %.2f ms after the call and did not see the hold before",
	      (double)(w->gap_began_ns - began) / 1e6);
	CHECK(e[1].holds == 0 && e[1].at_ns >= e[0].at_ns + w->longest_ns + SETTLE_MS * MS_NS -
						       1000 * MS_NS / 10,
	      "it opened %.0f ms after it closed", (double)(e[1].at_ns - e[0].at_ns) / 1e6);
	suite_say(
		"closed %.2f ms before the freeze, which took %.0f ms; opened %.0f ms after the resume",
		((double)w->gap_began_ns - (double)e[0].at_ns) / 1e6, (double)w->longest_ns / 1e6,
		((double)opened - (double)resumed) / 1e6);
	return true;
}

static void the_gate_is_closed_before_the_freeze(void)
{
	need_pm_test();
	int owner = host_suspend();

	for (int i = 0; i < TRIES; i++)
		if (was_closed_before_the_freeze(owner))
			return;
	FAIL("in none of %d suspends a process ran between the close and a freeze that lasted",
	     TRIES);
}

static void again_and_again(void)
{
	need_pm_test();
	int owner = host_suspend();
	const volatile struct idlegate_page *map = gcl_map(owner);

	for (int i = 0; i < 3; i++) {
		suspend();
		CHECK_RET(gcl_holds(map), SUSPENDING);
	}
	gcl_wait_holds(map, ~0u, 0, 5000);
}

static void a_suspend_that_nobody_hosts(void)
{
	need_pm_test();
	suspend();
	CHECK_RET(gcl_state().holds, IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_BROKER_GONE));
	int owner = host_suspend();
	CHECK_RET(gcl_state().holds, 0);
	close(owner);
}

int main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
		SUITE_CASE(the_gate_is_closed_before_the_freeze),
		SUITE_CASE(again_and_again),
		SUITE_CASE(a_suspend_that_nobody_hosts),
	};

	return suite_run(argc, argv, cases, ARRAY_LEN(cases));
}
