/* SPDX-License-Identifier: MIT */
/*
 * Between run.c (slices) and run_talk.c (what is said to brokerd while the device is free).
 *
 * Functions here return 0 to go on, or 1 + the exit status with which the process shall end.
 */
#ifndef BROKER_WORKER_RUN_INTERNAL_H
#define BROKER_WORKER_RUN_INTERNAL_H

#include "broker/worker/run.h"

#define RUN_ON           0
#define RUN_EXIT(status) (1 + (status))

int run_fail(struct run *r, const struct error *err);
void run_note(struct run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** run_park() - say that the device is free, once for this grant, and wait for WAKE */
int run_park(struct run *r);
/** run_take_wake() - one packet while running: only WAKE is expected */
int run_take_wake(struct run *r);
int run_checkpoint(struct run *r);
int run_evict(struct run *r);
int run_finish(struct run *r);

#endif
