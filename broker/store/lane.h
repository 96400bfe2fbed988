/* SPDX-License-Identifier: MIT */
/*
 * A thread with a queue. The loop's thread puts operations in; the lane's thread takes all
 * that wait at once, works on them, and hands them back; their `done` runs on the loop's thread.
 *
 * What one turn of the loop puts in is handed over together, at the end of that turn: a batch
 * is what arrived together, not what the thread happened to find first.
 *
 * The thread sleeps on a condition, the loop on an eventfd: at rest neither wakes.
 */
#ifndef BROKER_STORE_LANE_H
#define BROKER_STORE_LANE_H

#include <stdbool.h>
#include <stddef.h>

#include "broker/loop.h"
#include "libbroker/util/error.h"

struct lane;

struct lane_op {
	struct lane_op *next;
	void (*done)(struct lane_op *op); /* on the loop's thread; may free it */
};

struct lane_work {
	const char *name; /* of the thread, at most 15 characters */
	size_t stack; /* bytes */
	unsigned int batch; /* at most so many operations at a time */
	/* On the lane's thread. The list stays as it is. */
	void (*work)(void *data, struct lane_op *list);
	/* On the lane's thread, when nothing waits: a bit of work; false: no more. May be NULL. */
	bool (*idle)(void *data);
	void *data;
};

/** lane_new() - starts the thread; 0 or -errno with words */
int lane_new(struct lane **out, struct loop *loop, const struct lane_work *work, struct error *err);

/** lane_free() - what waits is worked on and handed back first; NULL is fine */
void lane_free(struct lane *lane);

/** lane_push() - @op is the lane's until its `done` */
void lane_push(struct lane *lane, struct lane_op *op);

/**
 * lane_flush() - wait until all that was pushed is worked on, and run its `done`s here
 * Return: whether there was anything.
 */
bool lane_flush(struct lane *lane);

/** lane_hold() - wait until the thread rests and keep it resting, until lane_release() */
void lane_hold(struct lane *lane);
void lane_release(struct lane *lane);

#endif
