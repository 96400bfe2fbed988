/* SPDX-License-Identifier: MIT */
/*
 * Leases: a process that does not get off the device is stopped at its grace and killed at its
 * limit, whatever user space does; one that parks is left alone.
 *
 * A leased process spins and writes the time into shared memory. It ran last at the last time
 * there, so it was stopped no earlier than that, and before it was seen to be stopped: the agreed
 * moment must lie between the two, or before the first by no more than a wide limit, for the
 * machine may be an emulated one. What was measured is printed.
 */
#include "tests/phone/suite/gate_client.h"
#include "tests/phone/suite/suite.h"
#include "tests/phone/suite/uinput.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define LATE_MS 250 /* the limit of a slow machine; a phone's is 5 */
#define ROUNDS  25
#define CROWD   24

/* What a leased process and its supervisor share. */
struct leased {
	volatile uint64_t beat_ns; /* it ran then */
	volatile uint32_t grace_ms, limit_ms;
	volatile bool unparked, obedient;
	int fd; /* of the lease, opened by the supervisor */
	pid_t pid;
};

static struct leased *leased_new(size_t n)
{
	void *p = mmap(NULL, n * sizeof(struct leased), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED, "mmap: %s", strerror(errno));
	return p;
}

/* Parks when it sees a hold if it is an obedient one, and unparks when there is none. */
static void spin(void *arg)
{
	struct leased *l = arg;
	const volatile struct idlegate_page *map = gcl_map(l->fd);

	CHECK_RET(gcl_join(l->fd, l->grace_ms, l->limit_ms), 0);
	for (;;) {
		bool open = !gcl_holds(map);

		if (!l->unparked && open)
			l->unparked = gcl_ioctl(l->fd, IDLEGATE_IOC_UNPARK, NULL) == 0;
		if (l->unparked && !open && l->obedient) {
			CHECK_RET(gcl_ioctl(l->fd, IDLEGATE_IOC_PARK, NULL), 0);
			l->unparked = false;
		}
		l->beat_ns = suite_now_ns();
		if (l->obedient)
			suite_sleep_ms(1);
	}
}

static void leased_start(struct leased *l, uint32_t grace_ms, uint32_t limit_ms, bool obedient)
{
	l->fd = gcl_open(O_RDWR);
	l->grace_ms = grace_ms;
	l->limit_ms = limit_ms;
	l->obedient = obedient;
	l->pid = suite_fork(spin, l);
	for (unsigned int ms = 0; !l->unparked; ms++) {
		CHECK(ms < 10000, "the leased process did not unpark");
		suite_sleep_ms(1);
	}
}

static void leased_end(struct leased *l)
{
	kill(l->pid, SIGKILL);
	waitpid(l->pid, NULL, 0);
	close(l->fd);
}

/* A signal came between these two moments. */
struct moment {
	uint64_t from_ns, to_ns;
};

static struct moment wait_stopped(const struct leased *l, unsigned int ms)
{
	for (uint64_t end = suite_now_ns() + ms * MS_NS; suite_now_ns() < end; suite_sleep_ms(1))
		if (suite_process_state(l->pid) == 'T')
			return (struct moment){l->beat_ns, suite_now_ns()};
	FAIL("process %d is '%c' after %u ms, must be stopped", l->pid, suite_process_state(l->pid),
	     ms);
}

static struct moment wait_killed(const struct leased *l, unsigned int ms)
{
	int status;

	for (uint64_t end = suite_now_ns() + ms * MS_NS; suite_now_ns() < end; suite_sleep_ms(1)) {
		if (waitpid(l->pid, &status, WNOHANG) != l->pid)
			continue;
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "it ended with %#x",
		      status);
		/* It was stopped before, so its last beat tells nothing. */
		return (struct moment){suite_now_ns(), suite_now_ns()};
	}
	FAIL("process %d is '%c' after %u ms, must be killed", l->pid, suite_process_state(l->pid),
	     ms);
}

/* For so long, and longer where the machine does not let it. */
static void must_run(const struct leased *l, unsigned int ms)
{
	uint64_t before = l->beat_ns, end = suite_now_ns() + 5000 * MS_NS;
	char state;

	suite_sleep_ms(ms);
	do {
		state = suite_process_state(l->pid);
		CHECK(state != 'T' && state != 'Z' && state, "process %d is '%c', must be running",
		      l->pid, state ?: '-');
	} while (l->beat_ns <= before && suite_now_ns() < end);
	CHECK(l->beat_ns > before, "process %d is '%c' and does nothing", l->pid, state);
}

/* Against what was agreed, in ms after the close; Return: how late it was at most. */
static double check_moment(const char *what, struct moment m, uint64_t closed_ns,
			   uint32_t agreed_ms)
{
	double from = ((double)m.from_ns - (double)closed_ns) / 1e6;
	double to = ((double)m.to_ns - (double)closed_ns) / 1e6;

	CHECK(to >= agreed_ms, "%s came within %.2f ms of the close, agreed were %u", what, to,
	      agreed_ms);
	CHECK(from <= agreed_ms + LATE_MS, "%s came %.2f ms after the close, agreed were %u", what,
	      from, agreed_ms);
	return from - agreed_ms;
}

static void stopped_at_the_grace_and_killed_at_the_limit(void)
{
	struct leased *l = leased_new(1);
	int owner = gcl_host_open(0);
	struct idlegate_info before = gcl_info();

	leased_start(l, 100, 400, false);
	CHECK_RET(gcl_info().leases, 1);
	must_run(l, 50);
	gcl_pause(owner, true);
	uint64_t closed = gcl_state().changed_ns;
	double stop = check_moment("SIGSTOP", wait_stopped(l, 2000), closed, 100);
	double kill = check_moment("SIGKILL", wait_killed(l, 2000), closed, 400);
	struct idlegate_info after = gcl_info();
	CHECK_RET((long)(after.stops - before.stops), 1);
	CHECK_RET((long)(after.kills - before.kills), 1);
	suite_say("SIGSTOP %.2f ms after the grace, SIGKILL seen %.2f ms after the limit", stop,
		  kill);
	close(l->fd);
	CHECK_RET(gcl_info().leases, 0);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void the_grace_is_kept_each_time(void)
{
	struct leased *l = leased_new(1);
	int owner = gcl_host_open(0);
	double late[ROUNDS];

	leased_start(l, 20, 60000, false);
	for (int i = 0; i < ROUNDS; i++) {
		gcl_pause(owner, true);
		struct moment at = wait_stopped(l, 2000);
		late[i] = check_moment("SIGSTOP", at, gcl_state().changed_ns, 20);
		gcl_pause(owner, false);
		must_run(l, 20);
	}
	qsort(late, ROUNDS, sizeof(*late), compare);
	suite_say("%d stops, ms after a grace of 20: median %.3f, worst %.3f", ROUNDS,
		  late[ROUNDS / 2], late[ROUNDS - 1]);
	leased_end(l);
}

static void a_parked_lease_is_not_touched(void)
{
	struct leased *l = leased_new(1);
	int owner = gcl_host_open(0);
	struct idlegate_info before = gcl_info();

	leased_start(l, 200, 400, true);
	for (int i = 0; i < 3; i++) {
		gcl_pause(owner, true);
		must_run(l, 1000);
		CHECK(!l->unparked, "it did not park");
		gcl_pause(owner, false);
		must_run(l, 100);
	}
	CHECK_RET((long)(gcl_info().stops - before.stops), 0);
	CHECK_RET((long)(gcl_info().kills - before.kills), 0);
	leased_end(l);
}

static void an_opening_continues_and_the_next_close_is_enforced_anew(void)
{
	struct leased *l = leased_new(1);
	int owner = gcl_host_open(0);

	leased_start(l, 50, 1500, false);
	for (int i = 0; i < 3; i++) {
		gcl_pause(owner, true);
		wait_stopped(l, 2000);
		gcl_pause(owner, false);
		/* Past the limit that the close had begun. */
		must_run(l, 1700);
	}
	gcl_pause(owner, true);
	uint64_t closed = gcl_state().changed_ns;
	check_moment("SIGSTOP", wait_stopped(l, 2000), closed, 50);
	check_moment("SIGKILL", wait_killed(l, 3000), closed, 1500);
}

static void a_close_within_the_grace_is_forgiven(void)
{
	struct leased *l = leased_new(1);
	int owner = gcl_host_open(0);

	leased_start(l, 500, 600, false);
	for (int i = 0; i < 10; i++) {
		gcl_pause(owner, true);
		suite_sleep_ms(20);
		gcl_pause(owner, false);
	}
	must_run(l, 1000);
	leased_end(l);
}

/* More holds while it is closed are the same close. */
static void another_hold_does_not_begin_the_grace_again(void)
{
	struct leased *l = leased_new(1);
	int owner = gcl_host_open(0);

	leased_start(l, 300, 60000, false);
	gcl_pause(owner, true);
	uint64_t closed = gcl_state().changed_ns;
	for (uint32_t i = 0; i < 10; i++) {
		suite_sleep_ms(20);
		gcl_fact(owner, IDLEGATE_FACT_GPU, !(i & 1));
	}
	check_moment("SIGSTOP", wait_stopped(l, 2000), closed, 300);
	leased_end(l);
}

struct owner {
	volatile bool ready;
	uint32_t sensors;
	pid_t pid;
};

static void own(void *arg)
{
	struct owner *o = arg;

	gcl_host_open(o->sensors);
	o->ready = true;
	for (;;)
		pause();
}

static struct owner *owner_start(uint32_t sensors)
{
	struct owner *o =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	o->sensors = sensors;
	o->pid = suite_fork(own, o);
	while (!o->ready)
		suite_sleep_ms(1);
	return o;
}

static void a_killed_owner_leaves_a_closed_gate(void)
{
	struct leased *l = leased_new(1);
	struct owner *o = owner_start(GCL_SENSORS & gcl_info().sensors);
	const volatile struct idlegate_page *map = gcl_map(gcl_open(O_RDONLY));
	struct idlegate_event e = {};
	int watcher;

	leased_start(l, 100, 400, false);
	watcher = gcl_open(O_RDONLY);
	kill(o->pid, SIGKILL);
	waitpid(o->pid, NULL, 0);
	gcl_wait_holds(map, ~0u, IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_BROKER_GONE), 2000);
	CHECK(gcl_read_events(watcher, &e, 1) == 1, "no event tells of it");
	CHECK_RET(e.holds, IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_BROKER_GONE));
	CHECK_RET(gcl_info().watched, 0);
	check_moment("SIGSTOP", wait_stopped(l, 2000), e.at_ns, 100);
	check_moment("SIGKILL", wait_killed(l, 2000), e.at_ns, 400);
}

/* The same hand that stops the daemon does not stop the gate: the kernel sees the touch. */
static void a_stopped_owner_protects_nobody(void)
{
	struct leased *l = leased_new(1);
	struct owner *o;
	int touch = uinput_create(UINPUT_TOUCHSCREEN);

	suite_sleep_ms(100);
	o = owner_start(1u << IDLEGATE_SENSOR_INPUT);
	leased_start(l, 100, 150, false);
	kill(o->pid, SIGSTOP);
	suite_sleep_ms(50);
	CHECK_RET(suite_process_state(o->pid), 'T');
	uinput_use(touch, UINPUT_TOUCHSCREEN);
	struct idlegate_state state = gcl_state();
	CHECK_RET(state.holds, IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_USER_ACTIVE));
	check_moment("SIGSTOP", wait_stopped(l, 2000), state.changed_ns, 100);
	check_moment("SIGKILL", wait_killed(l, 2000), state.changed_ns, 150);
	kill(o->pid, SIGKILL);
}

/* The owner that comes next finds the lease and continues it by opening. */
static void a_new_owner_continues_what_the_old_one_left(void)
{
	struct leased *l = leased_new(1);
	struct owner *o = owner_start(0);

	leased_start(l, 50, 60000, false);
	kill(o->pid, SIGKILL);
	waitpid(o->pid, NULL, 0);
	wait_stopped(l, 2000);
	int next = gcl_host_open(0);
	must_run(l, 100);
	gcl_pause(next, true);
	wait_stopped(l, 2000);
	leased_end(l);
}

static void each_of_a_crowd_has_its_own_grace(void)
{
	struct leased *crowd = leased_new(CROWD);
	int owner = gcl_host_open(0);

	for (uint32_t i = 0; i < CROWD; i++)
		leased_start(&crowd[i], 300 + 40 * ((i * 7) % CROWD), 60000, false);
	gcl_pause(owner, true);
	uint64_t closed = gcl_state().changed_ns;
	for (uint32_t i = 0; i < CROWD; i++) {
		struct moment m = wait_stopped(&crowd[i], 10000);
		/* They spin, all on the same few processors, so the last beat tells little. */
		CHECK(m.to_ns >= closed + crowd[i].grace_ms * MS_NS &&
			      m.from_ns <= closed + (crowd[i].grace_ms + 4 * LATE_MS) * MS_NS,
		      "a grace of %u ms ended between %.1f and %.1f ms", crowd[i].grace_ms,
		      (double)(m.from_ns - closed) / 1e6, (double)(m.to_ns - closed) / 1e6);
	}
	gcl_pause(owner, false);
	for (uint32_t i = 0; i < CROWD; i++)
		leased_end(&crowd[i]);
	for (int ms = 0; gcl_info().leases && ms < 1000; ms++)
		suite_sleep_ms(1);
	CHECK_RET(gcl_info().leases, 0);
}

static void shed_and_spin(void *arg)
{
	struct leased *l = arg;

	CHECK_RET(gcl_join(l->fd, l->grace_ms, l->limit_ms), 0);
	CHECK_RET(gcl_ioctl(l->fd, IDLEGATE_IOC_UNPARK, NULL), 0);
	close(l->fd);
	/* A process of its own name, that knows nothing of a gate. */
	l->unparked = true;
	execl("/bin/sh", "sh", "-c", "trap '' TERM TSTP; while :; do :; done", NULL);
	FAIL("exec: %s", strerror(errno));
}

static void a_lease_cannot_be_shed(void)
{
	struct leased *l = leased_new(1);
	int owner = gcl_host_open(0);

	l->fd = gcl_open(O_RDWR);
	l->grace_ms = 50;
	l->limit_ms = 300;
	l->pid = suite_fork(shed_and_spin, l);
	while (!l->unparked)
		suite_sleep_ms(1);
	suite_sleep_ms(300);
	CHECK_RET(gcl_info().leases, 1);
	gcl_pause(owner, true);
	wait_stopped(l, 2000);
	wait_killed(l, 2000);
	/* Its supervisor has the file yet. */
	CHECK_RET(gcl_info().leases, 1);
	CHECK_RET(gcl_ioctl(l->fd, IDLEGATE_IOC_RELEASE, NULL), 0);
	CHECK_RET(gcl_info().leases, 0);
}

int main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
		SUITE_CASE(stopped_at_the_grace_and_killed_at_the_limit),
		SUITE_CASE(the_grace_is_kept_each_time),
		SUITE_CASE(a_parked_lease_is_not_touched),
		SUITE_CASE(an_opening_continues_and_the_next_close_is_enforced_anew),
		SUITE_CASE(a_close_within_the_grace_is_forgiven),
		SUITE_CASE(another_hold_does_not_begin_the_grace_again),
		SUITE_CASE(a_killed_owner_leaves_a_closed_gate),
		SUITE_CASE(a_stopped_owner_protects_nobody),
		SUITE_CASE(a_new_owner_continues_what_the_old_one_left),
		SUITE_CASE(each_of_a_crowd_has_its_own_grace),
		SUITE_CASE(a_lease_cannot_be_shed),
	};

	return suite_run(argc, argv, cases, ARRAY_LEN(cases));
}
