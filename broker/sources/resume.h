/* SPDX-License-Identifier: MIT */
/*
 * Noticing a resume without being told of the suspend: the kernel cancels a wall-clock timer when
 * it wakes up (or when the clock is set), and CLOCK_BOOTTIME has then run ahead of
 * CLOCK_MONOTONIC, which stands still in suspend.
 */
#ifndef BROKER_SOURCES_RESUME_H
#define BROKER_SOURCES_RESUME_H

#include "broker/loop.h"

struct resume;

typedef void (*resume_fn)(void *data);

int resume_new(struct resume **out, struct loop *loop, resume_fn fn, void *data);
void resume_free(struct resume *r); /* NULL is fine */

/**
 * resume_slept() - whether the machine slept between two readings of both clocks
 * @ahead_before, @ahead_now: CLOCK_BOOTTIME minus CLOCK_MONOTONIC, in ns
 */
bool resume_slept(int64_t ahead_before, int64_t ahead_now);

#endif
