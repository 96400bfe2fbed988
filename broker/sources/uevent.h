/* SPDX-License-Identifier: MIT */
/*
 * Kernel uevents: the netlink broadcast in which the kernel says that a device appeared, went or
 * changed. Only messages that the kernel itself sent are taken: any process may send to a
 * netlink group, and a forged "charger online" must not be believed.
 */
#ifndef BROKER_SOURCES_UEVENT_H
#define BROKER_SOURCES_UEVENT_H

#include <stddef.h>

#include "broker/loop.h"

struct uevent;

typedef void (*uevent_fn)(void *data);

/**
 * uevent_new() - call @fn after one or more events of @subsystem
 * @subsystem: static
 * Return: 0, or -errno: no such netlink here, or no memory.
 *
 * @fn is also called when messages were lost. It comes once for all that was queued.
 */
int uevent_new(struct uevent **out, struct loop *loop, const char *subsystem, uevent_fn fn,
	       void *data);
void uevent_free(struct uevent *u); /* NULL is fine */

/**
 * uevent_value() - the value of @key in a message ("action@path" and KEY=VALUE, each ended by 0)
 * Return: inside @buf, always ended, or NULL.
 */
const char *uevent_value(const char *buf, size_t len, const char *key);

#endif
