/* SPDX-License-Identifier: MIT */
/*
 * The kernel's `thermal` generic netlink family: trips crossed and zones come and gone as they
 * happen, and samples of temperatures while somebody wants them.
 */
#ifndef BROKER_SOURCES_THERMAL_NETLINK_H
#define BROKER_SOURCES_THERMAL_NETLINK_H

#include "broker/loop.h"

struct thermal_netlink;
struct nlmsghdr;

enum thermal_message_kind {
	THERMAL_MESSAGE_OTHER,
	THERMAL_MESSAGE_EVENT,
	THERMAL_MESSAGE_SAMPLE
};

struct thermal_message {
	enum thermal_message_kind kind;
	uint32_t zone; /* SAMPLE */
	int32_t temp_mc;
};

typedef void (*thermal_netlink_fn)(void *data, const struct thermal_message *m);

/** thermal_netlink_new() - Return: 0, -ENOENT if the kernel has no such family, other -errno */
int thermal_netlink_new(struct thermal_netlink **out, struct loop *loop, thermal_netlink_fn fn,
			void *data);
void thermal_netlink_free(struct thermal_netlink *t); /* NULL is fine */

/** thermal_netlink_sample() - want samples or not; each one wakes the loop */
void thermal_netlink_sample(struct thermal_netlink *t, bool on);

/**
 * thermal_message_parse() - what a message of the family says
 * @h: whole, as netlink gives it
 *
 * Samples and events are numbered separately, but there is no event 0 and only one sample, 0.
 */
void thermal_message_parse(struct nlmsghdr *h, struct thermal_message *out);

#endif
