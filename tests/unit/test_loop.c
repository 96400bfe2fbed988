/* SPDX-License-Identifier: MIT */
/* The loop against real descriptors: level-triggered watches, drops inside callbacks, timers. */
#include <criterion/criterion.h>
#include <poll.h>
#include <unistd.h>

#include "broker/loop.h"

struct probe {
	struct loop *loop;
	struct loop_watch *watch;
	int calls;
	int stop_after;
	bool drop;
};

static void read_one(void *data, int fd, int events)
{
	struct probe *p = data;
	char c;

	cr_assert(events & POLLIN);
	cr_assert_eq(read(fd, &c, 1), 1);
	if (p->drop) {
		loop_unwatch(p->watch);
		p->watch = NULL;
	}
	if (++p->calls == p->stop_after)
		loop_stop(p->loop);
}

static void stop(void *data)
{
	loop_stop(data);
}

static void count_timer(void *data)
{
	struct probe *p = data;

	if (++p->calls == p->stop_after)
		loop_stop(p->loop);
}

Test(loop, a_watch_is_level_triggered)
{
	struct probe p = {.stop_after = 3};
	int pipefd[2];

	cr_assert_eq(pipe(pipefd), 0);
	cr_assert_eq(loop_new(&p.loop, NULL), 0);
	cr_assert_eq(loop_watch(p.loop, pipefd[0], POLLIN, read_one, &p, &p.watch), 0);
	cr_assert_eq(write(pipefd[1], "abc", 3), 3);
	cr_assert_eq(loop_run(p.loop), 0);
	cr_assert_eq(p.calls, 3);
	loop_free(p.loop);
}

Test(loop, a_callback_may_drop_its_own_watch)
{
	struct probe p = {.drop = true};
	struct loop_timer *t;
	int pipefd[2];

	cr_assert_eq(pipe(pipefd), 0);
	cr_assert_eq(loop_new(&p.loop, NULL), 0);
	cr_assert_eq(loop_watch(p.loop, pipefd[0], POLLIN, read_one, &p, &p.watch), 0);
	cr_assert_eq(loop_timer_new(p.loop, stop, p.loop, &t), 0);
	loop_timer_at(t, clock_now_ns() + 20 * NS_PER_MS);
	cr_assert_eq(write(pipefd[1], "ab", 2), 2);
	cr_assert_eq(loop_run(p.loop), 0);
	cr_assert_eq(p.calls, 1);
	loop_free(p.loop);
}

Test(loop, a_sleeping_watch_wakes_when_its_events_are_set)
{
	struct probe p = {.stop_after = 1};
	struct loop_timer *t;
	int pipefd[2];

	cr_assert_eq(pipe(pipefd), 0);
	cr_assert_eq(loop_new(&p.loop, NULL), 0);
	cr_assert_eq(loop_watch(p.loop, pipefd[0], 0, read_one, &p, &p.watch), 0);
	cr_assert_eq(loop_timer_new(p.loop, stop, p.loop, &t), 0);
	loop_timer_at(t, clock_now_ns());
	cr_assert_eq(write(pipefd[1], "a", 1), 1);
	cr_assert_eq(loop_run(p.loop), 0);
	cr_assert_eq(p.calls, 0);
	loop_watch_events(p.watch, POLLIN);
	cr_assert_eq(loop_run(p.loop), 0);
	cr_assert_eq(p.calls, 1);
	loop_free(p.loop);
}

Test(loop, timers_run_in_order_and_none_starves)
{
	struct probe p = {.stop_after = 2};
	struct loop_timer *a, *b;

	cr_assert_eq(loop_new(&p.loop, NULL), 0);
	cr_assert_eq(loop_timer_new(p.loop, count_timer, &p, &a), 0);
	cr_assert_eq(loop_timer_new(p.loop, count_timer, &p, &b), 0);
	loop_timer_at(a, 0);
	loop_timer_at(b, 1);
	cr_assert_eq(loop_run(p.loop), 0);
	cr_assert_eq(p.calls, 2);
	loop_timer_free(a);
	loop_timer_free(b);
	loop_free(p.loop);
}
