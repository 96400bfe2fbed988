/* SPDX-License-Identifier: MIT */
/*
 * What the kernel knows of an open file without asking its file system.
 *
 * statx() by the kernel's own header: not every C library has the call, or knows the mount in
 * its answer, and that header cannot stand beside <sys/stat.h>.
 */
#ifndef IDLEBROKER_BROKER_API_FILE_FACTS_H
#define IDLEBROKER_BROKER_API_FILE_FACTS_H

#include <stdbool.h>
#include <stdint.h>

struct file_facts {
	uint32_t mode; /* as st_mode */
	uint32_t links; /* names that it has */
	bool has_mount;
	uint64_t mount; /* as in /proc/self/mountinfo, if @has_mount */
};

/**
 * file_facts_get() - what is behind @fd; never waits for a file system
 * Return: 0 or -errno (-ENOSYS before Linux 4.11).
 */
int file_facts_get(int fd, struct file_facts *facts);

#endif
