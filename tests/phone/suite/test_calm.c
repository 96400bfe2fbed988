/* SPDX-License-Identifier: MIT */
/*
 * A closed gate with nothing to wait for costs nothing: no timer of the module is armed, nothing of
 * it runs. Seen by the kernel's list of timers, and by its tracepoints of timers and work over a
 * few seconds; both are first seen to find what is there.
 */
#include "tests/phone/suite/gate_client.h"
#include "tests/phone/suite/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRACING  "/sys/kernel/tracing/"
#define INSTANCE TRACING "instances/calm/"
#define OWN      "[idlegate]"
#define WATCH_MS 5000

/* How many lines of a file name a function of the module; they are printed if there are few. */
static unsigned int count_own(const char *path, bool print)
{
	FILE *f = fopen(path, "re");
	char line[1024];
	unsigned int n = 0;

	CHECK(f, "%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		if (!strstr(line, OWN))
			continue;
		if (print && n < 10) {
			line[strcspn(line, "\n")] = '\0';
			suite_say("%s", line);
		}
		n++;
	}
	fclose(f);
	return n;
}

static void trace_begin(void)
{
	static const char *const events[] = {"timer/hrtimer_expire_entry",
					     "timer/timer_expire_entry",
					     "workqueue/workqueue_execute_start"};
	char path[256];

	mkdir(INSTANCE, 0700);
	for (size_t i = 0; i < ARRAY_LEN(events); i++) {
		snprintf(path, sizeof(path), INSTANCE "events/%s/enable", events[i]);
		if (!suite_put(path, "1"))
			suite_skip("no tracepoint %s", events[i]);
	}
	suite_put(INSTANCE "trace", "\n");
	CHECK(suite_put(INSTANCE "tracing_on", "1"), "tracing: %s", strerror(errno));
}

/* How often the module's functions ran since trace_begin(). */
static unsigned int trace_end(bool print)
{
	suite_put(INSTANCE "tracing_on", "0");
	unsigned int n = count_own(INSTANCE "trace", print);
	rmdir(INSTANCE);
	return n;
}

static int host_all(uint32_t look_ms)
{
	struct idlegate_policy policy = gcl_policy_calm();
	struct idlegate_zones zones = {
		.n = 1,
		.zone = {{.set_mc = IDLEGATE_VALUE_UNKNOWN, .clear_mc = IDLEGATE_VALUE_UNKNOWN}}};
	int owner = gcl_open(O_RDWR);

	strcpy(zones.zone[0].name, "vsoc");
	policy.look_ms = look_ms;
	gcl_host(owner, gcl_info().sensors, &policy);
	CHECK_RET(gcl_ioctl(owner, IDLEGATE_IOC_ZONES, &zones), 0);
	gcl_wait_holds(gcl_map(owner), ~0u, 0, 5000);
	return owner;
}

static void a_deadline_arms_one_timer_and_no_deadline_none(void)
{
	if (access("/proc/timer_list", R_OK))
		suite_skip("no /proc/timer_list");
	int owner = host_all(0);
	CHECK_RET(count_own("/proc/timer_list", true), 0);
	struct idlegate_fact pause = {.kind = IDLEGATE_FACT_PAUSE, .on = 1};
	pause.until_ns = suite_now_ns() + 60000 * MS_NS;
	CHECK(gcl_ioctl(owner, IDLEGATE_IOC_FACT, &pause) >= 0, "a pause");
	unsigned int armed = count_own("/proc/timer_list", false);
	CHECK(armed >= 1, "a pause that ends arms %u timers in /proc/timer_list", armed);
	gcl_pause(owner, true);
	CHECK_RET((long)gcl_state().next_deadline_ns, (long)IDLEGATE_NEVER);
	CHECK_RET(count_own("/proc/timer_list", true), 0);
	close(owner);
	CHECK_RET(count_own("/proc/timer_list", true), 0);
}

static void a_closed_gate_runs_nothing(void)
{
	int owner = host_all(IDLEGATE_LOOK_MIN_MS);

	/* Open, and told to look: this is what the trace must be able to see. */
	trace_begin();
	suite_sleep_ms(1000);
	unsigned int looks = trace_end(false);
	CHECK(looks >= 5, "an open gate that looks each 100 ms ran %u times in a second", looks);
	gcl_pause(owner, true);
	suite_sleep_ms(200);
	trace_begin();
	suite_sleep_ms(WATCH_MS);
	unsigned int ran = trace_end(true);
	CHECK(!ran, "the closed gate ran %u times in %u ms", ran, WATCH_MS);
	suite_say("open: %u runs in 1 s; closed: none in %u s", looks, WATCH_MS / 1000);
}

static void a_gate_that_nobody_hosts_runs_nothing(void)
{
	int owner = host_all(IDLEGATE_LOOK_MIN_MS);

	close(owner);
	suite_sleep_ms(200);
	trace_begin();
	suite_sleep_ms(WATCH_MS);
	CHECK_RET(trace_end(true), 0);
}

int main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
		SUITE_CASE(a_deadline_arms_one_timer_and_no_deadline_none),
		SUITE_CASE(a_closed_gate_runs_nothing),
		SUITE_CASE(a_gate_that_nobody_hosts_runs_nothing),
	};

	return suite_run(argc, argv, cases, ARRAY_LEN(cases));
}
