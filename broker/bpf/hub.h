/* SPDX-License-Identifier: MIT */
/*
 * The eBPF programs as brokerd sees them: which are attached and how, what they tell, and why one
 * is not there.
 *
 * One ring buffer for all, whose map is polled by the loop itself; one page that both sides have
 * mapped (bpf/record.h). A source attaches the probe that it wants, listens to a kind of record,
 * and arms it: one record comes for each arming, and costs the loop one wake-up. Nothing is
 * pinned: all of it goes with the hub.
 *
 * A build without eBPF has the same interface (hub-fallback.c), in which nothing can be attached.
 */
#ifndef BROKER_BPF_HUB_H
#define BROKER_BPF_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/record.h"
#include "broker/loop.h"

enum bpf_probe {
	BPF_PROBE_INPUT,
	BPF_PROBE_GPU_SCHED, /* drivers that use the DRM scheduler */
	BPF_PROBE_GPU_VIRTIO,
	BPF_PROBE_GPU_I915,
	BPF_PROBE_GPU_FENCE, /* any other driver, coarsely */
	BPF_PROBE_POWER,
	BPF_PROBE_THERMAL,
	BPF_PROBE_SUSPEND,
	BPF_PROBE_COUNT
};

struct bpf_hub;

struct bpf_probe_status {
	const char *name; /* "input"; static */
	const char *tier; /* how it is attached: "fentry", "kprobe" …; "none" */
	bool wanted; /* somebody tried to attach it */
	char detail[192]; /* why it is not, and what would help; empty if it is */
};

/* @rec: NULL when records were lost, maybe one of this kind */
typedef void (*bpf_hub_fn)(void *data, const struct bpf_record *rec);

/**
 * bpf_hub_new() - find out whether eBPF works here, and be ready for probes
 * Return: 0, also where it does not (bpf_hub_works(), and each probe says why), or -ENOMEM.
 */
int bpf_hub_new(struct bpf_hub **out, struct loop *loop);
void bpf_hub_free(struct bpf_hub *hub); /* NULL is fine */

/** bpf_hub_works() - whether programs can be loaded, run and heard; @hub may be NULL */
bool bpf_hub_works(const struct bpf_hub *hub);

/**
 * bpf_hub_attach() - by the first of its variants that the kernel takes; if it is attached: nothing
 * Return: 0, or -errno, with words in its status. -ESRCH: what it looks at (a kernel module) is not
 * there now; try again when it is.
 */
int bpf_hub_attach(struct bpf_hub *hub, enum bpf_probe probe);
void bpf_hub_detach(struct bpf_hub *hub, enum bpf_probe probe);

/** bpf_hub_status() - Return: 0, or -ENOENT when @probe is out of range or @hub is NULL */
int bpf_hub_status(const struct bpf_hub *hub, enum bpf_probe probe, struct bpf_probe_status *out);

/** bpf_hub_listen() - to one kind; one listener a kind, the last one counts; NULL: none */
void bpf_hub_listen(struct bpf_hub *hub, enum bpf_record_kind kind, bpf_hub_fn fn, void *data);

/**
 * bpf_hub_arm() - have a record sent at the next occasion
 * @known_ns: the last occasion that the caller knows of
 * Return: whether there was one since, before the arming: no record may come of that one.
 */
bool bpf_hub_arm(struct bpf_hub *hub, enum bpf_record_kind kind, uint64_t known_ns);

/** bpf_hub_last() - when there last was an occasion, CLOCK_MONOTONIC; 0: never */
uint64_t bpf_hub_last(const struct bpf_hub *hub, enum bpf_record_kind kind);

/** bpf_hub_zone_limit() - THERMAL: passing this temperature, either way, is an occasion */
void bpf_hub_zone_limit(struct bpf_hub *hub, int32_t limit_mc);

/** bpf_hub_asleep() - SUSPEND: what the last occasion was; false if there was none */
bool bpf_hub_asleep(const struct bpf_hub *hub);

/** bpf_hub_dropped() - records lost since the start, because the ring was full */
uint64_t bpf_hub_dropped(const struct bpf_hub *hub);

#endif
