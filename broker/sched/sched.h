/* SPDX-License-Identifier: MIT */
/*
 * Who runs next. Pure: no clock, no descriptor; the caller gives the time.
 *
 * Start-time fair queueing over tenants: each tenant has a virtual time that advances by
 * device time / weight; the runnable tenant with the smallest runs next. A tenant that comes
 * back after a rest starts at the smallest virtual time of the runnable ones, so rest is not
 * saved up; one that has had more than its share starts where it was, so leaving pays no debt.
 * Within a tenant: higher priority first, then what has been charged already before what has not
 * (finish what was begun), then the order of arrival; among those that were charged, the one that
 * has had less. Budgets (a tenant's day, the device's day) make a tenant not runnable until the
 * day turns. Any other day than the last one counts as a turn, so a wrong clock that is put right
 * locks nobody out.
 *
 * pick, add, remove and charge are O(log n) for n jobs; the turn of the day is O(tenants).
 * A job costs about 60 bytes. A tenant without jobs and settings is forgotten at the next turn.
 */
#ifndef BROKER_SCHED_SCHED_H
#define BROKER_SCHED_SCHED_H

#include <stdbool.h>
#include <stdint.h>

#define SCHED_WEIGHT_MAX  10000
#define SCHED_BUDGET_NONE UINT64_MAX

struct sched;

struct sched_limits {
	uint32_t default_weight; /* 0 counts as 1 */
	uint64_t default_day_budget_ns; /* 0 = none */
	uint64_t device_day_budget_ns; /* 0 = none */
};

int sched_new(struct sched **out, const struct sched_limits *limits); /* 0 or -ENOMEM */
void sched_free(struct sched *s); /* NULL is fine */

/**
 * sched_set_limits() - new defaults, as after a reload
 * What was set by sched_set_tenant() is forgotten: set it again after this. Jobs, virtual times
 * and used budgets stay.
 */
void sched_set_limits(struct sched *s, const struct sched_limits *limits);

/**
 * sched_set_tenant() - weight and day budget of one tenant
 * @weight: 1..SCHED_WEIGHT_MAX; 0: the default
 * @day_budget_ns: 0: the default; SCHED_BUDGET_NONE: no budget though there is a default
 * Return: 0, -EINVAL (weight), -ENOMEM.
 */
int sched_set_tenant(struct sched *s, uint32_t uid, uint32_t weight, uint64_t day_budget_ns);

/** sched_add() - a job becomes runnable; @priority -128..127; 0, -EEXIST, -EINVAL, -ENOMEM */
int sched_add(struct sched *s, uint64_t job, uint32_t uid, int priority);

/** sched_remove() - it finished, was cancelled, or waits for something; 0 or -ENOENT */
int sched_remove(struct sched *s, uint64_t job);

/**
 * sched_pick() - the job that should have the device for the next turn
 * @day: days since the epoch, local: budgets count by it
 * Return: 1 with *@job; 0 when nothing is runnable within the budgets. Does not remove.
 */
int sched_pick(struct sched *s, uint32_t day, uint64_t *job);

/**
 * sched_charge() - @ns of device time were used by @job
 * Return: 0; -ENOENT when @job is not in the queue: the tenant @uid alone was charged; -ENOMEM.
 */
int sched_charge(struct sched *s, uint64_t job, uint32_t uid, uint64_t ns, uint32_t day);

/** sched_used_today() - device time of a tenant this day */
uint64_t sched_used_today(const struct sched *s, uint32_t uid, uint32_t day);

/** sched_restore_used() - what the ledger says at start; counts for the device's budget too */
void sched_restore_used(struct sched *s, uint32_t uid, uint32_t day, uint64_t ns);

uint32_t sched_count(const struct sched *s);

#endif
