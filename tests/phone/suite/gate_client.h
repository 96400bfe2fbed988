/* SPDX-License-Identifier: MIT */
/*
 * /dev/idlegate as tests use it: calls that must work fail the case themselves, with the reason;
 * gcl_ioctl() gives the errno for those that must not.
 */
#ifndef TESTS_PHONE_GATE_CLIENT_H
#define TESTS_PHONE_GATE_CLIENT_H

#include <linux/idlegate.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define MS_NS 1000000ull

/* All that a module on any kernel can watch by itself. */
#define GCL_SENSORS                                                  \
	(1u << IDLEGATE_SENSOR_INPUT | 1u << IDLEGATE_SENSOR_POWER | \
	 1u << IDLEGATE_SENSOR_THERMAL | 1u << IDLEGATE_SENSOR_SUSPEND)

/** gcl_wait_idle() - until the gate is nobody's and there is no lease; fails after a while */
void gcl_wait_idle(void);

/** gcl_open() - a file of the device; @flags: beside O_CLOEXEC */
int gcl_open(int flags);

/** gcl_ioctl() - Return: what it returned, or -errno */
int gcl_ioctl(int fd, unsigned long request, const void *arg);

struct idlegate_info gcl_info(void);
struct idlegate_state gcl_state(void);

/** gcl_policy_calm() - under it a gate that heard nothing is open; no dwell, 200 ms of idle time */
struct idlegate_policy gcl_policy_calm(void);

/** gcl_host() - take the gate; @policy: NULL leaves the default */
void gcl_host(int fd, uint32_t sensors, const struct idlegate_policy *policy);

/** gcl_host_open() - a file that hosts an open gate under gcl_policy_calm() */
int gcl_host_open(uint32_t sensors);

/** gcl_fact() - tell; @on: as in the struct */
void gcl_fact(int fd, uint32_t kind, uint32_t on);

/** gcl_pause() - close the gate, or open it again */
void gcl_pause(int owner, bool on);

/** gcl_join() - Return: 0 or -errno */
int gcl_join(int fd, uint32_t grace_ms, uint32_t limit_ms);

/** gcl_map() - the page */
const volatile struct idlegate_page *gcl_map(int fd);

/** gcl_page() - a snapshot of one moment */
struct idlegate_page gcl_page(const volatile struct idlegate_page *map);

/** gcl_holds() - what a worker reads */
uint32_t gcl_holds(const volatile struct idlegate_page *map);

/** gcl_wait_holds() - until the bits of @mask are @want; Return: when; fails the case after @ms */
uint64_t gcl_wait_holds(const volatile struct idlegate_page *map, uint32_t mask, uint32_t want,
			unsigned int ms);

/** gcl_read_events() - what the file has now, without waiting; Return: how many */
unsigned int gcl_read_events(int fd, struct idlegate_event *events, unsigned int room);

#endif
