/* SPDX-License-Identifier: MIT */
/*
 * This process's lease of /dev/idlegate (linux/idlegate.h): while it is not parked and the gate is
 * closed, the kernel stops the process, and later ends it. Without a lease (no kernel module)
 * all calls do nothing. Each change is one system call; between two slices there is none.
 */
#ifndef BROKER_WORKER_LEASE_H
#define BROKER_WORKER_LEASE_H

#include <stdbool.h>

struct lease {
	int fd; /* -1: none */
	bool parked; /* as it begins */
};

/**
 * lease_unpark() - before the first submission
 * Return: 0; -EAGAIN: the gate is closed, submit nothing; other -errno: the lease is no more.
 */
int lease_unpark(struct lease *l);

/** lease_park() - when nothing is on the device */
void lease_park(struct lease *l);

#endif
