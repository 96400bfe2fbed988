/* SPDX-License-Identifier: MIT */
/* The host of the gate: a real sealed page, real readers, and timers through the real loop. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/idlegate.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "broker/gatehost.h"
#include "broker/gatehost_backend.h"
#include "libbroker/util/log.h"

#define USER   IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_USER_ACTIVE)
#define PAUSED IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_PAUSED)
#define LOST   IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_SENSOR_LOST)
#define GONE   IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_BROKER_GONE)

struct seen {
	struct loop *loop;
	struct gatehost *g;
	const struct idlegate_page *page; /* mapped by its descriptor, as a worker does */
	unsigned int calls;
	uint32_t holds[8], before[8];
	bool stop_when_open;
	bool in_call;
	unsigned int facts_to_bring; /* from within the listener */
};

static const struct gate_fact input = {.kind = GATE_FACT_INPUT};

static void pause_gate(struct gatehost *g, bool on)
{
	gatehost_fact(g, &(struct gate_fact){.kind = GATE_FACT_PAUSE,
					     .pause = {.on = on, .until_ns = GATE_NEVER}});
}

static void listen_gate(void *data, uint32_t holds, uint32_t before)
{
	struct seen *s = data;

	cr_assert_not(s->in_call, "told of a change within the call about another");
	s->in_call = true;
	if (s->page)
		cr_assert_eq(s->page->holds, holds, "the page must be told first");
	if (s->calls < 8) {
		s->holds[s->calls] = holds;
		s->before[s->calls] = before;
	}
	s->calls++;
	if (s->facts_to_bring && s->facts_to_bring--)
		pause_gate(s->g, !(holds & PAUSED));
	s->in_call = false;
	if (s->stop_when_open && !holds)
		loop_stop(s->loop);
}

/* A policy that needs no sensor, so that the gate is open from the start. */
static struct gate_policy bare_policy(void)
{
	struct gate_policy p;

	gate_policy_default(&p);
	p.require_charging = false;
	p.required_sensors = 0;
	return p;
}

static void start(struct seen *s, const struct gate_policy *policy)
{
	void *at;

	cr_assert_eq(loop_new(&s->loop, NULL), 0);
	cr_assert_eq(gatehost_new(&s->g, s->loop, policy, listen_gate, s), 0);
	at = mmap(NULL, IDLEGATE_PAGE_SIZE, PROT_READ, MAP_SHARED, gatehost_page_fd(s->g), 0);
	cr_assert_neq(at, MAP_FAILED);
	s->page = at;
}

static void finish(struct seen *s)
{
	gatehost_free(s->g);
	loop_free(s->loop);
}

Test(gatehost, nobody_else_can_write_the_page)
{
	struct gate_policy policy = bare_policy();
	struct seen s = {};
	char path[64];
	int fd, again;

	start(&s, &policy);
	fd = gatehost_page_fd(s.g);
	cr_assert_eq(mmap(NULL, IDLEGATE_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0),
		     MAP_FAILED);
	cr_assert_eq(errno, EPERM);
	cr_assert_lt(mprotect((void *)s.page, IDLEGATE_PAGE_SIZE, PROT_READ | PROT_WRITE), 0);
	cr_assert_lt(pwrite(fd, "x", 1, 0), 0);
	cr_assert_lt(ftruncate(fd, 0), 0);
	cr_assert_lt(ftruncate(fd, 2 * IDLEGATE_PAGE_SIZE), 0);
	cr_assert_lt(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), 0);
	cr_assert_lt(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0, "no seal may be added");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDWR | O_CLOEXEC);
	cr_assert_eq(again < 0 ? MAP_FAILED
			       : mmap(NULL, IDLEGATE_PAGE_SIZE, PROT_WRITE, MAP_SHARED, again, 0),
		     MAP_FAILED);
	cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	finish(&s);
}

Test(gatehost, the_page_shows_what_the_gate_is)
{
	struct gate_policy policy = bare_policy();
	struct seen s = {};
	struct idlegate_state gate;
	uint32_t seq;

	start(&s, &policy);
	cr_assert_eq(s.page->magic, IDLEGATE_PAGE_MAGIC);
	cr_assert_eq(s.page->version, IDLEGATE_PAGE_VERSION);
	cr_assert_eq(s.page->holds, 0);
	cr_assert_eq(s.page->opens, 1);
	seq = s.page->seq;
	gatehost_fact(s.g, &input);
	cr_assert_eq(s.page->seq, seq + 2);
	cr_assert_eq(s.page->holds, USER);
	cr_assert_eq(gatehost_holds(s.g), USER);
	cr_assert_eq(s.page->closes, 1);
	gatehost_state(s.g, &gate);
	cr_assert_eq(s.page->input_ns, gate.input_ns);
	cr_assert_eq(s.page->changed_ns, gate.changed_ns);
	cr_assert_leq(gate.input_ns, clock_now_ns());
	cr_assert_eq(s.page->facts, 2, "the host itself and the input");
	cr_assert_eq(s.calls, 1);
	cr_assert_eq(s.holds[0], USER);
	cr_assert_eq(s.before[0], 0);
	finish(&s);
}

Test(gatehost, a_page_outlives_its_host_and_says_so)
{
	struct gate_policy policy = bare_policy();
	struct seen s = {};

	start(&s, &policy);
	finish(&s);
	cr_assert_eq(s.page->holds, GONE);
	cr_assert_eq(s.calls, 0);
}

struct reader {
	const struct idlegate_page *page;
	bool stop;
	unsigned int reads, torn;
};

/* As the head comment of linux/idlegate.h tells a reader to. */
static bool read_page(const struct idlegate_page *page, struct idlegate_page *out)
{
	const volatile struct idlegate_page *p = page;
	uint32_t seq = __atomic_load_n(&page->seq, __ATOMIC_ACQUIRE);

	out->holds = p->holds;
	out->closes = p->closes;
	out->opens = p->opens;
	out->facts = p->facts;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return !(seq & 1) && __atomic_load_n(&page->seq, __ATOMIC_RELAXED) == seq;
}

/* Paused and resumed in turn: a moment fits itself if and only if its counters fit its holds. */
static void *read_on(void *data)
{
	struct reader *r = data;
	struct idlegate_page now;

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED) || !r->reads) {
		if (!read_page(r->page, &now))
			continue;
		r->reads++;
		r->torn += now.opens - now.closes != !now.holds;
		r->torn += now.facts != now.opens + now.closes;
	}
	return NULL;
}

Test(gatehost, a_reader_never_sees_two_moments_mixed)
{
	struct gate_policy policy = bare_policy();
	struct seen s = {};
	struct reader reader = {};
	pthread_t thread;

	start(&s, &policy);
	reader.page = s.page;
	cr_assert_eq(pthread_create(&thread, NULL, read_on, &reader), 0);
	for (unsigned int i = 0; i < 400000; i++)
		pause_gate(s.g, i % 2 == 0);
	__atomic_store_n(&reader.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	cr_assert_gt(reader.reads, 0);
	cr_assert_eq(reader.torn, 0);
	finish(&s);
}

Test(gatehost, a_deadline_opens_the_gate_through_the_loop)
{
	struct gate_policy policy = bare_policy();
	struct seen s = {.stop_when_open = true};
	uint64_t before;

	policy.idle_after_ns = 20 * NS_PER_MS;
	start(&s, &policy);
	before = clock_now_ns();
	gatehost_fact(s.g, &input);
	cr_assert_eq(s.page->holds, USER);
	cr_assert_eq(loop_run(s.loop), 0);
	cr_assert_eq(s.page->holds, 0);
	cr_assert_geq(clock_now_ns() - before, 20 * NS_PER_MS);
	cr_assert_geq(s.page->changed_ns, s.page->input_ns + 20 * NS_PER_MS);
	cr_assert_eq(s.page->opens, 2);
	cr_assert_leq(loop_wakeups(s.loop), 3);
	finish(&s);
}

static void stop(void *data)
{
	loop_stop(data);
}

Test(gatehost, a_closed_gate_without_a_deadline_sleeps)
{
	struct gate_policy policy = bare_policy();
	struct seen s = {};
	struct loop_timer *t;

	policy.idle_after_ns = NS_PER_MS;
	start(&s, &policy);
	gatehost_fact(s.g, &input);
	pause_gate(s.g, true);
	cr_assert_eq(loop_timer_new(s.loop, stop, s.loop, &t), 0);
	loop_timer_at(t, clock_now_ns() + 50 * NS_PER_MS);
	cr_assert_eq(loop_run(s.loop), 0);
	cr_assert_eq(s.page->holds, PAUSED, "the idle time is over, the pause is not");
	cr_assert_leq(loop_wakeups(s.loop), 4, "one for the idle time, one for the end");
	loop_timer_free(t);
	finish(&s);
}

Test(gatehost, facts_brought_by_the_listener_are_told_after_its_call)
{
	struct gate_policy policy = bare_policy();
	struct seen s = {.facts_to_bring = 2};

	start(&s, &policy);
	gatehost_fact(s.g, &input);
	cr_assert_eq(s.calls, 3);
	cr_assert_eq(s.holds[0], USER);
	cr_assert_eq(s.before[1], USER);
	cr_assert_eq(s.holds[1], USER | PAUSED);
	cr_assert_eq(s.before[2], USER | PAUSED);
	cr_assert_eq(s.holds[2], USER);
	finish(&s);
}

Test(gatehost, the_history_keeps_the_last_changes_newest_first)
{
	struct gatehost_change change[GATEHOST_HISTORY + 1] = {};
	struct gate_policy policy = bare_policy();
	struct seen s = {};

	start(&s, &policy);
	cr_assert_eq(gatehost_history(s.g, change), 1);
	cr_assert_eq(change[0].cleared, GONE);
	cr_assert_eq(change[0].holds, 0);
	gatehost_fact(s.g, &input);
	gatehost_fact(s.g, &input);
	cr_assert_eq(gatehost_history(s.g, change), 2, "an input while one holds is no change");
	for (unsigned int i = 0; i < 25; i++)
		pause_gate(s.g, i % 2 == 0);
	change[GATEHOST_HISTORY].holds = 0xdead;
	cr_assert_eq(gatehost_history(s.g, change), GATEHOST_HISTORY);
	cr_assert_eq(change[GATEHOST_HISTORY].holds, 0xdead);
	for (unsigned int i = 0; i < GATEHOST_HISTORY; i++) {
		cr_assert_eq(change[i].holds, i % 2 == 0 ? USER | PAUSED : USER, "%u", i);
		cr_assert_eq(change[i].set, i % 2 == 0 ? PAUSED : 0);
		cr_assert_eq(change[i].cleared, i % 2 == 0 ? 0 : PAUSED);
		cr_assert(i == 0 || change[i].at_ns <= change[i - 1].at_ns);
		cr_assert_gt(change[i].at_s, 1700000000);
	}
	finish(&s);
}

Test(gatehost, a_policy_applies_at_once_and_a_broken_one_not_at_all)
{
	struct gate_policy policy = bare_policy(), bad;
	struct seen s = {};

	start(&s, &policy);
	bad = policy;
	bad.battery_low_clear = bad.battery_low_set;
	bad.required_sensors = GATE_SENSOR_MASK;
	cr_assert_eq(gatehost_set_policy(s.g, &bad), -EINVAL);
	gatehost_fact(s.g, &(struct gate_fact){.kind = GATE_FACT_TICK});
	cr_assert_eq(s.page->holds, 0);
	policy.required_sensors = GATE_SENSOR_MASK;
	cr_assert_eq(gatehost_set_policy(s.g, &policy), 0);
	cr_assert_eq(s.page->holds, LOST);
	cr_assert_eq(s.calls, 1);
	cr_assert_eq(gatehost_new(&s.g, s.loop, &bad, NULL, NULL), -EINVAL);
	finish(&s);
}

Test(gatehost, nonsense_closes_the_gate_for_its_dwell)
{
	struct gate_policy policy = bare_policy();
	struct seen s = {.stop_when_open = true};

	log_set_level(LOG_LEVEL_ERROR);
	policy.dwell_ns[IDLEGATE_HOLD_SENSOR_LOST] = 5 * NS_PER_MS;
	start(&s, &policy);
	gatehost_fact(s.g, &(struct gate_fact){.kind = GATE_FACT_COUNT});
	cr_assert_eq(s.page->holds, LOST);
	cr_assert_eq(loop_run(s.loop), 0);
	cr_assert_eq(s.page->holds, 0);
	finish(&s);
}

static struct seen *lost_of;

static void lost(void *data)
{
	lost_of = data;
	loop_stop(lost_of->loop);
}

Test(gatehost, a_host_that_breaks_is_replaced_and_its_page_closed)
{
	struct gate_policy policy = bare_policy();
	struct gatehost_change change[GATEHOST_HISTORY];
	const struct idlegate_page *page;
	struct seen s = {};

	log_set_level(LOG_LEVEL_ERROR);
	start(&s, &policy);
	gatehost_on_lost(s.g, lost);
	page = s.page;
	s.page = NULL;
	gatehost_broke(s.g, -ENODEV);
	cr_assert_eq(page->holds, GONE, "who still maps it may do nothing");
	cr_assert_eq(gatehost_holds(s.g), 0);
	cr_assert_null(lost_of, "told from the loop, not from within a source's call");
	cr_assert_eq(loop_run(s.loop), 0);
	cr_assert_eq(lost_of, &s);
	gatehost_fact(s.g, &input);
	cr_assert_eq(gatehost_holds(s.g), USER, "the new one works");
	cr_assert_gt(gatehost_history(s.g, change), 0);
	cr_assert_eq(change[0].holds, USER);
	cr_assert_str_eq(gatehost_tier(s.g), "user-space");
	finish(&s);
}

Test(gatehost, without_the_module_user_space_goes_on)
{
	struct gate_policy policy = bare_policy();
	struct seen s = {};
	struct idlegate_info info;
	struct error err;

	start(&s, &policy);
	cr_assert_eq(gatehost_use_module(s.g, "/nonexistent/idlegate", NULL, &err), -ENOENT);
	cr_assert_str_eq(err.what, "the module idlegate is not loaded");
	cr_assert_eq(gatehost_use_module(s.g, "/dev/null", NULL, &err), -ENOTTY);
	cr_assert_not(gatehost_is_module(s.g));
	cr_assert_eq(gatehost_watched(s.g), 0);
	cr_assert_eq(gatehost_info(s.g, &info), -EOPNOTSUPP);
	cr_assert_eq(gatehost_look(s.g), -EOPNOTSUPP);
	cr_assert_eq(gatehost_lease_fd(s.g), -EOPNOTSUPP);
	cr_assert_eq(s.page->holds, 0);
	gatehost_fact(s.g, &input);
	cr_assert_eq(s.page->holds, USER);
	finish(&s);
}
