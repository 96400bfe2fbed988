/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Leases: processes that must be off the device while the gate is closed. A lease is part of an
 * open file; who parks and unparks it, and when it ends, says the uAPI header.
 */
#ifndef IDLEGATE_LEASE_H
#define IDLEGATE_LEASE_H

#include <linux/list.h>
#include <linux/types.h>

struct pid;

struct lease {
	struct list_head node;
	struct pid *pid; /* of the thread group; NULL: not joined */
	u64 grace_ns, limit_ns;
	u64 unparked_ns;
	bool parked;
	bool stopped; /* SIGSTOP was sent since the gate closed */
	bool over; /* SIGKILL was sent, or the process is no more */
};

struct lease_counts {
	u32 leases; /* joined now */
	u64 stops, kills; /* signals sent since the module was loaded */
};

void lease_init(void);
void lease_exit(void);

/** lease_gate() - the gate opened or closed at @at_ns; any context */
void lease_gate(bool open, u64 at_ns);

/**
 * lease_join() - bind the calling process; the lease begins parked
 * @lease: zeroed, or one that has ended
 * Return: 0; -EBUSY: the lease is joined, or the process has one; -ENOSPC.
 */
int lease_join(struct lease *lease, u32 grace_ms, u32 limit_ms);

/** lease_joined() - whether it is bound to a process now */
bool lease_joined(struct lease *lease);

/** lease_park() - nothing is on the device. Return: 0, or -EPERM: not joined */
int lease_park(struct lease *lease);

/** lease_unpark() - something will be. Return: 0, -EAGAIN: it is closed, -EPERM: not joined */
int lease_unpark(struct lease *lease);

/** lease_release() - end it by word. Return: 0, or -EPERM: not joined, or the caller is bound */
int lease_release(struct lease *lease);

/** lease_end() - end it, if it is joined: its file closes */
void lease_end(struct lease *lease);

void lease_count(struct lease_counts *out);

#endif
