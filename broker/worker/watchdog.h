/* SPDX-License-Identifier: MIT */
/*
 * The watchdog: a thread that ends this process when a slice runs for too long, or when brokerd
 * is gone. It must be a thread, because a driver may stay inside vkQueueSubmit or inside its
 * compiler for as long as a stranger's shader likes (lavapipe runs the slice in the call).
 *
 * Model: one guarded stretch at a time, from watchdog_begin() to watchdog_end(). The slicing
 * thread only stores a few words for each slice, no system call: the watchdog looks a few times
 * within the limit whether the same stretch still stands. While none does it sleeps without a
 * time-out, and is woken once when work begins again.
 *
 * What it must not do is to end a worker that was itself kept from running: stopped by SIGSTOP,
 * or starved (a software device runs with the lowest priority). How it tells is watch_look.h's; on
 * a software device the process must also have used as much processor time as the limit: an
 * endless shader does.
 */
#ifndef BROKER_WORKER_WATCHDOG_H
#define BROKER_WORKER_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

/**
 * watchdog_start() - start the thread; once, before the lockdown
 * @control: the socket on which to say FAILED, and whose closing ends the process
 * @software: count processor time too
 * Return: 0 or -errno.
 */
int watchdog_start(int control, bool software);

/**
 * watchdog_begin() - a stretch begins now; the last one, if any, is over
 * @what: a sentence's beginning ("kernel add: a slice"); static or living as long as the stretch
 */
void watchdog_begin(const char *what, uint64_t limit_ns);
void watchdog_end(void);

/** watchdog_rest() - nothing will be guarded for a while: sleep without a time-out */
void watchdog_rest(void);

#endif
