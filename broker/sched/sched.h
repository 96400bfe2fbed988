/* SPDX-License-Identifier: MIT */
/*
 * Who runs next. Pure: no clock, no descriptor; the caller gives the time.
 *
 * Start-time fair queueing over tenants: each tenant has a virtual time that advances by
 * device time / weight; the runnable tenant with the smallest runs next. A tenant that comes
 * back after a rest starts at the smallest virtual time of the runnable ones, so rest is not
 * saved up. Within a tenant: higher priority first, then the order of arrival; among equals
 * that are running already, the one that has had less. Budgets (a tenant's day, the device's
 * day) make a tenant not runnable until the day turns.
 *
 * pick, add, remove and charge are O(log n) for n jobs.
 */
#ifndef BROKER_SCHED_SCHED_H
#define BROKER_SCHED_SCHED_H

#include <stdbool.h>
#include <stdint.h>

struct sched;

struct sched_limits {
	uint32_t default_weight;
	uint64_t default_day_budget_ns; /* 0 = none */
	uint64_t device_day_budget_ns; /* 0 = none */
};

int sched_new(struct sched **out, const struct sched_limits *limits);
void sched_free(struct sched *s);
void sched_set_limits(struct sched *s, const struct sched_limits *limits);

/** sched_set_tenant() - weight (1..10000) and day budget of one tenant; 0 or -ENOMEM */
int sched_set_tenant(struct sched *s, uint32_t uid, uint32_t weight, uint64_t day_budget_ns);

/** sched_add() - a job becomes runnable; -EEXIST, -ENOMEM */
int sched_add(struct sched *s, uint64_t job, uint32_t uid, int priority);

/** sched_remove() - it finished, was cancelled, or waits for something; -ENOENT */
int sched_remove(struct sched *s, uint64_t job);

/**
 * sched_pick() - the job that should have the device for the next turn
 * @day: days since the epoch, local: budgets count by it
 * Return: 1 with *@job; 0 when nothing is runnable within the budgets. Does not remove.
 */
int sched_pick(struct sched *s, uint32_t day, uint64_t *job);

/** sched_charge() - @ns of device time were used by @job (-ENOENT: charges the tenant @uid alone) */
int sched_charge(struct sched *s, uint64_t job, uint32_t uid, uint64_t ns, uint32_t day);

/** sched_used_today() - device time of a tenant this day */
uint64_t sched_used_today(const struct sched *s, uint32_t uid, uint32_t day);
void sched_restore_used(struct sched *s, uint32_t uid, uint32_t day, uint64_t ns);

uint32_t sched_count(const struct sched *s);

#endif
