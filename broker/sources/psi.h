/* SPDX-License-Identifier: MIT */
/* Processor pressure, and how much of it is not our own jobs'. */
#ifndef BROKER_SOURCES_PSI_H
#define BROKER_SOURCES_PSI_H

#include <stdint.h>

/* One look: all growing since boot, so two looks give a share. */
struct psi_look {
	uint64_t at_ns; /* CLOCK_MONOTONIC */
	uint64_t some_us; /* time in which some task waited for a processor */
	uint64_t own_ns; /* time that threads of ours waited, added up */
};

/**
 * psi_parse() - the text of /proc/pressure/cpu
 * @avg10: hundredths of a percent, over the last ten seconds
 * Return: 0 or -EBADMSG.
 */
int psi_parse(const char *text, uint64_t *some_us, uint32_t *avg10);

/**
 * psi_foreign_permille() - share of the time between two looks in which others waited, 0 to 1000
 *
 * Our threads' waiting is taken off whole. If others waited at the same moments that hides them;
 * the other way round, jobs that fill the processor would close the gate on themselves. A sum
 * that shrank (a worker ended) counts as none.
 */
uint32_t psi_foreign_permille(const struct psi_look *before, const struct psi_look *now);

/** psi_run_delay() - field 2 of <proc>/PID/schedstat over all threads of @pid, in ns */
uint64_t psi_run_delay(const char *proc, int pid);

/**
 * psi_trigger() - a descriptor that gets POLLPRI when some task waited @permille of a window
 * Return: it, or -errno; -ENOTSUP where @proc is no real /proc.
 */
int psi_trigger(const char *proc, uint32_t permille);

#endif
