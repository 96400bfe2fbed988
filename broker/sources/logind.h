/* SPDX-License-Identifier: MIT */
/*
 * logind's delay inhibitor: be told before the machine sleeps, and hold the sleep up until the
 * jobs have stopped. Built from logind.c with libsystemd, or logind-fallback.c without.
 */
#ifndef BROKER_SOURCES_LOGIND_H
#define BROKER_SOURCES_LOGIND_H

#include "broker/loop.h"

struct logind;

enum logind_event {
	LOGIND_READY, /* the inhibitor is held */
	LOGIND_SLEEP, /* the machine is about to sleep; it waits for logind_release() */
	LOGIND_WAKE,
	LOGIND_GONE, /* no logind on the bus, or no bus any more */
};

/* @words: for GONE, what happened. The callback must not free the object. */
typedef void (*logind_fn)(void *data, enum logind_event event, const char *words);

/**
 * logind_new() - ask for the inhibitor; the answer comes as READY or GONE
 * Return: 0, -EOPNOTSUPP if built without, other -errno when there is no system bus.
 */
int logind_new(struct logind **out, struct loop *loop, logind_fn fn, void *data);
void logind_free(struct logind *l); /* NULL is fine */

/** logind_release() - the machine may sleep; the inhibitor is taken again after WAKE */
void logind_release(struct logind *l);

#endif
