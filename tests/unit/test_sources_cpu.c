/* SPDX-License-Identifier: MIT */
/* Processor: the arithmetic by table, the source on pressure files and on the kernel's own. */
#include "sources_fixture.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "broker/sources/psi.h"

#define CALM "some avg10=0.12 avg60=0.07 avg300=0.10 total=6027227\nfull avg10=0.00\n"
#define BUSY "some avg10=61.50 avg60=7.07 avg300=1.10 total=9027227\nfull avg10=0.00\n"

Test(psi, the_text_of_the_kernel_is_read)
{
	static const struct {
		const char *text;
		int r;
		uint64_t total;
		uint32_t avg10;
	} cases[] = {
		{CALM, 0, 6027227, 12},
		{BUSY, 0, 9027227, 6150},
		{"some avg10=100.00 avg60=0.00 avg300=0.00 total=18446744073709551615\n", 0,
		 UINT64_MAX, 10000},
		{"some avg10=101.00 avg60=0.00 avg300=0.00 total=1\n", -EBADMSG, 0, 0},
		{"full avg10=0.00 avg60=0.00 avg300=0.00 total=1\n", -EBADMSG, 0, 0},
		{"some avg10=0.00\n", -EBADMSG, 0, 0},
		{"", -EBADMSG, 0, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t total = 0;
		uint32_t avg10 = 0;

		cr_assert_eq(psi_parse(cases[i].text, &total, &avg10), cases[i].r, "%zu", i);
		if (cases[i].r == 0) {
			cr_assert_eq(total, cases[i].total);
			cr_assert_eq(avg10, cases[i].avg10);
		}
	}
}

Test(psi, our_own_waiting_is_taken_off)
{
	static const struct {
		struct psi_look before, now;
		uint32_t permille;
	} cases[] = {
		/* in a second: others 250 ms, ours none */
		{{0, 1000, 0}, {NS_PER_S, 251000, 0}, 250},
		/* 600 ms, of which ours 400 */
		{{5, 0, 7}, {5 + NS_PER_S, 600000, 7 + 400 * NS_PER_MS}, 200},
		/* many threads of ours wait more than the clock runs */
		{{0, 0, 0}, {NS_PER_S, 1000000, 6 * NS_PER_S}, 0},
		/* a worker ended: the sum shrank */
		{{0, 0, 9 * NS_PER_S}, {2 * NS_PER_S, 500000, 0}, 250},
		/* no time, time backwards, counter backwards */
		{{9, 0, 0}, {9, 100, 0}, 0},
		{{9, 0, 0}, {3, 100, 0}, 0},
		{{0, 900, 0}, {NS_PER_S, 100, 0}, 0},
		/* never more than all of it */
		{{0, 0, 0}, {NS_PER_S, UINT64_MAX, 0}, 1000},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		cr_assert_eq(psi_foreign_permille(&cases[i].before, &cases[i].now),
			     cases[i].permille, "%zu", i);
}

Test(psi, run_delay_is_added_over_threads)
{
	struct fixture *f = fixture_new();

	fake_file(f, "proc/71/task/71/schedstat", "900 1500 3\n");
	fake_file(f, "proc/71/task/72/schedstat", "900 20000000000 3\n");
	fake_file(f, "proc/71/task/73/schedstat", "nonsense\n");
	fake_dir(f, "proc/71/task/74");
	cr_assert_eq(psi_run_delay(f->config.roots.proc, 71), 20000001500u);
	cr_assert_eq(psi_run_delay(f->config.roots.proc, 72), 0);
	fixture_free(f);
}

Test(cpu, the_first_fact_is_the_kernels_average)
{
	static const struct {
		const char *text;
		bool on;
	} cases[] = {{CALM, false}, {BUSY, true}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture *f = fixture_new();

		f->config.cpu_busy_permille = 300;
		fake_file(f, "proc/pressure/cpu", cases[i].text);
		fixture_open(f, &source_cpu);
		fixture_want_state(f, GATE_SENSOR_OK, 0);
		cr_assert_eq(f->fact[0].kind, GATE_FACT_CPU, "the value comes before the OK");
		cr_assert_eq(f->fact[0].on, cases[i].on);
		fixture_free(f);
	}
}

Test(cpu, missing_off_and_broken_are_told_apart)
{
	struct fixture *f = fixture_new();

	f->config.cpu_busy_permille = 300;
	fixture_open(f, &source_cpu);
	fixture_want_state(f, GATE_SENSOR_ABSENT, 0);
	fixture_want_detail(f, "CONFIG_PSI");
	fake_file(f, "proc/pressure/cpu", "what?\n");
	source_cpu.reload(f->source);
	fixture_want_state(f, GATE_SENSOR_LOST, 0);
	fake_file(f, "proc/pressure/cpu", CALM);
	source_cpu.reload(f->source);
	fixture_want_state(f, GATE_SENSOR_OK, 0);
	f->config.cpu_busy_permille = 0;
	source_cpu.reload(f->source);
	fixture_want_state(f, GATE_SENSOR_ABSENT, 0);
	fixture_want_detail(f, "switched off");
	cr_assert_not(fixture_last(f, GATE_FACT_CPU)->on);
	fixture_free(f);
}

Test(cpu, a_file_that_takes_no_trigger_is_left_as_it_is)
{
	struct fixture *f = fixture_new();
	char text[128] = "", path[256];
	FILE *file;

	f->config.cpu_busy_permille = 300;
	fake_file(f, "proc/pressure/cpu", CALM);
	cr_assert_eq(psi_trigger(f->config.roots.proc, 300), -ENOTSUP);
	fixture_path(f, path, sizeof(path), "proc/pressure/cpu");
	file = fopen(path, "r");
	cr_assert_not_null(fgets(text, sizeof(text), file));
	fclose(file);
	cr_assert_eq(strncmp(text, CALM, strlen(text)), 0);
	fixture_free(f);
}

Test(cpu, nothing_is_looked_at_while_the_owner_uses_the_device)
{
	struct fixture *f = fixture_new();
	uint64_t wakeups;

	f->config.cpu_busy_permille = 300;
	fake_file(f, "proc/pressure/cpu", BUSY);
	fixture_open(f, &source_cpu);
	source_cpu.holds_changed(f->source, IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_CPU_BUSY) |
						    IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_USER_ACTIVE));
	wakeups = loop_wakeups(f->loop);
	fixture_run(f, 1, 200);
	cr_assert_leq(loop_wakeups(f->loop) - wakeups, 1);
	fixture_free(f);
}

/*
 * Two programs for each processor: the kernel takes the mean over the processors, so one that has a
 * program for itself would halve the pressure. They run for at most fourteen seconds.
 */
static void start_load(pid_t *pids, int n)
{
	for (int i = 0; i < n; i++) {
		pids[i] = fork();
		cr_assert_geq(pids[i], 0);
		if (pids[i] == 0) {
			uint64_t end = clock_now_ns() + 14 * NS_PER_S;

			while (clock_now_ns() < end)
				;
			_exit(0);
		}
	}
}

static void end_load(const pid_t *pids, int n)
{
	for (int i = 0; i < n; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
}

/* Share of the next @ms in which some program of this machine waits for a processor. */
static uint64_t pressure_permille(unsigned int ms)
{
	uint64_t us[2];
	uint32_t avg10;

	for (int i = 0; i < 2; i++) {
		char text[256] = "";
		FILE *file = fopen("/proc/pressure/cpu", "r");

		cr_assert_not_null(file);
		cr_assert_gt(fread(text, 1, sizeof(text) - 1, file), 0);
		fclose(file);
		cr_assert_eq(psi_parse(text, &us[i], &avg10), 0);
		if (i == 0)
			poll(NULL, 0, (int)ms);
	}
	return (us[1] - us[0]) / ms;
}

Test(cpu, real_pressure_fires_the_trigger_and_is_told)
{
	struct fixture *f = fixture_new();
	int trigger = psi_trigger("/proc", 1);
	int n = 2 * (int)sysconf(_SC_NPROCESSORS_ONLN);
	pid_t pids[65];

	if (trigger < 0 || n > 64) {
		fixture_free(f);
		cr_skip_test("no pressure trigger here (%s), or too many processors to fill",
			     strerror(trigger < 0 ? -trigger : 0));
	}
	close(trigger);
	strcpy(f->config.roots.proc, "/proc");
	f->config.cpu_busy_permille = 1000; /* so the machine of now is not busy, */
	fixture_open(f, &source_cpu);
	if (fixture_last(f, GATE_FACT_CPU)->on) {
		fixture_free(f);
		cr_skip_test("some program has waited for a processor all the time");
	}
	if (pressure_permille(1000) > 250) {
		fixture_free(f);
		cr_skip_test("other programs keep this machine's processors too busy to tell");
	}
	f->config.cpu_busy_permille = 600; /* but with our load it will be */
	start_load(pids, n); /* first: a trigger that fires for nothing rests for a while */
	source_cpu.holds_changed(f->source, 0);
	for (int i = 0; i < 260 && !fixture_last(f, GATE_FACT_CPU)->on; i++)
		fixture_run(f, 1, 50);
	end_load(pids, n);
	cr_assert(fixture_last(f, GATE_FACT_CPU)->on);
	fixture_free(f);
}
