/* SPDX-License-Identifier: MIT */
/*
 * The loop goes before other programs.
 *
 * The device must be given back within a display frame, and an owner who comes back makes the
 * processor busy at that very moment. At a normal priority the loop then waits for it, for tens
 * of ms. It needs little time, so it asks for the lowest real-time priority; nothing that it
 * starts (workers, the store's thread, the kernel's helpers) inherits that. Should the loop ever
 * run for URGENCY_LIMIT_US without a wait, a signal takes the priority away, for good: then the
 * owner's programs matter more.
 */
#ifndef BROKER_URGENCY_H
#define BROKER_URGENCY_H

#define URGENCY_LIMIT_US 200000

/**
 * urgency_raise() - for the calling thread, which must be the process's first
 * Return: 0; -EPERM where that is not allowed: all works none the less, later. Other -errno.
 */
int urgency_raise(void);

/** urgency_forget() - in a child, between fork and exec: it has the limit no longer */
void urgency_forget(void);

#endif
