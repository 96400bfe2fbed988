/* SPDX-License-Identifier: MIT */
/*
 * brokerd's settings: /etc/idlebroker/broker.conf, then broker.conf.d/<name>.conf in name order.
 *
 * One table (config_table.c) names each key with its section, type, range, default and a
 * sentence; parsing, error messages, the shipped commented broker.conf and the manual page are
 * all made from it. A config is read whole or not at all: an error leaves the old one in force.
 */
#ifndef BROKER_CONFIG_H
#define BROKER_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "kmod/core/gate.h"
#include "libbroker/util/error.h"

#define CONFIG_WINDOWS_MAX 16
#define CONFIG_TENANTS_MAX 64
#define CONFIG_PATH_MAX    256

/* Where the facts are found; tests point these at directories of their own. [roots] */
struct config_roots {
	char sys[CONFIG_PATH_MAX]; /* /sys */
	char proc[CONFIG_PATH_MAX]; /* /proc */
	char dev[CONFIG_PATH_MAX]; /* /dev; the kernel module's device is idlegate in it */
};

/* Hours of the week in which work is allowed, local time. [schedule] allow = mon-fri 22:00-06:00 */
struct config_window {
	uint8_t days; /* bit 0 = Monday … 6 = Sunday: the day the window begins */
	uint16_t from_minute, to_minute; /* of the day; to <= from runs past midnight */
};

struct config_tenant { /* [tenant 1000]; others use the defaults of [scheduler] */
	uint32_t uid;
	uint32_t weight;
	uint64_t day_budget_ns; /* device time a day; 0 = none set */
};

enum config_module { /* who hosts the gate */
	CONFIG_MODULE_OFF, /* user space */
	CONFIG_MODULE_AUTO, /* the kernel module, or user space where it cannot be had */
	CONFIG_MODULE_REQUIRE, /* the kernel module, or brokerd does not start */
};

struct config {
	struct config_roots roots;
	char state_dir[CONFIG_PATH_MAX]; /* [broker] state_dir = /var/lib/idlebroker */
	char socket[CONFIG_PATH_MAX]; /* [broker] socket = /run/idlebroker/broker */
	char worker[CONFIG_PATH_MAX]; /* [broker] worker = <libexecdir>/idlebroker/broker-worker */
	char worker_user[64]; /* [broker] worker_user = nobody */
	int log_level;

	int module; /* [gate] enum config_module */
	bool ebpf; /* [gate] look with eBPF programs where that is better */
	struct gate_policy gate; /* [gate] */
	uint32_t cpu_busy_permille; /* [gate] share of time the owner's programs wait; sets */
	bool gpu_at_once; /* [gate] any use by foreign programs closes (ebpf) */
	uint64_t gpu_window_ns; /* [gate] over which the share is judged (ebpf) */
	uint32_t gpu_busy_permille; /* [gate] share of device time of foreign programs; sets */
	uint32_t n_windows; /* 0 = always */
	struct config_window windows[CONFIG_WINDOWS_MAX];

	uint64_t quantum_ns, slice_limit_ns, first_slice_limit_ns, turn_ns; /* [slices] */
	uint64_t grace_ns, kill_ns, evict_after_ns; /* [slices] the ladder, after a close */
	uint64_t checkpoint_every_ns;

	bool allow_software_device; /* [devices] */
	int32_t zone_target_mc; /* [devices] duty is lowered above this */

	uint32_t max_jobs; /* [limits] queued and running, all tenants */
	uint32_t max_jobs_per_tenant;
	uint64_t max_job_memory, max_job_device_ns, max_spool_bytes;
	uint32_t max_clients;
	uint32_t keep_ended; /* jobs that have ended and are kept with their results */

	uint32_t default_weight; /* [scheduler] */
	uint64_t default_day_budget_ns, device_day_budget_ns;
	uint32_t n_tenants;
	struct config_tenant tenants[CONFIG_TENANTS_MAX];
};

void config_default(struct config *c);

/**
 * config_load() - the file and its drop-ins over the defaults
 * @path: NULL: the defaults alone. A named file that is not there is an error; a missing
 *        drop-in folder is not.
 * Return: 0 or -errno; @err->where is "file:line", @err->what names section, key and the
 * accepted values. @out is written only on success.
 */
int config_load(struct config *out, const char *path, struct error *err);

/** config_print() - every key with its value, as a file that config_load() takes */
void config_print(const struct config *c, FILE *out);

/** config_print_sample() - the shipped broker.conf: every key with its default, commented out */
void config_print_sample(FILE *out);

/** config_print_man() - the shipped broker.conf(5) */
void config_print_man(FILE *out);

#endif
