/* SPDX-License-Identifier: MIT */
/*
 * What `brokerctl top` knows: one reading of the broker's replies, and the rates that two of them
 * give. Pure: replies and times in, figures out.
 *
 * A rate is what was counted between two readings, by the time between them. It is unknown
 * (TOP_UNKNOWN) where there is only one, where something is new, or where its count went
 * backwards, since then another one has its name. Two readings too near each other, or of one and
 * the same look of the broker's, give none: the rates before stay, and the older one stays the
 * base.
 */
#ifndef TOOLS_TOP_SAMPLE_H
#define TOOLS_TOP_SAMPLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define TOP_UNKNOWN     INT32_MIN
#define TOP_DEVICES_MAX 16
#define TOP_CLIENTS_MAX 256
#define TOP_OTHERS_MAX  16
#define TOP_JOBS_MAX    96
#define TOP_HOLDS_MAX   16
#define TOP_CHANGES_MAX 20 /* as many as the broker keeps */
#define TOP_HISTORY     240

struct top_device {
	char id[64], name[128], bus[64];
	bool software, usable;
	uint64_t job; /* 0: none */
	int32_t jobs_permille, others_permille; /* of the time, or TOP_UNKNOWN */
};

struct top_client {
	int64_t pid, uid;
	char comm[64], device[64];
	bool ours;
	uint64_t job;
	bool has_ns, has_cycles, has_memory;
	uint64_t ns, cycles, total_cycles, memory;
	int32_t permille; /* of the device's time, or TOP_UNKNOWN */
};

struct top_others { /* programs that this user may not see, on one device */
	char device[64];
	uint64_t n;
	bool has_ns, has_memory;
	uint64_t ns, memory;
	int32_t permille;
};

struct top_job {
	uint64_t id, uid, runs;
	char name[128], phase[16], device[64];
	uint64_t done, total, device_ns;
	bool has_slices;
	uint64_t slices;
	int32_t permille; /* of its device's time, or TOP_UNKNOWN */
	double slices_s, dispatches_s; /* a second; below 0: not known */
};

struct top_hold {
	char name[32];
	bool clears;
	uint64_t clear_in_ns;
};

struct top_change {
	uint64_t ago_ns;
	bool open; /* after it */
};

struct top_reading {
	uint64_t at_ns; /* CLOCK_MONOTONIC, of the client */
	uint64_t look_ns; /* when the broker looked at the clients, by the same clock */
	int64_t at_s;
	uint64_t window_ns; /* of the rates of jobs; 0: there are none yet */
	char version[32], tier[16], source[16], message[192];
	uint64_t uptime_ns;
	bool open, paused, jobs_denied;
	bool has_changed;
	uint64_t changed_ago_ns;
	int32_t duty_permille, hottest_mc, battery_percent, battery_mc; /* or TOP_UNKNOWN */
	bool has_discharging, discharging;
	uint64_t waiting, running, parked;
	uint32_t n_devices, n_clients, n_others, n_jobs, n_holds, n_changes;
	struct top_device device[TOP_DEVICES_MAX];
	struct top_client client[TOP_CLIENTS_MAX];
	struct top_others others[TOP_OTHERS_MAX];
	struct top_job job[TOP_JOBS_MAX];
	struct top_hold hold[TOP_HOLDS_MAX];
	struct top_change change[TOP_CHANGES_MAX]; /* newest first */
};

/* The parameters of the replies, each NULL where it did not come. */
struct top_replies {
	const json_t *status, *gate, *devices, *usage;
	const json_t *jobs[2]; /* two pages of List: those with a worker, those that wait */
	bool jobs_denied;
};

/** top_read() - @out: made clean for a terminal and cut to size; its rates are unknown */
void top_read(struct top_reading *out, const struct top_replies *replies, uint64_t now_ns,
	      int64_t now_s);

struct top_ring { /* the last values, TOP_UNKNOWN where there was none */
	int32_t value[TOP_HISTORY];
	uint32_t n, next;
};

/** top_ring_get() - @ago: 0 is the newest; TOP_UNKNOWN beyond what there is */
int32_t top_ring_get(const struct top_ring *ring, uint32_t ago);

struct top_sampler {
	struct top_reading *jobs_base, *clients_base; /* what is counted from; NULL: nothing yet */
	struct top_ring heat, battery;
};

/** top_sampler_deinit() - idempotent; one that is all zero is ready for use */
void top_sampler_deinit(struct top_sampler *s);

/** top_sample() - fills in the rates of @now, and remembers it; 0 or -ENOMEM */
int top_sample(struct top_sampler *s, struct top_reading *now);

/** top_sample_lost() - the broker did not answer: a gap in the graphs, and no rates over it */
void top_sample_lost(struct top_sampler *s);

/** top_json() - a reading with its rates, for scripts; owned by the caller */
json_t *top_json(const struct top_reading *r);

#endif
