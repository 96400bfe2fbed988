/* SPDX-License-Identifier: MIT */
/*
 * The one loop of brokerd: an io_uring, watched descriptors, timers.
 *
 * A watch is a poll request that is armed again after each call of its callback, so it is
 * level-triggered: a callback need not drain its descriptor. Arming costs no system call of
 * its own; it goes with the next wait. Timers live in user space; the wait takes the earliest
 * as its time-out, and with no timer armed the loop sleeps until a descriptor wakes it.
 *
 * One thread. Any callback may drop any watch or timer, its own included.
 */
#ifndef BROKER_LOOP_H
#define BROKER_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "libbroker/util/clock.h"
#include "libbroker/util/error.h"

struct loop;
struct loop_watch;
struct loop_timer;

/* @events: POLLIN, POLLPRI, POLLERR … as poll(2) gives them; negative errno if the poll failed */
typedef void (*loop_watch_fn)(void *data, int fd, int events);
typedef void (*loop_timer_fn)(void *data);

/**
 * loop_new() - Return: 0, or -errno with words: io_uring is missing or switched off (and
 * what to change).
 */
int loop_new(struct loop **out, struct error *err);
void loop_free(struct loop *loop); /* watches and timers still there are freed with it */

/** loop_run() - until loop_stop(); returns 0, or -errno when the ring failed */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/** loop_watch() - @fd stays the caller's and must stay open until loop_unwatch() */
int loop_watch(struct loop *loop, int fd, uint32_t events, loop_watch_fn fn, void *data,
	       struct loop_watch **out);
void loop_watch_events(struct loop_watch *w, uint32_t events); /* 0: asleep until changed */
void loop_unwatch(struct loop_watch *w); /* NULL is fine */

/** loop_timer_new() - disarmed */
int loop_timer_new(struct loop *loop, loop_timer_fn fn, void *data, struct loop_timer **out);
void loop_timer_at(struct loop_timer *t, uint64_t at_ns); /* CLOCK_MONOTONIC; UINT64_MAX: disarm */
void loop_timer_free(struct loop_timer *t); /* NULL is fine */

/** loop_wakeups() - how often the wait returned: the figure that must stay small at rest */
uint64_t loop_wakeups(const struct loop *loop);

#endif
